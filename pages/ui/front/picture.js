// The picture: fetch the server's grey PNG, colour it through a table, draw any stretch of it.

const COLORMAPS = {
  magma: ["#000004", "#180f3d", "#440f76", "#721f81", "#9e2f7f", "#cd4071", "#f1605d", "#fd9668", "#feca8d", "#fcfdbf"],
  viridis: ["#440154", "#482878", "#3e4989", "#31688e", "#26828e", "#1f9e89", "#35b779", "#6ece58", "#b5de2b", "#fde725"],
  grey: ["#000000", "#ffffff"],
  paper: ["#fbfaf7", "#0b0d12"],
};

function colourAt(stops, fraction) {
  const place = Math.min(0.999999, Math.max(0, fraction)) * (stops.length - 1);
  const index = Math.floor(place);
  const share = place - index;
  const part = (hex, at) => parseInt(hex.slice(at, at + 2), 16);
  return [1, 3, 5].map((at) => Math.round(part(stops[index], at) * (1 - share) + part(stops[index + 1], at) * share));
}

// 256 colours as packed pixels: levels at or below floor take the first colour, at or above ceiling the last.
function colourTable(name, floorLevel, ceilingLevel) {
  const table = new Uint32Array(256);
  const span = Math.max(1, ceilingLevel - floorLevel);
  for (let level = 0; level < 256; level += 1) {
    const [r, g, b] = colourAt(COLORMAPS[name], (level - floorLevel) / span);
    table[level] = (255 << 24) | (b << 16) | (g << 8) | r;
  }
  return table;
}

// The part of a URL that says what it gives: the token changes each hour, the thing does not.
function thingAt(url) {
  if (!url) return "";
  const parsed = new URL(url, document.baseURI);
  parsed.searchParams.delete("token");
  parsed.searchParams.delete("expires");
  return parsed.pathname + parsed.search;
}

async function reasonOf(response) {
  try {
    const body = await response.json();
    if (body && typeof body.error === "string") return body.error;
  } catch (error) {
    // not JSON: the status has to do
  }
  return `the server answered ${response.status}`;
}

// Decoded pictures by what they show, the oldest dropped.
class PictureStore {
  constructor(most) {
    this.most = most;
    this.entries = new Map();
  }

  load(url) {
    const thing = thingAt(url);
    let entry = this.entries.get(thing);
    if (entry) this.entries.delete(thing);
    else {
      entry = this.fetch(url);
      entry.catch(() => this.entries.delete(thing));
    }
    this.entries.set(thing, entry);
    while (this.entries.size > this.most) this.entries.delete(this.entries.keys().next().value);
    return entry;
  }

  async fetch(url) {
    const response = await fetch(url, { credentials: "same-origin" });
    if (!response.ok) throw new Error(await reasonOf(response));
    const facts = JSON.parse(response.headers.get("x-earmark-picture") || "{}");
    const bitmap = await createImageBitmap(await response.blob(), { colorSpaceConversion: "none" });
    const { width, height } = bitmap;
    const canvas = document.createElement("canvas");
    canvas.width = width;
    canvas.height = height;
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(bitmap, 0, 0);
    bitmap.close();
    const pixels = context.getImageData(0, 0, width, height).data;
    const levels = new Uint8Array(width * height);
    for (let index = 0; index < levels.length; index += 1) levels[index] = pixels[index * 4];
    return { levels, width, height, facts };
  }
}

// Contrast in the picture's own units: what the server suggests, moved by the reader's sliders.
function contrastOf(picture, look) {
  const { low_db: low = -90, high_db: high = 0, floor_db: floor = low, ceiling_db: ceiling = high } = picture.facts;
  const unit = (high - low) / 100;
  const from = floor + look.floor * unit;
  const to = Math.max(from + unit, ceiling + look.ceiling * unit);
  const level = (value) => ((value - low) / (high - low)) * 255;
  return { floor: from, ceiling: to, floorLevel: level(from), ceilingLevel: level(to) };
}

// A level as it is read: decibels below the loudest spot of the picture, or plain PCEN.
function levelText(value, { scale, high_db: high }) {
  if (scale === "pcen") return value.toFixed(1);
  return `${(Math.round(value - high) || 0).toString().replace("-", "−")} dB`;
}

// Colour the whole picture into an off-screen canvas; drawing a stretch of it is then one drawImage.
function colourPicture(picture, colormap, contrast, canvas) {
  if (canvas.width !== picture.width || canvas.height !== picture.height) {
    canvas.width = picture.width;
    canvas.height = picture.height;
  }
  const context = canvas.getContext("2d");
  const image = context.createImageData(picture.width, picture.height);
  const pixels = new Uint32Array(image.data.buffer);
  const table = colourTable(colormap, contrast.floorLevel, contrast.ceilingLevel);
  const { levels } = picture;
  for (let index = 0; index < levels.length; index += 1) pixels[index] = table[levels[index]];
  context.putImageData(image, 0, 0);
}

// Give a canvas one pixel for each pixel of the screen; returns its context and its size in CSS pixels.
function fitCanvas(canvas) {
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

function drawPicture(canvas, coloured, view, durationS) {
  const { context, width, height } = fitCanvas(canvas);
  context.clearRect(0, 0, width, height);
  if (!coloured.width || !durationS) return;
  const scale = coloured.width / durationS;
  context.imageSmoothingEnabled = true;
  context.imageSmoothingQuality = "high";
  const [from, to] = [view.from_s * scale, view.to_s * scale];
  context.drawImage(coloured, from, 0, to - from, coloured.height, 0, 0, width, height);
}

// Framewise probabilities as blocks of the network's own step: no smoothing, the highest where a pixel holds several.
function drawLane(canvas, values, steps, view, colours, durationS) {
  const { context, width, height } = fitCanvas(canvas);
  context.clearRect(0, 0, width, height);
  context.fillStyle = colours.grid;
  context.fillRect(0, Math.round(height / 2), width, 1);
  const scale = width / (view.to_s - view.from_s);
  const drawn = new Map();
  for (let index = 0; index < values.length; index += 1) {
    const from = Math.max(view.from_s, steps.start_s + index * steps.step_s);
    const to = Math.min(view.to_s, durationS, steps.start_s + (index + 1) * steps.step_s);
    if (to <= from) continue;
    const left = Math.round((from - view.from_s) * scale);
    const right = Math.max(left + 1, Math.round((to - view.from_s) * scale));
    const before = drawn.get(left);
    if (before === undefined || before.value < values[index]) drawn.set(left, { right, value: values[index] });
  }
  context.fillStyle = colours.bar;
  for (const [left, { right, value }] of drawn) {
    const bar = Math.max(value > 0.01 ? 1 : 0, Math.round(value * (height - 2)));
    context.globalAlpha = 0.3 + 0.7 * value;
    context.fillRect(left, height - bar, right - left - (right - left > 5 ? 1 : 0), bar);
  }
  context.globalAlpha = 1;
}

function valueAt(values, steps, timeS) {
  const index = Math.floor((timeS - steps.start_s) / steps.step_s);
  return index >= 0 && index < values.length ? values[index] : null;
}

// Frequency axes, as in the server's labeling/spectrogram.py.
const AXES = {
  linear: [(hz) => hz, (place) => place],
  log: [(hz) => Math.log2(hz), (place) => 2 ** place],
  mel: [
    (hz) => (hz < 1000 ? (hz * 3) / 200 : 15 + (Math.log(hz / 1000) * 27) / Math.log(6.4)),
    (place) => (place < 15 ? (place * 200) / 3 : 1000 * Math.exp(((place - 15) * Math.log(6.4)) / 27)),
  ],
};

function frequencyAt(axis, fraction) {
  const [to, from] = AXES[axis.kind];
  const [low, high] = [to(axis.bottom_hz), to(axis.top_hz)];
  return from(low + fraction * (high - low));
}

function roundStep(rough) {
  const power = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 5, 10].map((base) => base * power).find((step) => step >= rough);
}

function clock(seconds) {
  const whole = Math.max(0, seconds);
  const minutes = Math.floor(whole / 60);
  return `${minutes}:${(whole - minutes * 60).toFixed(1).padStart(4, "0")}`;
}

function hertz(hz) {
  return hz >= 1000 ? `${(hz / 1000).toFixed(hz >= 10000 ? 1 : 2)} kHz` : `${Math.round(hz)} Hz`;
}
