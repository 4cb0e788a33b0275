// The thread beside the page: fetches tiles, decodes and colours them. It keeps nothing but what is under way.

const under = new Map(); // by the number of the job
const WAVE_ROWS = 64;
async function reason(response) {
  try {
    const body = await response.json();
    if (body && typeof body.error === "string") return body.error;
  } catch (error) {
    // not JSON: the status has to do
  }
  return `the server answered ${response.status}`;
}

// The largest level of each `across` columns and `down` rows; a tile of one scale becomes one of a coarser scale.
function pooled(levels, columns, rows, across, down) {
  if (across <= 1 && down <= 1) return { levels, columns, rows };
  const [wide, high] = [Math.ceil(columns / across), Math.ceil(rows / down)];
  const most = new Uint8Array(wide * high);
  for (let row = 0; row < rows; row += 1) {
    const to = Math.floor(row / down) * wide;
    const from = row * columns;
    for (let column = 0; column < columns; column += 1) {
      const at = to + Math.floor(column / across);
      if (levels[from + column] > most[at]) most[at] = levels[from + column];
    }
  }
  return { levels: most, columns: wide, rows: high };
}

// Pairs (lowest, highest), full scale 127, as a drawing of 0 and 255: quiet sounds are drawn larger than they are.
function waveform(pairs, columns, rows) {
  const levels = new Uint8Array(columns * rows);
  const middle = (rows - 1) / 2;
  const place = (value) => middle - Math.sign(value) * Math.sqrt(Math.abs(value) / 127) * middle;
  for (let column = 0; column < columns; column += 1) {
    const top = Math.round(place(pairs[2 * column + 1]));
    const bottom = Math.max(top, Math.round(place(pairs[2 * column])));
    for (let row = Math.max(0, top); row <= Math.min(rows - 1, bottom); row += 1) levels[row * columns + column] = 255;
  }
  return levels;
}

// `table`: 256 packed pixels.
function coloured(levels, columns, rows, table) {
  const image = new ImageData(columns, rows);
  const pixels = new Uint32Array(image.data.buffer);
  for (let index = 0; index < pixels.length; index += 1) pixels[index] = table[levels[index]];
  return createImageBitmap(image, { colorSpaceConversion: "none" });
}

async function load({ job, url, kind, across, down, table }) {
  const stop = new AbortController();
  under.set(job, stop);
  try {
    const response = await fetch(url, { credentials: "same-origin", signal: stop.signal });
    if (!response.ok) {
      postMessage({ job, error: await reason(response), status: response.status });
      return;
    }
    const facts = JSON.parse(response.headers.get(kind === "peaks" ? "x-earmark-peaks" : "x-earmark-tile"));
    const body = await response.arrayBuffer();
    const rows = kind === "peaks" ? WAVE_ROWS : facts.rows;
    if (body.byteLength !== facts.columns * (kind === "peaks" ? 2 : rows)) throw new Error("the tile is cut short");
    const levels = kind === "peaks" ? waveform(new Int8Array(body), facts.columns, rows) : new Uint8Array(body);
    const drawn = pooled(levels, facts.columns, rows, across, down);
    const bitmap = table && (await coloured(drawn.levels, drawn.columns, drawn.rows, table));
    const send = bitmap ? [drawn.levels.buffer, bitmap] : [drawn.levels.buffer];
    postMessage({ job, facts, ...drawn, bitmap }, send);
  } catch (error) {
    if (error.name !== "AbortError") postMessage({ job, error: error.message || "the server does not answer", status: 0 });
  } finally {
    under.delete(job);
  }
}

// Several at once, so that the whole view changes its colours in one frame.
async function paint({ batch, tiles }) {
  const bitmaps = await Promise.all(tiles.map(({ levels, columns, rows, table }) => coloured(levels, columns, rows, table)));
  postMessage({ batch, bitmaps }, bitmaps);
}

onmessage = ({ data }) => {
  if (data.do === "load") load(data);
  else if (data.do === "paint") paint(data);
  else if (data.do === "cancel") under.get(data.job)?.abort();
};
