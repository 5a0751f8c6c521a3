// Grains drawn without a graphics card: discs from the farthest to the nearest, on the same camera.

import { SMALL } from "./scene.js";

const rgb = (colour, light = 1) => `rgb(${colour.map((channel) => Math.round(channel * light)).join(" ")})`;
const mixed = (a, b, share) => a.map((channel, axis) => channel + share * (b[axis] - channel));

export class Discs {
  constructor(canvas, grains, camera) {
    this.canvas = canvas;
    this.grains = grains;
    this.camera = camera;
    this.name = "canvas";
    this.context = canvas.getContext("2d", { alpha: false });
    this.theme({ paper: [255, 255, 255], ink: [31, 41, 51], wall: [91, 102, 117], none: [213, 218, 224] });
  }

  update() {}

  theme(colours) {
    this.colours = colours;
  }

  resize(width, height, ratio) {
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
  }

  draw() {
    const { grains, context, canvas, colours } = this;
    const { right, up, towards } = this.camera.axes();
    const middle = this.camera.view.position;
    const scale = this.camera.scale(canvas.height);
    const share = grains.arrows ? SMALL : 1;
    const at = [0, 0, 0];
    const seen = [];
    for (let i = 0; i < grains.n; i += 1) {
      if (!grains.isShown(i)) continue;
      grains.centre(i, at);
      const [x, y, z] = [at[0] - middle.x, at[1] - middle.y, at[2] - middle.z];
      seen.push({
        i,
        x: canvas.width / 2 + scale * (x * right.x + y * right.y + z * right.z),
        y: canvas.height / 2 - scale * (x * up.x + y * up.y + z * up.z),
        depth: x * towards.x + y * towards.y + z * towards.z,
      });
    }
    seen.sort((a, b) => a.depth - b.depth);
    context.fillStyle = rgb(colours.paper);
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.lineWidth = Math.max(0.5, 0.05 * scale);
    for (const { i, x, y } of seen) {
      let colour = Number.isFinite(grains.value[i]) ? grains.colourAt(grains.value[i]) : colours.none;
      if (grains.isWall(i)) colour = colours.wall;
      if (!grains.isActive(i)) colour = mixed(colour, colours.paper, 0.78);
      context.beginPath();
      context.arc(x, y, Math.max(0.5, grains.radius[i] * share * scale), 0, 2 * Math.PI);
      context.fillStyle = rgb(colour);
      context.fill();
      context.strokeStyle = i === grains.chosen ? rgb(colours.ink) : rgb(colour, 0.6);
      context.stroke();
    }
    if (grains.arrows) this.#arrows(seen, scale, right, up);
  }

  #arrows(seen, scale, right, up) {
    const { grains, context } = this;
    context.strokeStyle = rgb(this.colours.ink);
    context.lineWidth = Math.max(1, 0.09 * scale);
    context.beginPath();
    for (const { i, x, y } of seen) {
      if (grains.isWall(i) || !grains.isActive(i)) continue;
      const [a, b, c] = grains.motion.subarray(3 * i, 3 * i + 3);
      const factor = scale * grains.gain;
      const [dx, dy] = [factor * (a * right.x + b * right.y + c * right.z), -factor * (a * up.x + b * up.y + c * up.z)];
      if (dx * dx + dy * dy < 4) continue;
      context.moveTo(x, y);
      context.lineTo(x + dx, y + dy);
      context.lineTo(x + 0.7 * dx - 0.18 * dy, y + 0.7 * dy + 0.18 * dx);
      context.moveTo(x + dx, y + dy);
      context.lineTo(x + 0.7 * dx + 0.18 * dy, y + 0.7 * dy - 0.18 * dx);
    }
    context.stroke();
  }

  finish() {}
}
