// The desk page: server-sent events in, rows and one chart out. No framework, no build step.
"use strict";

const MAX_ROWS = 120, MAX_REFUSALS = 80;
const $ = (id) => document.getElementById(id);
const rows = new Map(); // quote id -> {tr, bar, outcome, untilMs, ended}
let names = null, chart = null, clockOffsetMs = -Infinity, source = null;

// --- theme

const dark = matchMedia("(prefers-color-scheme: dark)");
function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  if (chart) { chart.destroy(); chart = null; }
}
setTheme(localStorage.getItem("theme") || (dark.matches ? "dark" : "light"));
dark.addEventListener("change", (e) => localStorage.getItem("theme") || setTheme(e.matches ? "dark" : "light"));
$("theme").addEventListener("click", () => {
  const next = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
  localStorage.setItem("theme", next);
  setTheme(next);
});
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// --- texts and numbers

const whole = new Intl.NumberFormat("en-GB");
const short = new Intl.NumberFormat("en-GB", { notation: "compact", maximumSignificantDigits: 4 });
const words = (text) => (text || "").replaceAll("_", " ");
const percent = (p) => (p === 0 ? "0 %" : 100 * p < 0.1 ? "< 0.1 %" : `${(100 * p).toPrecision(p > 0.1 ? 3 : 2)} %`);
const time = (ms) => new Date(ms).toISOString().slice(11, 23);
const span = (ms) => (ms < 1000 ? `${ms.toFixed(0)} ms` : `${(ms / 1000).toFixed(ms < 10000 ? 2 : 1)} s`);
function amount(value) {
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size >= 100) return size < 100000 ? whole.format(Math.round(value)) : short.format(value);
  return value.toFixed(size >= 10 ? 1 : size >= 0.1 ? 2 : 4);
}
function cell(tr, text, kind = "") {
  const td = tr.insertCell();
  td.textContent = text;
  td.className = kind;
  return td;
}

// --- quotes

function addQuote(quote) {
  if (rows.has(quote.id)) return;
  const tr = $("quotes").tBodies[0].insertRow(0);
  tr.dataset.quoteId = quote.id;
  cell(tr, time(quote.at_ms));
  cell(tr, quote.client);
  cell(tr, quote.symbol);
  cell(tr, quote.side);
  cell(tr, quote.quantity, "n");
  cell(tr, quote.bid, "n bid");
  cell(tr, quote.offer, "n offer");
  cell(tr, words(quote.model)).title = `Market state: ${quote.market}`;
  cell(tr, percent(quote.p_move), "n");
  const bar = document.createElement("div"), fill = document.createElement("i"), label = document.createElement("b");
  bar.className = "bar";
  label.textContent = `${span(quote.lifetime_ms)} · ${words(quote.reason)}`;
  const elapsedMs = Date.now() + clockOffsetMs - (quote.until_ms - quote.lifetime_ms);
  fill.style.animationDuration = `${quote.lifetime_ms}ms`;
  fill.style.animationDelay = `${-elapsedMs}ms`;
  bar.append(fill, label);
  bar.title = `Probability of a pick-off within the lifetime: ${percent(quote.p_pick_off)}`;
  cell(tr, "", "life").append(bar);
  rows.set(quote.id, { tr, bar, outcome: cell(tr, "open"), untilMs: quote.until_ms, ended: false });
  $("no-quotes").hidden = true;
  if (rows.size > MAX_ROWS) {
    const [oldest, row] = rows.entries().next().value;
    row.tr.remove();
    rows.delete(oldest);
  }
}

function endQuote(id, text, kind) {
  const row = rows.get(id);
  if (!row || row.ended) return;
  row.ended = true;
  row.tr.className = "ended";
  row.bar.classList.add("ended");
  row.outcome.textContent = text;
  row.outcome.className = kind;
}

function expire() {
  const now = Date.now() + clockOffsetMs;
  for (const [id, row] of rows) if (!row.ended && row.untilMs + 250 < now) endQuote(id, "expired", "");
}

function addRefusal(at, client, symbol, why) {
  const table = $("refusals").tBodies[0], tr = table.insertRow(0);
  cell(tr, time(at), "quiet");
  cell(tr, client || "unknown client");
  cell(tr, symbol || "");
  cell(tr, words(why), "refused");
  if (table.rows.length > MAX_REFUSALS) table.deleteRow(-1);
  $("no-refusals").hidden = true;
}

function onTape({ now_ms, events, left_out }) {
  clockOffsetMs = Math.max(now_ms - Date.now(), clockOffsetMs - 2); // the least delayed event has the best estimate
  for (const event of events) {
    if (event.kind === "quote") addQuote(event);
    else if (event.kind === "indicative") {
      addQuote(event);
      endQuote(event.id, "indicative", "expired");
    }
    else if (event.kind === "reject") addRefusal(event.at_ms, event.client, event.symbol, event.reason);
    else if (event.kind === "not_accepted") addRefusal(event.at_ms, event.client, event.symbol,
      `client did not accept ${event.what} ${event.exec_id || event.id}: ${event.reason}`);
    else if (event.kind === "hit_refused") addRefusal(event.at_ms, event.client, event.symbol, `hit refused: ${event.why}`);
    else if (event.state === "filled") endQuote(event.id, `filled after ${span(event.after_ms)}`, "filled");
    else endQuote(event.id, event.why && event.why !== "market_moved" ? `${event.state}: ${words(event.why)}` : event.state, event.state);
  }
  $("left-out").textContent = left_out ? `${whole.format(left_out)} more not shown` : "";
}

// --- the market of one instrument

function drawBook(bids, offers) {
  const body = $("book").tBodies[0];
  const most = Math.max(...[...bids, ...offers].map(([, size]) => Number(size)), 1e-12);
  body.replaceChildren();
  for (let i = 0; i < Math.max(bids.length, offers.length); i++) {
    const tr = body.insertRow(), bid = bids[i] || ["", ""], offer = offers[i] || ["", ""];
    depth(cell(tr, lots(bid[1]), "n depth"), bid[1] / most, "right", "--bid");
    cell(tr, bid[0], "n bid");
    cell(tr, offer[0], "n offer");
    depth(cell(tr, lots(offer[1]), "n depth"), offer[1] / most, "left", "--offer");
  }
}

const lots = (text) => (text === "" ? "" : short.format(text));

function depth(td, share, edge, name) {
  if (!(share > 0)) return;
  td.style.backgroundImage = `linear-gradient(color-mix(in srgb, ${colour(name)} 22%, transparent) 0 0)`;
  td.style.backgroundSize = `${100 * share}% 100%`;
  td.style.backgroundPosition = edge;
}

function drawCurve(curves) {
  const data = [names.bin_ends_ms, curves.offer.one_tick, curves.bid.one_tick, curves.offer.pick_off, curves.bid.pick_off];
  if (!chart) {
    const line = (label, name, dash) => ({ label, stroke: colour(name), width: 1.5, dash, points: { show: false } });
    const axis = { stroke: colour("--quiet"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line") }, font: "11px system-ui" };
    chart = new uPlot({
      width: $("curve").clientWidth, height: 190, legend: { show: false }, cursor: { show: false },
      scales: { x: { time: false, distr: 3 }, y: { range: (_, __, high) => [0, Math.min(Math.max(high * 1.1, 0.01), 1)] } },
      axes: [
        { ...axis, values: (_, at) => at.map((v) => (v === null ? "" : [25, 100, 500, 2000, 10000].includes(v) || [100, 1000, 10000].includes(v) ? span(v).replace(".00", "") : "")) },
        { ...axis, size: 46, values: (_, at) => at.map((v) => `${+(100 * v).toPrecision(3)} %`) },
      ],
      series: [{}, line("offer, one tick", "--offer"), line("bid, one tick", "--bid"), line("offer, pick-off", "--offer", [4, 4]), line("bid, pick-off", "--bid", [4, 4])],
    }, data, $("curve"));
  } else {
    chart.setData(data);
  }
}

function drawFeatures(values) {
  const box = $("features");
  if (box.childElementCount !== names.features.length) {
    box.replaceChildren(...names.features.map((f) => {
      const div = document.createElement("div"), label = document.createElement("span"), value = document.createElement("span");
      label.textContent = words(f.name);
      div.title = f.meaning;
      div.append(label, value);
      return div;
    }));
  }
  names.features.forEach((f, i) => {
    const value = box.children[i].lastChild, unit = document.createElement("small");
    unit.textContent = f.unit === "1" ? "" : ` ${f.unit}`;
    value.replaceChildren(values ? amount(values[i]) : "–", unit);
  });
}

function onMarket(market) {
  const usable = market.status === "ok", badge = $("state");
  badge.textContent = usable ? market.state + (market.held ? " (set by the desk)" : "") : words(market.status);
  badge.className = `badge ${usable ? market.state : "unusable"}`;
  $("book-status").textContent = market.stopped ? "stopped by the desk" : usable || market.for_s === undefined ? "" : `for ${span(1000 * market.for_s)}`;
  $("book-venues").textContent = (market.venues || []).map((v) => `${v.part ? "●" : "○"} ${v.name}${v.status === "ok" ? "" : ` ${words(v.status)}`}`).join("  ");
  drawBook(market.bids || [], market.offers || []);
  drawFeatures(market.features);
  $("curve").style.opacity = usable ? 1 : 0.25;
  if (usable) drawCurve(market.curves);
}

// --- positions

const figure = (value) => (value === null ? "–" : value.toLocaleString("en-GB", { maximumSignificantDigits: 10 }));
function drawPositions({ positions, clients, gross_notional, net_notional }) {
  const body = $("positions").tBodies[0], all = [...positions, ...clients];
  body.replaceChildren();
  for (const each of all) {
    const tr = body.insertRow();
    cell(tr, each.client || "desk", each.client ? "quiet" : "");
    cell(tr, each.symbol);
    cell(tr, each.position, "n");
    for (const value of [each.average_price, each.mark, each.realised, each.marked]) cell(tr, figure(value), "n");
  }
  $("no-positions").hidden = all.length > 0;
  $("notional").textContent = all.length ? `gross ${amount(gross_notional)}, net ${amount(net_notional)}` : "";
}

// --- the service

const per = (rates, key) => (rates[key] === undefined ? "–" : amount(rates[key]));
const total = (totals, key) => whole.format(totals[key]);
function onStatus({ totals, per_second, latency_us, sessions, venues, orders, positions, journal_lost }) {
  drawPositions(positions);
  $("quotes-rate").textContent = per(per_second, "quotes");
  $("quotes-total").textContent = total(totals, "quotes");
  $("fills").textContent = total(totals, "fills");
  $("withdrawn").textContent = total(totals, "withdrawn");
  $("late").textContent = total(totals, "late");
  $("refused").textContent = total(totals, "refusals");
  $("market-rate").textContent = per(per_second, "market_data");
  const us = (v) => (v ? (v < 1000 ? `${v.toFixed(0)} µs` : `${(v / 1000).toFixed(1)} ms`) : "–");
  $("latency").textContent = `${us(latency_us.p50)} / ${us(latency_us.p99)}`;
  $("sessions").replaceChildren(...[...venues, ...sessions].map(({ name, client, up }) => {
    const span = document.createElement("span");
    span.className = `session ${up ? "up" : ""}`;
    span.textContent = name;
    span.title = `${client ? `Client ${client}` : "Market data"}: ${up ? "logged on" : "not logged on"}`;
    return span;
  }));
  const stops = [orders.all && "all quoting", ...Object.keys(orders.instruments), ...Object.keys(orders.clients)].filter(Boolean);
  const alarms = [];
  if (stops.length) alarms.push(`Stopped by the desk: ${stops.join(", ")}`);
  const down = venues.filter((v) => !v.up).map((v) => v.name);
  if (down.length) alarms.push(`Market-data session down: ${down.join(", ")}`);
  if (journal_lost) alarms.push(`${whole.format(journal_lost)} journal records missed: written faster than read`);
  alarm(alarms.join(" · "));
}

function alarm(text) {
  $("alarm").textContent = text;
  $("alarm").hidden = !text;
}

// --- the stream

function onHello(hello) {
  names = hello;
  const select = $("instrument");
  select.replaceChildren(...hello.instruments.map(({ symbol }) => new Option(symbol, symbol, false, symbol === hello.instrument)));
  for (const { tr } of rows.values()) tr.remove();
  rows.clear();
  $("refusals").tBodies[0].replaceChildren();
  $("no-quotes").hidden = $("no-refusals").hidden = false;
}

function connect(symbol) {
  if (source) source.close();
  source = new EventSource(`/desk/events${symbol ? `?instrument=${encodeURIComponent(symbol)}` : ""}`);
  const on = (event, handle) => source.addEventListener(event, (message) => handle(JSON.parse(message.data)));
  on("hello", onHello);
  on("tape", onTape);
  on("market", onMarket);
  on("status", onStatus);
  source.onerror = () => alarm("Connection to the service lost; reconnecting");
}

$("instrument").addEventListener("change", (e) => connect(e.target.value));
addEventListener("resize", () => chart && chart.setSize({ width: $("curve").clientWidth, height: 190 }));
setInterval(expire, 100);
connect(new URLSearchParams(location.search).get("instrument"));
