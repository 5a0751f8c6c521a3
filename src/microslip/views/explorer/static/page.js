// The page: the reader's choices, and what is shown for them.

import { Curve } from "./curve.js";
import { displacements, grains as readGrains, json, part, places, ranks, stageColumns, values } from "./data.js";
import { grainFacts, runInWords, stageFacts } from "./facts.js";
import { number, whole } from "./format.js";
import { listenToKeys } from "./keys.js";
import { StageList } from "./list.js";
import { Grains } from "./scene.js";
import { disable } from "./focus.js";
import { showScale } from "./scale.js";
import { readLink, writeLink } from "./link.js";
import { listenToTheme, pageColours, showTheme } from "./theme.js";
import { View } from "./view.js";

const $ = (id) => document.getElementById(id);

const state = {
  stage: 0, colour: "d2min", top: 1000, rest: "fade", cut: "none", at: 500, gain: 50, end: false, arrows: false, walls: true,
  keep: false, rule: "random",
};
let run, stages, grains, view, curve, list;
// Counts choices: data that arrive late for an earlier one are dropped.
let asked = 0;
let reach = 0;
// Why the stage's places, motion or ranks cannot be shown; it holds for every colour.
let trouble = "";
let linkNote = null;

async function start() {
  try {
    run = await json("run.json");
    // needed soon: request them together
    if (run.grains.n) part("grains.bin").catch(() => {});
    if (run.curve.n) part("curve.bin").catch(() => {});
    stages = await stageColumns(run.stages);
  } catch (problem) {
    note(problem.message);
    $("slow").remove();
    $("sentence").textContent = "The run could not be loaded.";
    return;
  }
  $("slow").remove();
  document.title = `${run.name} · microslip`;
  $("name").textContent = run.name;
  if (run.curve.title) $("curve-title").textContent = run.curve.title;
  $("sentence").textContent = runInWords(run, stages);
  for (const text of run.notes) note(text);
  $("provenance").textContent = `${run.folder}${run.seed === null ? "" : `, seed ${run.seed}`}`;
  fillChoices();
  list = new StageList({
    head: $("table-head"), body: $("table-body"), filter: $("filter"), ruleChoice: $("rule"), back: $("page-back"), on: $("page-on"),
    of: $("page-of"), scatter: $("scatter"), figure: $("scatter-figure"),
  }, run, stages, choose);
  curve = new Curve($("curve"), $("strip"), run, stages, choose);
  Object.assign(state, { stage: firstStage(), rule: list.rule ?? "random" }, readLink());
  tidy();
  listen();
  await Promise.all([startGrains(), curve.load().catch((problem) => note(problem.message))]);
  showState();
  await showStage();
  if (stages.n) curve.showStage();
  // last, because it takes a second in a large run and only warns
  json("states.json").then((late) => late.forEach(note), () => {});
}

function note(text) {
  const line = element("p", text, "note");
  $("notes").append(line);
  return line;
}

// The largest slip whose grains are here, or else the largest stage.
function firstStage() {
  const slip = run.kinds.indexOf("slip");
  const candidates = run.exported ?? Array.from({ length: stages.n }, (_, i) => i);
  const size = (i) => (Math.abs(stages.fluctuation[i]) || 0) * (stages.kind[i] === slip ? 1 : 1e-3) + (stages.explained[i] ? 1e-12 : 0);
  return candidates.reduce((best, stage) => (size(stage) > size(best) ? stage : best), candidates[0] ?? 0);
}

function fillChoices() {
  $("colour").replaceChildren(...run.fields.map((field) => {
    const option = new Option(field.missing ? `${field.title}: ${field.missing}` : field.title, field.name);
    option.disabled = field.missing !== null;
    return option;
  }));
  const shown = run.kinds.filter((_, kind) => stages.n && stages.kind.includes(kind));
  $("kind-legend").replaceChildren(...shown.map((kind) => element("span", kind, `swatch ${kind}`)));
  $("number").max = Math.max(0, stages.n - 1);
  $("number").disabled = !stages.n;
  $("walls").closest("label").hidden = !run.grains.n_walls;
  for (const id of ["flip", "arrows", "gain"]) $(id).disabled = !run.displacements;
}

// Replaces choices of a link that this run cannot show, and says which.
function tidy() {
  const linked = { ...state };
  state.stage = Math.min(Math.max(0, Math.round(Number(state.stage)) || 0), Math.max(0, stages.n - 1));
  const field = run.fields.find(({ name }) => name === state.colour);
  if (!field || field.missing) state.colour = run.fields.find(({ missing }) => !missing)?.name ?? "";
  for (const [name, most] of [["top", 1000], ["at", 1000], ["gain", 100]]) {
    state[name] = Math.min(Math.max(0, Math.round(Number(state[name])) || 0), most);
  }
  if (!list.rules.includes(state.rule)) state.rule = list.rules[0] ?? "random";
  if (!["fade", "hide"].includes(state.rest)) state.rest = "fade";
  if (![...$("cut").options].some((option) => option.value === state.cut)) state.cut = "none";
  const changed = [...new URLSearchParams(location.hash.slice(1)).keys()].filter((name) => name in state && state[name] !== linked[name]);
  linkNote?.remove();
  linkNote = changed.length ? note(`The link asks for what this run does not have: ${changed.join(", ")}.`) : null;
}

async function startGrains() {
  if (!run.grains.n || !run.grains.n_frames) {
    message("This run has no frames to show.");
    return;
  }
  try {
    grains = new Grains(await readGrains(run.grains.n), run.box);
    view = new View($("scene"), grains);
    // a planar packing is a thin sheet from anywhere else
    if (run.planar) view.camera.look("front");
  } catch (problem) {
    message(`The grains cannot be drawn: ${problem.message}`);
    return;
  }
  if (view.drawer.name === "canvas") note("This browser has no WebGL: the grains are drawn without it, as discs.");
  listenToScene();
  applyTheme();
}

function message(text) {
  $("scene-message").hidden = !text;
  $("scene-message").textContent = text ?? "";
}

function choose(stage) {
  const chosen = Math.min(Math.max(0, stage), stages.n - 1);
  if (!stages.n || chosen === state.stage) return;
  state.stage = chosen;
  showState();
  showStage();
}

function set(changes) {
  const before = { ...state };
  Object.assign(state, changes);
  showState();
  if (state.colour !== before.colour) showColours(asked);
}

// Shows all that needs no new data: controls, link, facts, which grains are drawn.
function showState() {
  for (const id of ["colour", "top", "rest", "cut", "at", "gain"]) $(id).value = state[id];
  for (const id of ["arrows", "walls", "keep"]) $(id).checked = state[id];
  $("rule").value = state.rule;
  $("number").value = state.stage;
  $("flip").setAttribute("aria-pressed", String(state.end));
  $("top-value").textContent = state.top >= 1000 ? "all" : `${number(100 * share(), 2)} %`;
  $("at").disabled = state.cut === "none";
  disable($("previous"), state.stage <= 0 || !stages.n, $("next"));
  disable($("next"), state.stage >= stages.n - 1, $("previous"));
  writeLink(state, list?.rules[0] ?? "random");
  showFacts();
  curve.select(stages.n ? state.stage : -1, state.rule);
  if (stages.n && list.selected !== state.stage) list.select(state.stage);
  showGrains();
}

// The slider is finer where few grains are active.
function share() {
  return (state.top / 1000) ** 2;
}

// Factor by which the motion is magnified. With the slider in the middle all but the fastest grains move less than one d̄.
function magnification() {
  if (!reach) return 0;
  return state.gain === 0 ? 1 : 10 ** ((state.gain - 50) / 50) / reach;
}

function showGrains() {
  if (!grains) return;
  const axis = "xyz".indexOf(state.cut.at(-1));
  const slice = state.cut.length === 2 ? 1.2 : 0;
  const place = axis < 0 ? 0 : (state.at / 1000) * run.box[axis];
  $("at-value").textContent = axis < 0 ? "" : `${number(place, 3)} d̄`;
  const gain = magnification();
  $("gain-value").textContent = reach ? `× ${number(gain, 2)}` : "";
  Object.assign(grains, {
    top: state.top >= 1000 ? 1 : share(), hideRest: state.rest === "hide", walls: state.walls, arrows: state.arrows,
    gain: state.end || state.arrows ? gain : 0, cut: { axis, at: place, slice },
  });
  const of = state.top >= 1000 ? "" : `, the active ones ${state.rest === "hide" ? "alone" : "in full colour"}`;
  $("counted").textContent = `${whole(grains.countShown())} of ${whole(grains.n)} grains shown${of}`;
  view.invalidate();
}

async function showStage() {
  if (!grains) return;
  asked += 1;
  const mine = asked;
  if (!isHere()) {
    showNoGrains(`The grains of stage ${state.stage} are not among the exported files: microslip view ${run.folder} --export DIR --stages all`);
    return;
  }
  let problems = "";
  // grains can be shown without their motion or ranks
  const orNull = (request) => request.catch((problem) => { problems = problem.message; return null; });
  try {
    const frame = stages.n ? stages.start_frame[state.stage] : 0;
    const [place, motion, motionOfGrains] = await Promise.all([
      places(frame, grains.n),
      run.displacements ? orNull(displacements(state.stage, grains.n)) : null,
      hasField("d2min") ? orNull(values(state.stage, "d2min", grains.n)) : null,
    ]);
    if (mine !== asked) return;
    grains.place = place;
    grains.motion = motion ?? new Float32Array(3 * grains.n);
    grains.rank = motionOfGrains ? ranks(motionOfGrains.values) : new Float32Array(grains.n).fill(0);
    grains.chosen = -1;
    $("picked").hidden = true;
    reach = largest(grains.motion);
    trouble = problems;
  } catch (problem) {
    if (mine === asked) showNoGrains(problem.message);
    return;
  }
  await showColours(mine);
  if (mine === asked) prefetch();
}

function isHere() {
  return !run.exported || !stages.n || run.exported.includes(state.stage);
}

// Hides the grains: those of another stage must not stand for them.
function showNoGrains(why) {
  trouble = why;
  message(why);
  grains.place.fill(NaN);
  grains.chosen = -1;
  view.changed();
  $("picked").hidden = true;
  $("counted").textContent = "";
}

function hasField(name) {
  return run.fields.some((field) => field.name === name && !field.missing);
}

// The 99th percentile of the displacements [d̄].
function largest(motion) {
  const sizes = [];
  for (let i = 0; i < motion.length; i += 3) {
    const size = Math.hypot(motion[i], motion[i + 1], motion[i + 2]);
    if (size > 0) sizes.push(size);
  }
  sizes.sort((a, b) => a - b);
  return sizes.length ? sizes[Math.floor(0.99 * (sizes.length - 1))] : 0;
}

async function showColours(mine) {
  const field = run.fields.find(({ name }) => name === state.colour);
  if (!grains || !isHere()) return;
  message(trouble);
  if (!field || !stages.n) {
    grains.value.fill(NaN);
    view.changed();
    showGrains();
    showScale(null, run, grains);
    return;
  }
  let readable = true;
  try {
    const loaded = await values(state.stage, field.name, grains.n);
    if (mine !== asked || field.name !== state.colour) return;
    grains.value = loaded.values;
    if (!state.keep || showScale.field !== field.name) [grains.low, grains.high] = loaded.shown;
  } catch (problem) {
    if (mine !== asked || field.name !== state.colour) return;
    message(problem.message);
    grains.value = new Float32Array(grains.n).fill(NaN);
    readable = false;
  }
  showScale(readable ? field : null, run, grains);
  view.changed();
  showGrains();
  document.body.dataset.ready = `${state.stage} ${field.name}`;
}

// Loads the neighbouring stages, which the reader is likely to look at next.
function prefetch() {
  const idle = window.requestIdleCallback ?? ((work) => setTimeout(work, 200));
  idle(() => {
    for (const stage of [state.stage + 1, state.stage - 1]) {
      if (stage < 0 || stage >= stages.n || (run.exported && !run.exported.includes(stage))) continue;
      const names = [`frame/${stages.start_frame[stage]}.bin`];
      if (run.displacements) names.push(`stage/${stage}/displacement.bin`);
      if (hasField("d2min")) names.push(`stage/${stage}/d2min.bin`);
      if (state.colour && (state.colour !== "attribution" || stages.explained[stage])) names.push(`stage/${stage}/${state.colour}.bin`);
      for (const name of names) part(name).catch(() => {});
    }
  });
}

function showFacts() {
  const { stage } = state;
  if (stages.n) {
    const kind = run.kinds[stages.kind[stage]];
    $("stage-title").textContent = `Stage ${stage}, ${kind}`;
    $("scene").setAttribute("aria-label", `The grains at the ${state.end ? "end" : "start"} of stage ${stage}, a ${kind}, coloured by ${state.colour}`);
    $("curve").setAttribute("aria-label", `${$("curve-title").textContent} against shear strain, stage ${stage} of ${stages.n} marked: a ${kind}`);
  } else $("stage-title").textContent = "First frame";
  const rows = stages.n ? stageFacts(run, stages, stage) : [];
  $("facts").replaceChildren(...rows.flatMap(([name, text]) => [element("dt", name), element("dd", text)]));
}

function element(tag, text, className = "") {
  const made = document.createElement(tag);
  made.textContent = text;
  made.className = className;
  return made;
}

function listen() {
  $("previous").addEventListener("click", () => choose(state.stage - 1));
  $("next").addEventListener("click", () => choose(state.stage + 1));
  $("number").addEventListener("change", () => choose(Math.round(Number($("number").value)) || 0));
  for (const id of ["colour", "rest", "cut"]) $(id).addEventListener("change", () => set({ [id]: $(id).value }));
  for (const id of ["top", "at", "gain"]) $(id).addEventListener("input", () => set({ [id]: Number($(id).value) }));
  for (const id of ["arrows", "walls", "keep"]) $(id).addEventListener("change", () => set({ [id]: $(id).checked }));
  $("flip").addEventListener("click", () => set({ end: !state.end }));
  $("rule").addEventListener("change", () => { list.rule = $("rule").value; set({ rule: list.rule }); list.fill(); });
  $("zoom-in").addEventListener("click", () => curve.zoom(0.5));
  $("zoom-out").addEventListener("click", () => curve.zoom(2));
  $("zoom-stage").addEventListener("click", () => curve.showStage());
  $("zoom-all").addEventListener("click", () => curve.showAll());
  listenToTheme($("theme"), applyTheme);
  $("help-open").addEventListener("click", () => $("help").showModal());
  window.addEventListener("hashchange", () => {
    const before = state.stage;
    Object.assign(state, { rule: list.rules[0] }, readLink());
    tidy();
    list.rule = state.rule;
    list.fill();
    showState();
    if (state.stage !== before) showStage();
    else showColours(asked);
  });
  listenToKeys({ state, run, stages, curve, choose, set, nextColour, camera: () => view?.camera });
  list.rule = list.rules.includes(state.rule) ? state.rule : list.rules[0];
  list.selected = state.stage;
  list.fill();
  list.select(state.stage);
  applyTheme();
}

function listenToScene() {
  const { canvas } = view;
  let from = null;
  canvas.addEventListener("pointerdown", (event) => { from = [event.clientX, event.clientY]; });
  canvas.addEventListener("pointerup", (event) => {
    if (from && Math.hypot(event.clientX - from[0], event.clientY - from[1]) < 4) showPicked(view.pick(event.clientX, event.clientY));
    from = null;
  });
  for (const button of document.querySelectorAll(".camera")) {
    button.addEventListener("click", () => view.camera.look(button.dataset.view));
  }
  $("picture").addEventListener("click", async () => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(await view.picture());
    link.download = `${run.name}-stage-${state.stage}-${state.colour}.png`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  });
}

function showPicked(grain) {
  grains.chosen = grain;
  view.invalidate();
  $("picked").hidden = grain < 0;
  if (grain < 0) return;
  const field = run.fields.find(({ name }) => name === state.colour);
  $("picked").replaceChildren(...grainFacts(grains, grain, field).map((line) => element("p", line)));
}

function nextColour() {
  const colours = run.fields.filter((field) => !field.missing).map((field) => field.name);
  return colours[(colours.indexOf(state.colour) + 1) % colours.length] ?? state.colour;
}

function applyTheme() {
  showTheme($("theme"));
  view?.theme(pageColours());
  curve?.draw();
  list?.points();
}

// For tests: time of a frame [ms], how grains are drawn, and the choices.
window.explorer = { measure: (frames, coarse) => view.measure(frames, coarse), drawer: () => view?.drawer.name, state: () => ({ ...state }) };

start();
