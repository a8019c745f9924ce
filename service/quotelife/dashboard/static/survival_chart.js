// A quote's own survival curves: the chance of a pick-off and of a move by one tick, by time, with the end of its lifetime.

import { element } from "./dom.js";
import { duration, tick } from "./format.js";
import { canvasFont, colour } from "./theme.js";

const uPlot = globalThis.uPlot, HEIGHT_EM = 19;

// Draw into `box`; returns the plot, to be destroyed with it.
export function drawSurvival(box, { curve, lifetime_ms, hit_ms, withdrawn_ms }) {
  const font = canvasFont(), em = parseFloat(font);
  const axis = { stroke: colour("--quiet"), font, labelFont: font, labelSize: 1.5 * em, grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false } };
  const line = (name, dash) => ({ stroke: colour(name), width: 2, dash, points: { show: false } });
  const first = curve.ms[0], last = Math.max(curve.ms.at(-1), lifetime_ms);
  const plot = new uPlot({
    width: Math.max(box.clientWidth, 200), height: HEIGHT_EM * em, padding: [18, 12, 0, 0], legend: { show: false }, cursor: { show: false },
    scales: { x: { time: false, distr: 3, range: [first, last] }, y: { range: (_, __, high) => [0, Math.min(Math.max(high * 1.1, 0.01), 1)] } },
    axes: [
      { ...axis, size: 2.2 * em, gap: 6, label: "time since the request (log scale)", splits: () => steps(first, last), filter: (_, at) => at, values: (_, at) => at.map(tick) },
      { ...axis, size: 4 * em, gap: 4, label: "probability", values: (_, at) => at.map((share) => `${+(100 * share).toPrecision(3)} %`) },
    ],
    series: [{}, line("--offer"), line("--life", [5, 4])],
    hooks: { draw: [(drawn) => drawMoments(drawn, moments(lifetime_ms, hit_ms, withdrawn_ms))] },
  }, [curve.ms, curve.pick_off, curve.one_tick], box);
  box.append(element("p", { class: "legend" }, element("i", { class: "pick-off" }), "pick-off ", element("i", { class: "one-tick" }), "move by one tick against us"));
  return plot;
}

// The times of a logarithmic axis: 1, 2, 5, 10 and so on, fewer where they would be many.
function steps(first, last) {
  const found = [];
  for (let power = 10 ** Math.floor(Math.log10(first)); power <= last; power *= 10) found.push(...(last > 2000 * first ? [power] : [power, 2 * power, 5 * power]));
  return found.filter((ms) => ms >= first && ms <= last);
}

function moments(lifetimeMs, hitMs, withdrawnMs) {
  const found = [{ ms: lifetimeMs, text: `end of lifetime ${duration(lifetimeMs)}`, name: "--ink" }];
  if (hitMs !== null && hitMs !== undefined) found.push({ ms: hitMs, text: `hit ${duration(hitMs)}`, name: "--good" });
  if (withdrawnMs !== null && withdrawnMs !== undefined) found.push({ ms: withdrawnMs, text: `withdrawn ${duration(withdrawnMs)}`, name: "--bad" });
  return found;
}

function drawMoments({ ctx, bbox, valToPos, scales }, found) {
  const ratio = devicePixelRatio, right = bbox.left + bbox.width;
  ctx.save();
  ctx.font = canvasFont(ratio);
  ctx.lineWidth = 1.5 * ratio;
  ctx.textBaseline = "bottom";
  ctx.textAlign = "left";
  found.forEach(({ ms, text, name }, at) => {
    const x = Math.min(Math.max(valToPos(Math.max(ms, scales.x.min), "x", true), bbox.left), right), width = ctx.measureText(text).width;
    ctx.strokeStyle = ctx.fillStyle = colour(name);
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    const y = at ? bbox.top + (at + 0.2) * 14 * ratio : bbox.top - 3 * ratio;
    ctx.fillText(text, Math.max(x - width - 4 * ratio > bbox.left ? x - width - 4 * ratio : Math.min(x + 4 * ratio, right - width), bbox.left), y);
  });
  ctx.restore();
}
