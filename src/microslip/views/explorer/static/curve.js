// Stress against strain with the stages shaded: a part of the run above, the whole of it in the strip below.

import { ink, prepare } from "./canvas.js";
import { points } from "./data.js";
import { number, ticks } from "./format.js";

const MARGIN = { left: 66, right: 18, top: 10, bottom: 38 };
// Bands narrower than this [px] are not drawn: they would blur.
const NARROWEST = 1.2;
// Up to this many samples the curve itself is drawn, beyond it the outline.
const SAMPLES = 150_000;

export class Curve {
  constructor(canvas, strip, contents, stages, choose) {
    Object.assign(this, { canvas, strip, stages, choose });
    this.stressKnown = contents.curve.stress_known;
    this.curve = contents.curve;
    this.unit = contents.stress_unit;
    this.kinds = contents.kinds.map((kind) => contents.colours.kinds[kind]);
    this.whole = contents.curve.strain ?? [0, 1];
    this.view = [...this.whole];
    this.pieces = new Map();
    this.outline = { strain: new Float64Array(0), stress: new Float32Array(0) };
    this.selected = -1;
    this.#listen();
    new ResizeObserver(() => this.draw()).observe(canvas);
  }

  async load() {
    if (!this.curve.n) return;
    this.outline = await points("curve.bin");
    this.draw();
  }

  select(stage, rule) {
    this.selected = stage;
    this.rule = rule;
    if (stage < 0) {
      this.draw();
      return;
    }
    const [start, end] = [this.stages.start_strain[stage], this.stages.end_strain[stage]];
    const [low, high] = this.view;
    // bring the chosen stage into sight
    if (start < low || end > high) this.show((start + end) / 2, high - low);
    else this.draw();
  }

  // About a dozen stages on either side of the chosen one.
  showStage() {
    const { stages, selected } = this;
    if (selected < 0) return;
    const [first, last] = [Math.max(0, selected - 12), Math.min(stages.n - 1, selected + 12)];
    const [start, end] = [stages.start_strain[selected], stages.end_strain[selected]];
    const width = Math.max(stages.end_strain[last] - stages.start_strain[first], 4 * (end - start));
    this.show((start + end) / 2, width);
  }

  showAll() {
    this.view = [...this.whole];
    this.draw();
  }

  show(middle, width) {
    const most = this.whole[1] - this.whole[0];
    const span = Math.min(Math.max(width, most * 1e-6), most);
    const low = Math.min(Math.max(middle - span / 2, this.whole[0]), this.whole[1] - span);
    this.view = [low, low + span];
    this.draw();
  }

  zoom(factor, at) {
    const [low, high] = this.view;
    const stage = this.selected;
    const inSight = stage >= 0 && this.stages.start_strain[stage] >= low && this.stages.end_strain[stage] <= high;
    const about = at ?? (inSight ? (this.stages.start_strain[stage] + this.stages.end_strain[stage]) / 2 : (low + high) / 2);
    const width = (high - low) * factor;
    this.show(about + (1 / 2 - (about - low) / (high - low)) * width, width);
  }

  // The stage at a strain, or the nearest one.
  stageAt(strain) {
    const { start_strain: starts, end_strain: ends, n } = this.stages;
    if (!n) return -1;
    const after = firstAbove(starts, n, strain);
    const before = Math.max(0, after - 1);
    if (strain <= ends[before] || after >= n) return before;
    return strain - ends[before] < starts[after] - strain ? before : after;
  }

  #listen() {
    const { canvas, strip } = this;
    let from = null;
    const strainAt = (event, view, element, margin) => {
      const bounds = element.getBoundingClientRect();
      const share = (event.clientX - bounds.left - margin.left) / (bounds.width - margin.left - margin.right);
      return view[0] + share * (view[1] - view[0]);
    };
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      from = { x: event.clientX, view: [...this.view], moved: false };
    });
    canvas.addEventListener("pointermove", (event) => {
      this.hover = strainAt(event, this.view, canvas, MARGIN);
      if (from && Math.abs(event.clientX - from.x) > 4) from.moved = true;
      if (from?.moved) {
        const perPixel = (from.view[1] - from.view[0]) / (canvas.clientWidth - MARGIN.left - MARGIN.right);
        const middle = (from.view[0] + from.view[1]) / 2 - (event.clientX - from.x) * perPixel;
        this.show(middle, from.view[1] - from.view[0]);
      } else this.draw();
    });
    canvas.addEventListener("pointerup", (event) => {
      const stage = this.stageAt(strainAt(event, this.view, canvas, MARGIN));
      if (from && !from.moved && stage >= 0) this.choose(stage);
      from = null;
    });
    canvas.addEventListener("pointercancel", () => { from = null; });
    canvas.addEventListener("pointerleave", () => { this.hover = undefined; this.draw(); });
    canvas.addEventListener("dblclick", () => this.showAll());
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoom(Math.exp(event.deltaY * 0.0015), strainAt(event, this.view, canvas, MARGIN));
    }, { passive: false });
    const slide = (event) => {
      if (event.buttons & 1) this.show(strainAt(event, this.whole, strip, { ...MARGIN }), this.view[1] - this.view[0]);
    };
    strip.addEventListener("pointerdown", (event) => { strip.setPointerCapture(event.pointerId); slide(event); });
    strip.addEventListener("pointermove", slide);
  }

  draw() {
    if (this.waiting) return;
    this.waiting = requestAnimationFrame(() => {
      this.waiting = 0;
      this.#drawCurve();
      this.#drawStrip();
    });
  }

  // The points in sight: the samples themselves where they are few enough; pieces that are missing are loaded.
  #inSight() {
    const { curve, view } = this;
    const [first, last] = [0, 1].map((end) => Math.max(0, firstAbove(curve.starts ?? [], (curve.starts ?? []).length, view[end]) - 1));
    const share = (view[1] - view[0]) / (this.whole[1] - this.whole[0] || 1);
    if (!curve.n || share * curve.n > SAMPLES) return [this.outline];
    const pieces = [];
    for (let piece = first; piece <= last; piece += 1) {
      if (!this.pieces.has(piece)) {
        this.pieces.set(piece, null);
        points(`curve/${piece}.bin`).then((samples) => { this.pieces.set(piece, samples); this.draw(); }, () => {});
      }
      pieces.push(this.pieces.get(piece));
    }
    return pieces.every(Boolean) ? pieces : [this.outline];
  }

  #drawCurve() {
    const { context, width, height } = prepare(this.canvas);
    const [low, high] = this.view;
    const area = { left: MARGIN.left, top: MARGIN.top, width: width - MARGIN.left - MARGIN.right, height: height - MARGIN.top - MARGIN.bottom };
    const x = (strain) => area.left + ((strain - low) / (high - low || 1)) * area.width;
    const sets = this.#inSight();
    let [bottom, top] = [Infinity, -Infinity];
    for (const { strain, stress } of sets) {
      for (let i = firstAbove(strain, strain.length, low); i < strain.length && strain[i] <= high; i += 1) {
        bottom = Math.min(bottom, stress[i]);
        top = Math.max(top, stress[i]);
      }
    }
    if (!(top > bottom)) [bottom, top] = this.stressKnown ? [this.curve.low, this.curve.high] : [0, 1];
    const pad = 0.08 * (top - bottom || 1);
    [bottom, top] = [bottom - pad, top + pad];
    const y = (stress) => area.top + (1 - (stress - bottom) / (top - bottom)) * area.height;
    this.#axes(context, area, x, y, [bottom, top]);
    context.save();
    context.beginPath();
    context.rect(area.left, area.top, area.width, area.height);
    context.clip();
    this.#bands(context, area, x);
    context.strokeStyle = ink("--ink");
    context.lineWidth = 1.3;
    for (const { strain, stress } of sets) drawLine(context, strain, stress, low, high, x, y);
    this.#marks(context, area, x, y);
    context.restore();
    if (!this.stressKnown) this.#say(context, area, "The files of this run hold no stress.");
  }

  #axes(context, area, x, y, [bottom, top]) {
    const [low, high] = this.view;
    context.strokeStyle = ink("--line");
    context.fillStyle = ink("--quiet");
    context.lineWidth = 1;
    context.textAlign = "center";
    context.textBaseline = "top";
    const across = ticks(low, high, Math.max(2, area.width / 110));
    for (const tick of across.at) {
      context.beginPath();
      context.moveTo(x(tick), area.top);
      context.lineTo(x(tick), area.top + area.height);
      context.stroke();
      context.fillText(tick.toFixed(across.decimals), x(tick), area.top + area.height + 4);
    }
    context.fillText("shear strain γ", area.left + area.width / 2, area.top + area.height + 20);
    if (!this.stressKnown) return;
    context.textAlign = "right";
    context.textBaseline = "middle";
    const upwards = ticks(bottom, top, Math.max(2, area.height / 50));
    for (const tick of upwards.at) {
      context.beginPath();
      context.moveTo(area.left, y(tick));
      context.lineTo(area.left + area.width, y(tick));
      context.stroke();
      context.fillText(tick.toFixed(upwards.decimals).replace("-", "−"), area.left - 6, y(tick));
    }
    context.save();
    context.translate(2, area.top + area.height / 2);
    context.rotate(-Math.PI / 2);
    context.textAlign = "center";
    context.textBaseline = "top";
    context.fillText(this.unit === "p" ? "shear stress s [p]" : "shear stress [source units]", 0, 0);
    context.restore();
  }

  #bands(context, area, x) {
    const { stages, view } = this;
    const first = Math.max(0, firstAbove(stages.start_strain ?? [], stages.n, view[0]) - 1);
    const last = firstAbove(stages.start_strain ?? [], stages.n, view[1]);
    if (stages.n && area.width / Math.max(1, last - first) < NARROWEST) this.hint = "Zoom in to see the stages.";
    else this.hint = "";
    for (let stage = first; stage < last && !this.hint; stage += 1) {
      const [start, end] = [x(stages.start_strain[stage]), x(stages.end_strain[stage])];
      context.globalAlpha = stage === this.selected ? 0.55 : 0.2;
      context.fillStyle = this.kinds[stages.kind[stage]];
      context.fillRect(start, area.top, Math.max(end - start, 0.6), area.height);
    }
    context.globalAlpha = 1;
    if (this.hint) {
      context.fillStyle = ink("--quiet");
      context.textAlign = "right";
      context.textBaseline = "top";
      context.fillText(this.hint, area.left + area.width - 6, area.top + 4);
    }
  }

  // Turning points of the chosen stage, where the network saw its end, and the stage under the pointer.
  #marks(context, area, x, y) {
    const { stages, selected, rule } = this;
    if (selected >= 0) {
      const [start, end] = [x(stages.start_strain[selected]), x(stages.end_strain[selected])];
      context.strokeStyle = ink("--ink");
      context.lineWidth = 1;
      context.strokeRect(start - 0.5, area.top, Math.max(end - start, 1) + 1, area.height);
      if (this.stressKnown) {
        context.fillStyle = ink("--paper");
        context.lineWidth = 1.5;
        context.strokeStyle = this.kinds[stages.kind[selected]];
        for (const [at, stress] of [[start, stages.start_stress[selected]], [end, stages.end_stress[selected]]]) {
          context.beginPath();
          context.arc(at, y(stress), 4, 0, 2 * Math.PI);
          context.fill();
          context.stroke();
        }
        const predicted = stages[`prediction_${rule}`]?.[selected];
        if (Number.isFinite(predicted)) {
          const at = y(stages.start_stress[selected] - predicted);
          context.strokeStyle = ink("--ink");
          context.beginPath();
          context.moveTo(end - 5, at - 5);
          context.lineTo(end + 5, at + 5);
          context.moveTo(end - 5, at + 5);
          context.lineTo(end + 5, at - 5);
          context.stroke();
        }
      }
    }
    if (this.hover === undefined || !stages.n || this.hint) return;
    const under = this.stageAt(this.hover);
    const change = this.stressKnown ? `, Δs = ${number(stages.fluctuation[under])}` : "";
    context.fillStyle = ink("--ink");
    context.textAlign = "right";
    context.textBaseline = "top";
    context.fillText(`stage ${under}${change}`, area.left + area.width - 6, area.top + 4);
  }

  #say(context, area, sentence) {
    context.fillStyle = ink("--quiet");
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.fillText(sentence, area.left + area.width / 2, area.top + area.height / 2);
  }

  #drawStrip() {
    const { context, width, height } = prepare(this.strip);
    const [low, high] = this.whole;
    const across = width - MARGIN.left - MARGIN.right;
    const x = (strain) => MARGIN.left + ((strain - low) / (high - low || 1)) * across;
    const y = (stress) => 3 + (1 - (stress - this.curve.low) / (this.curve.high - this.curve.low || 1)) * (height - 6);
    context.strokeStyle = ink("--quiet");
    context.lineWidth = 1;
    if (this.stressKnown) drawLine(context, this.outline.strain, this.outline.stress, low, high, x, y);
    context.fillStyle = ink("--accent");
    context.globalAlpha = 0.22;
    const [from, to] = this.view.map(x);
    context.fillRect(from, 0, Math.max(to - from, 2), height);
    context.globalAlpha = 1;
    context.strokeStyle = ink("--accent");
    context.strokeRect(from + 0.5, 0.5, Math.max(to - from, 2), height - 1);
  }
}

// A line through points in sight; where many share a column of pixels, through the smallest and the largest of them.
function drawLine(context, strain, stress, low, high, x, y) {
  const from = Math.max(0, firstAbove(strain, strain.length, low) - 1);
  const to = Math.min(strain.length, firstAbove(strain, strain.length, high) + 1);
  context.beginPath();
  const lineTo = (i) => context.lineTo(x(strain[i]), y(stress[i]));
  let [column, least, most] = [NaN, from, from];
  const flush = () => {
    const [first, second] = least < most ? [least, most] : [most, least];
    lineTo(first);
    if (second !== first) lineTo(second);
  };
  for (let i = from; i < to; i += 1) {
    if (!Number.isFinite(stress[i])) continue;
    const here = Math.floor(2 * x(strain[i]));
    if (here !== column) {
      if (!Number.isNaN(column)) flush();
      [column, least, most] = [here, i, i];
    } else {
      if (stress[i] < stress[least]) least = i;
      if (stress[i] > stress[most]) most = i;
    }
  }
  if (!Number.isNaN(column)) flush();
  context.stroke();
}

// Index of the first of n rising values that lies above a limit.
function firstAbove(values, n, limit) {
  let [low, high] = [0, n];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] > limit) high = middle;
    else low = middle + 1;
  }
  return low;
}
