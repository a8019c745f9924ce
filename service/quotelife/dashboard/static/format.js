// Numbers, times and words as a trader reads them.

const whole = new Intl.NumberFormat("en-GB", { maximumFractionDigits: 0 });
const money = new Intl.NumberFormat("en-GB", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const exact = new Intl.NumberFormat("en-GB", { maximumSignificantDigits: 10 });
const MINUS = "−", NONE = "–", FIGURE_SPACE = "\u2007";

export const isNumber = (value) => typeof value === "number" && Number.isFinite(value);
export const words = (text) => (text || "").replaceAll("_", " ");
export const count = (value) => (isNumber(value) ? whole.format(value) : NONE);
export const plain = (value) => (isNumber(value) ? exact.format(value).replace("-", MINUS) : NONE);
export const clock = (ms) => new Date(ms).toISOString().slice(11, 23);
export const clockSeconds = (ms) => new Date(ms).toISOString().slice(11, 19);

const sign = (value) => (value < 0 ? MINUS : value > 0 ? "+" : "");

// An amount of money with its sign.
export const result = (value) => (isNumber(value) ? sign(value) + money.format(Math.abs(value)) : NONE);

// A number with its sign and a fixed number of decimals, so that a column of them is aligned.
export const signed = (value, decimals) => (isNumber(value) ? sign(Number(value.toFixed(decimals))) + Math.abs(value).toFixed(decimals) : NONE);

export function percent(share) {
  if (!isNumber(share)) return NONE;
  if (share === 0) return "0 %";
  return 100 * share < 0.1 ? "< 0.1 %" : `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;
}

export function duration(ms) {
  if (!isNumber(ms)) return NONE;
  if (ms < 1) return `${(1000 * ms).toFixed(0)} µs`;
  if (ms < 1000) return `${ms.toFixed(ms < 10 ? 1 : 0)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(2)} s`;
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 60) return `${minutes} min ${Math.floor((ms % 60_000) / 1000)} s`;
  return minutes < 2880 ? `${Math.floor(minutes / 60)} h ${minutes % 60} min` : `${Math.floor(minutes / 1440)} days`;
}

// A lifetime with the same decimals in each row of a column.
export const seconds = (ms) => (isNumber(ms) ? `${(ms / 1000).toFixed(2)} s` : NONE);

// A label of a time axis: 10 ms, 2 s.
export const tick = (ms) => (ms < 1000 ? `${+ms.toPrecision(3)} ms` : `${+(ms / 1000).toPrecision(3)} s`);

// Three or four significant digits, for values of very different sizes.
export function amount(value) {
  if (!isNumber(value)) return NONE;
  const size = Math.abs(value);
  if (size === 0) return "0";
  const text = size >= 1000 ? whole.format(size) : size >= 100 ? size.toFixed(0) : size >= 10 ? size.toFixed(1) : size >= 0.1 ? size.toFixed(2) : size >= 0.001 ? size.toFixed(4) : size.toExponential(1);
  return (value < 0 ? MINUS : "") + text;
}

// The text of a number with figure spaces behind it, so that decimal points stand under each other.
export function padded(text, decimals) {
  const point = text.indexOf("."), own = point < 0 ? 0 : text.length - point - 1;
  if (own >= decimals) return text;
  return text + (point < 0 ? "\u2008" : "") + FIGURE_SPACE.repeat(decimals - own);
}
export const decimals = (text) => (text.includes(".") ? text.length - text.indexOf(".") - 1 : 0);
