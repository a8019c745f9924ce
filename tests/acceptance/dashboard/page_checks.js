// What is wrong with a page: texts without contrast, parts that overlap or are cut, parts without the keyboard.
// Each check returns a list of findings, empty for a good page.
(() => {
  const shown = (node) => node.checkVisibility({ visibilityProperty: true }) && node.getClientRects().length > 0;
  const name = (node) => `${node.localName}#${node.id}.${node.className} "${node.textContent.trim().slice(0, 40)}"`;
  const all = (selector) => [...document.querySelectorAll(selector)].filter(shown);

  // --- colours

  function parse(text) {
    const [r, g, b, a = 1] = text.match(/[\d.]+/g).map(Number);
    return text.startsWith("color(") ? [r * 255, g * 255, b * 255, a] : [r, g, b, a];
  }
  const over = ([r, g, b, a], under) => [r, g, b].map((value, i) => value * a + under[i] * (1 - a));
  const linear = (value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
  const luminance = (rgb) => rgb.reduce((sum, value, i) => sum + linear(value / 255) * [0.2126, 0.7152, 0.0722][i], 0);
  function ratio(a, b) {
    const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
    return (high + 0.05) / (low + 0.05);
  }

  // The colours behind a node: of the bars of the book there are two, and the worse counts.
  function behind(node) {
    const found = [];
    for (let each = node; each; each = each.parentElement) {
      const style = getComputedStyle(each), own = parse(style.backgroundColor);
      const bars = each.matches(".depth") ? style.backgroundImage.match(/(rgba?|color)\([^)]*\)/g) || [] : [];
      found.push(...bars.map((colour) => over(parse(colour), [255, 255, 255])));
      if (own[3] === 1) return [...found, own.slice(0, 3)];
    }
    return [...found, parse(getComputedStyle(document.body).backgroundColor).slice(0, 3)];
  }

  function opacity(node) {
    let product = 1;
    for (let each = node; each; each = each.parentElement) product *= Number(getComputedStyle(each).opacity);
    return product;
  }

  // Contrast of all visible texts (WCAG 2.2, 1.4.3) and of the edges of controls (1.4.11).
  function contrast() {
    const findings = [], texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    let checked = 0;
    while (texts.nextNode()) {
      const node = texts.currentNode.parentElement, text = texts.currentNode.data.trim();
      if (!text || !shown(node) || node.closest("script, style, noscript, option")) continue;
      const [r, g, b, a] = parse(getComputedStyle(node).color), own = [r, g, b, a * opacity(node)];
      const worst = Math.min(...behind(node).map((rgb) => ratio(over(own, rgb), rgb)));
      if (worst < 4.5) findings.push(`${worst.toFixed(2)}:1 ${node.className || node.localName} "${text.slice(0, 40)}"`);
      checked++;
    }
    for (const node of all("button, input, select")) {
      const style = getComputedStyle(node), edge = parse(style.borderTopColor).slice(0, 3);
      if (node.disabled || style.borderTopWidth === "0px") continue;
      const found = ratio(edge, behind(node.parentElement)[0]);
      if (found < 3) findings.push(`${found.toFixed(2)}:1 edge of ${name(node)}`);
    }
    return checked > 50 ? findings : [`only ${checked} texts`];
  }

  // --- layout

  const common = (a, b) => Math.min(Math.min(a.right, b.right) - Math.max(a.left, b.left), Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top));

  function overlaps(nodes, what) {
    const boxes = nodes.map((node) => node.getBoundingClientRect()), found = [];
    boxes.forEach((a, i) => boxes.slice(i + 1).forEach((b, j) => {
      if (common(a, b) > 1) found.push(`${what}: ${name(nodes[i])} over ${name(nodes[i + 1 + j])}`);
    }));
    return found;
  }

  // Regions that overlap or leave the window, and texts that are cut off or reach over their neighbours.
  function layout() {
    const findings = [], regions = all("header, #alarm, main > section").filter((node) => !/fixed|sticky/.test(getComputedStyle(node).position));
    for (const region of regions) {
      const { left, right } = region.getBoundingClientRect();
      if (left < -0.5 || right > innerWidth + 0.5) findings.push(`outside: ${region.id}`);
    }
    findings.push(...overlaps(regions, "regions"));
    const wide = document.documentElement.scrollWidth;
    if (wide > innerWidth) findings.push(`page ${wide} wide in ${innerWidth}`);
    const cut = (node) => node.clientWidth && node.scrollWidth > node.clientWidth + 1;
    const cells = ".row:not(.group) > :not(.life-cell, .pins), td, th, dd, dt, button, .limit > span, .session > *, .moved span";
    for (const node of all(`main > section, .scroll, #market-body, #tools, h2, ${cells}`)) {
      if (cut(node)) findings.push(`cut: ${name(node)} ${node.scrollWidth} in ${node.clientWidth}`);
    }
    for (const row of all(".row:not(.head, .group), tr, #tiles, #commands, .limit, .session")) {
      findings.push(...overlaps([...row.children].filter((node) => shown(node) && !node.matches("#menu")), "in a row"));
    }
    return findings;
  }

  // Parts that scroll and cannot be reached with the keyboard.
  function unreachable() {
    const scrolls = (node) => node.scrollHeight > node.clientHeight + 1 && /auto|scroll/.test(getComputedStyle(node).overflowY);
    return all("body *").filter((node) => scrolls(node) && node.tabIndex < 0 && !node.closest("dialog")).map(name);
  }

  return { contrast, layout, unreachable };
})()
