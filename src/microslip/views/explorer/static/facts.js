// What is known of the run, of a stage and of a grain, in words.

import { change, number, whole } from "./format.js";

export function runInWords(run, stages) {
  const parts = [`${whole(run.grains.n)} grains`];
  if (run.grains.n_walls) parts[0] += `, ${whole(run.grains.n_walls)} of them in the walls`;
  parts.push(`${whole(stages.n)} stage${stages.n === 1 ? "" : "s"}`);
  if (run.inertial_number) parts.push(`I = ${number(run.inertial_number, 2)}`);
  for (const [rule, r2] of Object.entries(run.r2)) parts.push(`test R² ${number(r2, 3)} (${rule} split)`);
  return parts.join(" · ");
}

// Pairs of a name and a text.
export function stageFacts(run, stages, stage) {
  const [start, end] = [stages.start_strain[stage], stages.end_strain[stage]];
  const rows = [["strain", `${number(start, 6)}, Δγ = ${number(end - start, 2)}`]];
  if (run.curve.stress_known) {
    rows.push(["true Δs", `${change(stages.fluctuation[stage])} ${run.stress_unit}`]);
    for (const rule of run.rules) {
      const predicted = stages[`prediction_${rule}`]?.[stage];
      if (predicted === undefined) continue;
      const set = run.splits[stages[`split_${rule}`][stage]];
      const [low, high] = ["low", "high"].map((side) => stages[`prediction_${rule}_${side}`]?.[stage]);
      const interval = Number.isFinite(low) && Number.isFinite(high) ? ` [${change(low, 2)}, ${change(high, 2)}]` : "";
      rows.push([`predicted, ${rule} split`, Number.isFinite(predicted) ? `${change(predicted)}${interval}, ${set} set` : "–"]);
    }
  }
  const explained = run.attribution_rule ? `of the network of the ${run.attribution_rule} split` : "made";
  rows.push(["attribution", stages.explained[stage] ? explained : "not made for this stage"]);
  if (stages.below_floor[stage]) rows.push(["precision", "D²min lies below the noise of the positions"]);
  return rows;
}

// Lines on a grain and its value of the field that it is coloured by.
export function grainFacts(grains, grain, field) {
  const raw = grains.value[grain];
  const value = field?.scale === "log" ? 10 ** raw : raw;
  const role = ["bulk", "bottom wall", "top wall"][grains.kind[grain]];
  const centre = [0, 1, 2].map((axis) => number(grains.place[3 * grain + axis], 3)).join(", ");
  const lines = [`Grain ${grains.id[grain]}, ${role}`, `at ${centre} d̄, diameter ${number(grains.diameter[grain], 3)} d̄`];
  if (field && Number.isFinite(value)) lines.push(`${field.title}: ${number(value)} ${field.unit}`);
  if (field?.name === "cluster" && Number.isFinite(value)) lines.push(`${whole(grains.value.filter((label) => label === raw).length)} grains in it`);
  if (grains.rank[grain] <= 1) lines.push(`among the ${number(100 * grains.rank[grain], 2)} % with the largest D²min`);
  return lines;
}
