// The thread beside the page: fetches tiles, decodes and colours them. It keeps nothing but what is under way.

import { reasonOf, wordsOf } from "../../shared/answers.js";
import { AHEAD } from "../../shared/api.js";
import { coloursOf, suggestedContrast } from "../../shared/picture.js";
import { pooled, waveform } from "./pooling.js";

/**
 * @import { TileFacts } from "../../shared/server"
 * @import { First, ToWorker } from "../types"
 */

const page = /** @type {Worker} */ (/** @type {unknown} */ (self)); // whom it answers: both ends speak alike
/** @type {Map<number, AbortController>} */
const under = new Map(); // by the number of the job
const WAVE_ROWS = 64;

/**
 * @typedef {{ levels: Uint8Array, columns: number, rows: number }} Drawn
 * @typedef {{ job: number, facts: TileFacts, drawn: Drawn }} Loaded
 */

// The first tiles of each palette: all that have come, and those that wait to be coloured together.
/** @type {Map<string, { come: { facts: TileFacts }[], waiting: Loaded[], timer: number, first: First }>} */
const beginnings = new Map();
const MOST_BEGINNINGS = 24;

// `table`: 256 packed pixels.
/** @param {Uint8Array} levels @param {number} columns @param {number} rows @param {Uint32Array} table */
async function coloured(levels, columns, rows, table) {
  const image = new ImageData(columns, rows);
  const pixels = new Uint32Array(image.data.buffer);
  for (let index = 0; index < pixels.length; index += 1) pixels[index] = table[levels[index]];
  return createImageBitmap(image, { colorSpaceConversion: "none" });
}

// What cannot be drawn is told as what cannot be fetched: nothing is waited for in vain.
/** @param {number} job @param {unknown} error */
function failed(job, error) {
  page.postMessage([{ job, error: wordsOf(error) || "the server does not answer", status: 0 }]);
}

// Those that came together in one message: whoever takes the contrast from them has all of them at once.
/** @param {Loaded[]} tiles @param {Uint32Array | undefined} table @param {string} [stamp] */
async function send(tiles, table, stamp) {
  const bitmaps = await Promise.all(tiles.map(({ drawn }) => table && coloured(drawn.levels, drawn.columns, drawn.rows, table)));
  const answers = tiles.map(({ job, facts, drawn }, place) => ({ job, facts, ...drawn, bitmap: bitmaps[place], stamp }));
  page.postMessage(answers, answers.flatMap(({ levels, bitmap }) => (bitmap ? [levels.buffer, bitmap] : [levels.buffer])));
}

// A tile that has a say in its picture's contrast: it waits for the others, so that none is coloured twice.
/** @param {Loaded} loaded @param {First} first */
function begin(loaded, first) {
  const known = beginnings.get(first.palette);
  const here = known ?? { come: [], waiting: [], timer: 0, first };
  beginnings.set(first.palette, here);
  for (const oldest of beginnings.keys()) if (beginnings.size > MOST_BEGINNINGS) beginnings.delete(oldest);
  here.first = first;
  here.come.push({ facts: loaded.facts });
  here.waiting.push(loaded);
  clearTimeout(here.timer);
  if (here.come.length >= first.count) finish(here);
  else here.timer = setTimeout(() => finish(here), first.patienceMs);
}

/** @param {{ come: { facts: TileFacts }[], waiting: Loaded[], first: First }} here */
function finish({ come, waiting, first }) {
  const { stamp, table } = coloursOf(suggestedContrast(come), first.colouring);
  const tiles = waiting.splice(0);
  send(tiles, table(), stamp).catch((error) => tiles.forEach(({ job }) => failed(job, error)));
  if (come.length >= first.count) beginnings.delete(first.palette);
}

/** @param {Extract<ToWorker, { do: "load" }>} given */
async function load({ job, url, kind, across, down, table, ahead, first }) {
  const stop = new AbortController();
  under.set(job, stop);
  try {
    const response = await fetch(url, { credentials: "same-origin", signal: stop.signal, headers: ahead ? AHEAD : {} });
    if (!response.ok) {
      page.postMessage([{ job, error: await reasonOf(response), status: response.status }]);
      return;
    }
    const facts = /** @type {TileFacts} */ (JSON.parse(response.headers.get(kind === "peaks" ? "x-earmark-peaks" : "x-earmark-tile") ?? ""));
    const body = await response.arrayBuffer();
    const rows = kind === "peaks" ? WAVE_ROWS : facts.rows;
    if (body.byteLength !== facts.columns * (kind === "peaks" ? 2 : rows)) throw new Error("the tile is cut short");
    const levels = kind === "peaks" ? waveform(new Int8Array(body), facts.columns, rows) : new Uint8Array(body);
    const drawn = pooled(levels, facts.columns, rows, across, down);
    if (first && kind !== "peaks") begin({ job, facts, drawn }, first);
    else await send([{ job, facts, drawn }], table);
  } catch (error) {
    if (!stop.signal.aborted) failed(job, error);
  } finally {
    under.delete(job);
  }
}

// Several at once, so that the whole view changes its colours in one frame.
/** @param {Extract<ToWorker, { do: "paint" }>} given */
async function paint({ batch, tiles }) {
  const made = await Promise.allSettled(tiles.map(({ levels, columns, rows, table }) => coloured(levels, columns, rows, table)));
  const bitmaps = made.map((one) => (one.status === "fulfilled" ? one.value : null));
  page.postMessage({ batch, bitmaps }, bitmaps.filter((bitmap) => bitmap !== null));
}

page.onmessage = ({ data }) => {
  if (data.do === "load") load(data);
  else if (data.do === "paint") paint(data);
  else if (data.do === "cancel") under.get(data.job)?.abort();
};
