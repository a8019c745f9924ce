// Why a quote lived as long as it did: a sentence, its own curve, the features that moved it, its timeline.

import { $, element, write } from "./dom.js";
import { amount, clock, duration, isNumber, percent, signed, words } from "./format.js";
import { outcomeText, price } from "./quote_store.js";
import { read } from "./stream.js";
import { drawSurvival } from "./survival_chart.js";
import { onTheme } from "./theme.js";

const MAX_FEATURES = 12;

export class Explanation {
  // `togglePin` is called with the id; `onClose` when the panel is closed.
  constructor(store, togglePin, onClose) {
    Object.assign(this, { store, onClose, id: null, plot: null, document: null });
    this.box = $("explanation-body");
    $("explanation-close").addEventListener("click", () => this.close());
    $("explanation-pin").addEventListener("click", () => togglePin(this.id));
    onTheme(() => this.drawCurve());
    new ResizeObserver(() => this.resize()).observe(this.box);
  }

  get isOpen() {
    return this.id !== null;
  }

  async open(id) {
    this.id = id;
    this.document = null;
    $("explanation").hidden = false;
    document.body.dataset.explaining = "";
    history.replaceState(null, "", `#quote=${encodeURIComponent(id)}`);
    write($("explanation-name"), "Quote");
    this.box.replaceChildren(element("p", { class: "empty" }, "Reading…"));
    $("explanation-name").focus({ preventScroll: true });
    await this.read(id);
  }

  async read(id) {
    try {
      const document = await read(`/desk/quotes/${encodeURIComponent(id)}`);
      if (this.id === id) this.show(document);
    } catch (error) {
      if (this.id === id) this.box.replaceChildren(element("p", { class: "empty" }, `This quote cannot be explained: ${error.message}`));
    }
  }

  // The quote has ended: show with how.
  ended(id) {
    if (id === this.id && this.document) this.read(id);
  }

  close() {
    if (!this.isOpen) return;
    this.id = null;
    this.plot?.destroy();
    this.plot = this.document = null;
    $("explanation").hidden = true;
    delete document.body.dataset.explaining;
    history.replaceState(null, "", location.pathname + location.search);
    this.onClose();
  }

  show(document) {
    this.document = document;
    const quote = document.quote, scroll = this.box.scrollTop;
    write($("explanation-name"), `${quote.client} · ${quote.symbol}`);
    this.curveBox = element("div", { class: "curve", role: "img", "aria-label": curveText(document) });
    const open = this.box.querySelector("details")?.open;
    this.box.replaceChildren(
      element("p", { class: "sentence" }, document.sentence),
      facts(document),
      element("h3", {}, "Survival curve of this quote"), this.curveBox,
      element("h3", {}, "Features that moved it"), features(document.features || []),
      element("h3", {}, "Timeline"), timeline(document.timeline || []),
      element("details", { open: Boolean(open) }, element("summary", {}, "The whole explanation"), element("pre", { tabindex: 0 }, JSON.stringify(document.explanation ?? {}, null, 2))));
    this.box.scrollTop = scroll;
    this.drawCurve();
  }

  drawCurve() {
    this.plot?.destroy();
    this.plot = null;
    if (!this.document) return;
    this.curveBox.replaceChildren();
    if (this.document.curve?.ms?.length) this.plot = drawSurvival(this.curveBox, this.document);
    else this.curveBox.append(element("p", { class: "quiet" }, "No curve is recorded for this quote."));
  }

  resize() {
    if (this.plot) this.plot.setSize({ width: Math.max(this.curveBox.clientWidth, 200), height: this.plot.height });
  }
}

function curveText({ curve, lifetime_ms }) {
  if (!curve?.ms?.length) return "No curve";
  const at = curve.ms.findIndex((ms) => ms >= lifetime_ms), last = at < 0 ? curve.ms.length - 1 : at;
  return `Chance of a pick-off by time: ${percent(curve.pick_off[last])} at the end of the lifetime of ${duration(lifetime_ms)}`;
}

function facts({ quote, outcome, lifetime_ms, hit_ms, withdrawn_ms }) {
  const ended = hit_ms ?? withdrawn_ms, known = { ...quote, outcome, ended_ms: isNumber(ended) ? quote.until_ms - quote.lifetime_ms + ended : quote.ended_ms };
  const all = [
    ["asked", `${quote.side || "two-way"} ${quote.quantity} ${quote.row_units || ""}`.trim()], ["quoted", price(quote) || "–"], ["edge", isNumber(quote.edge_ticks) ? `${amount(quote.edge_ticks)} ticks` : "–"],
    ["lifetime", duration(lifetime_ms)], ["outcome", outcomeText(known)], ["model", words(quote.model) || "–"], ["bound by", words(quote.reason) || "–"],
    ["market", quote.market || "–"], ["tier", quote.tier || "–"], ["pick-off", percent(quote.p_pick_off)], ["time (UTC)", clock(quote.at_ms)], ["quote", quote.id],
  ];
  return element("dl", { class: "facts" }, ...all.map(([name, text]) => element("div", {}, element("dt", {}, name), element("dd", {}, text))));
}

// Each feature with its value and how it moved the odds of an adverse move: to the right more, to the left less.
function features(all) {
  if (!all.length) return element("p", { class: "quiet" }, "None is recorded.");
  const most = Math.max(...all.map((each) => Math.abs(each.log_odds)), 1e-9);
  const box = element("div", { class: "moved" }, element("div", { class: "moved-head quiet" }, element("span", {}, "feature"), element("span", { class: "n" }, "value"), element("span", {}, "safer ← → riskier"), element("span", { class: "n", title: "Change of the log-odds of an adverse move" }, "log-odds")));
  for (const each of all.slice(0, MAX_FEATURES)) {
    const bar = element("i", { class: each.log_odds < 0 ? "safer" : "riskier" }), width = (50 * Math.abs(each.log_odds)) / most;
    bar.style.left = `${each.log_odds < 0 ? 50 - width : 50}%`;
    bar.style.width = `${width}%`;
    box.append(element("div", { title: [each.meaning, ...(each.parts?.length > 1 ? each.parts.map((part) => `${words(part.name)}: ${amount(part.value)}${part.unit && part.unit !== "1" ? ` ${part.unit}` : ""}`) : [])].filter(Boolean).join("\n") }, element("span", {}, words(each.name)), element("span", { class: "n" }, isNumber(each.value) ? `${amount(each.value)}${each.unit && each.unit !== "1" ? ` ${each.unit}` : ""}` : `${each.parts?.length || ""} values`.trim()), element("span", { class: "odds" }, bar), element("span", { class: "n" }, signed(each.log_odds, 2))));
  }
  return box;
}

function timeline(all) {
  if (!all.length) return element("p", { class: "quiet" }, "None is recorded.");
  const microseconds = (us) => (us < 1000 ? `${us.toFixed(1)} µs` : us < 1e6 ? `${(us / 1000).toFixed(3)} ms` : `${(us / 1e6).toFixed(6)} s`);
  return element("table", { class: "timeline" }, element("tbody", {}, ...all.map((each) => element("tr", {}, element("td", { class: "n" }, `+${microseconds(each.at_us)}`), element("td", {}, words(each.event)), element("td", { class: "quiet" }, each.detail || "")))));
}
