// The stages as a table: sortable by size or error, a page at a time; and predicted against true as points.

import { ink, prepare } from "./canvas.js";
import { disable } from "./focus.js";
import { change, number, whole } from "./format.js";

const ROWS = 15;

export class StageList {
  constructor(elements, contents, stages, choose) {
    Object.assign(this, elements, { stages, choose });
    this.contents = contents;
    this.rules = contents.rules.filter((rule) => stages[`prediction_${rule}`]);
    this.rule = this.rules[0];
    this.sorted = { by: "stage", falling: false };
    this.page = 0;
    this.selected = -1;
    this.ruleChoice.replaceChildren(...this.rules.map((rule) => new Option(rule, rule)));
    this.ruleChoice.closest("label").hidden = this.rules.length < 1;
    this.exported = new Set(contents.exported ?? []);
    this.filter.querySelector("[value=exported]").hidden = contents.exported === null;
    this.filter.querySelector("[value=test]").disabled = !this.rules.length;
    this.filter.addEventListener("change", () => { this.page = 0; this.fill(); });
    this.back.addEventListener("click", () => this.turn(-1));
    this.on.addEventListener("click", () => this.turn(1));
    if (this.rules.length) this.#listenToPoints();
    new ResizeObserver(() => this.points()).observe(this.scatter);
  }

  // Columns for which this run has data: heading, value of a stage, text of a stage.
  columns() {
    const { stages, rule } = this;
    const { kinds, splits, curve } = this.contents;
    const predicted = stages[`prediction_${rule}`];
    const split = stages[`split_${rule}`];
    const error = (i) => Math.abs(predicted[i] - stages.fluctuation[i]);
    const all = {
      stage: ["stage", (i) => i, String],
      kind: ["kind", (i) => stages.kind[i], (value) => kinds[value]],
      strain: ["Δγ", (i) => stages.end_strain[i] - stages.start_strain[i], (value) => number(value, 2)],
    };
    if (curve.stress_known) {
      // sorted by size, shown with its sign
      all.size = ["Δs", (i) => Math.abs(stages.fluctuation[i]), (value, i) => change(stages.fluctuation[i], 2)];
    }
    if (predicted) {
      all.predicted = ["predicted", (i) => predicted[i], (value) => change(value, 2)];
      all.error = ["error", error, (value) => number(value, 2)];
      all.set = ["set", (i) => split[i], (value) => splits[value] || "–"];
    }
    return all;
  }

  fill() {
    const columns = this.columns();
    if (!columns[this.sorted.by]) this.sorted = { by: "stage", falling: false };
    this.#order(columns[this.sorted.by][1]);
    this.#head(columns);
    this.#body(columns);
    this.points();
  }

  #order(value) {
    const { stages, rule } = this;
    const { kinds, splits } = this.contents;
    const shown = this.filter.value;
    const keep = (i) => {
      if (shown === "all") return true;
      if (shown === "test") return splits[stages[`split_${rule}`]?.[i]] === "test";
      if (shown === "explained") return stages.explained[i] === 1;
      if (shown === "exported") return this.exported.has(i);
      return kinds[stages.kind[i]] === shown;
    };
    this.order = Array.from({ length: stages.n }, (_, i) => i).filter(keep);
    const sign = this.sorted.falling ? -1 : 1;
    // stages without a value come last in either order
    const sortable = (i) => (Number.isFinite(value(i)) ? sign * value(i) : Infinity);
    this.order.sort((a, b) => sortable(a) - sortable(b) || a - b);
  }

  #head(columns) {
    this.head.replaceChildren(...Object.entries(columns).map(([name, [title]]) => {
      const cell = document.createElement("th");
      cell.scope = "col";
      const here = this.sorted.by === name;
      cell.setAttribute("aria-sort", here ? (this.sorted.falling ? "descending" : "ascending") : "none");
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = title;
      button.dataset.column = name;
      button.addEventListener("click", () => {
        const first = name !== "stage" && name !== "kind" && name !== "set";
        this.sorted = { by: name, falling: here ? !this.sorted.falling : first };
        this.page = 0;
        this.fill();
        this.head.querySelector(`[data-column=${name}]`).focus();
      });
      cell.append(button);
      return cell;
    }));
  }

  #body(columns) {
    const pages = Math.max(1, Math.ceil(this.order.length / ROWS));
    this.page = Math.min(Math.max(this.page, 0), pages - 1);
    const shown = this.order.slice(this.page * ROWS, (this.page + 1) * ROWS);
    this.body.replaceChildren(...shown.map((stage) => {
      const row = document.createElement("tr");
      row.classList.toggle("chosen", stage === this.selected);
      row.addEventListener("click", () => this.choose(stage));
      for (const [name, [, value, text]] of Object.entries(columns)) {
        const cell = document.createElement(name === "stage" ? "th" : "td");
        if (name === "stage") {
          cell.scope = "row";
          const button = document.createElement("button");
          button.type = "button";
          button.textContent = text(value(stage), stage);
          if (stage === this.selected) button.setAttribute("aria-current", "true");
          cell.append(button);
        } else cell.textContent = text(value(stage), stage);
        if (name === "kind") cell.className = `kind ${this.contents.kinds[this.stages.kind[stage]]}`;
        row.append(cell);
      }
      return row;
    }));
    const from = this.order.length ? this.page * ROWS + 1 : 0;
    this.of.textContent = `${whole(from)}–${whole(this.page * ROWS + shown.length)} of ${whole(this.order.length)}`;
    disable(this.back, this.page === 0, this.on);
    disable(this.on, this.page === pages - 1, this.back);
  }

  turn(by) {
    this.page += by;
    this.#body(this.columns());
  }

  select(stage) {
    this.selected = stage;
    const at = this.order.indexOf(stage);
    if (at >= 0) this.page = Math.floor(at / ROWS);
    this.#body(this.columns());
    this.points();
  }

  #frame() {
    const { context, width, height } = prepare(this.scatter);
    const [left, right, top, bottom] = [70, 10, 8, 38];
    const { fluctuation: truth, n } = this.stages;
    const predicted = this.stages[`prediction_${this.rule}`];
    let most = 1e-12;
    for (let i = 0; i < n; i += 1) if (Number.isFinite(predicted[i])) most = Math.max(most, Math.abs(truth[i]), Math.abs(predicted[i]));
    // a margin, and a cube root, because most stages are small and would coincide
    most *= 1.12;
    const bend = (value) => Math.cbrt(value / most);
    const x = (value) => left + ((bend(value) + 1) / 2) * (width - left - right);
    const y = (value) => top + ((1 - bend(value)) / 2) * (height - top - bottom);
    return { context, width, height, left, right, top, bottom, most, x, y, truth, predicted, n };
  }

  points() {
    this.figure.hidden = !this.rules.length || !this.contents.curve.stress_known;
    if (this.figure.hidden || !this.scatter.clientWidth) return;
    const frame = this.#frame();
    const { context, width, height, left, right, top, bottom, most, x, y, truth, predicted, n } = frame;
    this.last = frame;
    const split = this.stages[`split_${this.rule}`];
    context.strokeStyle = ink("--line");
    context.fillStyle = ink("--quiet");
    context.textAlign = "center";
    context.textBaseline = "top";
    const decade = 10 ** Math.floor(Math.log10(most));
    for (const tick of [-decade, -decade / 10, -decade / 100, 0, decade / 100, decade / 10, decade]) {
      context.beginPath();
      context.moveTo(x(tick), top);
      context.lineTo(x(tick), height - bottom);
      context.moveTo(left, y(tick));
      context.lineTo(width - right, y(tick));
      context.stroke();
      if (Math.abs(tick) === decade / 100 || (width < 380 && Math.abs(tick) === decade / 10)) continue;
      context.textAlign = "center";
      context.textBaseline = "top";
      context.fillText(number(tick, 1), x(tick), height - bottom + 4);
      context.textAlign = "right";
      context.textBaseline = "middle";
      context.fillText(number(tick, 1), left - 4, y(tick));
    }
    context.textAlign = "center";
    context.textBaseline = "top";
    context.fillText(`true Δs [${this.contents.stress_unit}]`, (left + width - right) / 2, height - bottom + 20);
    context.save();
    context.translate(2, (top + height - bottom) / 2);
    context.rotate(-Math.PI / 2);
    context.fillText(`predicted [${this.contents.stress_unit}]`, 0, 0);
    context.restore();
    context.strokeStyle = ink("--quiet");
    context.beginPath();
    context.moveTo(x(-most), y(-most));
    context.lineTo(x(most), y(most));
    context.stroke();
    for (const test of [false, true]) {
      context.globalAlpha = test ? 0.75 : 0.3;
      for (let i = 0; i < n; i += 1) {
        if (!Number.isFinite(predicted[i]) || (this.contents.splits[split[i]] === "test") !== test) continue;
        context.fillStyle = this.contents.colours.kinds[this.contents.kinds[this.stages.kind[i]]];
        context.beginPath();
        context.arc(x(truth[i]), y(predicted[i]), test ? 2.2 : 1.2, 0, 2 * Math.PI);
        context.fill();
      }
    }
    context.globalAlpha = 1;
    if (this.selected >= 0 && Number.isFinite(predicted[this.selected])) {
      context.strokeStyle = ink("--ink");
      context.lineWidth = 2;
      context.beginPath();
      context.arc(x(truth[this.selected]), y(predicted[this.selected]), 6, 0, 2 * Math.PI);
      context.stroke();
    }
  }

  #listenToPoints() {
    this.scatter.addEventListener("click", (event) => {
      if (!this.last) return;
      const { x, y, truth, predicted, n } = this.last;
      const bounds = this.scatter.getBoundingClientRect();
      const [px, py] = [event.clientX - bounds.left, event.clientY - bounds.top];
      let [stage, nearest] = [-1, 15 ** 2];
      for (let i = 0; i < n; i += 1) {
        if (!Number.isFinite(predicted[i])) continue;
        const distance = (x(truth[i]) - px) ** 2 + (y(predicted[i]) - py) ** 2;
        if (distance < nearest) [stage, nearest] = [i, distance];
      }
      if (stage >= 0) this.choose(stage);
    });
  }
}
