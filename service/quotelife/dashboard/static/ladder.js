// The order book as a ladder: offers above, bids below, our open quotes beside their prices.

import { $, element } from "./dom.js";
import { decimals, padded } from "./format.js";

const MAX_LEVELS = 10, LINE_PX = 18;

// Levels are [price, size] texts, best first; `open` are the open quotes of this instrument.
export function drawLadder(bids, offers, open, base) {
  const box = $("ladder"), fit = Math.max(Math.floor((box.clientHeight - 26) / 2 / LINE_PX), 3);
  const shown = [offers.slice(0, Math.min(fit, MAX_LEVELS)), bids.slice(0, Math.min(fit, MAX_LEVELS))];
  const all = shown.flat(), most = Math.max(...all.map(([, size]) => Number(size)), 1e-12);
  const places = Math.min(Math.max(...all.map(([, size]) => decimals(size)), 0), 8);
  const ours = new Map();
  for (const quote of open) for (const side of ["bid", "offer"]) if (quote[side]) ours.set(side + quote[side], (ours.get(side + quote[side]) || 0) + 1);
  const line = (side) => ([price, size]) => {
    const n = ours.get(side + price) || 0;
    const depth = element("td", { class: `n depth ${side}-depth` }, padded(size, places));
    depth.style.backgroundSize = `${(100 * Number(size)) / most}% 100%`;
    return element("tr", {}, depth, element("td", { class: `n ${side}` }, price), element("td", { class: "ours", title: n ? `${n} of our open quotes` : null }, n ? (n > 1 ? `◂ ${n}` : "◂") : ""));
  };
  box.replaceChildren(element("table", {},
    element("thead", {}, element("tr", {}, element("th", { class: "n" }, base ? `size (${base})` : "size"), element("th", { class: "n" }, "price"), element("th", { class: "ours", title: "Our open quotes at this price" }, "ours"))),
    element("tbody", { class: "offers" }, ...shown[0].map(line("offer")).reverse()),
    element("tbody", { class: "bids" }, ...shown[1].map(line("bid")))));
}
