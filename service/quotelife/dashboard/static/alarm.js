// The line below the header that is there only when something is wrong.

import { $, write } from "./dom.js";
import { controlsInForce } from "./controls_in_force.js";
import { count } from "./format.js";

let lost = "", texts = [];

function show() {
  const text = [lost, ...texts].filter(Boolean).join(" · ");
  $("alarm").hidden = !text;
  write($("alarm"), text);
}

export function setConnectionLost(isLost) {
  lost = isLost ? "Connection to the service lost: what is shown is old. Connecting again…" : "";
  document.body.toggleAttribute("data-lost", isLost);
  show();
}

export function alarmOf(status) {
  const stops = controlsInForce(status.controls || status.orders || {}).filter((each) => each.stops);
  const away = new Set((status.clients || []).flatMap((client) => (client.sessions || []).filter((each) => each.expected === false).map((each) => each.name)));
  const venues = (status.venues || []).filter((each) => !each.up && each.expected !== false).map((each) => each.name);
  const clients = (status.sessions || []).filter((each) => !each.up && each.expected === true && !away.has(each.name)).map((each) => each.name);
  texts = [
    stops.map((each) => `${each.text}${each.reason ? `: ${each.reason}` : ""}`).join(", "),
    venues.length ? `Market-data session down: ${venues.join(", ")}` : "",
    clients.length ? `Session down: ${clients.join(", ")}` : "",
    status.journal_lost ? `${count(status.journal_lost)} journal records missed: written faster than read` : "",
  ];
  show();
}
