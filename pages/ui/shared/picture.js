// The picture: colours, contrast, how tiles lie on the canvas, and the two axes with their ticks.

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

// ---------------------------------------------------------------- contrast

// What suits the tiles of a first view: their floors' mean, weighed by length, and their highest ceiling.
function suggestedContrast(entries) {
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
function contrastOf({ floor_db, ceiling_db, low_db, high_db }, look) {
  const unit = (high_db - low_db) / 100;
  const gain = (look.brightness || 0) * unit;
  const floor = floor_db + look.floor * unit - gain;
  const ceiling = Math.max(floor + unit, ceiling_db + look.ceiling * unit - gain);
  const level = (value) => ((value - low_db) / (high_db - low_db)) * 255;
  return { floor, ceiling, floorLevel: level(floor), ceilingLevel: level(ceiling) };
}

// A level as it is read: decibels below a full-scale sine, or plain PCEN.
function levelText(value, scale) {
  if (scale === "pcen") return value.toFixed(1).replace("-", "−");
  return `${(Math.round(value) || 0).toString().replace("-", "−")} dB`;
}

// ---------------------------------------------------------------- on the canvas

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


// Colours that get brighter with the level, or darker.
function brightens(colormap) {
  const light = (hex) => [1, 3, 5].reduce((sum, at) => sum + parseInt(hex.slice(at, at + 2), 16), 0);
  return light(COLORMAPS[colormap].at(-1)) > light(COLORMAPS[colormap][0]);
}

// Draw tiles, the later over the earlier, so that each edge lies on a whole pixel: neighbours join without a seam.
// Where a pixel holds more than one column the tile is drawn again half a pixel on, keeping the stronger of both:
// no column falls between two pixels. `span`: {from_s, to_s, low_hz, high_hz} of the whole canvas.
function drawTiles(canvas, entries, span, axis, colormap) {
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

// ---------------------------------------------------------------- axes

// Frequency axes, as in the server's labeling/sound/frequency.py.
const AXES = {
  linear: [(hz) => hz, (place) => place],
  log: [(hz) => Math.log2(Math.max(hz, 1e-3)), (place) => 2 ** place],
  mel: [
    (hz) => (hz < 1000 ? (hz * 3) / 200 : 15 + (Math.log(hz / 1000) * 27) / Math.log(6.4)),
    (place) => (place < 15 ? (place * 200) / 3 : 1000 * Math.exp(((place - 15) * Math.log(6.4)) / 27)),
  ],
};

// The frequency at a share (0..1) from the bottom of a band, and back.
function frequencyAt(axis, band, share) {
  const [to, from] = AXES[axis];
  const [low, high] = [to(band.low_hz), to(band.high_hz)];
  return from(low + share * (high - low));
}

function shareOf(axis, band, hz) {
  const [to] = AXES[axis];
  const [low, high] = [to(band.low_hz), to(band.high_hz)];
  return (to(hz) - low) / (high - low);
}

// A band that holds this one, on a grid of about an eighth of its width: neighbouring zooms ask for the same tiles.
function roundedBand(axis, band, full) {
  const [to, from] = AXES[axis];
  const [low, high] = [to(band.low_hz), to(band.high_hz)];
  const grid = 2 ** Math.floor(Math.log2((high - low) / 8));
  const low_hz = Math.max(full.low_hz, Math.floor(from((Math.floor(low / grid) - 0.5) * grid)));
  const high_hz = Math.min(full.high_hz, Math.ceil(from((Math.ceil(high / grid) + 0.5) * grid)));
  return { low_hz, high_hz };
}

function roundStep(rough) {
  const power = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 5, 10].map((base) => base * power).find((step) => step >= rough);
}

// Round frequencies that fit a band at `most` labels: [{hz, share, text}], lowest first.
function frequencyTicks(axis, band, most) {
  const { low_hz: low, high_hz: high } = band;
  const step = roundStep((high - low) / Math.max(1, most));
  const first = Math.ceil(low / step);
  let candidates = Array.from({ length: Math.floor(high / step) - first + 1 }, (_, k) => (first + k) * step);
  if (axis !== "linear" && high / Math.max(low, 1) > 5) {
    candidates = [];
    for (let power = 1; power <= 1e6; power *= 10) candidates.push(power, 2 * power, 5 * power);
    candidates = candidates.filter((hz) => hz >= low && hz <= high);
  }
  const ticks = [];
  for (const hz of candidates) {
    const share = shareOf(axis, band, hz);
    if (!ticks.length || share - ticks.at(-1).share >= 0.85 / most) ticks.push({ hz, share, text: tickHertz(hz, step) });
  }
  return ticks;
}

function tickHertz(hz, step) {
  if (hz < 1000) return `${+hz.toFixed(step < 1 ? 1 : 0)} Hz`;
  return `${+(hz / 1000).toFixed(step < 10 ? 3 : step < 100 ? 2 : 1)} kHz`;
}

function hertz(hz) {
  return hz >= 1000 ? `${(hz / 1000).toFixed(hz >= 10000 ? 1 : 2)} kHz` : `${Math.round(hz)} Hz`;
}

const TIME_STEPS = [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400];

// Round times of a view at `most` labels: [{time_s, text}].
function timeTicks({ from_s, to_s }, most) {
  const rough = (to_s - from_s) / Math.max(1, most);
  const step = TIME_STEPS.find((one) => one >= rough) || 3600 * roundStep(rough / 3600);
  const ticks = [];
  for (let count = Math.ceil(from_s / step - 1e-9); count * step <= to_s + 1e-9; count += 1) {
    ticks.push({ time_s: count * step, text: timeText(count * step, step, to_s) });
  }
  return ticks;
}

// 12.5, 1:05.0 or 3:01:05, with as many digits as a step needs; `longest` decides whether minutes and hours show.
function timeText(timeS, step, longest = timeS) {
  const digits = step >= 1 ? 0 : step >= 0.1 ? 1 : step >= 0.01 ? 2 : 3;
  const whole = Number(Math.max(0, timeS).toFixed(digits));
  if (longest < 60) return `${whole.toFixed(digits)} s`;
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60)];
  const seconds = (whole - minutes * 60).toFixed(digits).padStart(digits ? digits + 3 : 2, "0");
  return longest < 3600 ? `${minutes}:${seconds}` : `${hours}:${String(minutes - 60 * hours).padStart(2, "0")}:${seconds}`;
}

function clock(seconds) {
  return seconds < 3600 ? timeText(seconds, 0.1, 60) : timeText(seconds, 1, 3600);
}

// Whether the page around an element is dark.
function isDark(host) {
  const colour = getComputedStyle(host).getPropertyValue("--st-background-color").trim() || "#fff";
  const probe = document.createElement("canvas").getContext("2d");
  probe.fillStyle = colour;
  probe.fillRect(0, 0, 1, 1);
  const [r, g, b] = probe.getImageData(0, 0, 1, 1).data;
  return 0.299 * r + 0.587 * g + 0.114 * b < 128;
}
