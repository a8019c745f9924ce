// The desk panel: what is stopped, result, positions, clients with the worst first, limits, sessions.

import { drawControls } from "./controls_in_force.js";
import { $, element, fillTable, write } from "./dom.js";
import { amount, count, duration, isNumber, percent, plain, result, signed, words } from "./format.js";
import { nowMs } from "./clock.js";

const NEAR = 0.8; // of a limit
const MAX_LIMITS = 8, MIN_LIMITS = 3, MIN_SHARE = 0.001;
const short = (value) => plain(Number(value.toPrecision(3)));
const unit = (name) => (!name || name === "1" ? "" : name === "1/s" ? "/s" : ` ${name}`);
const against = (ticks) => kind(isNumber(ticks) ? -ticks : ticks); // a markout above 0 costs the desk
const kind = (value) => (isNumber(value) && Math.abs(value) >= 0.005 ? (value < 0 ? " bad" : " good") : ""); // as it is shown

export class DeskPanel {
  // `onClient` is called with a client's name, `onResume` with what is to be resumed.
  constructor(onClient, onResume) {
    this.onResume = onResume;
    for (const [id, names] of [["positions", ["instrument", "position", "average", "realised", "open result", "of limit"]], ["clients", ["client", "quotes", "filled", "picked off", "markout 1 s", "result"]]]) {
      $(id).tHead.append(element("tr", {}, ...names.map((name, at) => element("th", { scope: "col", class: at ? "n" : null }, name))));
    }
    const chosen = (event) => event.target.closest("tbody tr")?.dataset.client;
    $("clients").addEventListener("click", (event) => chosen(event) && onClient(chosen(event)));
    $("clients").addEventListener("keydown", (event) => {
      const row = event.target.closest("tbody tr");
      if (!row) return;
      if (event.key === "Enter" || event.key === " ") onClient(row.dataset.client);
      else if (event.key === "ArrowDown") row.nextElementSibling?.focus();
      else if (event.key === "ArrowUp") row.previousElementSibling?.focus();
      else return;
      event.preventDefault();
      event.stopPropagation();
    });
  }

  update(status) {
    drawControls(status.controls || status.orders || {}, this.onResume);
    this.drawResult(status.desk || {}, status.totals || {});
    this.drawPositions(status.positions || {});
    this.drawClients(status.clients || []);
    this.drawLimits(status);
    this.drawSessions(status);
  }

  drawResult(desk, totals) {
    const markouts = Object.entries(desk.markout_ticks || {});
    const tiles = [
      ["result", result(desk.result) + (isNumber(desk.result) && desk.result_currency ? ` ${desk.result_currency}` : ""), kind(desk.result)],
      ["picked off", count(desk.picked_off), ""],
      ["fills", count(totals.fills), ""],
      ...markouts.map(([after, value]) => [`markout ${after.replace(/(\d)([a-z])/, "$1 $2")}`, isNumber(value) ? `${signed(value, 2)} ticks` : "–", against(value)]),
    ];
    const box = $("result");
    while (box.childElementCount > tiles.length) box.lastChild.remove();
    tiles.forEach(([name, text, mark], at) => {
      const tile = box.children[at] || box.appendChild(element("div", {}, element("dt"), element("dd")));
      write(tile.firstChild, name);
      write(tile.lastChild, text);
      tile.lastChild.className = mark.trim();
    });
  }

  drawPositions({ positions = [], gross_notional, net_notional }) {
    fillTable($("positions").tBodies[0], positions.map((each) => [
      [each.symbol, "name"], [plain(Number(each.position)), "n"], [isNumber(each.average_price) ? plain(Number(each.average_price.toPrecision(7))) : "–", "n"],
      [result(each.realised), `n${kind(each.realised)}`], [result(each.marked), `n${kind(each.marked)}`, "Result of closing the position at the mid"],
      [each.limit ? percent(Math.abs(Number(each.position)) / each.limit) : "–", each.limit && Math.abs(Number(each.position)) / each.limit >= NEAR ? "n warn" : "n", each.limit ? `Limit ${plain(each.limit)}` : "No limit"],
    ]));
    $("positions").hidden = !positions.length;
    write($("notional"), positions.length ? `gross ${amount(gross_notional)}, net ${amount(net_notional)}` : "none");
  }

  drawClients(clients) {
    fillTable($("clients").tBodies[0], clients.map((each) => [
      [each.name, "name", [each.name, each.tier].filter(Boolean).join(", ")], [count(each.quotes), "n"], [isNumber(each.fill_rate) ? percent(each.fill_rate) : "–", "n", `${count(each.fills)} fills`],
      [isNumber(each.picked_off_share) ? percent(each.picked_off_share) : "–", "n", `${count(each.picked_off)} fills picked off`],
      [signed(each.markout_ticks?.["1s"], 2), `n${against(each.markout_ticks?.["1s"])}`, "Mean move of the mid in the second after a fill, in ticks: above 0 against the desk"],
      [result(each.result), `n${kind(each.result)}`, each.result_currency || ""],
    ]));
    [...$("clients").tBodies[0].rows].forEach((tr, at) => {
      tr.dataset.client = clients[at].name;
      tr.tabIndex = 0;
      tr.setAttribute("aria-label", `${clients[at].name}: show only its quotes`);
    });
    $("clients").hidden = !clients.length;
  }

  drawLimits(status) {
    const used = (status.limits || []).filter((each) => each.limit > 0 && isNumber(each.used)).map((each) => ({ ...each, share: Math.abs(each.used) / each.limit }));
    used.sort((a, b) => b.share - a.share);
    const inUse = used.findIndex((each) => each.share < MIN_SHARE);
    const box = $("limits"), rest = used.splice(Math.min(inUse < 0 ? used.length : Math.max(inUse, MIN_LIMITS), MAX_LIMITS));
    write($("limits-rest"), rest.length ? `${rest.length} more, none above ${percent(rest[0].share)}` : "");
    while (box.childElementCount > Math.max(used.length, 1)) box.lastChild.remove();
    if (!used.length) return box.replaceChildren(element("p", { class: "quiet" }, "No limits are in use."));
    if (box.firstChild?.localName === "p") box.replaceChildren();
    used.forEach((each, at) => {
      const row = box.children[at] || box.appendChild(element("div", { class: "limit" }, element("span"), element("span", { class: "meter" }, element("i")), element("span", { class: "n" })));
      write(row.children[0], [each.name, words(each.limit_name).replace("max ", "")].filter(Boolean).join(": "));
      row.children[0].title = row.children[0].textContent;
      row.children[1].firstChild.style.width = `${100 * Math.min(each.share, 1)}%`;
      row.className = `limit${each.share >= 1 ? " over" : each.share >= NEAR ? " near" : ""}`;
      write(row.children[2], `${short(Math.abs(each.used))} / ${short(each.limit)}${unit(each.unit)}`);
    });
    return undefined;
  }

  drawSessions(status) {
    const expected = new Map((status.clients || []).flatMap((client) => (client.sessions || []).map((each) => [each.name, each])));
    const all = [...(status.venues || []).map((each) => ({ ...each, who: "market data" })), ...(status.sessions || []).map((each) => ({ ...each, ...expected.get(each.name), who: each.client }))];
    const box = $("sessions");
    while (box.childElementCount > all.length) box.lastChild.remove();
    all.forEach((each, at) => {
      const item = box.children[at] || box.appendChild(element("li", {}, element("b"), element("span", { class: "quiet" }), element("span", { class: "since" })));
      const away = !each.up && each.expected === false;
      item.className = `session ${each.up ? "up" : away ? "away" : "down"}`;
      write(item.children[0], each.name);
      write(item.children[1], each.who);
      write(item.children[2], `${each.up ? "up" : away ? "not expected" : "down"}${isNumber(each.since_ms) && !away ? ` ${duration(Math.max(nowMs() - each.since_ms, 0)).replace(/(\.\d+)? s$/, " s")}` : ""}`);
    });
  }
}
