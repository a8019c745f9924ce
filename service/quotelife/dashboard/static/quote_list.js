// The list of quotes: new ones at a pace that can be read, pinned ones on top, groups, older ones on scrolling down.

import { nowMs } from "./clock.js";
import { $, element, fillOptions, write } from "./dom.js";
import { count, percent, tick, words } from "./format.js";
import { QuoteHistory } from "./quote_history.js";
import { QuoteColumns, QuoteRow } from "./quote_row.js";
import { reducedMotion } from "./theme.js";
import { TimeScale } from "./time_scale.js";

const STEP = 100; // rows, and as many more each time somebody scrolls down
const MAX_NEW = 8; // rows a second
const IN_GROUP = 8, IN_OPEN_GROUP = 60;
const INSERT_MS = 500, BUSY_INSERT_MS = 1000;
const NEAR_END_PX = 400;
const GROUPS = { "": () => "", client: (quote) => quote.client || "unknown client", model: (quote) => words(quote.model) || "no model" };

export class QuoteList {
  constructor(store, filter, explain) {
    Object.assign(this, { store, filter, explain, list: $("list") });
    this.scale = new TimeScale();
    this.columns = new QuoteColumns(this.list);
    this.history = new QuoteHistory(store, () => filter.values());
    this.rows = new Map();
    this.pinned = new Set(JSON.parse(sessionStorage.getItem("pinned") || "[]"));
    this.openGroups = new Set();
    this.active = null; // id of the row that the keyboard is at
    this.header = this.makeHeader();
    this.end = element("p", { class: "empty" });
    fillOptions($("group"), [["", "Not grouped"], ["client", "By client"], ["model", "By model"]]);
    $("group").value = localStorage.getItem("group") || "";
    this.listen();
    this.clear();
  }

  clear() {
    this.store.clear();
    this.rows.clear();
    this.history.reset();
    Object.assign(this, { paused: false, pointed: false, frontierMs: null, insertedAt: 0, limit: STEP, sizeDecimals: 0, changed: true });
    this.setPaused(false);
    this.list.replaceChildren(this.header, this.end);
  }

  // Begin with what there was before the page: live quotes are those that come from now on.
  open() {
    this.clear();
    this.frontierMs = nowMs();
    this.readMore();
  }

  // --- what is shown

  get held() {
    return this.paused || this.pointed || this.list.scrollTop > this.header.offsetHeight;
  }

  setPaused(paused) {
    this.paused = paused;
    $("pause").setAttribute("aria-pressed", paused);
    write($("pause"), paused ? "Continue" : "Pause");
    this.changed = true;
  }

  // Let the waiting quotes in, if it is time; of many a sample, the others when the list is paused or filtered.
  admit(now) {
    const waiting = [];
    for (const quote of this.store.sorted) {
      if (quote.at_ms <= this.frontierMs) break;
      waiting.push(quote);
    }
    if (this.held || !waiting.length) return waiting.length;
    const pause = waiting.length > MAX_NEW / 2 ? BUSY_INSERT_MS : INSERT_MS;
    if (now - this.insertedAt < pause) return 0;
    if (waiting.length > MAX_NEW) {
      const step = waiting.length / MAX_NEW;
      waiting.forEach((quote, at) => { quote.skipped = Math.floor(at / step) === Math.floor((at - 1) / step); });
    }
    this.frontierMs = waiting[0].at_ms;
    this.insertedAt = now;
    this.changed = true;
    return 0;
  }

  shown() {
    const matches = this.filter.test(), all = this.paused || this.filter.active || this.limit > STEP;
    return this.store.sorted.filter((quote) => quote.at_ms <= this.frontierMs && (all || !quote.skipped) && matches(quote));
  }

  // Bring the list up to date; call it several times a second.
  refresh() {
    this.store.keepsAll = this.paused || this.list.scrollTop > 0;
    if (this.store.expire().length) this.changed = true;
    const waiting = this.admit(performance.now());
    $("newer").hidden = !waiting;
    write($("newer"), `${count(waiting)} new ${waiting === 1 ? "quote" : "quotes"}${this.paused ? ": paused" : this.list.scrollTop > this.header.offsetHeight ? ": to the top" : ": held while you point here"}`);
    if (this.changed) this.arrange();
    this.draw();
  }

  arrange() {
    this.changed = false;
    const shown = this.shown(), group = $("group").value, nodes = [this.header];
    const pinned = [...this.pinned].map((id) => this.store.get(id)).filter(Boolean);
    if (pinned.length) nodes.push(this.groupNode("pinned", "Pinned", pinned, false), ...pinned.map((quote) => this.row(quote).node));
    const rest = shown.filter((quote) => !this.pinned.has(quote.id));
    if (group) nodes.push(...this.grouped(rest, GROUPS[group]));
    else {
      if (pinned.length) nodes.push(this.groupNode("others", "Others", rest.slice(0, this.limit), false));
      nodes.push(...rest.slice(0, this.limit).map((quote) => this.row(quote).node));
    }
    nodes.push(this.end);
    this.more = !group && rest.length > this.limit;
    write(this.end, this.endText(rest.length, Boolean(group)));
    this.place(nodes);
    this.mark();
  }

  endText(length, grouped) {
    if (this.history.error) return `Older quotes cannot be read: ${this.history.error}`;
    if (this.history.reading) return "Reading older quotes…";
    if (!length) return this.filter.active ? "No quote matches the filter." : "No quotes yet. Waiting for a QuoteRequest.";
    if (grouped) return "The newest of each group. Enter on a group shows more; a filter shows all of a client or model.";
    return [this.history.ended ? "No older quotes." : "", this.history.note].filter(Boolean).join(" ");
  }

  grouped(quotes, name) {
    const groups = new Map();
    for (const quote of quotes) groups.set(name(quote), [...(groups.get(name(quote)) || []), quote]);
    return [...groups.keys()].sort().flatMap((key) => {
      const all = groups.get(key), id = `group-${key}`, most = this.openGroups.has(id) ? IN_OPEN_GROUP : IN_GROUP;
      return [this.groupNode(id, key, all, true), ...all.slice(0, most).map((quote) => this.row(quote).node)];
    });
  }

  groupNode(id, name, quotes, opens) {
    const node = this.rows.get(id) || element("div", { role: "row", class: "row group", id, "data-group": opens ? id : null }, element("div", { role: "gridcell" }, element("b"), " ", element("span", { class: "quiet" })));
    this.rows.set(id, node);
    const ended = quotes.filter((quote) => quote.outcome !== "open"), filled = ended.filter((quote) => quote.outcome === "filled");
    write(node.querySelector("b"), name);
    write(node.querySelector("span"), `${count(quotes.length)} quotes, ${quotes.length - ended.length} open${ended.length ? `, ${percent(filled.length / ended.length)} of the ended filled` : ""}`);
    if (opens) node.setAttribute("aria-expanded", this.openGroups.has(id));
    return node;
  }

  row(quote) {
    let row = this.rows.get(quote.id);
    if (!row) {
      row = new QuoteRow(quote, this.columns);
      this.rows.set(quote.id, row);
      if (this.scale.include(quote.lifetime_ms)) this.drawAxis();
    }
    row.setPinned(this.pinned.has(quote.id));
    return row;
  }

  // Put the nodes in order, moving only what has to move.
  place(nodes) {
    const wanted = new Set(nodes);
    for (const node of [...this.list.children]) {
      if (wanted.has(node)) continue;
      node.remove();
      this.rows.delete(node.dataset.quoteId || node.id);
    }
    let next = this.list.firstChild;
    for (const node of nodes) {
      if (node === next) next = next.nextSibling;
      else this.list.insertBefore(node, next);
    }
    if (this.sizeDecimals !== this.columns.sizeDecimals) {
      this.sizeDecimals = this.columns.sizeDecimals;
      for (const row of this.rows.values()) row.align?.(this.sizeDecimals);
    }
    for (const row of this.rows.values()) row.draw?.(this.scale);
  }

  draw() {
    const now = performance.now();
    if (reducedMotion.matches && now - (this.drawnAt || 0) < 1000) return;
    this.drawnAt = now;
    for (const [id, row] of this.rows) if (row.draw && (this.store.open.has(id) || row.node.dataset.outcome !== row.quote.outcome)) row.draw(this.scale);
  }

  makeHeader() {
    const heads = [["pins", ""], ["time", "time (UTC)"], ["client", "client"], ["symbol", "instrument"], ["side", "side"], ["size n", "size"], ["bid n", "bid"], ["offer n", "offer"], ["model", "model"], ["lifetime n", "lifetime"], ["life-cell axis", ""], ["outcome", "outcome"]];
    return element("div", { role: "row", class: "row head" }, ...heads.map(([kind, text]) => element("div", { role: "columnheader", class: kind, "aria-label": kind === "pins" ? "pinned" : kind.includes("axis") ? "life, on a time scale" : null }, text)));
  }

  // The time scale above the bars, and its lines behind them.
  drawAxis() {
    const ticks = this.scale.ticks();
    this.header.querySelector(".axis").replaceChildren(...ticks.map((ms) => {
      const mark = element("span", {}, tick(ms));
      mark.style.left = `${100 * this.scale.position(ms)}%`;
      return mark;
    }));
    const lines = ticks.map((ms) => `linear-gradient(var(--line), var(--line)) ${100 * this.scale.position(ms)}% 0 / 1px 100% no-repeat`);
    this.list.style.setProperty("--grid", lines.join(", "));
    $("scale").setAttribute("aria-pressed", this.scale.log);
    for (const row of this.rows.values()) row.draw?.(this.scale);
  }

  // --- what somebody does

  listen() {
    this.drawAxis();
    for (const name of ["client", "symbol", "side", "size", "bid", "offer", "model"]) this.columns.widen(name, name === "symbol" ? "instrument" : name);
    $("pause").addEventListener("click", () => this.setPaused(!this.paused));
    $("scale").addEventListener("click", () => this.toggleScale());
    $("group").addEventListener("change", () => this.setGroup($("group").value));
    $("newer").addEventListener("click", () => this.toTop());
    this.list.addEventListener("pointerenter", (event) => { this.pointed = event.pointerType === "mouse"; });
    this.list.addEventListener("pointerleave", () => { this.pointed = false; });
    this.list.addEventListener("scroll", () => this.onScroll(), { passive: true });
    this.list.addEventListener("click", (event) => this.onClick(event));
    this.list.addEventListener("keydown", (event) => this.onKey(event));
    this.list.addEventListener("focus", () => this.active === null && this.move(0));
  }

  filterChanged() {
    this.history.reset();
    this.limit = STEP;
    this.list.scrollTop = 0;
    this.changed = true;
    this.refresh();
    if (this.shown().length < STEP / 2 && this.filter.active) this.readMore();
  }

  setGroup(group) {
    $("group").value = group;
    localStorage.setItem("group", group);
    this.changed = true;
    this.refresh();
  }

  nextGroup() {
    const all = Object.keys(GROUPS);
    this.setGroup(all[(all.indexOf($("group").value) + 1) % all.length]);
  }

  toggleScale() {
    this.scale.toggle();
    this.drawAxis();
  }

  toTop() {
    this.list.scrollTop = 0;
    this.limit = STEP;
    this.pointed = false;
    this.history.reset(); // what is let go of is read again
    this.setPaused(false);
    this.refresh();
  }

  onScroll() {
    const { scrollTop, scrollHeight, clientHeight } = this.list;
    if (scrollTop + clientHeight < scrollHeight - NEAR_END_PX || $("group").value) return;
    if (this.more) {
      this.limit += STEP;
      this.changed = true;
      this.refresh();
    } else this.readMore();
  }

  async readMore() {
    if (this.history.reading || this.history.ended) return;
    const reading = this.history.more();
    this.changed = true;
    this.refresh();
    if (await reading) {
      if (this.list.scrollTop > 0) this.limit += STEP;
      this.changed = true;
      this.refresh();
    }
  }

  onClick(event) {
    const pin = event.target.closest("[data-pin]"), row = event.target.closest(".row");
    if (pin) return this.togglePin(pin.dataset.pin);
    if (!row || row === this.header) return undefined;
    this.activate(row);
    return this.enter(row);
  }

  enter(row) {
    if (row.dataset.quoteId) this.explain(row.dataset.quoteId);
    else if (row.dataset.group) {
      if (!this.openGroups.delete(row.dataset.group)) this.openGroups.add(row.dataset.group);
      this.changed = true;
      this.refresh();
    }
  }

  togglePin(id) {
    if (!this.pinned.delete(id)) this.pinned.add(id);
    sessionStorage.setItem("pinned", JSON.stringify([...this.pinned]));
    this.changed = true;
    this.refresh();
  }

  activeRow() {
    return this.active === null ? null : document.getElementById(this.active);
  }

  activate(row) {
    this.active = row.id;
    this.mark();
  }

  // Show which row the keyboard is at.
  mark() {
    const active = this.activeRow();
    for (const row of this.list.querySelectorAll('[aria-selected="true"]')) if (row !== active) row.setAttribute("aria-selected", "false");
    if (active) {
      active.setAttribute("aria-selected", "true");
      this.list.setAttribute("aria-activedescendant", active.id);
    } else {
      this.active = null;
      this.list.removeAttribute("aria-activedescendant");
    }
  }

  // Move to another row: `by` rows down, or to the first and last.
  move(by) {
    const rows = [...this.list.querySelectorAll(".row:not(.head)")];
    if (!rows.length) return;
    const from = rows.indexOf(this.activeRow());
    const to = rows[from < 0 ? 0 : Math.min(Math.max(from + by, 0), rows.length - 1)];
    this.activate(to);
    to.scrollIntoView({ block: "nearest" });
  }

  onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const page = Math.max(Math.floor(this.list.clientHeight / 24) - 2, 1);
    const steps = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
    if (event.key in steps) this.move(steps[event.key]);
    else if (event.key === "Enter" && this.activeRow()) this.enter(this.activeRow());
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
