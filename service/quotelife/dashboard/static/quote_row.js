// One row of the list: what was quoted, its life on the common time scale, how it ended.

import { nowMs } from "./clock.js";
import { element, write } from "./dom.js";
import { clock, decimals, padded, percent, seconds, words } from "./format.js";
import { outcomeText, receiptMs } from "./quote_store.js";

const MAX_EM = 17; // of a column

export class QuoteRow {
  constructor(quote, columns) {
    this.quote = quote;
    const cell = (kind, text, title) => element("div", { role: "gridcell", class: kind, title }, text);
    this.pin = element("button", { type: "button", tabindex: -1, class: "pin", "data-pin": quote.id, "aria-label": "Pin this quote" });
    this.size = cell("size n", quote.quantity);
    this.bar = element("div", { class: "bar" }, element("i", { class: "life" }), element("i", { class: "left" }), element("i", { class: "end" }));
    this.outcome = cell("outcome", "");
    this.node = element("div", { role: "row", class: quote.bid && quote.offer ? "row two-way" : "row", id: `q-${quote.id}`, "data-quote-id": quote.id, "aria-selected": "false" },
      element("div", { role: "gridcell", class: "pins" }, this.pin),
      element("div", { role: "gridcell", class: "time" }, clock(quote.at_ms).slice(0, 8), element("span", { class: "ms" }, clock(quote.at_ms).slice(8))), cell("client", quote.client, quote.client), cell("symbol", quote.symbol, quote.symbol),
      cell("side", quote.side || "two-way", "Side of the client"), this.size,
      cell("bid n", quote.bid), cell("offer n", quote.offer),
      cell("model", words(quote.model), `Market: ${quote.market || "–"}; bound by: ${words(quote.reason) || "–"}; edge: ${quote.edge_ticks ?? "–"} ticks`),
      cell("lifetime n", seconds(quote.lifetime_ms), `Chance of a pick-off within it: ${percent(quote.p_pick_off)}`),
      element("div", { role: "gridcell", class: "life-cell" }, this.bar), this.outcome);
    columns.include(quote);
    this.align(columns.sizeDecimals);
  }

  // Let the decimal points of the sizes stand under each other.
  align(sizeDecimals) {
    write(this.size, this.quote.quantity === "" ? "" : padded(String(this.quote.quantity), sizeDecimals));
  }

  setPinned(pinned) {
    this.pin.setAttribute("aria-pressed", pinned);
    this.pin.title = pinned ? "Unpin (p)" : "Pin to the top (p)";
  }

  // Place the bar on the scale, and the time that is left.
  draw(scale) {
    const quote = this.quote, [life, left, end] = this.bar.children, began = receiptMs(quote);
    const lifetime = scale.position(quote.lifetime_ms);
    life.style.width = `${100 * lifetime}%`;
    this.node.dataset.outcome = quote.outcome;
    if (quote.outcome === "open") {
      const elapsed = Math.max(nowMs() - began, 0), from = Math.min(scale.position(elapsed), lifetime);
      left.style.left = `${100 * from}%`;
      left.style.width = `${100 * (lifetime - from)}%`;
      end.hidden = true;
      write(this.outcome, `${seconds(Math.max(quote.lifetime_ms - elapsed, 0))} left`);
    } else {
      const after = quote.ended_ms ? quote.ended_ms - began : quote.lifetime_ms, to = Math.min(scale.position(after), lifetime);
      left.style.left = "0";
      left.style.width = `${100 * to}%`;
      end.hidden = !["filled", "withdrawn", "passed"].includes(quote.outcome);
      end.style.left = `${100 * to}%`;
      write(this.outcome, outcomeText(quote));
      this.outcome.title = this.outcome.textContent;
    }
  }
}

// The widths of the columns, from the widest text that each has held.
export class QuoteColumns {
  constructor(list) {
    this.list = list;
    this.context = document.createElement("canvas").getContext("2d");
    this.widths = {};
    this.sizeDecimals = 0;
  }

  include(quote) {
    this.sizeDecimals = Math.max(this.sizeDecimals, Math.min(decimals(String(quote.quantity)), 8));
    const size = padded(String(quote.quantity), this.sizeDecimals);
    for (const [name, text] of [["client", quote.client], ["symbol", quote.symbol], ["side", quote.side || "two-way"], ["size", size], ["bid", quote.bid], ["offer", quote.offer], ["model", words(quote.model)]]) this.widen(name, text);
  }

  widen(name, text) {
    const width = this.measure(text);
    if (width <= (this.widths[name] || 0)) return;
    this.widths[name] = width;
    this.list.style.setProperty(`--${name}`, `${width}em`);
  }

  // The width of a text in em, so that it holds at each size of the page.
  measure(text) {
    const style = getComputedStyle(this.list);
    this.context.font = `${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
    return Math.min((this.context.measureText(text || "").width * 1.05 + 2) / parseFloat(style.fontSize), MAX_EM);
  }
}
