// The stage: which part of the recording is in view, and what is drawn of it. One draw a frame, from tiles.

import { AXES, clock, frequencyAt, frequencyTicks, hertz, shareOf, timeTicks } from "../../shared/axes.js";
import { Layers } from "./layers.js";
import { Minimap } from "./minimap.js";
import { Pointing } from "./pointing.js";
import { hasBand } from "../boxes/region.js";
import { PictureSettings } from "./settings.js";
import { firstView, round3, SHORTEST_VIEW_S, stretchOf, viewAround } from "../span.js";
import { placeTicks } from "./stage_view.js";
import { tiles } from "./tiles.js";
import { zoomFor } from "./tileset.js";

/**
 * @import { Clip } from "../../shared/server"
 * @import { Band, BandedStretch, Span, Stretch } from "../../shared/types"
 * @import { Describe } from "./pointing.js"
 * @import { SelectRange, StageHost, View, Wish } from "../types"
 */

const GLIDE_MS = 130;
const JUMP_S = 0.5; // between two frames: the sound was sent elsewhere
// Pixels: between the player's parts; of the minimap, which comes with a zoom and must not move the rest.
const GAP_PX = 8;
const MINIMAP_PX = 29;

export class Stage {
  /** @param {View} v @param {StageHost} host */
  constructor(v, host) {
    this.v = v;
    this.host = host;
    /** @type {Span} */
    this.view = { from_s: 0, to_s: 1 };
    /** @type {Band | null} */
    this.zoomedBand = null;
    /** @type {BandedStretch | null} */
    this.selection = null;
    /** @type {{ from: Span, to: Span, since: number } | null} */
    this.gliding = null;
    this.cursorSeen = false;
    this.frame = 0;
    this.axesDrawn = "";
    /** @type {Span | null} */
    this.pointedAt = null; // the view that the pointer was last told of
    /** @type {(() => void)[]} */
    this.callbacks = [];
    this.heard = { playing: false, position: 0, atMs: 0 }; // a sound that is kept can tell of itself before the clip has arrived
    /** @type {((event: PointerEvent) => boolean) | null} */
    this.pointerOwner = null; // asked at each press on the picture; where it answers true the press is not the stage's
    this.layers = new Layers(this);
    this.minimap = new Minimap(this);
    this.pointing = new Pointing(this);
    this.settings = new PictureSettings(this);
    this.onTile = (/** @type {Wish | null} */ wish) => this.tileCame(wish);
    tiles.listeners.add(this.onTile);
    this.resized = new ResizeObserver(() => this.resize());
    this.resized.observe(v.plot);
    this.free = ""; // the height that the picture may take
    this.drawnSize = "";
    this.onWindow = () => this.takeFreeHeight();
    addEventListener("resize", this.onWindow);
  }

  get data() {
    return this.host.data;
  }

  get duration() {
    return this.data?.duration_s || 1;
  }

  get span() {
    return this.view.to_s - this.view.from_s;
  }

  get axisKind() {
    return this.layers.picture.axis;
  }

  get band() {
    return this.zoomedBand || this.layers.fullBand;
  }

  get zoomed() {
    return this.span < this.duration * 0.999;
  }

  // Called after each draw, in the same frame.
  /** @param {() => void} callback */
  onDraw(callback) {
    this.callbacks.push(callback);
  }

  // ---------------------------------------------------------------- a clip

  // A new clip: its first view, the whole range of frequencies, nothing selected.
  arrive() {
    const { v, data } = this;
    this.selection = null;
    this.zoomedBand = null;
    this.gliding = null;
    this.cursorSeen = false;
    this.heard = { playing: false, position: 0, atMs: 0 };
    this.view = firstView(data);
    delete v.root.dataset.shown;
    this.layers.arrive();
    this.minimap.arrive();
    this.fail(data.error);
    v.drawing.hidden = Boolean(data.error);
  }

  // A clip that will come: its first view is fetched and coloured once nothing more urgent is left.
  /** @param {Clip} data */
  ahead(data) {
    const { from_s, to_s } = firstView(data);
    this.layers.ahead(data, zoomFor(to_s - from_s, this.v.canvas.width));
  }

  /** @param {string} text */
  fail(text) {
    this.v.error.textContent = text || "";
    this.v.error.hidden = !text;
  }

  /** @param {Wish | null} wish */
  tileCame(wish) {
    if (!this.data) return;
    this.layers.came(wish);
    this.minimap.came(wish);
    this.requestDraw();
  }

  // ---------------------------------------------------------------- where things lie

  // 0..100 across the plot.
  /** @param {number} timeS */
  percent(timeS) {
    return ((timeS - this.view.from_s) / this.span) * 100;
  }

  /** @param {number} clientX @param {Element} [element] */
  timeAt(clientX, element = this.v.plot) {
    const box = element.getBoundingClientRect();
    const share = Math.min(1, Math.max(0, (clientX - box.left) / Math.max(1, box.width)));
    return this.view.from_s + share * this.span;
  }

  /** @param {number} clientY */
  hertzAt(clientY) {
    const box = this.v.plot.getBoundingClientRect();
    const down = Math.min(1, Math.max(0, (clientY - box.top) / Math.max(1, box.height)));
    return frequencyAt(this.axisKind, this.band, 1 - down);
  }

  // 0..100 from the top of the plot.
  /** @param {number} hz */
  topPercent(hz) {
    return (1 - shareOf(this.axisKind, this.band, hz)) * 100;
  }

  // ---------------------------------------------------------------- what is in view

  // Keys and buttons glide, the pointer moves at once.
  /** @param {Span} view @param {boolean} [glide] */
  setView(view, glide = false) {
    if (!this.data || this.data.error) return;
    const next = viewAround((view.from_s + view.to_s) / 2, view.to_s - view.from_s, this.duration);
    const still = !glide || window.matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.gliding = still ? null : { from: this.view, to: next, since: performance.now() };
    if (still) this.view = next;
    const at = this.host.sound?.position ?? 0;
    this.cursorSeen = at >= next.from_s && at <= next.to_s; // where the reader looks elsewhere, it is not followed
    this.requestDraw();
  }

  get target() {
    return this.gliding?.to || this.view;
  }

  /** @param {number} from_s @param {number} to_s */
  show(from_s, to_s) {
    this.setView({ from_s, to_s });
  }

  // `factor` below 1 zooms in; the time at `anchorS` stays where it is.
  /** @param {number} factor @param {number | null} [anchorS] @param {boolean} [glide] */
  zoom(factor, anchorS = null, glide = anchorS === null) {
    const { from_s, to_s } = this.target;
    const at = this.host.sound?.position ?? -1;
    const anchor = anchorS ?? (at > from_s && at < to_s ? at : (from_s + to_s) / 2);
    const span = Math.min(this.duration, Math.max(SHORTEST_VIEW_S, (to_s - from_s) * factor));
    const share = (anchor - from_s) / (to_s - from_s);
    this.setView({ from_s: anchor - share * span, to_s: anchor + (1 - share) * span }, glide);
  }

  // By a share of what is in view.
  /** @param {number} share @param {boolean} [glide] */
  pan(share, glide = true) {
    const { from_s, to_s } = this.target;
    const step = share * (to_s - from_s);
    this.setView({ from_s: from_s + step, to_s: to_s + step }, glide);
  }

  // To a stretch and what is around it.
  /** @param {Stretch | null} stretch */
  zoomTo(stretch) {
    if (!stretch) return this.host.tell("select a stretch first: drag over the picture", "warning");
    const margin = 0.15 * (stretch.offset_s - stretch.onset_s) + 0.05;
    return this.setView({ from_s: stretch.onset_s - margin, to_s: stretch.offset_s + margin }, true);
  }

  fit() {
    this.setBand(null);
    this.setView({ from_s: 0, to_s: this.duration }, true);
  }

  // Frequencies low_hz..high_hz over the whole height; null for all.
  /** @param {Band | null} band */
  setBand(band) {
    const full = this.layers.fullBand;
    const [to, from] = AXES[this.axisKind];
    this.zoomedBand = null;
    if (band) {
      const [bottom, top] = [to(full.low_hz), to(full.high_hz)];
      const high = Math.min(top - bottom, Math.max((top - bottom) / 64, to(band.high_hz) - to(band.low_hz)));
      const low = Math.min(top - high, Math.max(bottom, to(band.low_hz)));
      if (high < 0.995 * (top - bottom)) this.zoomedBand = { low_hz: from(low), high_hz: from(low + high) };
    }
    this.layers.bandMoved();
    this.requestDraw();
  }

  toggleDenoise() {
    this.settings.change({ denoise: !this.layers.picture.denoise });
  }

  toggleSettings() {
    this.settings.toggle();
  }

  // ---------------------------------------------------------------- the picture's height

  // What the window has left beside all that should be seen with the picture; the style sheet bounds it. The rows of
  // the tiles follow the window and not the clip: tiles are fetched ahead.
  takeFreeHeight() {
    const { v } = this;
    if (!this.data) return;
    v.waveRow.hidden = this.host.look.waveform === false;
    /** @type {HTMLElement[]} */
    const passing = [v.silent, v.soundError, v.add, v.help];
    let taken = this.host.belowPx + MINIMAP_PX - GAP_PX - v.plot.offsetHeight - v.settings.offsetHeight - v.miniRow.offsetHeight;
    for (const part of v.root.children) {
      if (part instanceof HTMLElement && part.offsetHeight && !passing.includes(part)) taken += part.offsetHeight + GAP_PX;
    }
    let top = v.root.getBoundingClientRect().top; // as if nothing were scrolled
    /** @type {Node | null} */
    let node = v.root;
    for (; node; node = node instanceof ShadowRoot ? node.host : node.parentNode) top += node instanceof Element ? node.scrollTop : 0;
    const free = `${Math.floor(innerHeight - top - taken)}px`;
    if (free !== this.free) v.root.style.setProperty("--free", free);
    this.free = free;
    this.layers.fitRows(innerHeight);
  }

  // The picture has another size than it was drawn with.
  resize() {
    const { plot } = this.v;
    if (`${plot.clientWidth} ${plot.clientHeight}` !== this.drawnSize) this.drawAll();
    requestAnimationFrame(() => this.takeFreeHeight()); // what stands around it may need more lines now, or fewer
  }

  // ---------------------------------------------------------------- drawing

  requestDraw() {
    if (!this.frame) this.frame = requestAnimationFrame(() => this.drawAll());
  }

  recolour() {
    if (!this.data) return;
    this.layers.recolour();
    this.requestDraw();
  }

  drawAll() {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    const { v, data, view } = this;
    if (!data) return;
    if (this.gliding) this.glide(this.gliding);
    const [width, height] = [v.ticks.clientWidth || 600, v.plot.clientHeight]; // measured before anything is changed
    this.drawnSize = `${v.plot.clientWidth} ${height}`;
    this.layers.draw();
    if (this.view !== this.pointedAt) this.pointing.point();
    this.pointedAt = this.view;
    for (const callback of this.callbacks) callback();
    this.minimap.draw();
    this.drawAxes(width, height);
    this.drawMarks();
    this.drawCursor();
    v.root.dataset.viewFrom = String(round3(this.view.from_s));
    v.root.dataset.viewTo = String(round3(this.view.to_s));
    if (this.gliding || this.view !== view) this.requestDraw();
  }

  /** @param {{ from: Span, to: Span, since: number }} gliding */
  glide({ from, to, since }) {
    const done = Math.min(1, (performance.now() - since) / GLIDE_MS);
    const ease = 1 - (1 - done) ** 3;
    const between = (/** @type {keyof Span} */ name) => from[name] + ease * (to[name] - from[name]);
    this.view = done === 1 ? to : { from_s: between("from_s"), to_s: between("to_s") };
    if (done === 1) this.gliding = null;
  }

  /** @param {number} width @param {number} height */
  drawAxes(width, height) {
    const { v, view } = this;
    const { low_hz, high_hz } = this.band;
    const drawn = [this.data.title, view.from_s, view.to_s, low_hz, high_hz, this.axisKind, width, height].join();
    if (drawn === this.axesDrawn) return;
    this.axesDrawn = drawn;
    const times = timeTicks(view, Math.max(2, width / 76));
    const places = times.map(({ time_s, text }) => ({ text, share: this.percent(time_s) / 100 }));
    placeTicks(v.ticks, places.filter(({ text, share }) => share * width < width - 7 * text.length), "left");
    placeTicks(v.axis, frequencyTicks(this.axisKind, this.band, Math.max(3, height / 26)), "bottom");
    const part = `${clock(view.from_s)} to ${clock(view.to_s)} of ${clock(this.duration)}`;
    v.canvas.setAttribute("aria-label", `spectrogram of ${this.data.title}, ${part}`);
  }

  /** @param {HTMLElement} node @param {Stretch | null} range */
  place(node, range) {
    const outside = !range || range.offset_s <= this.view.from_s || range.onset_s >= this.view.to_s;
    node.hidden = outside;
    if (outside) return;
    const left = Math.max(-1, this.percent(range.onset_s));
    const right = Math.min(101, this.percent(range.offset_s));
    node.style.left = `${left}%`;
    node.style.width = `${Math.max(0.1, right - left)}%`;
  }

  drawMarks() {
    const { v, selection } = this;
    const { lane } = this.host;
    this.place(v.suspectMark, stretchOf(lane));
    v.suspectMark.dataset.kind = lane?.kind || "";
    this.minimap.drawMarks();
    this.place(v.selection, selection);
    if (!selection) return;
    const { onset_s, offset_s } = selection;
    const box = hasBand(selection);
    const height = v.plot.clientHeight / 100;
    v.selection.classList.toggle("box", box);
    const top = box ? Math.max(0, this.topPercent(selection.high_hz)) : 0;
    v.selection.style.top = box ? `${v.plot.offsetTop + height * top}px` : "";
    v.selection.style.height = box ? `${height * (Math.min(100, this.topPercent(selection.low_hz)) - top)}px` : "";
    const band = box ? `, ${hertz(selection.low_hz)}–${hertz(selection.high_hz)}` : "";
    v.selectionText.textContent = `${onset_s.toFixed(2)}–${offset_s.toFixed(2)} s (${(offset_s - onset_s).toFixed(2)} s)${band}`;
    Object.assign(v.selection.dataset, { onset: onset_s, offset: offset_s, low: selection.low_hz ?? "", high: selection.high_hz ?? "" });
  }

  drawCursor() {
    const { v, data } = this;
    const { sound } = this.host;
    if (!data) return;
    const began = sound.playing && !this.heard.playing;
    const now = performance.now();
    const playedS = this.heard.playing ? ((now - this.heard.atMs) / 1000) * sound.rate : 0; // a frame may come late
    const movedS = sound.position - this.heard.position;
    const jumped = movedS < -JUMP_S || movedS > playedS + JUMP_S;
    this.heard = { playing: sound.playing, position: sound.position, atMs: now };
    const inView = sound.position >= this.view.from_s && sound.position <= this.view.to_s;
    if (inView || began || jumped) this.cursorSeen = true;
    if (!inView && this.cursorSeen && !this.gliding && !this.pointing.held) this.follow(sound.position);
    const at = this.percent(sound.position);
    v.cursor.style.left = `${Math.min(100, Math.max(0, at))}%`;
    v.cursor.hidden = at < 0 || at > 100 || !sound.element;
    v.cursor.dataset.time = sound.position.toFixed(3);
    v.time.textContent = `${clock(sound.position)} / ${clock(data.duration_s)}`;
  }

  // The sound has left the view that it was in: turn the page.
  /** @param {number} timeS */
  follow(timeS) {
    const { span } = this;
    const from_s = Math.min(this.duration - span, Math.max(0, timeS > this.view.to_s ? timeS - 0.02 * span : timeS - 0.5 * span));
    this.view = { from_s, to_s: from_s + span };
    this.requestDraw();
  }

  // ---------------------------------------------------------------- selection

  // Another strip on the same time axis: click seeks and drag selects there too.
  /** @param {HTMLElement} area @param {Describe} [describe] */
  listenTime(area, describe) {
    this.pointing.listenTime(area, describe);
  }

  // {onset_s, offset_s, low_hz, high_hz} with null frequencies for a stretch of time, or null.
  /** @param {SelectRange | null} range */
  select(range) {
    const long = range && range.offset_s - range.onset_s >= 0.005;
    this.selection = long ? { low_hz: null, high_hz: null, ...range } : null;
    this.drawMarks();
    this.host.selected();
  }

  close() {
    cancelAnimationFrame(this.frame);
    tiles.listeners.delete(this.onTile);
    this.layers.close();
    this.minimap.close();
    this.resized.disconnect();
    removeEventListener("resize", this.onWindow);
  }
}
