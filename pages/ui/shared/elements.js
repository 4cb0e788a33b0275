// What the screens are built of. Labels are data: text only ever enters through textContent.

const SVG = "http://www.w3.org/2000/svg";
/** @type {Record<string, string>} */
const ICONS = {
  play: "M4 2.5v11l9-5.5z",
  pause: "M4 2.5h3v11H4zM9 2.5h3v11H9z",
  stretch: "M2 2h1.5v12H2zM12.5 2H14v12h-1.5zM5.5 4v8l6-4z",
  loop: "M5 3h6a3 3 0 0 1 3 3v2h-1.6V6A1.4 1.4 0 0 0 11 4.6H5v1.9L2 3.8 5 1zM11 13H5a3 3 0 0 1-3-3V8h1.6v2A1.4 1.4 0 0 0 5 11.4h6V9.5l3 2.7-3 2.8z",
  present: "M6.3 12.6 1.9 8.2l1.4-1.4 3 3 6.4-6.4 1.4 1.4z",
  absent: "M3.4 2 8 6.6 12.6 2 14 3.4 9.4 8l4.6 4.6-1.4 1.4L8 9.4 3.4 14 2 12.6 6.6 8 2 3.4z",
  unsure: "M7 11.8h2V14H7zM4.6 5.4A3.4 3.4 0 0 1 8 2c2 0 3.5 1.3 3.5 3.2 0 2.5-2.6 2.6-2.6 4.9H7.1C7.1 7 9.6 7 9.6 5.3 9.600 4.400 9 3.700 8 3.700s-1.600.700-1.600 1.700z",
  undo: "M6 2.500v2.700h3.500a4.200 4.200 0 0 1 0 8.400H4v-1.700h5.500a2.500 2.500 0 0 0 0-5H6v2.700L1.600 6.050z",
  flag: "M3 1.500h1.600V2.400h8.600l-2 3 2 3H4.600v6.100H3z",
  note: "M2 2h12v8.500L10.500 14H2zm1.600 1.600v8.800h6V9.600h2.800v-6z",
  plus: "M7 2h2v5h5v2H9v5H7V9H2V7h5z",
  warning: "M8 1.500 15.200 14H.8zM7.200 6v4h1.600V6zm0 5v1.600h1.600V11z",
};

/**
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, unknown>} [attributes]
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "class") node.className = String(value);
    else if (name === "text") node.textContent = String(value);
    else if (name === "test") node.dataset.testid = String(value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value != null) node.setAttribute(name, String(value));
  }
  node.append(...children);
  return node;
}

/** @param {string} name */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("class", "icon");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name]);
  path.setAttribute("fill-rule", "evenodd");
  svg.append(path);
  return svg;
}

/** @param {HTMLElement} holder @param {string} name */
export function setIcon(holder, name) {
  if (holder.dataset.icon === name) return;
  holder.dataset.icon = name;
  holder.replaceChildren(icon(name));
}

/** @param {...string} keys */
export function caps(...keys) {
  return el("span", { class: "caps", "aria-hidden": "true" }, ...keys.map((key) => el("kbd", { text: key })));
}

/** @param {string} test @param {string} label @param {string} key @param {string} iconName @param {string} title */
export function button(test, label, key, iconName, title) {
  const holder = el("span", { class: "holder" });
  if (iconName) setIcon(holder, iconName);
  const text = el("span", { class: "text", text: label });
  const node = el("button", { type: "button", test, title, "aria-keyshortcuts": key || null }, holder, text);
  if (key) node.append(caps(key));
  // A click must not take the focus: Space and Enter would press the button again.
  node.addEventListener("pointerdown", (event) => event.preventDefault());
  return node;
}

// The key that is written on a button.
/** @param {HTMLElement} node @param {string} key */
export function setCaps(node, key) {
  node.querySelector(".caps")?.remove();
  if (key) node.append(caps(key));
}

/** @param {string} test @param {string} label @param {number} least @param {number} most @param {number} step */
export function slider(test, label, least, most, step) {
  const input = el("input", { type: "range", test, min: least, max: most, step, value: 0, "aria-label": label });
  const value = el("output", { class: "value" });
  const node = el("label", { class: "slider", title: `${label}; double-click to reset` }, el("span", { text: label }), input, value);
  return { node, input, value };
}

/** @param {string} test @param {string} label @param {[string, string][]} choices */
export function select(test, label, choices) {
  const input = el("select", { test, "aria-label": label, title: label });
  for (const [value, text] of choices) input.append(el("option", { value, text }));
  return input;
}

/** @type {Record<string, string>} */
export const WORDS = {
  primary: "primary",
  secondary: "secondary",
  missing: "missing?",
  false: "false?",
  swapped: "swapped?",
  present: "present",
  absent: "absent",
  unsure: "unsure",
};

/** @param {string} kind @param {string} text */
export function chip(kind, text) {
  const node = el("span", { class: `chip ${kind}` });
  if (ICONS[kind]) node.append(icon(kind));
  node.append(el("span", { text }));
  return node;
}
