// Elements of the page, found and made.

export const $ = (id) => document.getElementById(id);

// An element with attributes; children are elements or texts, and never markup.
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "class") made.className = value;
    else if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name.startsWith("aria-") && value !== null && value !== undefined) made.setAttribute(name, value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

// Write a text only where it changed: what did not change is not laid out again, nor read out again.
export function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

// Make the rows of a table body, keeping those whose content did not change.
export function fillTable(body, rows) {
  while (body.rows.length > rows.length) body.deleteRow(-1);
  rows.forEach((cells, at) => {
    const tr = body.rows[at] || body.insertRow();
    while (tr.cells.length > cells.length) tr.deleteCell(-1);
    cells.forEach(([text, kind = "", title = ""], column) => {
      const td = tr.cells[column] || tr.insertCell();
      write(td, text);
      if (td.className !== kind) td.className = kind;
      if (td.title !== title) td.title = title;
    });
  });
}

export function fillOptions(select, options) {
  const chosen = select.value;
  select.replaceChildren(...options.map(([value, text]) => new Option(text, value, false, value === chosen)));
}
