// Which quotes are shown: text, client, model, outcome.

import { $, fillOptions } from "./dom.js";
import { words } from "./format.js";
import { outcomeText } from "./quote_store.js";

const OUTCOMES = ["open", "filled", "expired", "withdrawn", "passed", "indicative"];

export class QuoteFilter {
  constructor(onChange) {
    this.onChange = onChange;
    for (const id of ["by-client", "by-model", "by-outcome"]) $(id).addEventListener("change", onChange);
    $("text").addEventListener("input", onChange);
    fillOptions($("by-outcome"), [["", "All outcomes"], ...OUTCOMES.map((name) => [name, name])]);
    this.offer([], []);
  }

  // Set the clients and models that can be chosen.
  offer(clients, models) {
    fillOptions($("by-client"), [["", "All clients"], ...clients.map((name) => [name, name])]);
    fillOptions($("by-model"), [["", "All models"], ...models.map((name) => [name, words(name)])]);
  }

  get active() {
    return Object.values(this.values()).some(Boolean);
  }

  // As the route of the history has them.
  values() {
    return { client: $("by-client").value, model: $("by-model").value, outcome: $("by-outcome").value, text: $("text").value.trim() };
  }

  // Show one client only, or all if it is the one that is shown.
  toggleClient(name) {
    $("by-client").value = $("by-client").value === name ? "" : name;
    this.onChange();
  }

  clear() {
    for (const id of ["by-client", "by-model", "by-outcome", "text"]) $(id).value = "";
    this.onChange();
  }

  // A function that tells whether a quote is shown.
  test() {
    const { client, model, outcome, text } = this.values(), parts = text.toLowerCase().split(/\s+/).filter(Boolean);
    return (quote) =>
      (!client || quote.client === client) && (!model || quote.model === model) && (!outcome || quote.outcome === outcome) &&
      (!parts.length || parts.every((part) => haystack(quote).includes(part)));
  }
}

const haystack = (quote) =>
  [quote.id, quote.request, quote.client, quote.symbol, quote.side, words(quote.model), quote.market, words(quote.reason), outcomeText(quote)].join(" ").toLowerCase();
