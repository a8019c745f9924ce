// What the desk has stopped, held or forced: in the desk panel, each with its end, and as texts for the alarm.

import { $, element } from "./dom.js";
import { clockSeconds, words } from "./format.js";

// All controls in force as {path, body that ends it, text, reason, since}.
export function controlsInForce(controls) {
  const found = [];
  const stop = (text, body, each) => found.push({ path: "/v1/resume", body, text, stops: true, ...about(each) });
  if (controls.all) stop("All quoting is stopped", { scope: "all" }, controls.all);
  for (const scope of ["instrument", "client"]) for (const [name, each] of Object.entries(controls[`${scope}s`] || {})) stop(`${name} is stopped`, { scope, name }, each);
  for (const [symbol, each] of Object.entries(controls.market_states || {})) {
    const state = typeof each === "string" ? each : each.state;
    found.push({ path: "/v1/market-state", body: { symbol, state: null }, text: `${symbol} is held ${state}`, ...about(each) });
  }
  for (const [scope, name, each] of models(controls.models || {})) {
    const model = typeof each === "string" ? each : each.model;
    found.push({ path: "/v1/model", body: { scope, name, model: null }, text: `${name || "All quotes"}: model ${words(model)} is forced`, ...about(each) });
  }
  return found;
}

const about = (each) => (typeof each === "object" ? { reason: each.reason || "", since: each.since_ms } : { reason: "", since: undefined });

function models(forced) {
  const found = forced.all ? [["all", "", forced.all]] : [];
  for (const scope of ["instrument", "client"]) for (const [name, each] of Object.entries(forced[`${scope}s`] || {})) found.push([scope, name, each]);
  return found;
}

export function drawControls(controls, onEnd) {
  const all = controlsInForce(controls), box = $("in-force"), key = JSON.stringify(all);
  if (box.dataset.shown === key) return; // a button must not go while it is pressed
  box.dataset.shown = key;
  box.replaceChildren(...all.map((each) => element("div", { class: `control${each.stops ? " stops" : ""}` },
    element("span", {}, element("b", {}, each.text), element("span", { class: "quiet" }, [each.since ? ` since ${clockSeconds(each.since)} UTC` : "", each.reason].filter(Boolean).join(": "))),
    element("button", { type: "button", onclick: () => onEnd(each) }, each.stops ? "Resume…" : "Release…"))));
}
