// The colours of a field, and the bar that explains them.

import { number } from "./format.js";
import { prepare } from "./canvas.js";

const $ = (id) => document.getElementById(id);

const triples = (hex) => hex.match(/../g).map((digits) => parseInt(digits, 16)).reduce((colours, channel, i) => {
  if (i % 3 === 0) colours.push([]);
  colours.at(-1).push(channel);
  return colours;
}, []);
const unpacked = new Map();

function palette(field, run) {
  if (field.colours === "clusters") return triples(run.colours.clusters.join("").replaceAll("#", ""));
  if (!unpacked.has(field.colours)) unpacked.set(field.colours, triples(run.colours.scales[field.colours]));
  return unpacked.get(field.colours);
}

// Gives the grains the colours of a field and draws the bar; none without a field.
export function showScale(field, run, grains) {
  $("scale").hidden = !field;
  showScale.field = field?.name;
  if (!field) return;
  grains.palette = palette(field, run);
  grains.ranked = field.scale === "number";
  const back = (value) => (field.scale === "log" ? 10 ** value : value);
  const plain = grains.ranked ? ["1", `${grains.palette.length} and on`] : [grains.low, grains.high].map((value) => number(back(value), 2));
  [$("scale-low").textContent, $("scale-high").textContent] = plain;
  const unit = field.unit ? ` [${field.unit}]` : "";
  const lacking = grains.value.some((value, i) => Number.isNaN(value) && !grains.isWall(i) && !Number.isNaN(grains.place[3 * i]));
  $("scale-title").textContent = `${field.title}${unit}${field.scale === "log" ? ", logarithmic" : ""}${lacking ? "; pale: no value" : ""}`;
  $("scale-bar").setAttribute("aria-label", `Colours from ${plain[0]} to ${plain[1]}`);
  const { context, width, height } = prepare($("scale-bar"));
  const n = grains.palette.length;
  grains.palette.forEach((rgb, i) => {
    context.fillStyle = `rgb(${rgb.join(" ")})`;
    context.fillRect((i / n) * width, 0, width / n + 1, height);
  });
}
