// The picture: colours, contrast, and how tiles lie on the canvas.

import { AXES } from "./axes.js";

/**
 * @import { TileFacts } from "./server"
 * @import { Axis, Scale, Band, Span, Colouring, Contrast, Drawable } from "./types"
 */

/** @type {Record<string, string[]>} */
export const COLORMAPS = {
  magma: ["#000004", "#180f3d", "#440f76", "#721f81", "#9e2f7f", "#cd4071", "#f1605d", "#fd9668", "#feca8d", "#fcfdbf"],
  viridis: ["#440154", "#482878", "#3e4989", "#31688e", "#26828e", "#1f9e89", "#35b779", "#6ece58", "#b5de2b", "#fde725"],
  grey: ["#000000", "#ffffff"],
  paper: ["#fbfaf7", "#0b0d12"],
};

/** @param {string[]} stops @param {number} fraction */
export function colourAt(stops, fraction) {
  const place = Math.min(0.999999, Math.max(0, fraction)) * (stops.length - 1);
  const index = Math.floor(place);
  const share = place - index;
  const part = (/** @type {string} */ hex, /** @type {number} */ at) => parseInt(hex.slice(at, at + 2), 16);
  return [1, 3, 5].map((at) => Math.round(part(stops[index], at) * (1 - share) + part(stops[index + 1], at) * share));
}

// 256 colours as packed pixels: levels at or below floor take the first colour, at or above ceiling the last.
/** @param {string} name @param {number} floorLevel @param {number} ceilingLevel */
export function colourTable(name, floorLevel, ceilingLevel) {
  const table = new Uint32Array(256);
  const span = Math.max(1, ceilingLevel - floorLevel);
  for (let level = 0; level < 256; level += 1) {
    const [r, g, b] = colourAt(COLORMAPS[name], (level - floorLevel) / span);
    table[level] = (255 << 24) | (b << 16) | (g << 8) | r;
  }
  return table;
}

// ---------------------------------------------------------------- contrast

// What suits the tiles of a first view: their floors' mean, weighed by length, and their highest ceiling.
/** @param {{ facts: TileFacts }[]} entries */
export function suggestedContrast(entries) {
  let [columns, floors, ceiling] = [0, 0, -Infinity];
  for (const { facts } of entries) {
    columns += facts.columns;
    floors += facts.columns * facts.floor_db;
    ceiling = Math.max(ceiling, facts.ceiling_db);
  }
  const { low_db, high_db, scale } = entries[0].facts;
  return { floor_db: floors / columns, ceiling_db: ceiling, low_db, high_db, scale };
}

// Contrast in the picture's own units: what suits it, moved by the reader's sliders (in hundredths of the range).
/** @param {Contrast} given @param {{ floor: number, ceiling: number, brightness?: number }} look */
export function contrastOf({ floor_db, ceiling_db, low_db, high_db }, look) {
  const unit = (high_db - low_db) / 100;
  const gain = (look.brightness || 0) * unit;
  const floor = floor_db + look.floor * unit - gain;
  const ceiling = Math.max(floor + unit, ceiling_db + look.ceiling * unit - gain);
  const level = (/** @type {number} */ value) => ((value - low_db) / (high_db - low_db)) * 255;
  return { floor, ceiling, floorLevel: level(floor), ceilingLevel: level(ceiling) };
}

// The colours of a contrast, and a stamp that differs when they do.
/** @param {Contrast} contrast @param {Colouring} colouring */
export function coloursOf(contrast, { colormap, ...look }) {
  const now = contrastOf(contrast, look);
  const stamp = `${colormap} ${now.floorLevel.toFixed(2)} ${now.ceilingLevel.toFixed(2)}`;
  return { now, stamp, table: () => colourTable(colormap, now.floorLevel, now.ceilingLevel) };
}

// A level as it is read: decibels below a full-scale sine, or plain PCEN.
/** @param {number} value @param {Scale} scale */
export function levelText(value, scale) {
  if (scale === "pcen") return value.toFixed(1).replace("-", "−");
  return `${(Math.round(value) || 0).toString().replace("-", "−")} dB`;
}

// ---------------------------------------------------------------- on the canvas

/** @param {HTMLCanvasElement} canvas */
export function contextOf(canvas) {
  return /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
}

// Give a canvas one pixel for each pixel of the screen; returns its context and its size in CSS pixels.
/** @param {HTMLCanvasElement} canvas */
export function fitCanvas(canvas) {
  const ratio = window.devicePixelRatio || 1;
  const width = canvas.clientWidth;
  const height = canvas.clientHeight;
  const [w, h] = [Math.max(1, Math.round(width * ratio)), Math.max(1, Math.round(height * ratio))];
  if (canvas.width !== w || canvas.height !== h) {
    canvas.width = w;
    canvas.height = h;
  }
  const context = contextOf(canvas);
  context.setTransform(w / Math.max(1, width), 0, 0, h / Math.max(1, height), 0, 0);
  return { context, width, height };
}


// Colours that get brighter with the level, or darker.
/** @param {string} colormap */
function brightens(colormap) {
  const light = (/** @type {string} */ hex) => [1, 3, 5].reduce((sum, at) => sum + parseInt(hex.slice(at, at + 2), 16), 0);
  const colours = COLORMAPS[colormap];
  return light(colours[colours.length - 1]) > light(colours[0]);
}

// Draw tiles, the later over the earlier, so that each edge lies on a whole pixel: neighbours join without a seam.
// Where a pixel holds more than one column the tile is drawn again half a pixel on, keeping the stronger of both:
// no column falls between two pixels. `span`: {from_s, to_s, low_hz, high_hz} of the whole canvas.
/**
 * @param {HTMLCanvasElement} canvas
 * @param {Drawable[]} entries
 * @param {Span & Band} span
 * @param {Axis} axis
 * @param {string} colormap
 */
export function drawTiles(canvas, entries, span, axis, colormap) {
  const context = contextOf(canvas);
  const { width, height } = canvas;
  context.save();
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.imageSmoothingEnabled = true;
  context.imageSmoothingQuality = "low";
  const pixelS = (span.to_s - span.from_s) / width;
  const across = (/** @type {number} */ timeS) => Math.round((timeS - span.from_s) / pixelS);
  const place = AXES[axis][0];
  const [low, high] = [place(span.low_hz), place(span.high_hz)];
  const down = (/** @type {number} */ hz) => Math.round((1 - (place(hz) - low) / (high - low)) * height);
  for (const { bitmap, columns, onset_s, offset_s, step_s, facts } of entries) {
    const [left, right] = [across(onset_s), across(offset_s)];
    const [top, bottom] = facts.top_hz ? [down(facts.top_hz), down(facts.bottom_hz ?? 0)] : [0, height];
    const [widthPx, heightPx] = [Math.max(1, right - left), Math.max(1, bottom - top)];
    const draw = (/** @type {number} */ leftPx) =>
      context.drawImage(bitmap, 0, 0, columns, bitmap.height, leftPx, top, widthPx, heightPx);
    context.globalCompositeOperation = "source-over";
    draw(left);
    if (step_s >= pixelS * 0.98 || !colormap) continue;
    context.globalCompositeOperation = brightens(colormap) ? "lighten" : "darken";
    draw(left + 0.5);
  }
  context.restore();
}

// Whether the page around an element is dark.
/** @param {Element} host */
export function isDark(host) {
  const colour = getComputedStyle(host).getPropertyValue("--st-background-color").trim() || "#fff";
  const probe = contextOf(document.createElement("canvas"));
  probe.fillStyle = colour;
  probe.fillRect(0, 0, 1, 1);
  const [r, g, b] = probe.getImageData(0, 0, 1, 1).data;
  return 0.299 * r + 0.587 * g + 0.114 * b < 128;
}
