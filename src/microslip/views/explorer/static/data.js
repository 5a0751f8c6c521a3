// Fetches and unpacks the parts of the run's data; the latest ones are kept.

const KEPT = 96;
const NONE = 65535;
const LAST = 65534;
const parts = new Map();

// The bytes of a part; for a missing one, an error with the server's sentence.
export function part(name) {
  if (parts.has(name)) {
    const kept = parts.get(name);
    // the part used last is dropped last
    parts.delete(name);
    parts.set(name, kept);
    return kept;
  }
  const request = fetchPart(name);
  parts.set(name, request);
  // a failed request is tried again the next time
  request.catch(() => parts.delete(name));
  if (parts.size > KEPT) parts.delete(parts.keys().next().value);
  return request;
}

async function fetchPart(name) {
  let answer;
  try {
    answer = await fetch(`data/${name}`);
  } catch {
    throw new Error("The page's server does not answer: start `microslip view` again, then reload.");
  }
  if (!answer.ok) {
    const plain = (answer.headers.get("Content-Type") ?? "").startsWith("text/plain");
    throw new Error(plain ? (await answer.text()).trim() : `data/${name} is not among the exported files.`);
  }
  return answer.arrayBuffer();
}

export async function json(name) {
  return JSON.parse(new TextDecoder().decode(await part(name)));
}

const TYPED = { float64: Float64Array, float32: Float32Array, int32: Int32Array, uint8: Uint8Array };

export async function stageColumns(stages) {
  const columns = { n: stages.n };
  if (!stages.n) return columns;
  const buffer = await part("stages.bin");
  for (const { name, type, offset } of stages.columns) columns[name] = new TYPED[type](buffer, offset, stages.n);
  return columns;
}

// Strain and stress of the points of a curve or of one piece of it.
export async function points(name) {
  const buffer = await part(name);
  const n = buffer.byteLength / 12;
  return { strain: new Float64Array(buffer, 0, n), stress: new Float32Array(buffer, 8 * n, n) };
}

export async function grains(n) {
  const buffer = await part("grains.bin");
  return {
    n,
    id: new BigInt64Array(buffer, 0, n),
    diameter: new Float32Array(buffer, 8 * n, n),
    kind: new Uint8Array(buffer, 12 * n, n),
  };
}

// Centres, shape (grain, 3), NaN for a grain that is not there.
export async function places(frame, n) {
  const buffer = await part(`frame/${frame}.bin`);
  const corners = new Float32Array(buffer, 0, 6);
  const codes = new Uint16Array(buffer, 24);
  if (codes.length !== 3 * n) throw new Error("The run has changed: reload the page.");
  const coordinates = new Float32Array(3 * n);
  for (let i = 0; i < codes.length; i += 1) {
    const axis = i % 3;
    coordinates[i] = codes[i] === NONE ? NaN : corners[axis] + (codes[i] / LAST) * (corners[axis + 3] - corners[axis]);
  }
  return coordinates;
}

export async function displacements(stage, n) {
  const buffer = await part(`stage/${stage}/displacement.bin`);
  const largest = new Float32Array(buffer, 0, 1)[0];
  const codes = new Int16Array(buffer, 4);
  if (codes.length !== 3 * n) throw new Error("The run has changed: reload the page.");
  return Float32Array.from(codes, (code) => (code / 32767) * largest);
}

// Values of a field on its scale (log₁₀ where the scale is logarithmic), NaN for none, and the ends of the colours.
export async function values(stage, field, n) {
  const buffer = await part(`stage/${stage}/${field}.bin`);
  const [first, last, low, high] = new Float32Array(buffer, 0, 4);
  const codes = new Uint16Array(buffer, 16);
  if (codes.length !== n) throw new Error("The run has changed: reload the page.");
  const numbers = Float32Array.from(codes, (code) => (code === NONE ? NaN : first + (code / LAST) * (last - first)));
  return { values: numbers, shown: [low, high] };
}

// Rank of every value as a share: 0 for the largest, 1 for the smallest and where there is none.
export function ranks(numbers) {
  const measured = [];
  for (let i = 0; i < numbers.length; i += 1) if (Number.isFinite(numbers[i])) measured.push(i);
  measured.sort((a, b) => numbers[b] - numbers[a]);
  const rank = new Float32Array(numbers.length).fill(2);
  measured.forEach((grain, place) => {
    rank[grain] = (place + 0.5) / measured.length;
  });
  return rank;
}
