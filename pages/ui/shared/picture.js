// The picture: colours, contrast, and how tiles lie on the canvas.

import { AXES } from "./axes.js";

export const COLORMAPS = {
  magma: ["#000004", "#180f3d", "#440f76", "#721f81", "#9e2f7f", "#cd4071", "#f1605d", "#fd9668", "#feca8d", "#fcfdbf"],
  viridis: ["#440154", "#482878", "#3e4989", "#31688e", "#26828e", "#1f9e89", "#35b779", "#6ece58", "#b5de2b", "#fde725"],
  grey: ["#000000", "#ffffff"],
  paper: ["#fbfaf7", "#0b0d12"],
};

export function colourAt(stops, fraction) {
  const place = Math.min(0.999999, Math.max(0, fraction)) * (stops.length - 1);
  const index = Math.floor(place);
  const share = place - index;
  const part = (hex, at) => parseInt(hex.slice(at, at + 2), 16);
  return [1, 3, 5].map((at) => Math.round(part(stops[index], at) * (1 - share) + part(stops[index + 1], at) * share));
}

// 256 colours as packed pixels: levels at or below floor take the first colour, at or above ceiling the last.
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
export function contrastOf({ floor_db, ceiling_db, low_db, high_db }, look) {
  const unit = (high_db - low_db) / 100;
  const gain = (look.brightness || 0) * unit;
  const floor = floor_db + look.floor * unit - gain;
  const ceiling = Math.max(floor + unit, ceiling_db + look.ceiling * unit - gain);
  const level = (value) => ((value - low_db) / (high_db - low_db)) * 255;
  return { floor, ceiling, floorLevel: level(floor), ceilingLevel: level(ceiling) };
}

// A level as it is read: decibels below a full-scale sine, or plain PCEN.
export function levelText(value, scale) {
  if (scale === "pcen") return value.toFixed(1).replace("-", "−");
  return `${(Math.round(value) || 0).toString().replace("-", "−")} dB`;
}

// ---------------------------------------------------------------- on the canvas

// Give a canvas one pixel for each pixel of the screen; returns its context and its size in CSS pixels.
export function fitCanvas(canvas) {
  const ratio = window.devicePixelRatio || 1;
  const width = canvas.clientWidth;
  const height = canvas.clientHeight;
  const [w, h] = [Math.max(1, Math.round(width * ratio)), Math.max(1, Math.round(height * ratio))];
  if (canvas.width !== w || canvas.height !== h) {
    canvas.width = w;
    canvas.height = h;
  }
  const context = canvas.getContext("2d");
  context.setTransform(w / Math.max(1, width), 0, 0, h / Math.max(1, height), 0, 0);
  return { context, width, height };
}


// Colours that get brighter with the level, or darker.
function brightens(colormap) {
  const light = (hex) => [1, 3, 5].reduce((sum, at) => sum + parseInt(hex.slice(at, at + 2), 16), 0);
  return light(COLORMAPS[colormap].at(-1)) > light(COLORMAPS[colormap][0]);
}

// Draw tiles, the later over the earlier, so that each edge lies on a whole pixel: neighbours join without a seam.
// Where a pixel holds more than one column the tile is drawn again half a pixel on, keeping the stronger of both:
// no column falls between two pixels. `span`: {from_s, to_s, low_hz, high_hz} of the whole canvas.
export function drawTiles(canvas, entries, span, axis, colormap) {
  const context = canvas.getContext("2d");
  const { width, height } = canvas;
  context.save();
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.imageSmoothingEnabled = true;
  context.imageSmoothingQuality = "low";
  const pixelS = (span.to_s - span.from_s) / width;
  const across = (timeS) => Math.round((timeS - span.from_s) / pixelS);
  const place = AXES[axis][0];
  const [low, high] = [place(span.low_hz), place(span.high_hz)];
  const down = (hz) => Math.round((1 - (place(hz) - low) / (high - low)) * height);
  for (const { bitmap, columns, onset_s, offset_s, step_s, facts } of entries) {
    const [left, right] = [across(onset_s), across(offset_s)];
    const [top, bottom] = facts.top_hz ? [down(facts.top_hz), down(facts.bottom_hz)] : [0, height];
    const box = [0, 0, columns, bitmap.height, left, top, Math.max(1, right - left), Math.max(1, bottom - top)];
    context.globalCompositeOperation = "source-over";
    context.drawImage(bitmap, ...box);
    if (step_s >= pixelS * 0.98 || !colormap) continue;
    context.globalCompositeOperation = brightens(colormap) ? "lighten" : "darken";
    box[4] += 0.5;
    context.drawImage(bitmap, ...box);
  }
  context.restore();
}

// Whether the page around an element is dark.
export function isDark(host) {
  const colour = getComputedStyle(host).getPropertyValue("--st-background-color").trim() || "#fff";
  const probe = document.createElement("canvas").getContext("2d");
  probe.fillStyle = colour;
  probe.fillRect(0, 0, 1, 1);
  const [r, g, b] = probe.getImageData(0, 0, 1, 1).data;
  return 0.299 * r + 0.587 * g + 0.114 * b < 128;
}
