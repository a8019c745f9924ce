// Keys for everything, listed with `?`. Single keys can be switched off, for those who speak to their browser.

import { $, element } from "./dom.js";

const enabled = () => localStorage.getItem("shortcuts") !== "off";

// `actions` are [key, text, function]; a key of Escape or ? works always.
export function listenForKeys(actions) {
  const box = element("input", { type: "checkbox", id: "shortcuts-on" });
  box.checked = enabled();
  box.addEventListener("change", () => localStorage.setItem("shortcuts", box.checked ? "on" : "off"));
  const rows = [...actions, ["↑ ↓ j k", "Move in the list, when it has the focus"], ["Enter", "Explain the quote, or open the group"]];
  $("shortcuts").replaceChildren(
    element("h2", { id: "shortcuts-title" }, "Keyboard"),
    element("dl", { class: "keys" }, ...rows.map(([key, text]) => element("div", {}, element("dt", {}, element("kbd", {}, key === " " ? "Space" : key)), element("dd", {}, text)))),
    element("label", { class: "check" }, box, element("span", {}, "Single keys act at once")),
    element("div", { class: "buttons" }, element("button", { type: "button", onclick: () => $("shortcuts").close() }, "Close")));
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    const inField = event.target.closest?.("input, select, textarea");
    if (event.key !== "Escape" && (inField || (!enabled() && event.key !== "?"))) return;
    if (event.key === " " && event.target.closest?.("button, summary")) return;
    const action = actions.find(([key]) => key === event.key || (key.length > 1 && key === event.key));
    if (!action) return;
    event.preventDefault();
    action[2](event);
  });
}

export const showShortcuts = () => $("shortcuts").showModal();
