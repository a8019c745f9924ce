// The desk page: the service's events in, three regions out. No framework, no build step.

import { alarmOf, setConnectionLost } from "./alarm.js";
import { setClock } from "./clock.js";
import { ControlDialog } from "./control_dialog.js";
import { DeskPanel } from "./desk_panel.js";
import { $, write } from "./dom.js";
import { Explanation } from "./explanation.js";
import { count } from "./format.js";
import { MarketPanel } from "./market.js";
import { QuoteFilter } from "./quote_filter.js";
import { QuoteList } from "./quote_list.js";
import { QuoteStore } from "./quote_store.js";
import { addRefusal, clearRefusals, toggleRefusals } from "./refusals.js";
import { listenForKeys, showShortcuts } from "./shortcuts.js";
import { connect } from "./stream.js";
import { reducedMotion, switchTheme } from "./theme.js";
import { updateTiles } from "./tiles.js";

const REFRESH_MS = 100;

const store = new QuoteStore(), market = new MarketPanel(store), dialog = new ControlDialog();
const filter = new QuoteFilter(() => list.filterChanged());
const list = new QuoteList(store, filter, (id) => explanation.open(id));
const explanation = new Explanation(store, (id) => list.togglePin(id), () => list.list.focus({ preventScroll: true }));
const desk = new DeskPanel((name) => filter.toggleClient(name), endControl);
let instrument = new URLSearchParams(location.search).get("instrument"), skipped = 0;

// --- events

function onHello(hello) {
  instrument = hello.instrument;
  $("instrument").replaceChildren(...hello.instruments.map(({ symbol }) => new Option(symbol, symbol, false, symbol === instrument)));
  filter.offer(hello.clients || [], hello.models);
  dialog.configure(hello);
  market.open(hello);
  list.open();
  clearRefusals();
  if (!explanation.isOpen && location.hash.startsWith("#quote=")) explanation.open(decodeURIComponent(location.hash.slice(7)));
}

function onTape({ now_ms, events, left_out }) {
  setClock(now_ms);
  for (const event of events) {
    if (event.kind === "quote") store.add(event);
    else if (event.kind === "indicative") store.add(event, "indicative");
    else if (event.kind === "end") {
      const quote = store.get(event.id);
      const endedMs = event.state === "filled" && quote ? quote.until_ms - quote.lifetime_ms + event.after_ms : event.at_ms;
      if (store.end(event.id, event.state, endedMs, event.why)) explanation.ended(event.id);
    } else addRefusal(event);
  }
  skipped += left_out;
  write($("flow"), skipped ? `${count(skipped)} more are in the history` : "");
}

function onStatus(status) {
  updateTiles(status);
  desk.update(status);
  alarmOf(status);
}

function open(symbol) {
  const handlers = { hello: onHello, tape: onTape, market: (event) => market.update(event), status: onStatus };
  connect(symbol, handlers, () => setConnectionLost(false), () => setConnectionLost(true));
}

// --- controls

function endControl({ path, body }) {
  dialog.open(path.slice(4), { scope: body.scope, name: body.name, symbol: body.symbol });
}

function openControl(kind) {
  closeMenu();
  dialog.open(kind, { symbol: instrument });
}

function closeMenu() {
  $("menu").hidden = true;
  $("more").setAttribute("aria-expanded", "false");
}

$("stop").addEventListener("click", () => openControl("stop"));
$("help").addEventListener("click", showShortcuts);
$("more").addEventListener("click", () => {
  $("menu").hidden = !$("menu").hidden;
  $("more").setAttribute("aria-expanded", !$("menu").hidden);
  if (!$("menu").hidden) $("menu").firstElementChild.focus();
});
$("menu").addEventListener("click", (event) => event.target.closest("[data-control]") && openControl(event.target.closest("[data-control]").dataset.control));
$("menu").addEventListener("keydown", (event) => {
  const to = { ArrowDown: "nextElementSibling", ArrowUp: "previousElementSibling" }[event.key];
  if (!to) return;
  document.activeElement[to]?.focus();
  event.preventDefault();
});
addEventListener("pointerdown", (event) => event.target.closest("#commands") || closeMenu());
$("instrument").addEventListener("change", (event) => open(event.target.value));

function nextInstrument(by) {
  const select = $("instrument"), n = select.options.length;
  select.selectedIndex = (select.selectedIndex + by + n) % n;
  open(select.value);
}

function escape() {
  if (!$("menu").hidden) {
    closeMenu();
    $("more").focus();
  } else if (document.activeElement.matches("input, select")) list.list.focus();
  else if (explanation.isOpen) explanation.close();
  else if (filter.active) filter.clear();
  else list.toTop();
}

const pinned = () => explanation.id || list.activeRow()?.dataset.quoteId;
listenForKeys([
  ["?", "These keys", showShortcuts],
  ["1", "To the market", () => $("ladder").focus()],
  ["2", "To the quotes", () => list.list.focus()],
  ["3", "To the desk", () => $("desk-body").focus()],
  [" ", "Pause or continue the quotes", () => list.setPaused(!list.paused)],
  ["/", "Filter the quotes", () => $("text").focus()],
  ["p", "Pin the quote", () => pinned() && list.togglePin(pinned())],
  ["g", "Group: not, by client, by model", () => list.nextGroup()],
  ["l", "Lifetimes on a log or linear scale", () => list.toggleScale()],
  ["f", "Quotes or refusals", () => toggleRefusals()],
  ["v", "Chart or features", () => market.view($("features").hidden ? "features" : "chart")],
  ["[", "Previous instrument", () => nextInstrument(-1)],
  ["]", "Next instrument", () => nextInstrument(1)],
  ["s", "Stop quoting…", () => openControl("stop")],
  ["r", "Resume quoting…", () => openControl("resume")],
  ["m", "Hold a market state…", () => openControl("market-state")],
  ["o", "Force a model…", () => openControl("model")],
  ["d", "Dark or light", switchTheme],
  ["Escape", "Close; clear the filter; to the newest quotes", escape],
]);

// --- time

let drawnMs = 0;
setInterval(() => {
  list.refresh();
  if (performance.now() - drawnMs < (reducedMotion.matches ? 1000 : 0)) return;
  drawnMs = performance.now();
  market.chart.draw();
}, REFRESH_MS);
open(instrument);
