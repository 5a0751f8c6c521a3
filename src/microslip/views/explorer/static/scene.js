// The grains as the page holds them, whatever draws them: places, motion, values, and which of them are shown.

export class Grains {
  constructor(grains, box) {
    Object.assign(this, grains);
    this.box = box;
    this.radius = Float32Array.from(grains.diameter, (diameter) => diameter / 2);
    this.place = new Float32Array(3 * this.n);
    this.motion = new Float32Array(3 * this.n);
    this.value = new Float32Array(this.n).fill(NaN);
    this.rank = new Float32Array(this.n).fill(2);
    // what the reader has chosen
    this.low = 0;
    this.high = 1;
    this.palette = [[200, 200, 200]];
    this.ranked = false;
    this.gain = 0;
    this.top = 1;
    this.hideRest = false;
    this.walls = true;
    this.arrows = false;
    this.cut = { axis: -1, at: 0, slice: 0 };
    this.chosen = -1;
  }

  centre(i, out = [0, 0, 0]) {
    for (let axis = 0; axis < 3; axis += 1) {
      out[axis] = this.place[3 * i + axis] + (this.arrows ? 0 : this.gain) * this.motion[3 * i + axis];
    }
    return out;
  }

  isWall(i) {
    return this.kind[i] !== 0;
  }

  isActive(i) {
    return this.top >= 1 || this.rank[i] <= this.top;
  }

  // Whether a grain is drawn: there, on this side of the cut, and not hidden by its rank or role.
  isShown(i) {
    if (!Number.isFinite(this.place[3 * i])) return false;
    if (this.isWall(i)) {
      if (!this.walls || (this.top < 1 && this.hideRest)) return false;
    } else if (this.hideRest && !this.isActive(i)) return false;
    const { axis, at, slice } = this.cut;
    if (axis < 0) return true;
    const distance = this.place[3 * i + axis] - at;
    return slice > 0 ? Math.abs(distance) <= slice / 2 : distance <= 0 === (axis !== 1);
  }

  countShown() {
    let shown = 0;
    for (let i = 0; i < this.n; i += 1) if (this.isShown(i)) shown += 1;
    return shown;
  }

  // Red, green, blue (0 to 255) of a value's place on the scale.
  colourAt(value) {
    const n = this.palette.length;
    if (this.ranked) return this.palette[Math.min(Math.round(value), n) - 1];
    const share = (value - this.low) / (this.high - this.low || 1);
    return this.palette[Math.min(n - 1, Math.max(0, Math.floor(share * n)))];
  }
}

// Share of the radius that is drawn while arrows show the motion.
export const SMALL = 0.35;
