// Best bid and offer over the last minutes, fills where they happened, and beside it each open quote with the time it has left.

import { nowMs } from "./clock.js";
import { $, element } from "./dom.js";
import { clockSeconds, tick } from "./format.js";
import { read } from "./stream.js";
import { canvasFont, colour, onTheme } from "./theme.js";

const MINUTES = [1, 2, 5], KEPT_MS = 5 * 60_000;
const STRIP_SHARE = 0.26, MIN_STRIP_PX = 96, MAX_STRIP_PX = 320; // of the width, for the time that is left
const uPlot = globalThis.uPlot;

export class PriceChart {
  constructor(store) {
    this.store = store;
    this.box = $("prices");
    this.minutes = Number(localStorage.getItem("minutes")) || 2;
    $("window").replaceChildren(...MINUTES.map((n) => element("button", { type: "button", "data-minutes": n, "aria-pressed": n === this.minutes, onclick: () => this.show(n) }, `${n} min`)));
    new ResizeObserver(() => this.resize()).observe(this.box);
    onTheme(() => this.rebuild());
    this.clear();
  }

  show(minutes) {
    this.minutes = minutes;
    localStorage.setItem("minutes", minutes);
    for (const button of $("window").children) button.setAttribute("aria-pressed", Number(button.dataset.minutes) === minutes);
    this.draw();
  }

  // Begin anew with what the service has of an instrument's last minutes.
  async open(symbol) {
    this.clear();
    this.symbol = symbol;
    const early = this.at; // what is added while the answer is awaited
    try {
      const mids = await read(`/desk/mids?instrument=${encodeURIComponent(symbol)}`);
      if (this.symbol !== symbol || this.at !== early) return;
      const before = mids.at_ms.map((_, i) => i).filter((i) => mids.mid[i] !== null && (!early.length || mids.at_ms[i] < early[0])); // null: no usable book
      this.at = [...before.map((i) => mids.at_ms[i]), ...this.at];
      const best = (side) => before.map((i) => (mids.mid[i] === null ? null : Number(mids.mid[i]) + (side * Number(mids.spread[i])) / 2));
      this.bids = [...best(-1), ...this.bids]; // null where there was no usable book
      this.offers = [...best(1), ...this.offers];
      this.draw();
    } catch {
      // the chart begins now
    }
  }

  clear() {
    Object.assign(this, { symbol: null, at: [], bids: [], offers: [], decimals: 0 });
    this.rebuild();
  }

  setDecimals(decimals) {
    this.decimals = decimals;
    this.rebuild();
  }

  add(atMs, bid, offer, decimals) {
    if (decimals !== this.decimals) this.setDecimals(decimals);
    this.at.push(atMs);
    this.bids.push(bid);
    this.offers.push(offer);
    let old = 0;
    while (old < this.at.length && this.at[old] < atMs - KEPT_MS) old++;
    if (old > 50) for (const each of [this.at, this.bids, this.offers]) each.splice(0, old);
  }

  // --- drawing

  get strip() {
    return Math.round(Math.min(Math.max(this.box.clientWidth * STRIP_SHARE, MIN_STRIP_PX), MAX_STRIP_PX));
  }

  resize() {
    if (!this.plot || !this.box.clientWidth) return;
    if (this.strip !== this.plotStrip) this.rebuild();
    else this.plot.setSize({ width: this.box.clientWidth, height: this.box.clientHeight });
  }

  rebuild() {
    this.plot?.destroy();
    this.plot = null;
    this.draw();
  }

  openQuotes() {
    return [...this.store.open.values()].filter((quote) => quote.symbol === this.symbol && quote.until_ms > nowMs());
  }

  // Prices of the window and of the open quotes, with some room.
  range() {
    const from = nowMs() - this.minutes * 60_000, first = this.at.findIndex((ms) => ms >= from);
    const prices = first < 0 ? [] : [...this.bids.slice(first), ...this.offers.slice(first)].filter((price) => price !== null);
    for (const quote of this.openQuotes()) prices.push(...[quote.bid, quote.offer].filter(Boolean).map(Number));
    if (!prices.length) return [0, 1];
    const low = Math.min(...prices), high = Math.max(...prices), room = Math.max((high - low) * 0.08, 10 ** -this.decimals);
    return [low - room, high + room];
  }

  draw() {
    if (!this.box.clientWidth || !this.box.clientHeight || document.hidden) return;
    const data = [this.at.map((ms) => ms / 1000), this.bids, this.offers];
    if (!this.plot) this.make(data);
    else this.plot.setData(data);
  }

  // Steps of the price axis that are whole in the last decimal shown.
  increments() {
    return Array.from({ length: 15 }, (_, power) => [1, 2, 5].map((n) => n * 10 ** (power - this.decimals))).flat();
  }

  make(data) {
    this.plotStrip = this.strip;
    const font = canvasFont(), em = parseFloat(font);
    const axis = { stroke: colour("--quiet"), font, grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false } };
    const side = (name) => ({ stroke: colour(name), width: 1.25, points: { show: false }, paths: uPlot.paths.stepped({ align: 1 }) });
    this.plot = new uPlot({
      width: this.box.clientWidth, height: this.box.clientHeight, padding: [8, this.strip, 0, 0], legend: { show: false }, cursor: { show: false },
      scales: { x: { time: true, range: () => [nowMs() / 1000 - this.minutes * 60, nowMs() / 1000] }, y: { range: () => this.range() } },
      axes: [
        { ...axis, size: 2 * em, gap: 3, space: 7.5 * em, values: (plot, at) => at.map((s) => (s > plot.scales.x.max - this.minutes * 5 ? "" : clockSeconds(1000 * s))) },
        { ...axis, size: (_, values) => 12 + 0.68 * em * Math.max(...(values || [""]).map((text) => text.length)), gap: 4, incrs: this.increments(), values: (_, at) => at.map((price) => price.toFixed(this.decimals)) },
      ],
      series: [{}, side("--bid"), side("--offer")],
      bands: [{ series: [2, 1], fill: colour("--spread") }],
      hooks: { draw: [(plot) => this.drawQuotes(plot)] },
    }, data, this.box);
  }

  // On the plot the quotes' lives and fills so far; in the strip, to the right of now, the time that is left.
  drawQuotes(plot) {
    const { ctx, bbox } = plot, ratio = devicePixelRatio, right = bbox.left + bbox.width, strip = (this.plotStrip - 12) * ratio;
    const open = this.openQuotes(), now = nowMs();
    const spanMs = Math.max(2000, ...open.map((quote) => quote.until_ms - now)), lastMs = [2000, 5000, 10_000, 30_000, 60_000, 600_000, Infinity].find((ms) => ms >= spanMs);
    const x = (ms) => Math.max(plot.valToPos(ms / 1000, "x", true), bbox.left), left = (ms) => right + (strip * Math.min(Math.max(ms, 0), lastMs)) / lastMs;
    const y = (price) => Math.round(plot.valToPos(Number(price), "y", true));
    ctx.save();
    ctx.fillStyle = colour("--strip");
    ctx.fillRect(right, bbox.top, strip, bbox.height);
    ctx.font = canvasFont(ratio);
    ctx.fillStyle = ctx.strokeStyle = colour("--quiet");
    ctx.lineWidth = ratio;
    ctx.textBaseline = "top";
    for (const [share, align] of [[0, "left"], [0.5, "center"], [1, "right"]]) {
      ctx.textAlign = align;
      ctx.fillText(share ? tick(share * lastMs) : "now", right + share * strip, bbox.top + bbox.height + 5 * ratio);
    }
    ctx.beginPath();
    ctx.moveTo(right, bbox.top);
    ctx.lineTo(right, bbox.top + bbox.height);
    ctx.stroke();
    ctx.textAlign = "left";
    ctx.fillText("time left", right + 5 * ratio, bbox.top + 2 * ratio);
    this.drawFills(plot, x, y, ratio);
    for (const quote of open) {
      for (const side of ["bid", "offer"]) {
        if (!quote[side]) continue;
        ctx.strokeStyle = ctx.fillStyle = colour(`--${side}`);
        const at = y(quote[side]);
        ctx.globalAlpha = 0.45;
        ctx.lineWidth = 1.5 * ratio;
        line(ctx, x(quote.at_ms), right, at);
        ctx.globalAlpha = 1;
        ctx.lineWidth = 3 * ratio;
        line(ctx, right, left(quote.until_ms - now), at);
        ctx.beginPath();
        ctx.arc(left(quote.until_ms - now), at, 3 * ratio, 0, 7);
        ctx.fill();
      }
    }
    ctx.restore();
  }

  drawFills({ ctx, bbox }, x, y, ratio) {
    const from = nowMs() - this.minutes * 60_000;
    for (const quote of this.store.sorted) {
      if (quote.at_ms < from - 60_000) break;
      if (quote.outcome !== "filled" || quote.symbol !== this.symbol || !(quote.ended_ms > from)) continue;
      const price = quote.side === "sell" ? quote.bid : quote.side === "buy" ? quote.offer : quote.offer || quote.bid;
      const at = y(price);
      if (!price || at < bbox.top || at > bbox.top + bbox.height) continue;
      ctx.fillStyle = colour("--good");
      ctx.beginPath();
      ctx.arc(x(quote.ended_ms), at, 2.5 * ratio, 0, 7);
      ctx.fill();
    }
  }
}

function line(ctx, from, to, at) {
  ctx.beginPath();
  ctx.moveTo(from, at);
  ctx.lineTo(to, at);
  ctx.stroke();
}
