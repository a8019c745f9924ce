// All quotes that the page knows, live ones and those read from the history, newest first.

import { duration, words } from "./format.js";
import { nowMs } from "./clock.js";

const MAX_QUOTES = 2000; // unless older ones were asked for
const EXPIRY_GRACE_MS = 250; // an outcome may be heard a little after the lifetime

export class QuoteStore {
  constructor() {
    this.clear();
  }

  clear() {
    this.quotes = new Map();
    this.open = new Map();
    this.sorted = [];
    this.keepsAll = false;
  }

  get(id) {
    return this.quotes.get(id);
  }

  // Add a quote of the tape or of the history; a known one only learns its outcome.
  add(event, outcome = "open") {
    const known = this.quotes.get(event.id);
    if (known) {
      if (known.outcome === "open" && outcome !== "open") this.end(event.id, outcome, event.ended_ms, event.why);
      return false;
    }
    const quote = { ...event, outcome, skipped: false };
    this.quotes.set(quote.id, quote);
    if (outcome === "open") this.open.set(quote.id, quote);
    let at = 0; // nearly always first, or last
    if (this.sorted.length && quote.at_ms <= this.sorted.at(-1).at_ms) at = this.sorted.length;
    else while (at < this.sorted.length && this.sorted[at].at_ms > quote.at_ms) at++;
    this.sorted.splice(at, 0, quote);
    if (!this.keepsAll && this.sorted.length > MAX_QUOTES) this.quotes.delete(this.sorted.pop().id);
    return true;
  }

  end(id, outcome, endedMs, why) {
    const quote = this.quotes.get(id);
    if (!quote || quote.outcome !== "open") return null;
    this.open.delete(id);
    return Object.assign(quote, { outcome, ended_ms: endedMs, why: why || "" });
  }

  // End the quotes whose lifetime is over: expiry has no event of its own. Returns them.
  expire() {
    const over = nowMs() - EXPIRY_GRACE_MS;
    return [...this.open.values()].filter((quote) => quote.until_ms < over).map((quote) => this.end(quote.id, "expired", quote.until_ms, ""));
  }
}

// When a quote's lifetime began: with the receipt of its request.
export const receiptMs = (quote) => quote.until_ms - quote.lifetime_ms;

export const price = (quote) => [quote.bid, quote.offer].filter(Boolean).join(" / ");

// How a quote ended, in words.
export function outcomeText(quote) {
  if (quote.outcome === "filled" && quote.ended_ms) return `filled in ${duration(Math.max(quote.ended_ms - receiptMs(quote), 0))}`;
  if (quote.why && quote.why !== "market_moved" && quote.why !== quote.outcome) return `${quote.outcome}: ${words(quote.why)}`;
  return words(quote.outcome);
}
