// Light or dark: as the system has it, until somebody chooses. Charts ask here for colours.

import { $, element } from "./dom.js";

const system = matchMedia("(prefers-color-scheme: dark)"), listeners = [];
const probe = element("i", { hidden: true });
let colours = new Map();

export const isDark = () => (document.documentElement.dataset.theme || (system.matches ? "dark" : "light")) === "dark";
export const reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");

// The value of a colour of desk.css, for a canvas.
export function colour(name) {
  if (!colours.has(name)) {
    probe.style.color = `var(${name})`;
    colours.set(name, getComputedStyle(probe).color);
  }
  return colours.get(name);
}

// The font of texts on a canvas, a little smaller than the page's; pixels count `ratio` times.
export function canvasFont(ratio = 1) {
  const { fontSize, fontFamily } = getComputedStyle(document.body);
  return `${Math.round(parseFloat(fontSize) * 0.86 * ratio)}px ${fontFamily}`;
}

export const onTheme = (listener) => listeners.push(listener);

function changed() {
  colours = new Map();
  for (const listener of listeners) listener();
}

export function switchTheme() {
  document.documentElement.dataset.theme = isDark() ? "light" : "dark";
  localStorage.setItem("theme", document.documentElement.dataset.theme);
  changed();
}

document.body.append(probe);
const chosen = localStorage.getItem("theme");
if (chosen) document.documentElement.dataset.theme = chosen;
system.addEventListener("change", changed);
$("theme").addEventListener("click", switchTheme);
