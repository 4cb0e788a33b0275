// The thread beside the page: fetches tiles, decodes and colours them. It keeps nothing but what is under way.

import { reasonOf, wordsOf } from "../../shared/answers.js";
import { pooled, waveform } from "./pooling.js";

/**
 * @import { TileFacts } from "../../shared/server"
 * @import { ToWorker } from "../types"
 */

const page = /** @type {Worker} */ (/** @type {unknown} */ (self)); // whom it answers: both ends speak alike
/** @type {Map<number, AbortController>} */
const under = new Map(); // by the number of the job
const WAVE_ROWS = 64;

// `table`: 256 packed pixels.
/** @param {Uint8Array} levels @param {number} columns @param {number} rows @param {Uint32Array} table */
function coloured(levels, columns, rows, table) {
  const image = new ImageData(columns, rows);
  const pixels = new Uint32Array(image.data.buffer);
  for (let index = 0; index < pixels.length; index += 1) pixels[index] = table[levels[index]];
  return createImageBitmap(image, { colorSpaceConversion: "none" });
}

/** @param {Extract<ToWorker, { do: "load" }>} given */
async function load({ job, url, kind, across, down, table }) {
  const stop = new AbortController();
  under.set(job, stop);
  try {
    const response = await fetch(url, { credentials: "same-origin", signal: stop.signal });
    if (!response.ok) {
      page.postMessage({ job, error: await reasonOf(response), status: response.status });
      return;
    }
    const facts = /** @type {TileFacts} */ (JSON.parse(response.headers.get(kind === "peaks" ? "x-earmark-peaks" : "x-earmark-tile") ?? ""));
    const body = await response.arrayBuffer();
    const rows = kind === "peaks" ? WAVE_ROWS : facts.rows;
    if (body.byteLength !== facts.columns * (kind === "peaks" ? 2 : rows)) throw new Error("the tile is cut short");
    const levels = kind === "peaks" ? waveform(new Int8Array(body), facts.columns, rows) : new Uint8Array(body);
    const drawn = pooled(levels, facts.columns, rows, across, down);
    const bitmap = table && (await coloured(drawn.levels, drawn.columns, drawn.rows, table));
    const send = bitmap ? [drawn.levels.buffer, bitmap] : [drawn.levels.buffer];
    page.postMessage({ job, facts, ...drawn, bitmap }, send);
  } catch (error) {
    if (!stop.signal.aborted) page.postMessage({ job, error: wordsOf(error) || "the server does not answer", status: 0 });
  } finally {
    under.delete(job);
  }
}

// Several at once, so that the whole view changes its colours in one frame.
/** @param {Extract<ToWorker, { do: "paint" }>} given */
async function paint({ batch, tiles }) {
  const bitmaps = await Promise.all(tiles.map(({ levels, columns, rows, table }) => coloured(levels, columns, rows, table)));
  page.postMessage({ batch, bitmaps }, bitmaps);
}

page.onmessage = ({ data }) => {
  if (data.do === "load") load(data);
  else if (data.do === "paint") paint(data);
  else if (data.do === "cancel") under.get(data.job)?.abort();
};
