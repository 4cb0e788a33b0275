// The lanes under the picture, one a class: its framewise probabilities on the picture's time axis; and the same
// values laid over the picture as a heatmap.

import { chip, el, WORDS } from "../../shared/elements.js";
import { fitCanvas } from "../../shared/picture.js";
import { curvesOf } from "./curve.js";
import { blocksOf, traceBlocks, valueAt } from "./curves.js";
import { LaneTiles } from "./lane_tiles.js";
import { isHiding } from "../deciding/flow.js";
import { stretchOf } from "../span.js";

/**
 * @import { Lane } from "../../shared/server"
 * @import { Curve, Curves } from "./curve.js"
 * @import { View, Block, LanesHost } from "../types"
 */

const HEAT_MOST = 0.5; // opacity of probability 1: the picture stays readable under it
const HEATS = { light: [200, 40, 0], dark: [0, 220, 255] };

/**
 * One lane's elements and what is drawn in them.
 * @typedef {ReturnType<typeof buildLane> & { curves: Curves }} Row
 * @typedef {Record<string, string>} Colours
 */

// One lane's elements.
/** @param {Lane} lane @param {boolean} blind */
function buildLane(lane, blind) {
  const name = el("span", { class: "name", text: lane.name, title: `${lane.name} (${lane.class})` });
  const chips = el("span", { class: "chips" });
  if (lane.verdict) chips.append(chip(lane.verdict, WORDS[lane.verdict] || lane.verdict)); // the doubt is settled
  else if (lane.kind) chips.append(chip(lane.kind, WORDS[lane.kind] || lane.kind));
  if (lane.is_new) chips.append(Object.assign(chip("new", "new"), { title: "a new class: no training knows it yet" }));
  if (lane.role) chips.append(chip("role", WORDS[lane.role] || lane.role));
  else if (!lane.kind && !lane.verdict && !blind) chips.append(chip("role", "unlisted"));
  const byMachine = lane.machine && `${lane.machine === "present" ? "added" : "removed"} by the model`;
  if (byMachine) {
    const said = chip("machine", byMachine);
    said.title = `${byMachine} (${lane.reviewer}); nobody has heard it yet, and what you say wins`;
    chips.append(said);
  }
  const canvas = el("canvas", { class: "curve" });
  const mark = el("div", { class: "mark", hidden: true });
  const scale = el("div", { class: "lane-scale", "aria-hidden": "true" });
  const strip = el("div", { class: "strip" }, canvas, el("div", { class: "within" }, mark), scale);
  if (blind) strip.append(el("span", { class: "hidden-values", text: "labels and scores are hidden" }));
  const clipwise = lane.clipwise?.toFixed(2);
  const number = el("span", { class: "number", text: clipwise ?? "–",
    title: clipwise ? "clipwise probability, out of fold" : "no prediction" });
  const said = [lane.name, blind ? "" : lane.role || "unlisted", lane.kind && `suspected ${lane.kind}`, lane.verdict && `decided ${lane.verdict}`, byMachine, lane.is_new && "new class",
    clipwise && `clipwise ${clipwise}`].filter(Boolean).join(", ");
  const node = el("div", { class: "lane row", test: "player-lane", role: "option", "aria-label": said },
    el("div", { class: "gutter" }, name, chips), strip, el("div", { class: "tail" }, number));
  Object.assign(node.dataset, { class: lane.class, kind: lane.kind, role: lane.role, verdict: lane.verdict });
  return { node, canvas, mark, scale, strip, lane };
}

export class Lanes {
  /** @param {View} v @param {LanesHost} host */
  constructor(v, host) {
    this.v = v;
    this.host = host;
    /** @type {Row[]} */
    this.rows = [];
    /** @type {Record<string, string> | null} */
    this.colours = null;
    this.bar = "";
    this.tiles = new LaneTiles(host, () => this.draw());
    this.heat = el("canvas", { class: "heat", test: "player-heat", "aria-hidden": "true", hidden: true });
    this.heatLegend = el("div", { class: "heat-legend", test: "player-heat-legend", hidden: true });
    this.legend = el("div", { class: "lane-legend", test: "player-lane-legend", hidden: true });
    v.error.before(this.heat, this.heatLegend);
    v.lanes.closest(".stage")?.after(this.legend);
    v.lanes.addEventListener("scroll", () => this.drawRows(), { passive: true });
    host.stage.onDraw(() => this.draw());
  }

  build() {
    const { data } = this.host;
    const blind = isHiding(data.mode);
    this.rows = data.lanes.map((lane) => {
      const row = { ...buildLane(lane, blind), curves: curvesOf(data, lane) };
      row.node.addEventListener("pointerdown", () => this.host.setFocus(lane.class));
      this.host.stage.listenTime(row.strip, (timeS) => this.describe(lane, timeS));
      return row;
    });
    const { scrollTop } = this.v.lanes;
    this.v.lanes.replaceChildren(...this.rows.map(({ node }) => node));
    this.v.lanes.scrollTop = scrollTop;
    this.drawLegend();
  }

  // ---------------------------------------------------------------- focus

  /** @param {string} code @param {boolean} [draws] */
  drawFocus(code, draws = true) {
    for (const { node, lane } of this.rows) {
      node.dataset.focus = String(lane.class === code);
      node.setAttribute("aria-selected", String(lane.class === code));
    }
    const row = this.rows.find(({ lane }) => lane.class === code);
    if (row) this.reveal(row.node);
    if (draws) this.draw();
  }

  // Scrolls the lanes alone: the page stays where it is.
  /** @param {HTMLElement} node */
  reveal(node) {
    const box = this.v.lanes;
    const top = node.offsetTop - box.offsetTop;
    if (top < box.scrollTop) box.scrollTop = top;
    else if (top + node.offsetHeight > box.scrollTop + box.clientHeight) box.scrollTop = top + node.offsetHeight - box.clientHeight;
  }

  // ---------------------------------------------------------------- drawing

  draw() {
    const { v, host } = this;
    if (!host.data) return;
    // a scroll bar must not move the strips off the picture's time axis
    const bar = `${v.lanes.offsetWidth - v.lanes.clientWidth}px`;
    if (bar !== this.bar) v.lanes.style.setProperty("--bar", bar);
    this.bar = bar;
    this.readColours();
    this.drawRows();
    this.drawHeat();
    this.drawLegend();
    this.tiles.want(v.ticks.clientWidth);
  }

  close() {
    this.tiles.close();
  }

  readColours() {
    const style = getComputedStyle(this.v.root);
    const of = (/** @type {string} */ name) => style.getPropertyValue(`--${name}`).trim();
    const named = ["missing", "false", "swapped", "listed", "other", "present", "absent"].map((name) => [name, of(name)]);
    this.colours = { grid: of("line"), ink: style.color, paper: of("paper"), dim: of("dim"), ...Object.fromEntries(named) };
  }

  drawRows() {
    const { v, colours } = this;
    if (!colours) return;
    const [from, to] = [v.lanes.scrollTop + v.lanes.offsetTop, v.lanes.scrollTop + v.lanes.offsetTop + v.lanes.clientHeight];
    const seen = this.rows.filter(({ node }) => node.offsetTop < to && node.offsetTop + node.offsetHeight > from);
    for (const row of seen) this.drawCurve(row, colours);
    for (const row of seen) {
      this.host.stage.place(row.mark, stretchOf(row.lane));
      this.drawScale(row);
    }
  }

  /** @param {Row} row @param {Colours} colours */
  drawCurve(row, colours) {
    const { data, look, stage } = this.host;
    const { lane } = row;
    const { context, width, height } = fitCanvas(row.canvas);
    const y = (/** @type {number} */ value) => height - 1 - value * (height - 3);
    const { values, low, high, compare } = row.curves;
    const blocks = (/** @type {Curve | null} */ curve, steps = data.steps) => (curve ? blocksOf(curve, steps, stage.view, width, data.duration_s) : []);
    context.clearRect(0, 0, width, height);
    context.fillStyle = colours.grid;
    context.fillRect(0, Math.round(y(0.5)), width, 1);
    context.fillStyle = colours[lane.kind || (lane.role ? "listed" : "other")];
    for (const [left, right, value] of blocks(values)) {
      if (value <= 0) continue;
      context.globalAlpha = 0.3 + 0.7 * value;
      context.fillRect(left, y(value), right - left - (right - left > 5 ? 1 : 0), height - y(value));
    }
    context.globalAlpha = 1;
    if (low && high) this.drawSpread(context, blocks(low), blocks(high), y, colours.ink);
    const { threshold } = lane;
    if (threshold !== null && lane.values.length) {
      context.strokeStyle = row.node.dataset.focus === "true" ? colours.ink : colours.dim;
      this.stroke(context, [5, 3], 1, () => {
        context.moveTo(0, Math.round(y(threshold)) + 0.5);
        context.lineTo(width, Math.round(y(threshold)) + 0.5);
      });
    }
    if (look.compare && compare && data.compare_steps) {
      const line = blocks(compare, data.compare_steps);
      for (const { colour, thick } of [{ colour: colours.paper, thick: 4 }, { colour: colours.ink, thick: 1.5 }]) {
        context.strokeStyle = colour;
        context.lineWidth = thick;
        traceBlocks(context, line, y);
        context.stroke();
      }
    }
    this.drawBoxes(context, lane, width, colours);
  }

  /** @param {CanvasRenderingContext2D} context @param {number[]} dash @param {number} thick @param {() => void} path */
  stroke(context, dash, thick, path) {
    context.setLineDash(dash);
    context.lineWidth = thick;
    context.beginPath();
    path();
    context.stroke();
    context.setLineDash([]);
  }

  // Lowest to highest of all runs that predicted the clip: a band with an edge.
  /**
   * @param {CanvasRenderingContext2D} context
   * @param {Block[]} lows
   * @param {Block[]} highs
   * @param {(value: number) => number} y
   * @param {string} ink
   */
  drawSpread(context, lows, highs, y, ink) {
    const up = (/** @type {number} */ value) => y(-value); // lows come negated
    context.fillStyle = context.strokeStyle = ink;
    context.lineWidth = 1;
    context.globalAlpha = 0.16;
    context.beginPath();
    /** @returns {[number, number][]} */
    const corners = (/** @type {Block[]} */ blocks, /** @type {(value: number) => number} */ yOf) => blocks.flatMap(([left, right, value]) => [[left, yOf(value)], [right, yOf(value)]]);
    for (const corner of [...corners(highs, y), ...corners(lows, up).reverse()]) context.lineTo(...corner);
    context.fill();
    context.globalAlpha = 0.7;
    traceBlocks(context, highs, y);
    context.stroke();
    traceBlocks(context, lows, up);
    context.stroke();
    context.globalAlpha = 1;
  }

  // What reviewers boxed: a bar along the top; where they found it quiet, a broken one.
  /** @param {CanvasRenderingContext2D} context @param {Lane} lane @param {number} width @param {Colours} colours */
  drawBoxes(context, lane, width, colours) {
    const { stage } = this.host;
    const drawn = [{ boxes: lane.events, colour: colours.present, dash: [] }, { boxes: lane.quiet, colour: colours.absent, dash: [3, 3] }];
    for (const { boxes, colour, dash } of drawn) {
      context.strokeStyle = colour;
      for (const { onset_s, offset_s } of boxes) {
        const [left, right] = [onset_s, offset_s].map((time) => (stage.percent(time) / 100) * width);
        if (right < 0 || left > width) continue;
        this.stroke(context, dash, 3, () => {
          context.moveTo(left, 1.5);
          context.lineTo(Math.max(right, left + 1), 1.5);
        });
      }
    }
  }

  // Numbers beside the lane in focus: 0, 1, and its threshold.
  /** @param {Row} given */
  drawScale({ scale, lane, node }) {
    const focused = node.dataset.focus === "true" && lane.values.length > 0;
    const wanted = focused ? `${lane.threshold}` : "";
    if (scale.dataset.drawn === wanted) return;
    scale.dataset.drawn = wanted;
    const number = (/** @type {number} */ value, /** @type {string} */ kind) => {
      const tick = el("span", { class: kind, text: value === 0 || value === 1 ? String(value) : value.toFixed(2).slice(1) });
      tick.style.bottom = `${value * 100}%`;
      return tick;
    };
    const far = (/** @type {number} */ value) => lane.threshold === null || Math.abs(lane.threshold - value) > 0.16;
    const ticks = focused ? [0, 0.5, 1].filter(far).map((value) => number(value, "")) : [];
    if (focused && lane.threshold !== null) ticks.push(number(lane.threshold, "threshold"));
    scale.replaceChildren(...ticks);
  }

  // ---------------------------------------------------------------- over the picture

  // A network that hears no frequency gets its whole band tinted; the line says how much, the tint only where.
  drawHeat() {
    const { heat, heatLegend, host } = this;
    const { lane, data, look, stage } = host;
    const row = this.rows.find((one) => one.lane === lane);
    heat.hidden = heatLegend.hidden = !(look.heatmap && row && lane?.values.length);
    if (heat.hidden || !row || !lane) return;
    const text = `heatmap: ${lane.name}, framewise 0 to 1 each ${Number(data.steps.step_s.toFixed(3))} s${data.run_id ? `, run ${data.run_id}` : ""}`;
    if (heatLegend.textContent !== text) heatLegend.textContent = text;
    const { context, width, height } = fitCanvas(heat);
    const [r, g, b] = this.v.root.dataset.theme === "light" ? HEATS.light : HEATS.dark;
    context.clearRect(0, 0, width, height);
    const blocks = row.curves.values ? blocksOf(row.curves.values, data.steps, stage.view, width, data.duration_s) : [];
    context.fillStyle = `rgb(${r} ${g} ${b})`;
    for (const [left, right, value] of blocks) {
      context.globalAlpha = HEAT_MOST * value;
      context.fillRect(left, 0, right - left, height);
    }
    context.globalAlpha = 1;
    for (const { colour, thick } of [{ colour: "rgb(0 0 0 / 70%)", thick: 4 }, { colour: "#fff", thick: 1.6 }]) {
      context.strokeStyle = colour;
      context.lineWidth = thick;
      traceBlocks(context, blocks, (value) => height - 2 - value * (height - 4));
      context.stroke();
    }
  }

  // ---------------------------------------------------------------- words

  // What lies under the pointer on a lane, beside the time.
  /** @param {Lane} lane @param {number} timeS */
  describe(lane, timeS) {
    const { data, look } = this.host;
    if (isHiding(data.mode)) return [lane.name];
    const curves = curvesOf(data, lane);
    const at = (/** @type {Curve | null} */ curve, steps = data.steps) => valueAt(curve, steps, timeS);
    const value = at(curves.values);
    const parts = [lane.name, value === null ? "no frame here" : value.toFixed(2)];
    if (value !== null && lane.threshold !== null) parts.push(`threshold ${lane.threshold.toFixed(2)}`);
    const other = look.compare && data.compare_steps ? at(curves.compare, data.compare_steps) : null;
    if (other !== null) parts.push(`${data.compare_run}: ${other.toFixed(2)}`);
    const [low, high] = [at(curves.low), at(curves.high)];
    if (low !== null && high !== null) parts.push(`all runs ${low.toFixed(2)}–${high.toFixed(2)}`);
    return parts;
  }

  // Names what is drawn in the lanes beside the blocks.
  drawLegend() {
    const { data, look } = this.host;
    const entries = [];
    if (look.compare && data.compare_steps) entries.push(["blocks", data.run_id], ["line", data.compare_run]);
    if (data.lanes.some((lane) => lane.spread)) entries.push(["band", "lowest to highest of all runs"]);
    if (entries.length && data.lanes.some((lane) => lane.threshold !== null)) entries.push(["dashes", "threshold"]);
    const wanted = JSON.stringify(entries);
    if (this.legend.dataset.drawn === wanted) return;
    this.legend.dataset.drawn = wanted;
    this.legend.hidden = !entries.length;
    this.legend.replaceChildren(...entries.map(([sign, text]) =>
      el("span", { class: "told" }, el("i", { class: `sign ${sign}`, "aria-hidden": "true" }), el("span", { text }))));
  }
}
