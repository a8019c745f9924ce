// The figures of the header: rates, totals, response time.

import { $, element, write } from "./dom.js";
import { amount, count } from "./format.js";

const us = (value) => (value ? (value < 1000 ? `${value.toFixed(0)} µs` : `${(value / 1000).toFixed(1)} ms`) : "–");
const TILES = [
  ["quotes-rate", "quotes/s", (s) => amount(s.per_second.quotes)],
  ["quotes-total", "quotes", (s) => count(s.totals.quotes)],
  ["fills", "fills", (s) => count(s.totals.fills)],
  ["withdrawn", "withdrawn", (s) => count(s.totals.withdrawn)],
  ["late", "late hits", (s) => count(s.totals.late)],
  ["refused", "refusals", (s) => count(s.totals.refusals)],
  ["latency", "response p50 / p99", (s) => `${us(s.latency_us.p50)} / ${us(s.latency_us.p99)}`],
  ["market-rate", "market data/s", (s) => amount(s.per_second.market_data)],
];

export function updateTiles(status) {
  for (const [id, , text] of TILES) write($(id), text(status));
}

$("tiles").replaceChildren(...TILES.map(([id, name]) => element("div", { class: `tile-${id}` }, element("dt", {}, name), element("dd", { id }, "–"))));
