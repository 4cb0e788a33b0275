// How the picture is drawn, as the reader sets it: one field a setting, presets, all kept under the reader's name.

import { el, select, slider } from "../../shared/elements.js";
import { checkedPicture, PICTURE_FIELDS, pictureProblem, pictureQuery } from "./options.js";
import { toolButton } from "./stage_view.js";

/**
 * @import { Picture, PictureField, Preset } from "../types"
 * @import { Stage } from "./stage.js"
 */

/** @type {Preset[]} */
const BUILT_IN_PRESETS = [
  { name: "Standard", picture: {} },
  { name: "Bats (to 250 kHz)", picture: { axis: "linear", n_fft: 512, hop_length: 64, window: "hamming", low_hz: 5000, high_hz: 250000 } },
  { name: "Low callers", picture: { axis: "log", n_fft: 8192, low_hz: 10, high_hz: 1000 } },
  { name: "PCEN", picture: { scale: "pcen" } },
];
const LONGEST_PRESET_NAME = 40;
const MOST_PRESETS = 50;

export class PictureSettings {
  /** @param {Stage} stage */
  constructor(stage) {
    this.stage = stage;
    /** @type {Map<string, { input: HTMLInputElement | HTMLSelectElement, problem: HTMLElement }>} */
    this.fields = new Map();
    /** @type {Picture | null} */
    this.chosen = null; // what is set, once it was asked for
    this.brightness = slider("player-brightness", "Brightness", -40, 40, 1);
    this.waveform = el("input", { type: "checkbox", test: "player-show-waveform" });
    this.preset = select("player-preset", "preset", []);
    this.presetName = el("input", { type: "text", test: "player-preset-name", maxlength: LONGEST_PRESET_NAME,
      placeholder: "name", "aria-label": "name of a new preset" });
    this.remove = toolButton("player-preset-delete", "delete", "delete this preset");
    this.problem = el("p", { class: "problem", test: "player-settings-problem", role: "alert" });
    this.build();
    const { v } = stage;
    v.settingsButton.addEventListener("click", () => this.toggle());
    v.denoise.addEventListener("click", () => stage.toggleDenoise());
    v.contrast.addEventListener("click", () => this.retake());
    v.zoomIn.addEventListener("click", () => stage.zoom(0.5));
    v.zoomOut.addEventListener("click", () => stage.zoom(2));
    v.fit.addEventListener("click", () => stage.fit());
  }

  get preferences() {
    return this.stage.host.preferences;
  }

  get picture() {
    this.chosen ??= checkedPicture(this.preferences.get("picture", {}));
    return this.chosen;
  }

  /** @returns {Preset[]} */
  get presets() {
    const own = this.preferences.get("presets", []);
    return Array.isArray(own) ? own.filter((one) => typeof one?.name === "string" && one.name && one.picture) : [];
  }

  // ---------------------------------------------------------------- what is chosen

  /** @param {Partial<Picture>} change */
  change(change) {
    this.chosen = { ...this.picture, ...change };
    this.preferences.set("picture", { ...this.chosen });
    this.problem.textContent = "";
    const { stage } = this;
    if (!stage.data || stage.data.error) return this.draw();
    if (Object.keys(change).every((name) => name === "brightness")) {
      stage.layers.picture = this.chosen;
      stage.recolour();
    } else {
      if (["axis", "low_hz", "high_hz"].some((name) => name in change)) stage.zoomedBand = null;
      stage.fail("");
      stage.layers.make(this.chosen);
      stage.requestDraw();
    }
    return this.draw();
  }

  retake() {
    this.stage.layers.retake();
    this.stage.host.setLook({ floor: 0, ceiling: 0 });
  }

  // The server refused: say so at the field that it names.
  /** @param {string} error */
  refused(error) {
    const field = PICTURE_FIELDS.find(({ name }) => error.startsWith(name));
    if (field) this.say(field, error);
    this.problem.textContent = error;
    this.stage.host.tell(`these picture settings do not fit this clip: ${error}`, "warning");
  }

  // ---------------------------------------------------------------- the panel

  toggle() {
    const { v } = this.stage;
    v.settings.hidden = !v.settings.hidden;
    v.settingsButton.setAttribute("aria-expanded", String(!v.settings.hidden));
    if (v.settings.hidden) v.root.focus({ preventScroll: true });
    else this.draw();
  }

  build() {
    const { v } = this.stage;
    const fields = PICTURE_FIELDS.map((field) => this.buildField(field));
    this.brightness.input.addEventListener("input", () => this.change({ brightness: Number(this.brightness.input.value) }));
    this.brightness.input.addEventListener("dblclick", () => this.change({ brightness: 0 }));
    this.waveform.addEventListener("change", () => {
      this.stage.host.setLook({ waveform: this.waveform.checked });
      this.stage.requestDraw();
    });
    this.preset.addEventListener("change", () => this.take());
    const save = toolButton("player-preset-save", "save", "keep these settings under the name");
    save.addEventListener("click", () => this.save());
    this.remove.addEventListener("click", () => this.delete());
    const close = toolButton("player-settings-close", "close", "close the picture settings");
    close.addEventListener("click", () => this.toggle());
    v.settings.append(
      el("div", { class: "presets" }, el("span", { text: "Preset" }), this.preset, this.remove, this.presetName, save, close),
      el("div", { class: "fields" }, ...fields, this.brightness.node,
        el("label", { class: "check" }, this.waveform, el("span", { text: "Waveform" }))),
      this.problem);
    v.settings.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.preventDefault();
      event.stopPropagation();
      this.toggle();
    });
  }

  /** @param {PictureField} field */
  buildField(field) {
    const { name, label, choices } = field;
    const input = choices
      ? select(`player-set-${name}`, label, choices.map(([value, text]) => [String(value), text]))
      : el("input", { type: "text", inputmode: "numeric", test: `player-set-${name}`, placeholder: "auto", "aria-label": label });
    const problem = el("small", { class: "problem", role: "alert", id: `em-problem-${name}` });
    input.setAttribute("aria-describedby", problem.id);
    input.addEventListener("change", () => this.changed(field));
    this.fields.set(name, { input, problem });
    return el("label", { class: "field" }, el("span", { text: field.unit ? `${label}, ${field.unit}` : label }), input, problem);
  }

  /** @param {string} name */
  partsOf(name) {
    const parts = this.fields.get(name);
    if (!parts) throw new Error(`no picture setting is called ${name}`);
    return parts;
  }

  // A field was changed: applied where it makes sense, else said why not.
  /** @param {PictureField} field */
  changed(field) {
    const { name, choices } = field;
    const { input } = this.partsOf(name);
    const text = input.value.trim().replace(",", ".");
    const value = choices ? choices.find(([choice]) => String(choice) === text)?.[0] : text === "" || text === "auto" ? null : Number(text);
    const wanted = { ...this.picture, [name]: value };
    const wrong = pictureProblem(field, value, wanted)
      || PICTURE_FIELDS.map((one) => pictureProblem(one, wanted[one.name], wanted)).find(Boolean) || "";
    this.say(field, wrong);
    if (!wrong) this.change({ [name]: value });
  }

  /** @param {PictureField} given @param {string} problem */
  say({ name }, problem) {
    const field = this.partsOf(name);
    field.problem.textContent = problem;
    field.input.setAttribute("aria-invalid", String(Boolean(problem)));
  }

  draw() {
    const { v } = this.stage;
    const { picture } = this;
    v.denoise.setAttribute("aria-pressed", String(picture.denoise));
    if (v.settings.hidden) return;
    for (const field of PICTURE_FIELDS) {
      const value = picture[field.name];
      this.partsOf(field.name).input.value = field.choices ? String(value) : String(value ?? "");
      this.say(field, "");
    }
    this.brightness.input.value = String(picture.brightness);
    this.brightness.value.textContent = `${picture.brightness > 0 ? "+" : ""}${picture.brightness}`.replace("-", "−");
    this.waveform.checked = this.stage.host.look.waveform !== false;
    this.drawPresets();
  }

  // ---------------------------------------------------------------- presets

  drawPresets() {
    const own = this.presets;
    /** @returns {[string, string][]} */
    const named = (/** @type {string} */ sign, /** @type {Preset[]} */ presets) => presets.map(({ name }) => [`${sign} ${name}`, name]);
    const options = [["", "(own settings)"], ...named("*", BUILT_IN_PRESETS), ...named("=", own)];
    this.preset.replaceChildren(...options.map(([value, text]) => el("option", { value, text })));
    const query = pictureQuery(this.picture);
    const fits = (/** @type {Preset} */ { picture }) => pictureQuery(checkedPicture(picture)) === query;
    const standing = own.find(fits) || BUILT_IN_PRESETS.find(fits);
    this.preset.value = standing ? `${own.includes(standing) ? "=" : "*"} ${standing.name}` : "";
    this.remove.disabled = !standing || !own.includes(standing);
  }

  take() {
    const [kind, name] = [this.preset.value[0], this.preset.value.slice(2)];
    const preset = (kind === "=" ? this.presets : BUILT_IN_PRESETS).find((one) => one.name === name);
    if (preset) this.change(checkedPicture(preset.picture));
  }

  save() {
    const name = this.presetName.value.trim().slice(0, LONGEST_PRESET_NAME);
    if (!name) return void (this.problem.textContent = "Give the preset a name first.");
    const others = this.presets.filter((one) => one.name !== name);
    if (others.length >= MOST_PRESETS) return void (this.problem.textContent = `At most ${MOST_PRESETS} presets: delete one first.`);
    this.preferences.set("presets", [...others, { name, picture: { ...this.picture } }]);
    this.presetName.value = "";
    this.problem.textContent = "";
    return this.drawPresets();
  }

  delete() {
    const name = this.preset.value.slice(2);
    this.preferences.set("presets", this.presets.filter((one) => one.name !== name));
    this.drawPresets();
  }
}
