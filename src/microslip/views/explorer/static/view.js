// The picture of the grains: when and how sharply it is drawn, and which grain lies under the pointer.

import { Camera } from "./camera.js";
import { Discs } from "./discs.js";
import { SMALL } from "./scene.js";
import { Spheres } from "./spheres.js";

// A frame that takes longer than this [ms] while the view is turned is drawn more coarsely, and sharply at rest.
const SLOW = 40;
const REST = 250;
// Share of the pixels along an edge while it is turned.
const COARSE = 0.5;

export class View {
  constructor(canvas, grains) {
    this.grains = grains;
    this.ratio = 1;
    this.coarse = 1;
    this.waiting = 0;
    this.canvas = canvas;
    this.camera = new Camera(canvas, grains.box, () => this.moved());
    try {
      this.drawer = new Spheres(canvas, grains, this.camera);
    } catch {
      this.drawer = this.#without();
    }
    canvas.addEventListener("webglcontextlost", (event) => event.preventDefault());
    canvas.addEventListener("webglcontextrestored", () => this.changed());
    new ResizeObserver(() => this.resize()).observe(this.canvas.parentElement);
    this.resize();
  }

  // A canvas that failed to give WebGL gives no other context, so a fresh one replaces it.
  #without() {
    const fresh = this.canvas.cloneNode();
    this.canvas.replaceWith(fresh);
    this.canvas = fresh;
    this.camera.controls.dispose();
    this.camera = new Camera(fresh, this.grains.box, () => this.moved());
    return new Discs(fresh, this.grains, this.camera);
  }

  resize() {
    const { width, height } = this.canvas.parentElement.getBoundingClientRect();
    if (!width || !height) return;
    this.width = width;
    this.height = height;
    this.#sharpness();
    this.camera.resize(width / height);
  }

  #sharpness() {
    this.ratio = Math.min(window.devicePixelRatio || 1, 2) * this.coarse;
    this.drawer.resize(this.width, this.height, this.ratio);
  }

  // The camera was turned: frames that follow each other closely tell how long one takes.
  moved() {
    if (!this.drawer) return;
    const now = performance.now();
    const took = now - (this.last ?? -Infinity);
    this.last = now;
    this.slow = took > SLOW && took < 2 * REST ? (this.slow ?? 0) + 1 : 0;
    // one late frame may have another cause
    if (this.slow > 2 && this.coarse === 1) {
      this.coarse = COARSE;
      this.#sharpness();
    }
    clearTimeout(this.resting);
    if (this.coarse < 1) this.resting = setTimeout(() => this.#sharpen(), REST);
    this.invalidate();
  }

  #sharpen() {
    this.coarse = 1;
    this.#sharpness();
    this.draw();
  }

  // Call after places or values of grains have changed.
  changed() {
    this.drawer.update();
    this.invalidate();
  }

  invalidate() {
    if (this.waiting) return;
    this.waiting = requestAnimationFrame(() => {
      this.waiting = 0;
      this.draw();
    });
  }

  draw() {
    this.drawer.draw();
  }

  theme(colours) {
    this.drawer.theme(colours);
    this.invalidate();
  }

  // The nearest shown grain under a point of the page, −1 for none.
  pick(clientX, clientY) {
    const bounds = this.canvas.getBoundingClientRect();
    const { right, up, towards } = this.camera.axes();
    const scale = this.camera.scale(bounds.height);
    const [x, y] = [(clientX - bounds.left - bounds.width / 2) / scale, -(clientY - bounds.top - bounds.height / 2) / scale];
    const middle = this.camera.view.position;
    const share = this.grains.arrows ? SMALL : 1;
    const at = [0, 0, 0];
    let [grain, nearest] = [-1, -Infinity];
    for (let i = 0; i < this.grains.n; i += 1) {
      if (!this.grains.isShown(i)) continue;
      this.grains.centre(i, at);
      const [dx, dy, dz] = [at[0] - middle.x, at[1] - middle.y, at[2] - middle.z];
      const [u, v] = [dx * right.x + dy * right.y + dz * right.z - x, dx * up.x + dy * up.y + dz * up.z - y];
      const left = (this.grains.radius[i] * share) ** 2 - u * u - v * v;
      if (left < 0) continue;
      const depth = dx * towards.x + dy * towards.y + dz * towards.z + Math.sqrt(left);
      if (depth > nearest) [grain, nearest] = [i, depth];
    }
    return grain;
  }

  // Mean time of a frame [ms] while the grains turn once, each frame waited for; sharp, or as coarse as a slow machine's.
  measure(frames = 60, coarse = false) {
    this.coarse = coarse ? COARSE : 1;
    this.#sharpness();
    const start = performance.now();
    for (let i = 0; i < frames; i += 1) {
      this.camera.turn((2 * Math.PI) / frames, 0);
      this.draw();
      this.drawer.finish();
    }
    const mean = (performance.now() - start) / frames;
    this.#sharpen();
    return mean;
  }

  picture() {
    this.draw();
    return new Promise((done) => this.canvas.toBlob(done, "image/png"));
  }
}
