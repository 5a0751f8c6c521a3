// Numbers as a reader wants them: few digits, a true minus, powers of ten written out.

const SUPERSCRIPT = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };

function power(exponent) {
  return "10" + String(exponent).replace(/[-0-9]/g, (sign) => SUPERSCRIPT[sign]);
}

export function whole(value) {
  return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, "\u202f").replace("-", "−");
}

export function number(value, digits = 3) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  // what is rounded up to a thousandth is one
  const size = Math.abs(Number(value.toPrecision(digits)));
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) {
    const [mantissa, exponent] = value.toExponential(digits - 1).split("e");
    return `${mantissa}\u00a0×\u00a0${power(Number(exponent))}`.replace(/^-/, "−");
  }
  const text = Number(value.toPrecision(digits));
  return (Number.isInteger(text) ? whole(text) : String(text)).replace("-", "−");
}

// The same, with a plus where it is positive: a change.
export function change(value, digits = 3) {
  return Number.isFinite(value) && value > 0 ? `+${number(value, digits)}` : number(value, digits);
}

// Round values inside [low, high], about n of them, and the decimals that tell them apart.
export function ticks(low, high, n) {
  const rough = (high - low) / Math.max(n, 1);
  if (!(rough > 0)) return { at: [low], decimals: 3 };
  const base = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * base).find((candidate) => candidate >= rough);
  const at = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; i += 1) at.push(i * step);
  return { at, decimals: Math.max(0, -Math.floor(Math.log10(step) + 1e-9)) };
}
