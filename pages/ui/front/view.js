// The elements of the player. Labels are data: text only ever enters through textContent.

const SVG = "http://www.w3.org/2000/svg";
const ICONS = {
  play: "M4 2.5v11l9-5.5z",
  pause: "M4 2.5h3v11H4zM9 2.5h3v11H9z",
  stretch: "M2 2h1.5v12H2zM12.5 2H14v12h-1.5zM5.5 4v8l6-4z",
  loop: "M5 3h6a3 3 0 0 1 3 3v2h-1.6V6A1.4 1.4 0 0 0 11 4.6H5v1.9L2 3.8 5 1zM11 13H5a3 3 0 0 1-3-3V8h1.6v2A1.4 1.4 0 0 0 5 11.4h6V9.5l3 2.7-3 2.8z",
  present: "M6.3 12.6 1.9 8.2l1.4-1.4 3 3 6.4-6.4 1.4 1.4z",
  absent: "M3.4 2 8 6.6 12.6 2 14 3.4 9.4 8l4.6 4.6-1.4 1.4L8 9.4 3.4 14 2 12.6 6.6 8 2 3.4z",
  unsure: "M7 11.8h2V14H7zM4.6 5.4A3.4 3.4 0 0 1 8 2c2 0 3.5 1.3 3.5 3.2 0 2.5-2.6 2.6-2.6 4.9H7.1C7.1 7 9.6 7 9.6 5.3 9.600 4.400 9 3.700 8 3.700s-1.600.700-1.600 1.700z",
  undo: "M6 2.500v2.700h3.500a4.200 4.200 0 0 1 0 8.400H4v-1.700h5.500a2.500 2.500 0 0 0 0-5H6v2.700L1.600 6.050z",
  plus: "M7 2h2v5h5v2H9v5H7V9H2V7h5z",
  warning: "M8 1.500 15.200 14H.8zM7.200 6v4h1.600V6zm0 5v1.600h1.600V11z",
};

function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "class") node.className = value;
    else if (name === "text") node.textContent = value;
    else if (name === "test") node.dataset.testid = value;
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

function icon(name) {
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

function setIcon(holder, name) {
  if (holder.dataset.icon === name) return;
  holder.dataset.icon = name;
  holder.replaceChildren(icon(name));
}

function caps(...keys) {
  return el("span", { class: "caps", "aria-hidden": "true" }, ...keys.map((key) => el("kbd", { text: key })));
}

function button(test, label, key, iconName, title) {
  const holder = el("span", { class: "holder" });
  if (iconName) setIcon(holder, iconName);
  const text = el("span", { class: "text", text: label });
  const node = el("button", { type: "button", test, title, "aria-keyshortcuts": key || null }, holder, text);
  if (key) node.append(caps(key));
  // A click must not take the focus: Space and Enter would press the button again.
  node.addEventListener("pointerdown", (event) => event.preventDefault());
  return node;
}

function slider(test, label, least, most, step) {
  const input = el("input", { type: "range", test, min: least, max: most, step, value: 0, "aria-label": label });
  const value = el("output", { class: "value" });
  const node = el("label", { class: "slider", title: `${label}; double-click to reset` }, el("span", { text: label }), input, value);
  return { node, input, value };
}

function select(test, label, choices) {
  const input = el("select", { test, "aria-label": label, title: label });
  for (const [value, text] of choices) input.append(el("option", { value, text }));
  return input;
}

const WORDS = {
  primary: "primary",
  secondary: "secondary",
  missing: "missing?",
  false: "false?",
  swapped: "swapped?",
  present: "present",
  absent: "absent",
  unsure: "unsure",
};

function chip(kind, text) {
  const node = el("span", { class: `chip ${kind}` });
  if (ICONS[kind]) node.append(icon(kind));
  node.append(el("span", { text }));
  return node;
}

// Build everything once; returns the elements that change.
function buildView() {
  const v = {};
  v.title = el("div", { class: "title", test: "player-title" });
  v.subtitle = el("div", { class: "subtitle", test: "player-subtitle" });
  v.notice = el("div", { class: "notice", test: "player-notice", role: "status", "aria-live": "polite" });
  v.saving = el("div", { class: "saving", test: "player-saving", text: "saving…", "aria-hidden": "true" });
  v.undo = button("player-undo", "Undo", "Z", "undo", "take back the last decision");
  v.previous = button("player-previous", "Previous", "K", "", "previous clip");
  v.next = button("player-next", "Next", "J", "", "next clip");
  const head = el("header", { class: "head" }, el("div", { class: "names" }, v.title, v.subtitle), v.notice,
    el("div", { class: "group more" }, v.undo, v.previous, v.next), v.saving);

  v.play = button("player-play", "Play", "Space", "play", "play or pause");
  v.stretch = button("player-stretch", "Stretch", "P", "stretch", "play the selected or suspected stretch");
  v.loop = button("player-loop", "Loop", "L", "loop", "repeat the stretch or the clip");
  v.speed = select("player-speed", "speed", SPEEDS.map((rate) => [rate, `${rate}×`]));
  v.speed.value = "1";
  v.time = el("span", { class: "time", test: "player-time", text: "0:00.0" });
  v.colormap = select("player-colormap", "colours", [["auto", "Auto"], ["magma", "Magma"], ["viridis", "Viridis"], ["grey", "Grey"], ["paper", "Paper"]]);
  v.floor = slider("player-floor", "Floor", -40, 40, 1);
  v.ceiling = slider("player-ceiling", "Ceiling", -40, 40, 1);
  v.gain = slider("player-gain", "Gain", -12, 36, 1);
  const transport = el("div", { class: "transport", role: "toolbar", "aria-label": "listen" },
    el("div", { class: "group" }, v.play, v.stretch, v.loop, v.speed, v.time), v.gain.node);
  const looks = el("div", { class: "looks", role: "toolbar", "aria-label": "picture" }, v.colormap, v.ceiling.node, v.floor.node);

  v.axis = el("div", { class: "axis", "aria-hidden": "true" });
  v.canvas = el("canvas", { class: "picture", test: "player-picture", role: "img", "aria-label": "spectrogram" });
  v.readout = el("div", { class: "readout", test: "player-readout", "aria-hidden": "true" });
  v.error = el("div", { class: "error", test: "player-error", role: "alert", hidden: true });
  v.drawing = el("div", { class: "drawing", text: "drawing…", hidden: true });
  v.plot = el("div", { class: "plot", test: "player-plot" }, v.canvas, v.drawing, v.error, v.readout);
  v.scaleBar = el("canvas", { class: "scale", "aria-hidden": "true" });
  v.scaleTop = el("span", { class: "scale-top" });
  v.scaleBottom = el("span", { class: "scale-bottom" });
  const scale = el("div", { class: "tail scales", "aria-hidden": "true" }, v.scaleBar, v.scaleTop, v.scaleBottom);
  v.ticks = el("div", { class: "ticks", "aria-hidden": "true" });
  v.lanes = el("div", { class: "lanes", test: "player-lanes", role: "listbox", "aria-label": "classes of this clip" });
  v.selection = el("div", { class: "selection", test: "player-selection", hidden: true }, el("span"));
  v.suspectMark = el("div", { class: "mark", test: "player-suspect-stretch", hidden: true });
  v.cursor = el("div", { class: "cursor", test: "player-cursor" });
  v.pointer = el("div", { class: "pointer", hidden: true });
  v.overlay = el("div", { class: "overlay", "aria-hidden": "true" }, v.suspectMark, v.selection, v.pointer, v.cursor);
  v.soundError = el("div", { class: "sound-error", test: "player-sound-error", role: "alert", hidden: true });
  const stage = el("div", { class: "stage" },
    el("div", { class: "row spectrum" }, looks, el("div", { class: "gutter" }, v.axis), v.plot, scale),
    el("div", { class: "row" }, el("div", { class: "gutter unit", text: "kHz · s" }), v.ticks, el("div", { class: "tail unit", text: "clip" })),
    v.lanes, v.overlay);

  v.question = el("div", { class: "question", test: "player-question", "aria-live": "polite" });
  v.present = button("player-present", "Present", "1", "present", "the class can be heard in this clip");
  v.absent = button("player-absent", "Absent", "2", "absent", "the class cannot be heard in this clip");
  v.unsure = button("player-unsure", "Unsure", "3", "unsure", "cannot be told; left out of training");
  for (const name of ["present", "absent", "unsure"]) v[name].classList.add("verdict", name);
  v.addButton = button("player-add", "Add class", "A", "plus", "add a class that is not listed");
  const decide = el("div", { class: "decide" }, v.question,
    el("div", { class: "group verdicts" }, v.present, v.absent, v.unsure, v.addButton));

  v.addInput = el("input", { type: "text", test: "player-add-input", role: "combobox", "aria-expanded": "true",
    "aria-controls": "em-options", "aria-label": "class to add", autocomplete: "off", spellcheck: "false",
    placeholder: "code or name; Enter adds it as present" });
  v.options = el("ul", { class: "options", id: "em-options", role: "listbox", "aria-label": "classes" });
  v.add = el("div", { class: "add", test: "player-add-box", hidden: true }, v.addInput, v.options);

  v.silentText = el("span", { text: "No answer from the server; your last decision may not be saved." });
  v.retry = el("button", { type: "button", test: "player-retry", text: "Send it again" });
  v.silent = el("div", { class: "silent", test: "player-no-answer", role: "alert", hidden: true }, icon("warning"), v.silentText, v.retry);

  const short = [["toggle", "play"], ["stretch", "stretch"], ["up", "class"], ["present", "present"], ["absent", "absent"], ["unsure", "unsure"], ["remove", "remove"], ["add", "add"], ["undo", "undo"], ["next", "next"]];
  v.legend = el("div", { class: "legend", test: "player-keys" });
  for (const [action, text] of short) {
    const { shown } = KEYMAP.find((entry) => entry.action === action);
    const keys = action === "up" ? ["↑", "↓"] : shown.slice(0, 1);
    v.legend.append(el("span", { class: "hint" }, caps(...keys), el("span", { text })));
  }
  v.helpButton = el("button", { type: "button", class: "hint", test: "player-help-button", "aria-expanded": "false" }, caps("?"), el("span", { text: "all keys" }));
  v.legend.append(v.helpButton);

  v.help = el("div", { class: "help", test: "player-help", role: "region", "aria-label": "all keys", hidden: true });
  for (const group of ["Listen", "Decide", "Move", "See"]) {
    const list = el("dl");
    for (const entry of KEYMAP.filter((one) => one.group === group)) {
      list.append(el("div", {}, el("dt", {}, caps(...entry.shown)), el("dd", { text: entry.text })));
    }
    v.help.append(el("section", {}, el("h3", { text: group }), list));
  }
  v.help.append(el("p", { text: "Drag over the picture to select a stretch: it is played with P, and a verdict given then carries it." }));

  v.root = el("section", { class: "player", test: "player", tabindex: "-1", "aria-label": "clip player" },
    head, v.silent, transport, stage, v.soundError, decide, v.add, v.legend, v.help);
  return v;
}

// One lane; its parts are kept on the element for redrawing.
function buildLane(lane) {
  const name = el("span", { class: "name", text: lane.name, title: `${lane.name} (${lane.class})` });
  const chips = el("span", { class: "chips" });
  if (lane.verdict) chips.append(chip(lane.verdict, WORDS[lane.verdict] || lane.verdict)); // the doubt is settled
  else if (lane.kind) chips.append(chip(lane.kind, WORDS[lane.kind] || lane.kind));
  if (lane.role) chips.append(chip("role", WORDS[lane.role] || lane.role));
  else if (!lane.kind && !lane.verdict) chips.append(chip("role", "unlisted"));
  const canvas = el("canvas");
  const mark = el("div", { class: "mark", hidden: true });
  const strip = el("div", { class: "strip" }, canvas, mark);
  const known = lane.clipwise !== null;
  const number = el("span", { class: "number", text: known ? lane.clipwise.toFixed(2) : "–",
    title: known ? "clipwise probability, out of fold" : "no prediction" });
  const said = [lane.name, lane.role || "unlisted", lane.kind && `suspected ${lane.kind}`, lane.verdict && `decided ${lane.verdict}`,
    known && `clipwise ${lane.clipwise.toFixed(2)}`].filter(Boolean).join(", ");
  const node = el("div", { class: "lane row", test: "player-lane", role: "option", "aria-label": said },
    el("div", { class: "gutter" }, name, chips), strip, el("div", { class: "tail" }, number));
  Object.assign(node.dataset, { class: lane.class, kind: lane.kind, role: lane.role, verdict: lane.verdict });
  return { node, canvas, mark, strip, lane };
}
