"use strict";
// Draws the figures that the page holds, in the colours of its scheme. Nothing is loaded.
(() => {
  const { figures, schemes } = JSON.parse(document.getElementById("figures").textContent);
  const root = document.documentElement;
  const button = document.getElementById("scheme");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const config = { responsive: true, displaylogo: false, modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"] };
  let chosen = null;

  // Colours are tokens, "@0" or "@text", under keys that name a colour.
  function coloured(part, colours, isColour = false) {
    if (typeof part === "string") return isColour && part.startsWith("@") ? colours[part.slice(1)] : part;
    if (Array.isArray(part)) return part.map((each) => coloured(each, colours, isColour));
    if (part === null || typeof part !== "object") return part;
    return Object.fromEntries(Object.entries(part).map(([key, each]) => [key, coloured(each, colours, key.endsWith("color"))]));
  }

  // A chart inside a closed fold has no width, and is drawn when the fold opens.
  const visible = (place) => place.closest("details:not([open])") === null;

  async function draw(places) {
    if (typeof Plotly === "undefined") return;
    const colours = schemes[root.dataset.scheme];
    for (const place of places) {
      const figure = figures[Number(place.dataset.figure)];
      await Plotly.react(place, coloured(figure.data, colours), coloured(figure.layout, colours), config);
      place.dataset.drawn = root.dataset.scheme;
    }
  }

  const places = () => [...document.querySelectorAll("[data-figure]")].filter(visible);

  async function show() {
    root.dataset.scheme = chosen ?? (system.matches ? "dark" : "light");
    button.textContent = root.dataset.scheme === "dark" ? "Light colours" : "Dark colours";
    await draw(places());
    root.dataset.charts = root.dataset.scheme;
  }

  button.hidden = false;
  button.addEventListener("click", () => {
    chosen = root.dataset.scheme === "dark" ? "light" : "dark";
    show();
  });
  system.addEventListener("change", show);
  for (const fold of document.querySelectorAll("details"))
    fold.addEventListener("toggle", () => fold.open && draw([...fold.querySelectorAll("[data-figure]")].filter(visible)));
  show();
})();
