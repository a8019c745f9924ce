// Requests and hits that were refused, newest first.

import { $, element, write } from "./dom.js";
import { clock, count, words } from "./format.js";

const MAX = 200;
let total = 0;

export function clearRefusals() {
  total = 0;
  $("refusals").replaceChildren(element("p", { class: "empty" }, "No refusals."));
  write($("show-refusals"), "Refusals");
}

export function addRefusal(event) {
  const why = event.kind === "reject" ? words(event.reason) : event.kind === "hit_refused" ? `hit refused: ${words(event.why)}`
    : `client did not accept ${words(event.what)} ${event.exec_id || event.id}: ${event.reason}`;
  const box = $("refusals");
  if (!total++) box.replaceChildren();
  box.prepend(element("div", { class: "refusal" }, element("span", { class: "quiet" }, clock(event.at_ms)), element("span", {}, event.client || "unknown client"),
    element("span", {}, event.symbol || ""), element("span", { class: "bad" }, why)));
  if (box.childElementCount > MAX) box.lastChild.remove();
  write($("show-refusals"), `Refusals (${count(total)})`);
}

export function toggleRefusals(show = $("refusals").hidden) {
  $("refusals").hidden = !show;
  $("list").hidden = show;
  $("show-refusals").setAttribute("aria-pressed", show);
}

$("show-refusals").addEventListener("click", () => toggleRefusals());
