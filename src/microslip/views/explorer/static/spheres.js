// Grains drawn by the graphics card: each a square that faces the camera, on which every pixel finds its own sphere.

import {
  BufferAttribute, BufferGeometry, DataTexture, Float32BufferAttribute, GLSL3, LineSegments, Mesh, RawShaderMaterial, Scene,
  Vector3, WebGLRenderer,
} from "./vendor/three.js";
import { SMALL } from "./scene.js";

const SHOWN = `
uniform float top; uniform bool hideRest; uniform bool showWalls;
uniform int cutAxis; uniform float cutAt; uniform float slice;
bool shown(vec3 place, float wall, float rank) {
  if (place.x != place.x || place.x < -1e20) return false;
  if (wall > 0.5) { if (!showWalls || (top < 1.0 && hideRest)) return false; }
  else if (hideRest && top < 1.0 && rank > top) return false;
  if (cutAxis < 0) return true;
  float distance = place[cutAxis] - cutAt;
  if (slice > 0.0) return abs(distance) <= slice / 2.0;
  return cutAxis == 1 ? distance > 0.0 : distance <= 0.0;
}`;

const SPHERE_VERTEX = `
precision highp float; precision highp int;
uniform mat4 viewMatrix; uniform mat4 projectionMatrix; uniform float gain; uniform float share; uniform int chosen;
in vec2 corner; in vec3 place; in vec3 motion; in float radius; in float value; in float rank; in float wall;
out vec2 at; out float size; out float shade; flat out vec4 mark;
${SHOWN}
void main() {
  if (!shown(place, wall, rank)) { gl_Position = vec4(2.0, 2.0, 2.0, 1.0); return; }
  vec4 seen = viewMatrix * vec4(place + gain * motion, 1.0);
  size = radius * share;
  seen.xy += corner * size;
  // the picture is that of the sphere's front, so that nearer grains hide it without a look at every pixel
  gl_Position = projectionMatrix * seen;
  at = corner;
  shade = value;
  mark = vec4(wall, top < 1.0 && rank > top ? 1.0 : 0.0, value < -1e20 ? 1.0 : 0.0, gl_VertexID / 4 == chosen ? 1.0 : 0.0);
}`;

const SPHERE_FRAGMENT = `
precision highp float; precision highp int;
uniform sampler2D palette; uniform float low; uniform float high; uniform float ranked; uniform float depthScale;
uniform vec3 wallColour; uniform vec3 noColour; uniform vec3 paper;
in vec2 at; in float size; in float shade; flat in vec4 mark;
out vec4 colour;
void main() {
  float r2 = dot(at, at);
  if (r2 > 1.0) discard;
  float h = sqrt(1.0 - r2);
  gl_FragDepth = gl_FragCoord.z - h * size * depthScale;
  float t = ranked > 0.0 ? (min(shade, ranked) - 0.5) / ranked : clamp((shade - low) / (high - low), 0.002, 0.998);
  vec3 base = mark.z > 0.5 ? noColour : texture(palette, vec2(t, 0.5)).rgb;
  if (mark.x > 0.5) base = wallColour;
  if (mark.y > 0.5) base = mix(base, paper, 0.78);
  float light = 0.50 + 0.58 * max(0.0, dot(vec3(at, h), vec3(-0.40, 0.55, 0.73)));
  vec3 lit = base * light;
  // darker towards the rim, so that grains stand apart
  lit *= 0.62 + 0.38 * smoothstep(0.0, 0.45, h);
  if (mark.w > 0.5 && r2 > 0.55) lit = vec3(1.0) - paper;
  colour = vec4(lit, 1.0);
}`;

const ARROW_VERTEX = `
precision highp float; precision highp int;
uniform mat4 viewMatrix; uniform mat4 projectionMatrix; uniform float gain;
in vec2 corner; in vec3 place; in vec3 motion; in float rank; in float wall;
${SHOWN}
void main() {
  vec4 from = viewMatrix * vec4(place, 1.0);
  vec4 to = viewMatrix * vec4(place + gain * motion, 1.0);
  vec2 along = to.xy - from.xy;
  float length2 = dot(along, along);
  if (wall > 0.5 || (top < 1.0 && rank > top) || !shown(place, wall, rank) || length2 < 0.0025) {
    gl_Position = vec4(2.0, 2.0, 2.0, 1.0); return;
  }
  float reach = sqrt(length2);
  vec2 side = vec2(-along.y, along.x) / reach;
  // corner.x is the place along the arrow (0 tail, 1 neck, 2 tip), corner.y that across
  float head = min(0.45, 0.5 * reach);
  float t = corner.x < 0.5 ? 0.0 : corner.x < 1.5 ? 1.0 - head / reach : 1.0;
  vec4 at = mix(from, to, t);
  at.xy += side * corner.y * (abs(corner.y) > 0.6 ? head * 0.45 : 0.055);
  at.z += 0.6;
  gl_Position = projectionMatrix * at;
}`;

const ARROW_FRAGMENT = `
precision highp float;
uniform vec3 ink;
out vec4 colour;
void main() { colour = vec4(ink, 1.0); }`;

const LINE_VERTEX = `
precision highp float;
uniform mat4 viewMatrix; uniform mat4 projectionMatrix;
in vec3 position;
void main() { gl_Position = projectionMatrix * viewMatrix * vec4(position, 1.0); }`;

const NOTHING = -1e30;

// Instances would be shorter, but are slow where the browser draws in software.
function corners(pattern, triangles, n) {
  const size = pattern.length / 2;
  const corner = new Float32Array(n * pattern.length);
  const index = new Uint32Array(n * triangles.length);
  for (let i = 0; i < n; i += 1) {
    corner.set(pattern, i * pattern.length);
    for (let k = 0; k < triangles.length; k += 1) index[i * triangles.length + k] = i * size + triangles[k];
  }
  return { corner: new BufferAttribute(corner, 2), index: new BufferAttribute(index, 1) };
}

// Numbers of the grains, `width` each, repeated for every corner; GLSL does not define comparisons with NaN.
function spread(values, width, times, into) {
  for (let i = 0, at = 0; i < values.length; i += width) {
    for (let k = 0; k < times; k += 1) {
      for (let axis = 0; axis < width; axis += 1, at += 1) {
        const value = values[i + axis];
        into[at] = Number.isFinite(value) ? value : NOTHING;
      }
    }
  }
  return into;
}

const SQUARE = { pattern: [-1, -1, 1, -1, 1, 1, -1, 1], triangles: [0, 1, 2, 0, 2, 3] };
const ARROW = { pattern: [0, -0.5, 1, -0.5, 1, 0.5, 0, 0.5, 1, -1, 2, 0, 1, 1], triangles: [0, 1, 2, 0, 2, 3, 4, 5, 6] };
const WIDTH = { place: 3, motion: 3, radius: 1, value: 1, rank: 1, wall: 1 };

export class Spheres {
  constructor(canvas, grains, camera) {
    this.canvas = canvas;
    this.grains = grains;
    this.camera = camera;
    this.renderer = new WebGLRenderer({ canvas, antialias: false, powerPreference: "high-performance" });
    this.name = "WebGL";
    this.scene = new Scene();
    this.shared = {
      top: { value: 1 }, hideRest: { value: false }, showWalls: { value: true },
      cutAxis: { value: -1 }, cutAt: { value: 0 }, slice: { value: 0 },
    };
    this.#addSpheres();
    this.#addArrows();
    this.#addCell();
    this.paletteKey = "";
  }

  // A geometry of one shape per grain, with some of the grains' numbers at every corner.
  #geometry({ pattern, triangles }, names) {
    const { n } = this.grains;
    const times = pattern.length / 2;
    const geometry = new BufferGeometry();
    const { corner, index } = corners(pattern, triangles, n);
    geometry.setAttribute("corner", corner);
    geometry.setIndex(index);
    for (const name of names) {
      geometry.setAttribute(name, new BufferAttribute(new Float32Array(WIDTH[name] * times * n), WIDTH[name]));
    }
    geometry.userData.times = times;
    return geometry;
  }

  #fill(geometry, names) {
    const { grains } = this;
    for (const name of names) {
      const values = name === "wall" ? grains.kind : grains[name];
      const attribute = geometry.getAttribute(name);
      spread(values, WIDTH[name], geometry.userData.times, attribute.array);
      attribute.needsUpdate = true;
    }
  }

  #addSpheres() {
    const geometry = this.#geometry(SQUARE, Object.keys(WIDTH));
    this.#fill(geometry, ["radius", "wall"]);
    this.spheres = new RawShaderMaterial({
      glslVersion: GLSL3, vertexShader: SPHERE_VERTEX, fragmentShader: SPHERE_FRAGMENT,
      uniforms: {
        ...this.shared, gain: { value: 0 }, share: { value: 1 }, chosen: { value: -1 }, palette: { value: null }, low: { value: 0 }, high: { value: 1 },
        ranked: { value: 0 }, depthScale: { value: 0 }, wallColour: { value: new Vector3() }, noColour: { value: new Vector3() },
        paper: { value: new Vector3() },
      },
    });
    this.balls = new Mesh(geometry, this.spheres);
    this.balls.frustumCulled = false;
    this.scene.add(this.balls);
  }

  #addArrows() {
    const geometry = this.#geometry(ARROW, ["place", "motion", "rank", "wall"]);
    this.#fill(geometry, ["wall"]);
    const material = new RawShaderMaterial({
      glslVersion: GLSL3, vertexShader: ARROW_VERTEX, fragmentShader: ARROW_FRAGMENT,
      uniforms: { ...this.shared, gain: { value: 0 }, ink: { value: new Vector3() } },
    });
    // the triangles turn with the arrow, and may show their backs
    material.side = 2;
    this.arrows = new Mesh(geometry, material);
    this.arrows.frustumCulled = false;
    this.scene.add(this.arrows);
  }

  #addCell() {
    const [x, y, z] = this.grains.box;
    const corner = (k) => [k & 1 ? x : 0, k & 2 ? y : 0, k & 4 ? z : 0];
    const edges = [[0, 1], [2, 3], [4, 5], [6, 7], [0, 2], [1, 3], [4, 6], [5, 7], [0, 4], [1, 5], [2, 6], [3, 7]];
    const geometry = new BufferGeometry();
    geometry.setAttribute("position", new Float32BufferAttribute(edges.flatMap(([a, b]) => [...corner(a), ...corner(b)]), 3));
    this.line = new RawShaderMaterial({
      glslVersion: GLSL3, vertexShader: LINE_VERTEX, fragmentShader: ARROW_FRAGMENT, uniforms: { ink: { value: new Vector3() } },
    });
    const lines = new LineSegments(geometry, this.line);
    lines.frustumCulled = false;
    this.scene.add(lines);
  }

  // Call after places or values of grains have changed.
  update() {
    this.#fill(this.balls.geometry, ["place", "motion", "value", "rank"]);
    this.stale = true;
  }

  // Colours of the paper, ink, walls and grains without a value, each red, green, blue of 255.
  theme({ paper, ink, wall, none }) {
    const set = (uniform, rgb) => uniform.value.set(rgb[0] / 255, rgb[1] / 255, rgb[2] / 255);
    set(this.spheres.uniforms.paper, paper);
    set(this.spheres.uniforms.wallColour, wall);
    set(this.spheres.uniforms.noColour, none);
    set(this.arrows.material.uniforms.ink, ink);
    set(this.line.uniforms.ink, ink.map((channel, axis) => 0.55 * channel + 0.45 * paper[axis]));
    this.renderer.setClearColor((paper[0] << 16) | (paper[1] << 8) | paper[2], 1);
  }

  #palette() {
    const { palette, ranked } = this.grains;
    const key = `${ranked} ${palette.length} ${palette[0]} ${palette.at(-1)}`;
    if (key === this.paletteKey) return;
    this.paletteKey = key;
    const data = new Uint8Array(palette.flatMap((rgb) => [...rgb, 255]));
    this.spheres.uniforms.palette.value?.dispose();
    this.spheres.uniforms.palette.value = new DataTexture(data, palette.length, 1);
    this.spheres.uniforms.palette.value.needsUpdate = true;
  }

  resize(width, height, ratio) {
    this.renderer.setPixelRatio(ratio);
    this.renderer.setSize(width, height, false);
  }

  draw() {
    const { grains, shared } = this;
    this.#palette();
    shared.top.value = grains.top;
    shared.hideRest.value = grains.hideRest;
    shared.showWalls.value = grains.walls;
    shared.cutAxis.value = grains.cut.axis;
    shared.cutAt.value = grains.cut.at;
    shared.slice.value = grains.cut.slice;
    const { uniforms } = this.spheres;
    // arrows start at the grains' places at the start of the stage
    uniforms.gain.value = grains.arrows ? 0 : grains.gain;
    this.arrows.material.uniforms.gain.value = grains.gain;
    this.arrows.visible = grains.arrows;
    if (grains.arrows && this.stale) {
      this.#fill(this.arrows.geometry, ["place", "motion", "rank"]);
      this.stale = false;
    }
    uniforms.share.value = grains.arrows ? SMALL : 1;
    uniforms.chosen.value = grains.chosen;
    uniforms.low.value = grains.low;
    uniforms.high.value = grains.high;
    uniforms.ranked.value = grains.ranked ? grains.palette.length : 0;
    uniforms.depthScale.value = 1 / (this.camera.view.far - this.camera.view.near);
    this.renderer.render(this.scene, this.camera.view);
  }

  // Waits until the card has drawn, for honest frame times.
  finish() {
    const gl = this.renderer.getContext();
    gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array(4));
  }
}
