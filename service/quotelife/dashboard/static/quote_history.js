// Older quotes, read page by page from the service as somebody scrolls down.

import { read } from "./stream.js";

const PAGE = 100, MAX_KNOWN_PAGES = 20; // pages that may hold nothing new before the search is given up

export class QuoteHistory {
  constructor(store, values) {
    this.store = store;
    this.values = values; // the filter's, as the query has them
    this.reset();
  }

  // Begin again at the newest quote, as after a change of the filter.
  reset() {
    this.abort?.abort();
    this.abort = null;
    this.cursor = null;
    this.ended = false;
    this.error = this.note = "";
  }

  get reading() {
    return this.abort !== null;
  }

  // Read until there is something new, the history ends or fails; resolves to true if the list has changed.
  async more() {
    if (this.reading || this.ended) return false;
    const own = (this.abort = new AbortController());
    this.error = "";
    try {
      for (let page = 0; page < MAX_KNOWN_PAGES; page++) {
        const query = new URLSearchParams({ limit: PAGE });
        for (const [name, value] of Object.entries(this.values())) if (value) query.set(name, value);
        if (this.cursor !== null) query.set("before", this.cursor);
        const { quotes, next, note } = await read(`/desk/quotes?${query}`, own.signal);
        const added = quotes.filter((quote) => this.store.add(quote, quote.outcome)).length;
        this.note = note || "";
        this.cursor = next;
        this.ended = next === null;
        if (added || this.ended) return true;
      }
      return true;
    } catch (error) {
      if (error.name !== "AbortError") this.error = error.message;
      return true;
    } finally {
      if (this.abort === own) this.abort = null;
    }
  }
}
