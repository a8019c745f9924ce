"""What is wrong with a page, as scripts for its browser: texts without contrast, parts that overlap or are cut.

Each returns a list of findings, empty for a good page.
"""

# Contrast of all visible texts with what is behind them (WCAG 2.2, 1.4.3): colours of the page's own elements, of
# which a gradient has several, and the worst of them counts.
CONTRAST = """() => {
    const parse = (text) => { const [r, g, b, a = 1] = text.match(/[\\d.]+/g).map(Number); return text.startsWith("color(") ? [r * 255, g * 255, b * 255, a] : [r, g, b, a]; };
    const over = ([r, g, b, a], under) => [r, g, b].map((v, i) => v * a + under[i] * (1 - a));
    const luminance = (rgb) => rgb.map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)).reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
    const ratio = (a, b) => { const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y); return (high + 0.05) / (low + 0.05); };
    const behind = (node) => {
        const found = [];
        for (let each = node; each; each = each.parentElement) {
            const style = getComputedStyle(each), own = parse(style.backgroundColor);
            for (const colour of each.matches(".depth") ? style.backgroundImage.match(/(rgba?|color)\\([^)]*\\)/g) || [] : []) found.push(over(parse(colour), [255, 255, 255]));
            if (own[3] === 1) return [...found, own.slice(0, 3)];
        }
        return [...found, parse(getComputedStyle(document.body).backgroundColor).slice(0, 3)];
    };
    const findings = [], texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    let checked = 0;
    while (texts.nextNode()) {
        const node = texts.currentNode.parentElement;
        if (!texts.currentNode.data.trim() || !node.checkVisibility({ visibilityProperty: true }) || node.closest("script, style, noscript, option")) continue;
        let opacity = 1;
        for (let each = node; each; each = each.parentElement) opacity *= Number(getComputedStyle(each).opacity);
        const colour = parse(getComputedStyle(node).color);
        checked++;
        const worst = Math.min(...behind(node).map((rgb) => ratio(over([...colour.slice(0, 3), colour[3] * opacity], rgb), rgb)));
        if (worst < 4.5) findings.push(`${worst.toFixed(2)}:1 ${node.className || node.localName} "${texts.currentNode.data.trim().slice(0, 40)}"`);
    }
    for (const node of document.querySelectorAll("button, input, select")) {
        if (!node.checkVisibility() || node.disabled || getComputedStyle(node).borderTopWidth === "0px") continue;
        const style = getComputedStyle(node), edge = parse(style.borderTopColor).slice(0, 3), page = behind(node.parentElement)[0], own = parse(style.backgroundColor).slice(0, 3);
        if (Math.max(ratio(edge, page), ratio(own, page)) < 3) findings.push(`edge of ${node.id || node.textContent}: ${ratio(edge, page).toFixed(2)}:1`);
    }
    return checked > 50 ? findings : [`only ${checked} texts`];
}"""

# Regions that overlap or leave the window, and texts that are cut off or reach over their neighbours.
LAYOUT = """() => {
    const findings = [], shown = (node) => node.checkVisibility({ visibilityProperty: true }) && node.getClientRects().length > 0, name = (node) => `${node.localName}#${node.id}.${node.className} "${node.textContent.trim().slice(0, 40)}"`;
    const covers = (node) => /fixed|sticky/.test(getComputedStyle(node).position);
    const regions = [...document.querySelectorAll("header, #alarm, main > section")].filter((node) => shown(node) && !covers(node));
    const boxes = regions.map((node) => node.getBoundingClientRect());
    boxes.forEach((a, i) => {
        if (a.left < -0.5 || a.right > innerWidth + 0.5) findings.push(`outside: ${regions[i].id}`);
        boxes.slice(i + 1).forEach((b, j) => {
            if (Math.min(a.right, b.right) - Math.max(a.left, b.left) > 0.5 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 0.5) findings.push(`overlap: ${regions[i].id} and ${regions[i + 1 + j].id}`);
        });
    });
    if (document.documentElement.scrollWidth > innerWidth) findings.push(`page ${document.documentElement.scrollWidth} wide in ${innerWidth}`);
    for (const node of document.querySelectorAll("main > section, .scroll, #market-body, #tools, h2")) {
        if (shown(node) && node.scrollWidth > node.clientWidth + 1) findings.push(`too wide: ${name(node)} ${node.scrollWidth} in ${node.clientWidth}`);
    }
    for (const node of document.querySelectorAll(".row:not(.head, .group) > :not(.life-cell, .pins), .row.head > :not(.life-cell, .pins), td, th, dd, dt, button, .limit > span, .session > *, .moved span")) {
        if (shown(node) && node.clientWidth && node.scrollWidth > node.clientWidth + 1) findings.push(`cut: ${name(node)} ${node.scrollWidth} in ${node.clientWidth}`);
    }
    for (const row of document.querySelectorAll(".row:not(.head, .group), tr, #tiles, #commands, .limit, .session")) {
        const cells = [...row.children].filter((node) => shown(node) && !node.matches("#menu")).map((node) => [node, node.getBoundingClientRect()]);
        cells.forEach(([a, p], i) => cells.slice(i + 1).forEach(([b, q]) => {
            if (Math.min(p.right, q.right) - Math.max(p.left, q.left) > 1 && Math.min(p.bottom, q.bottom) - Math.max(p.top, q.top) > 1) findings.push(`overlap in a row: ${name(a)} and ${name(b)}`);
        }));
    }
    return findings;
}"""

# Parts that scroll and cannot be reached with the keyboard.
UNREACHABLE = """() => [...document.querySelectorAll("body *")]
    .filter((node) => node.checkVisibility() && node.scrollHeight > node.clientHeight + 1 && /auto|scroll/.test(getComputedStyle(node).overflowY))
    .filter((node) => node.tabIndex < 0 && !node.closest("dialog")).map((node) => node.id || node.className)"""
