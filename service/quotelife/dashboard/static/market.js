// The market panel: one instrument's state, book, prices and features.

import { $, element, write } from "./dom.js";
import { amount, decimals, duration, plain, words } from "./format.js";
import { drawLadder } from "./ladder.js";
import { PriceChart } from "./price_chart.js";

export class MarketPanel {
  constructor(store) {
    this.store = store;
    this.chart = new PriceChart(store);
    this.instrument = {};
    this.features = [];
    for (const button of document.querySelectorAll("[data-view]")) button.addEventListener("click", () => this.view(button.dataset.view));
  }

  open(hello) {
    this.features = hello.features;
    this.instrument = hello.instruments.find((each) => each.symbol === hello.instrument) || {};
    this.tickSize = Number(this.instrument.tick) || 0;
    $("features").replaceChildren(...hello.features.map((feature) => element("div", { title: feature.meaning }, element("span", {}, words(feature.name)), element("span", { class: "n" }))));
    this.chart.open(hello.instrument);
  }

  view(name) {
    for (const button of document.querySelectorAll("[data-view]")) button.setAttribute("aria-pressed", button.dataset.view === name);
    $("features").hidden = name !== "features";
    $("prices").hidden = name === "features";
    $("window").hidden = name === "features";
  }

  update(market) {
    const usable = market.status === "ok", badge = $("state");
    write(badge, usable ? market.state : words(market.status));
    badge.className = `badge ${usable ? market.state : "unusable"}`;
    const bids = market.bids || [], offers = market.offers || [], best = bids[0] && offers[0] ? [bids[0][0], offers[0][0]] : null;
    const mid = market.mid ?? (best ? String((Number(best[0]) + Number(best[1])) / 2) : ""), spread = market.spread ?? (best ? String(Number(best[1]) - Number(best[0])) : "");
    write($("mid"), mid === "" || mid === null ? "–" : String(mid));
    const ticks = this.tickSize && spread ? ` (${plain(+(Number(spread) / this.tickSize).toFixed(1))} ticks)` : "";
    write($("spread"), spread ? `spread ${plain(+Number(spread).toPrecision(8))}${ticks.replace("(1 ticks)", "(1 tick)")}` : "");
    const notes = [];
    if (market.stopped) notes.push("stopped by the desk");
    if (market.held) notes.push("state held by the desk");
    if (!usable && market.for_s !== undefined) notes.push(`for ${duration(1000 * market.for_s)}`);
    if (market.venues) notes.push(market.venues.map((venue) => `${venue.part ? "●" : "○"} ${venue.name}${venue.status === "ok" ? "" : ` ${words(venue.status)}`}`).join(" "));
    write($("market-note"), notes.join(", "));
    const open = [...this.store.open.values()].filter((quote) => quote.symbol === market.symbol);
    drawLadder(bids, offers, open, this.instrument.base);
    if (best && usable) this.chart.add(market.now_ms ?? Date.now(), Number(best[0]), Number(best[1]), Math.max(decimals(best[0]), decimals(best[1])));
    if ($("features").checkVisibility()) this.drawFeatures(market.features);
  }

  drawFeatures(values) {
    this.features.forEach((feature, at) => write($("features").children[at].lastChild, values ? `${amount(values[at])}${feature.unit === "1" ? "" : ` ${feature.unit}`}` : "–"));
  }
}
