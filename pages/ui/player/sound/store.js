// Audio elements by what they play. Those loaded ahead hold their bytes, so that the next clip plays at once.

import { AHEAD } from "../../shared/api.js";
import { thingAt } from "../../shared/answers.js";
import { buildSoundChain } from "./chain.js";

/** @import { SoundChain } from "../types" */

const LARGEST_BLOB_BYTES = 32 * 1024 * 1024; // what is longer is streamed by Range requests, never held

/** @typedef {{ element: HTMLAudioElement, blob: string, fetching: AbortController }} StoredSound */

export class SoundStore {
  /** @param {number} most */
  constructor(most) {
    this.most = most;
    /** @type {Map<string, StoredSound>} */
    this.entries = new Map();
    /** @type {StoredSound | null} */
    this.taken = null;
    /** @type {string[]} */
    this.wanted = []; // URLs that are to be fetched ahead, one at a time: other requests need connections too
    this.under = ""; // what is being fetched ahead
    /** @type {AudioContext | null} */
    this.web = null; // Web Audio, one for all that plays on this page
    /** @type {Set<SoundChain>} */
    this.chains = new Set(); // those in use; without one Web Audio rests
    /** @type {WeakMap<HTMLAudioElement, MediaElementAudioSourceNode>} */
    this.sources = new WeakMap(); // an element can be given to Web Audio once only
  }

  get context() {
    this.web ??= new AudioContext();
    return this.web;
  }

  // A chain that ends at the loudspeaker, until leave(chain).
  join() {
    const chain = buildSoundChain(this.context);
    chain.output.connect(this.context.destination);
    this.chains.add(chain);
    return chain;
  }

  /** @param {SoundChain} chain */
  leave(chain) {
    chain.output.disconnect();
    this.chains.delete(chain);
    if (!this.chains.size) this.context.suspend();
  }

  // The element as a node of `this.context`. From then on it sounds only through what it is connected to.
  /** @param {HTMLAudioElement} element */
  sourceOf(element) {
    let source = this.sources.get(element);
    if (!source) this.sources.set(element, (source = this.context.createMediaElementSource(element)));
    return source;
  }

  /** @param {string} url */
  take(url) {
    const thing = thingAt(url);
    let entry = this.entries.get(thing);
    if (entry && !entry.element.src && !entry.element.error) {
      entry.fetching.abort(); // still on its way: stream it
      entry.element.src = url;
    }
    if (!entry || entry.element.error) {
      if (entry) this.drop(thing, entry);
      entry = this.make();
      entry.element.src = url;
    }
    this.taken = entry;
    this.keep(thing, entry);
    return entry.element;
  }

  // What was wanted ahead so far was passed, but for what is wanted anew at once.
  passed() {
    this.wanted = [];
    queueMicrotask(() => this.pump());
  }

  /** @param {string} url */
  ahead(url) {
    if (url && !this.wanted.includes(url)) this.wanted.push(url);
    queueMicrotask(() => this.pump());
  }

  async pump() {
    const passed = this.entries.get(this.under);
    if (passed && passed !== this.taken && !this.wanted.some((url) => thingAt(url) === this.under)) this.drop(this.under, passed);
    if (this.entries.has(this.under)) return;
    const url = this.wanted.find((one) => !this.entries.has(thingAt(one)));
    this.under = url ? thingAt(url) : "";
    if (!url) return;
    const thing = this.under;
    await this.fetch(url, thing);
    this.wanted = this.wanted.filter((one) => one !== url);
    if (this.under === thing) this.under = "";
    this.pump();
  }

  /** @param {string} url @param {string} thing */
  async fetch(url, thing) {
    const entry = this.make();
    this.keep(thing, entry);
    const { element } = entry;
    try {
      const response = await fetch(url, { credentials: "same-origin", signal: entry.fetching.signal, headers: AHEAD });
      const bytes = response.ok ? await smallBody(response) : null;
      if (element.src || this.entries.get(thing) !== entry) return;
      if (!response.ok) this.drop(thing, entry);
      else if (!bytes) element.src = url;
      else element.src = entry.blob = URL.createObjectURL(bytes);
    } catch (error) {
      if (!element.src && this.entries.get(thing) === entry) this.drop(thing, entry);
    }
  }

  // What a URL gave is not to be used again.
  /** @param {string} url */
  discard(url) {
    const thing = thingAt(url);
    const entry = this.entries.get(thing);
    if (entry) this.drop(thing, entry);
  }

  make() {
    const element = new Audio();
    element.preload = "auto";
    return { element, blob: "", fetching: new AbortController() };
  }

  /** @param {string} thing @param {StoredSound} entry */
  keep(thing, entry) {
    this.entries.delete(thing);
    this.entries.set(thing, entry);
    for (const [oldest, old] of this.entries) {
      if (this.entries.size <= this.most) return;
      if (old !== this.taken) this.drop(oldest, old);
    }
  }

  // Lets go of an element's bytes and of what is still on its way.
  /** @param {string} thing @param {StoredSound} entry */
  drop(thing, entry) {
    this.entries.delete(thing);
    entry.fetching.abort();
    entry.element.pause();
    entry.element.removeAttribute("src");
    entry.element.load();
    if (entry.blob) URL.revokeObjectURL(entry.blob);
  }
}

// The body of an answer, or null where it is too long to hold or of unknown length.
/** @param {Response} response */
export async function smallBody(response) {
  const length = Number(response.headers.get("content-length") || Infinity);
  if (length <= LARGEST_BLOB_BYTES) return response.blob();
  response.body?.cancel();
  return null;
}
