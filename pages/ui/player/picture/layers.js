// What the picture is made of: the tiles that a view needs, others in their place until they are there, and colours.

import { thingAt } from "../../shared/answers.js";
import { AXES, roundedBand, shareOf } from "../../shared/axes.js";
import {
  COLORMAPS, colourAt, coloursOf, drawTiles, fitCanvas, levelText, suggestedContrast,
} from "../../shared/picture.js";
import { firstView } from "../span.js";
import { AUTO_ROWS, pictureQuery, rowsFor, STANDARD_PICTURE } from "./options.js";
import { tiles } from "./tiles.js";
import { TileSet, zoomFor } from "./tileset.js";

/**
 * @import { Clip } from "../../shared/server"
 * @import { Band, Contrast, Drawable, Scale, Span } from "../../shared/types"
 * @import { Picture, Tile, Wish } from "../types"
 * @import { Stage } from "./stage.js"
 */

const WORTH_ASKING_AGAIN = 0.7; // a band narrower than this share of the whole gets tiles of its own
const FALLBACK_ZOOMS = [1, 2, 3, 4, 5, 6];
const CONTRASTS_KEPT = 24;
const SETTLED_MS = 250;
const ASK_EACH_MS = 100;
const CLIPS_KEPT_AHEAD = 4;
// How long the first tiles of a picture, whose contrast is of all of them, wait for each other: in view, and before.
const TOGETHER_MS = 400;
const AHEAD_TOGETHER_MS = 5000;

// Whether a tile is here and has its colours.
/** @param {Tile | null | undefined} tile @returns {tile is Tile & Drawable} */
export function isColoured(tile) {
  return Boolean(tile?.bitmap);
}

export class Layers {
  /** @param {Stage} stage */
  constructor(stage) {
    this.stage = stage;
    this.picture = { ...STANDARD_PICTURE };
    this.rows = AUTO_ROWS; // where the reader chose none
    /** @type {TileSet | null} */
    this.base = null; // tiles of the whole range of frequencies
    /** @type {TileSet | null} */
    this.banded = null; // tiles of the band in view
    /** @type {TileSet | null} */
    this.wave = null;
    /** @type {Band | null} */
    this.full = null; // the whole range, as the tiles say
    /** @type {Map<string, { first: Wish[], contrast: Contrast | null, settled: boolean }>} */
    this.contrasts = new Map();
    /** @type {{ data: Clip, zoom: number }[]} */
    this.nexts = [];
    this.scaleDrawn = "";
    this.renewed = ""; // the link that ran out last
    this.asked = "";
    this.askedAt = 0;
  }

  // ---------------------------------------------------------------- sets of tiles

  arrive() {
    fitCanvas(this.stage.v.canvas); // its width decides the zoom
    this.picture = this.stage.settings.picture;
    this.asked = "";
    this.nexts = [];
    this.make();
  }

  // Tiles of the clip as the settings are now. A clip that they do not fit is drawn the standard way.
  /** @param {Picture} [picture] */
  make(picture = this.picture) {
    const { data } = this.stage;
    this.picture = picture;
    this.banded = null;
    this.base = data.tile_url && !data.error ? this.setOf(data, picture) : null;
    this.wave = data.peaks_url && !data.error ? new TileSet(data.peaks_url, { kind: "peaks", palette: "" }) : null;
    this.asked = "";
    this.askedAt = 0;
    this.stage.v.root.dataset.whole = "false";
    if (!this.base) return;
    tiles.forget(this.base.name);
    this.full = null;
    if (!this.contrasts.has(this.base.palette)) this.begin(this.base, this.stage.view, data, this.zoom);
    this.settle(this.base.palette);
  }

  /** @param {Clip} data @param {Picture} picture @param {Band | null} [band] */
  setOf(data, picture, band = null) {
    const palette = `${thingAt(data.tile_url)}&${pictureQuery(picture)}`;
    const query = pictureQuery({ ...picture, rows: picture.rows || this.rows }, band);
    return new TileSet(data.tile_url, { query, palette });
  }

  // The window has another height: its tiles are asked for, with other rows.
  /** @param {number} windowPx */
  fitRows(windowPx) {
    const rows = rowsFor(windowPx);
    if (rows === this.rows) return;
    this.rows = rows;
    if (this.base) this.make();
    this.wishAhead();
  }

  get zoom() {
    return zoomFor(this.stage.span, this.stage.v.canvas.width);
  }

  // The whole range: as the tiles say, before they are here as the settings have it.
  get fullBand() {
    if (this.full) return this.full;
    const { low_hz, high_hz } = this.picture;
    const half = (this.stage.data?.sample_rate || 32000) / 2;
    return { low_hz: low_hz ?? 60, high_hz: Math.min(high_hz ?? 16000, half) };
  }

  bandMoved() {
    clearTimeout(this.settling);
    this.settling = setTimeout(() => this.askBand(), SETTLED_MS);
  }

  // After a zoom in frequency has come to rest: tiles of that band, with all their rows in it.
  askBand() {
    const { zoomedBand, axisKind } = this.stage;
    const [to] = AXES[axisKind];
    const width = (/** @type {Band} */ band) => to(band.high_hz) - to(band.low_hz);
    this.banded = null;
    if (this.base && zoomedBand && width(zoomedBand) < WORTH_ASKING_AGAIN * width(this.fullBand)) {
      this.banded = this.setOf(this.stage.data, this.picture, roundedBand(axisKind, zoomedBand, this.fullBand));
    }
    this.asked = "";
    this.stage.requestDraw();
  }

  // ---------------------------------------------------------------- contrast and colours

  // The contrast of a picture is taken once, from the tiles of its first view.
  /** @param {TileSet} set @param {Span} view @param {Clip} data @param {number} zoom @param {number} [patienceMs] */
  begin(set, view, data, zoom, patienceMs = TOGETHER_MS) {
    const first = set.covering(zoom, view.from_s, view.to_s, data.duration_s);
    this.contrasts.delete(set.palette);
    this.contrasts.set(set.palette, { first, contrast: null, settled: false });
    tiles.expect(set.palette, { count: first.length, colouring: this.colouring, patienceMs });
    for (const oldest of this.contrasts.keys()) if (this.contrasts.size > CONTRASTS_KEPT) this.contrasts.delete(oldest);
  }

  /** @param {string} palette */
  settle(palette) {
    const state = this.contrasts.get(palette);
    if (!state) return;
    const here = state.first.flatMap(({ key }) => tiles.entries.get(key) ?? []);
    if (here.length && !state.settled) {
      state.contrast = suggestedContrast(here);
      state.settled = here.length === state.first.length;
    }
    if (state.contrast) this.colour(palette, state.contrast);
  }

  // Take the contrast anew, from what is in view.
  retake() {
    const { data, view } = this.stage;
    if (!this.base) return;
    this.begin(this.banded || this.base, view, data, this.zoom);
    this.settle(this.base.palette);
    this.stage.requestDraw();
  }

  get colormap() {
    const { look, dark } = this.stage.host;
    return look.colormap === "auto" ? (dark ? "magma" : "paper") : look.colormap;
  }

  get colouring() {
    const { floor, ceiling } = this.stage.host.look;
    return { colormap: this.colormap, floor, ceiling, brightness: this.picture.brightness };
  }

  /** @param {string} palette @param {Contrast} contrast */
  colour(palette, contrast) {
    const { now, stamp, table } = coloursOf(contrast, this.colouring);
    tiles.setPalette(palette, stamp, table);
    if (palette === this.base?.palette) this.drawScale(now, contrast.scale, `${stamp} ${contrast.scale}`);
  }

  recolour() {
    for (const palette of this.contrasts.keys()) this.settle(palette);
    if (this.wave) this.wave.palette = this.ink;
  }

  // The palette of waveforms: nothing, or the theme's ink.
  get ink() {
    const { dark } = this.stage.host;
    const colour = dark ? 0xffb8aca0 : 0xff6e5f52;
    tiles.setPalette("ink", String(colour), () => new Uint32Array(256).fill(colour, 1));
    return "ink";
  }

  /** @param {{ floor: number, ceiling: number }} now @param {Scale} scale @param {string} stamp */
  drawScale(now, scale, stamp) {
    const { v } = this.stage;
    if (stamp === this.scaleDrawn) return;
    this.scaleDrawn = stamp;
    const { context, width, height } = fitCanvas(v.scaleBar);
    for (let y = 0; y < height; y += 1) {
      const [r, g, b] = colourAt(COLORMAPS[this.colormap], 1 - y / height);
      context.fillStyle = `rgb(${r} ${g} ${b})`;
      context.fillRect(0, y, width, 1);
    }
    v.scaleTop.textContent = v.ceiling.value.textContent = levelText(now.ceiling, scale);
    v.scaleBottom.textContent = v.floor.value.textContent = levelText(now.floor, scale);
  }

  // ---------------------------------------------------------------- what is fetched

  // First what is in view, then a screen on each side; not at each frame of a movement, but now and then.
  /** @param {number} zoom */
  ask(zoom) {
    const { data, view, span, duration } = this.stage;
    const set = this.banded || this.base;
    if (!set) return;
    const seen = set.covering(zoom, view.from_s, view.to_s, duration);
    const asked = `${seen[0].key} ${seen[seen.length - 1].key} ${this.stage.host.look.waveform}`;
    if (asked === this.asked) return;
    const now = performance.now();
    clearTimeout(this.later);
    if (now - this.askedAt < ASK_EACH_MS) {
      this.later = setTimeout(() => this.stage.requestDraw(), ASK_EACH_MS);
      return;
    }
    this.asked = asked;
    this.askedAt = now;
    const state = this.contrasts.get(set.palette);
    if (state && !state.settled) {
      state.first = seen; // the view is another one before its first tiles came
      tiles.expect(set.palette, { count: seen.length, colouring: this.colouring, patienceMs: TOGETHER_MS });
      this.settle(set.palette);
    }
    const waves = this.wave && this.stage.host.look.waveform !== false ? [this.wave] : [];
    const around = (/** @type {number} */ from_s, /** @type {number} */ to_s) => [set, ...waves].flatMap((one) => one.covering(zoom, from_s, to_s, data.duration_s));
    tiles.wish({
      view: around(view.from_s, view.to_s),
      margin: around(Math.max(0, view.from_s - span), Math.min(duration, view.to_s + span)),
    });
  }

  /** @param {Clip} data @param {number} zoom */
  ahead(data, zoom) {
    if (data.error || !data.tile_url) return;
    const others = this.nexts.filter((next) => next.data.clip_id !== data.clip_id);
    this.nexts = [...others, { data, zoom }].slice(-CLIPS_KEPT_AHEAD);
    this.wishAhead();
  }

  wishAhead() {
    const wishes = this.nexts.flatMap((next) => {
      const view = firstView(next.data);
      const set = this.setOf(next.data, this.stage.settings.picture);
      if (!this.contrasts.has(set.palette)) this.begin(set, view, next.data, next.zoom, AHEAD_TOGETHER_MS);
      const wave = new TileSet(next.data.peaks_url, { kind: "peaks", palette: this.ink });
      return [set, wave].flatMap((one) => one.covering(next.zoom, view.from_s, view.to_s, next.data.duration_s));
    });
    tiles.wish({ ahead: wishes });
  }

  // A tile has come, or was refused; without a wish, colours have changed.
  /** @param {Wish | null} wish */
  came(wish) {
    if (!wish) return;
    this.settle(wish.palette);
    const problem = wish.palette === this.base?.palette && tiles.problem(wish);
    if (problem && this.stage.data) this.refused(problem);
  }

  // Links that have run out are asked for anew. Settings that do not fit this clip are said so, and it is drawn the
  // standard way.
  /** @param {{ error: string, status: number }} given */
  refused({ error, status }) {
    const { stage } = this;
    if (status === 403) {
      if (this.base && this.renewed !== this.base.url) stage.host.renew();
      this.renewed = this.base?.url ?? "";
    } else if (this.banded) {
      this.banded = null;
      stage.host.tell(`no finer picture: ${error}`, "warning");
    } else if (status === 422 && pictureQuery(this.picture) !== pictureQuery(STANDARD_PICTURE)) {
      stage.settings.refused(error);
      this.make({ ...STANDARD_PICTURE, brightness: this.picture.brightness });
    } else {
      stage.fail(`No picture: ${error}`);
      this.shown();
    }
    stage.requestDraw();
  }

  // ---------------------------------------------------------------- drawing

  draw() {
    const { v, view } = this.stage;
    for (const canvas of [v.canvas, v.wave]) {
      const { context, width, height } = fitCanvas(canvas);
      context.clearRect(0, 0, width, height);
    }
    if (this.base && this.base.url !== this.stage.data.tile_url) this.make(); // links have run out and were made anew
    if (!this.base) {
      v.root.dataset.whole = "true";
      return void this.shown();
    }
    const { zoom } = this;
    if (this.wave) this.wave.palette = this.ink;
    this.ask(zoom);
    v.root.dataset.level = String(zoom);
    const fine = this.banded && this.entriesOf(this.banded, zoom);
    const under = fine?.whole ? { entries: [], whole: true } : this.entriesOf(this.base, zoom);
    if (!this.full && under.entries.length) {
      const { bottom_hz, top_hz } = under.entries[0].facts;
      this.full = { low_hz: bottom_hz, high_hz: top_hz };
    }
    const span = { ...view, ...this.stage.band };
    drawTiles(v.canvas, [...under.entries, ...(fine?.entries || [])], span, this.axisKind, this.colormap);
    if (!v.waveRow.hidden && this.wave) drawTiles(v.wave, this.entriesOf(this.wave, zoom).entries, span, this.axisKind, "");
    const whole = under.whole && (!fine || fine.whole);
    v.root.dataset.whole = String(whole); // nothing stands in place of a tile that is still to come
    if (whole) this.shown();
    return undefined;
  }

  get axisKind() {
    return this.picture.axis;
  }

  // Tiles to draw, coarser and finer ones first where one is missing; `whole` where none is, and the colours are right.
  /** @param {TileSet} set @param {number} zoom */
  entriesOf(set, zoom) {
    const { view, duration } = this.stage;
    /** @type {(Tile & Drawable)[]} */
    const exact = [];
    /** @type {Map<string, Tile & Drawable>} */
    const inPlace = new Map();
    let whole = true;
    for (const wish of set.covering(zoom, view.from_s, view.to_s, duration)) {
      const entry = tiles.get(wish.key);
      if (isColoured(entry)) exact.push(entry);
      whole &&= Boolean(entry?.bitmap) && entry?.stamp === tiles.palettes.get(entry?.palette ?? "")?.stamp;
      if (!entry?.bitmap) {
        for (const other of this.inPlaceOf(set, zoom, wish)) inPlace.set(other.key, other);
      }
    }
    return { entries: [...inPlace.values(), ...exact], whole };
  }

  /** @param {TileSet} set @param {number} zoom @param {Wish} wish */
  inPlaceOf(set, zoom, wish) {
    const { duration } = this.stage;
    const to_s = Math.min(duration, wish.to_s);
    const here = (/** @type {number} */ one) => set.covering(one, wish.from_s, to_s - 1e-6, duration)
      .map(({ key }) => tiles.get(key)).filter(isColoured);
    const coarser = FALLBACK_ZOOMS.map((more) => here(zoom + more)).find((found) => found.length) || [];
    if (coarser.length || zoom === 0) return coarser;
    return FALLBACK_ZOOMS.filter((less) => less <= zoom && less <= 3).map((less) => here(zoom - less)).find((found) => found.length) || [];
  }

  shown() {
    const { v, data } = this.stage;
    v.drawing.hidden = true;
    if (v.root.dataset.shown !== String(data.clip_id)) v.root.dataset.shown = String(data.clip_id);
  }

  // The level under a point in the picture's own units, as text; "" where no tile is.
  /** @param {number} timeS @param {number} hz */
  levelAt(timeS, hz) {
    const { duration } = this.stage;
    for (const set of [this.banded, this.base]) {
      const wish = set?.covering(this.zoom, timeS, timeS, duration)[0];
      const entry = wish && tiles.entries.get(wish.key);
      if (!entry || hz < entry.facts.bottom_hz || hz > entry.facts.top_hz) continue;
      const { facts, levels, columns, rows, onset_s, step_s } = entry;
      const up = shareOf(facts.axis, { low_hz: facts.bottom_hz, high_hz: facts.top_hz }, hz);
      const row = Math.min(rows - 1, Math.floor((1 - up) * rows));
      const column = Math.min(columns - 1, Math.max(0, Math.floor((timeS - onset_s) / step_s)));
      return levelText(facts.low_db + (levels[row * columns + column] / 255) * (facts.high_db - facts.low_db), facts.scale);
    }
    return "";
  }

  close() {
    clearTimeout(this.later);
    clearTimeout(this.settling);
  }
}
