// Dialog that stops, resumes, holds a market's state or forces a model: says what will happen, and asks for reason and token.

import { $, element, fillOptions, write } from "./dom.js";
import { words } from "./format.js";
import { forgetToken, setToken, token } from "./token.js";

const TITLES = { stop: "Stop quoting", resume: "Resume quoting", "market-state": "Hold a market state", model: "Force a model" };

export class ControlDialog {
  constructor() {
    this.dialog = $("control");
    this.names = { instruments: [], clients: [], models: [], states: [], needsToken: true };
    this.build();
  }

  // Set what can be chosen.
  configure(hello) {
    const instruments = hello.instruments.filter((each) => each.quotable !== false).map((each) => each.symbol);
    this.names = { instruments, clients: hello.clients || [], models: hello.models || [], states: hello.market_states || [], needsToken: hello.needs_token !== false };
  }

  build() {
    const field = (id, label, control) => element("label", { id: `${id}-field`, for: id }, element("span", {}, label), control);
    const select = (id) => element("select", { id, onchange: () => this.changed() });
    this.form = element("form", { method: "dialog" },
      element("h2", { id: "control-title" }),
      field("control-scope", "What", select("control-scope")), field("control-name", "Which", select("control-name")), field("control-value", "Set to", select("control-value")),
      field("control-reason", "Reason", element("input", { id: "control-reason", autocomplete: "off", maxlength: 200, "aria-required": "true" })),
      field("control-token", "Desk token", element("input", { id: "control-token", type: "password", autocomplete: "off" })),
      element("p", { id: "control-effect" }), element("p", { id: "control-error", role: "alert", class: "bad" }),
      element("div", { class: "buttons" }, element("button", { type: "button", id: "control-cancel" }, "Cancel"), element("button", { type: "submit", id: "control-confirm", class: "danger" })));
    this.dialog.replaceChildren(this.form);
    $("control-cancel").addEventListener("click", () => this.dialog.close());
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.send();
    });
  }

  // Open for a kind of control; `body` and `value` are chosen in advance.
  open(kind, { scope = "all", name = "", symbol = "", value = "" } = {}) {
    this.kind = kind;
    const market = kind === "market-state";
    write($("control-title"), TITLES[kind]);
    fillOptions($("control-scope"), [["all", "Everything"], ["instrument", "An instrument"], ["client", "A client"]]);
    $("control-scope").value = market ? "instrument" : scope;
    $("control-scope-field").hidden = market;
    $("control-value-field").hidden = kind === "stop" || kind === "resume";
    if (market) fillOptions($("control-value"), [["", "release: derive it from the market"], ...this.names.states.map((state) => [state, state])]);
    if (kind === "model") fillOptions($("control-value"), [["", "release: by the rules"], ...this.names.models.map((model) => [model, words(model)])]);
    $("control-value").value = value;
    $("control-reason").value = "";
    this.offerToken();
    write($("control-error"), "");
    this.changed(market ? symbol : name);
    if (!this.dialog.open) this.dialog.showModal();
    $("control-reason").focus();
  }

  offerToken() {
    $("control-token-field").hidden = !this.names.needsToken || token() !== "";
    $("control-token").value = "";
  }

  changed(name = $("control-name").value) {
    const scope = $("control-scope").value, names = scope === "all" ? [] : scope === "client" ? this.names.clients : this.names.instruments;
    fillOptions($("control-name"), names.map((each) => [each, each]));
    if (names.includes(name)) $("control-name").value = name;
    $("control-name-field").hidden = scope === "all";
    const whose = scope === "all" ? "all instruments and clients" : $("control-name").value, value = words($("control-value").value);
    const [effect, confirm, danger] = {
      stop: [`No new quotes for ${whose}. Open quotes are withdrawn, and hits from now on are refused.`, "Stop quoting", true],
      resume: [`The stop of ${scope === "all" ? "all quoting" : whose} ends, and quotes are sent again at once. Other stops stay in force.`, "Resume quoting", false],
      "market-state": value ? [`${whose} is treated as ${value}, whatever its market does, until it is released.`, `Hold ${value}`, true] : [`The state of ${whose} follows its market again.`, "Release", false],
      model: value ? [`Each new quote for ${whose} uses ${value}, before all rules, until it is released.`, `Force ${value}`, true] : [`New quotes for ${whose} use the model that the rules select.`, "Release", false],
    }[this.kind];
    write($("control-effect"), effect);
    write($("control-confirm"), confirm);
    $("control-confirm").className = danger ? "danger" : "primary";
  }

  body() {
    const scope = $("control-scope").value, name = scope === "all" ? "" : $("control-name").value, reason = $("control-reason").value.trim(), value = $("control-value").value || null;
    if (this.kind === "market-state") return { symbol: name, state: value, reason };
    if (this.kind === "model") return { scope, name, model: value, reason };
    return { scope, name, reason };
  }

  async send() {
    const body = this.body(), typed = $("control-token").value.trim();
    if (!$("control-reason").value.trim()) return this.refuse("A reason is needed: it is kept with the control.", "control-reason");
    if (!$("control-token-field").hidden && !typed) return this.refuse("The token is needed.", "control-token");
    if (typed) setToken(typed);
    $("control-confirm").disabled = true;
    try {
      const answer = await fetch(`/v1/${this.kind}`, { method: "POST", headers: { "Content-Type": "application/json", ...(token() ? { Authorization: `Bearer ${token()}` } : {}) }, body: JSON.stringify(body) });
      if (answer.ok) return this.dialog.close();
      return await this.refused(answer);
    } catch {
      return this.refuse("The service cannot be reached: nothing has changed.");
    } finally {
      $("control-confirm").disabled = false;
    }
  }

  async refused(answer) {
    const problem = await answer.json().catch(() => ({}));
    if (answer.status !== 401) return this.refuse(problem.detail || problem.title || `Refused: ${answer.status}`);
    forgetToken();
    this.names.needsToken = true;
    this.offerToken();
    return this.refuse("Wrong token: nothing has changed.", "control-token");
  }

  refuse(text, focus) {
    write($("control-error"), text);
    if (focus) $(focus).focus();
  }
}
