// The sound of one clip at a time: stretches and loops, speed and pitch, gain, band-pass and normalising.

import { LATE_MS, whyNoSound } from "../../shared/soundreason.js";
import { decodeSound, MEASURED_S, normalGainDb, peakFromServer, peakOfBuffer } from "./level.js";

/**
 * @import { Span, Stretch } from "../../shared/types"
 * @import { HeardBand, SoundChain } from "../types"
 * @import { SoundStore } from "./store.js"
 */

export const SPEEDS = [0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 4];
const AUDIBLE_RATE = 48000; // recordings above it hold what a browser cannot play, unless expanded
const SLOWEST_ELEMENT = 0.25; // some browsers fall silent below it
const MOST_EXPANSION = 20;
const SOUNDING = "earmark-sounding"; // told to the page by what begins to sound; all else stops

// How many times slower the server has to make the sound (1: as it is), so that its pitch shifts down with its speed.
/** @param {number} rate @param {string} pitch @param {number} [sampleRate] */
function expansionOf(rate, pitch, sampleRate = 0) {
  if (pitch !== "shifted" || rate >= 1 || !(sampleRate > AUDIBLE_RATE || rate < SLOWEST_ELEMENT)) return 1;
  return Math.min(MOST_EXPANSION, Math.round(1 / rate));
}

/** @param {HeardBand | null} band @param {number} factor @returns {HeardBand | null} */
function scaledBand(band, factor) {
  const scaled = (/** @type {number | null} */ hz) => (hz == null ? null : hz * factor);
  return band && { low_hz: scaled(band.low_hz), high_hz: scaled(band.high_hz) };
}

/**
 * What is known of the sound.
 * @typedef {{ duration_s?: number, sample_rate?: number, peaks_url?: string }} Facts
 */

// `tell` is called with what happened: "state", "playable", "error", "late" (it should play and nothing comes), or "blocked"
// (once: the browser wants a press).
// Times are seconds in the clip, whatever the expansion.
export class Sound {
  /** @param {SoundStore} store @param {(what: string) => void} tell */
  constructor(store, tell) {
    this.store = store;
    this.tell = tell;
    this.url = "";
    /** @type {Facts} */
    this.facts = {};
    /** @type {HTMLAudioElement | null} */
    this.element = null;
    this.expansion = 1;
    /** @type {Stretch | null} */
    this.range = null;
    this.loop = false;
    this.rate = 1;
    this.pitch = "kept";
    this.gainDb = 0;
    /** @type {HeardBand | null} */
    this.band = null;
    this.normalise = false;
    /** @type {SoundChain | null} */
    this.chain = null;
    /** @type {Promise<AudioBuffer | null> | null} */
    this.decoded = null; // promise of the clip's samples, while they are needed
    this.startedS = 0; // where it began to play
    this.timer = 0;
    this.late = 0; // wakes when a sound that should play has not come
    this.going = false; // whether it should play now
    this.remade = false; // whether the server makes a WAV of it, since the browser did not play the file
    this.hinted = false;
    /** @type {Span & { gainDb: number } | null} */
    this.measured = null; // what the normalising gain was taken over
    this.othersSound = (/** @type {Event} */ event) => {
      if (event instanceof CustomEvent && event.detail !== this && this.playing) this.pause();
    };
    window.addEventListener(SOUNDING, this.othersSound);
  }

  /** @param {string} url @param {Facts} [facts] */
  load(url, facts = {}) {
    this.unload();
    if (!url) return;
    Object.assign(this, { url, facts, remade: false });
    this.attach();
    this.levelOut();
  }

  // Fetches the next clips' sound, as the present speed and pitch will want it.
  /** @param {string} url @param {number} sampleRate */
  ahead(url, sampleRate) {
    const expansion = expansionOf(this.rate, this.pitch, sampleRate);
    return this.store.ahead(expansion > 1 ? `${url}&expand=${expansion}` : url);
  }

  /** @param {string} url @param {number} expansion */
  address(url, expansion) {
    return url && (expansion > 1 || this.remade) ? `${url}&expand=${expansion}` : url;
  }

  attach() {
    this.expansion = expansionOf(this.rate, this.pitch, this.facts.sample_rate);
    const element = this.store.take(this.address(this.url, this.expansion));
    this.element = element;
    if (element.currentTime) element.currentTime = 0; // a needless seek would cost the next clip its head start
    element.onplay = element.onpause = element.onseeked = () => this.changed(element);
    element.onended = () => this.finished(element);
    element.onplaying = element.onratechange = () => {
      clearTimeout(this.late);
      this.wakeAtEnd();
    };
    element.onwaiting = () => this.expect(element);
    element.oncanplay = () => element === this.element && this.tell("playable");
    element.onerror = () => element === this.element && this.tell("error");
    element.ontimeupdate = () => {
      this.watch();
      this.levelOut();
    };
    this.tune();
    if (element.error) this.tell("error");
    else if (element.readyState >= 3) this.tell("playable");
    this.route();
  }

  detach() {
    const { element } = this;
    this.element = null;
    this.decoded = this.measured = null;
    clearTimeout(this.timer);
    clearTimeout(this.late);
    if (!element) return;
    element.onwaiting = element.onplay = element.onpause = element.onseeked = element.onended = element.onplaying = element.onratechange = null;
    element.oncanplay = element.onerror = element.ontimeupdate = null;
    element.pause();
    this.store.sources.get(element)?.disconnect();
  }

  unload() {
    this.detach();
    this.going = false;
    this.range = null;
    this.url = "";
  }

  /** @param {HTMLAudioElement} element */
  changed(element) {
    if (element !== this.element) return;
    this.watch();
    this.wakeAtEnd();
    this.tell("state");
  }

  /** @param {HTMLAudioElement} element */
  finished(element) {
    if (element !== this.element) return;
    this.going = this.loop;
    if (this.loop) this.play(this.range);
    else this.range = null;
    this.tell("state");
  }

  // It plays and has nothing to play.
  /** @param {HTMLAudioElement} element */
  expect(element) {
    clearTimeout(this.late);
    this.late = setTimeout(() => {
      if (element === this.element && this.going && element.readyState < 3) this.tell("late");
    }, LATE_MS);
  }

  get playing() {
    const { element } = this;
    return element !== null && !element.paused && !element.ended;
  }

  // Where the element is; what is heard is later by the way through Web Audio.
  get reached() {
    return this.element ? this.element.currentTime / this.expansion : 0;
  }

  get position() {
    if (!this.playing || !this.chain) return this.reached;
    const { outputLatency, baseLatency } = this.store.context;
    const lateS = outputLatency || baseLatency || 0;
    return Math.max(Math.min(this.startedS, this.reached), this.reached - lateS * this.rate);
  }

  // Play a stretch {onset_s, offset_s} from its start, or from here to the end.
  /** @param {Stretch | null} [range] */
  play(range = null) {
    if (!this.element) return;
    this.range = range;
    if (range) this.jump(range.onset_s);
    this.route();
    this.levelOut();
    this.resume();
  }

  // Go on from here, within the stretch that was playing if there is one.
  async resume() {
    const { element } = this;
    if (!element) return;
    this.going = true;
    this.startedS = element.ended ? 0 : this.reached;
    if (element.readyState < 3) this.expect(element);
    window.dispatchEvent(new CustomEvent(SOUNDING, { detail: this }));
    if (this.chain) this.store.context.resume();
    try {
      await element.play();
    } catch (error) {
      if (!(error instanceof DOMException) || error.name !== "NotAllowedError" || this.hinted) return;
      this.hinted = true;
      this.tell("blocked");
    }
  }

  pause() {
    this.going = false;
    this.element?.pause();
  }

  /** @param {number} timeS */
  jump(timeS) {
    this.startedS = timeS;
    if (this.element) this.element.currentTime = timeS * this.expansion;
    this.wakeAtEnd();
  }

  /** @param {number} timeS */
  seek(timeS) {
    if (!this.element) return;
    const time = Math.min(Math.max(0, timeS), Math.max(0, (this.facts.duration_s ?? Infinity) - 0.01));
    if (this.range && (time < this.range.onset_s || time >= this.range.offset_s)) this.range = null;
    this.jump(time);
    this.levelOut();
    this.tell("state");
  }

  // A stretch ends between two frames: a timer wakes for it. The frames and timeupdate only make sure.
  wakeAtEnd() {
    clearTimeout(this.timer);
    if (!this.range || !this.playing) return;
    const leftS = (this.range.offset_s - this.reached) / this.rate;
    this.timer = setTimeout(() => this.watch(), Math.max(1, leftS * 1000));
  }

  // Called for each frame while playing, by the timer, and by timeupdate when the tab is hidden.
  watch() {
    const { range } = this;
    if (!range || !this.playing) return;
    if (this.reached < range.offset_s) this.wakeAtEnd();
    else if (this.loop) this.jump(range.onset_s);
    else {
      this.pause();
      this.range = null;
      this.jump(range.offset_s);
    }
  }

  /** @param {number} rate */
  setRate(rate) {
    this.rate = rate;
    this.retune();
  }

  // "kept", or "shifted": down with the speed, as a slower tape; what was too high to hear comes into hearing.
  /** @param {string} pitch */
  setPitch(pitch) {
    this.pitch = pitch;
    this.retune();
  }

  retune() {
    if (!this.element) return;
    if (expansionOf(this.rate, this.pitch, this.facts.sample_rate) !== this.expansion) {
      const [positionS, playing] = [this.reached, this.playing];
      this.detach();
      this.attach();
      this.jump(positionS);
      this.levelOut();
      if (playing) this.resume();
    } else this.tune();
    this.route();
  }

  tune() {
    const { element } = this;
    if (!element) return;
    for (const name of ["preservesPitch", "mozPreservesPitch", "webkitPreservesPitch"]) {
      if (name in element) Object.assign(element, { [name]: this.pitch === "kept" });
    }
    element.playbackRate = this.rate * this.expansion;
    this.wakeAtEnd();
  }

  /** @param {number} gainDb */
  setGain(gainDb) {
    this.gainDb = gainDb;
    this.route();
  }

  // Only what lies in {low_hz, high_hz} is heard (frequencies of the clip), or all where it is null.
  /** @param {HeardBand | null} band */
  setBand(band) {
    this.band = band;
    this.measured = null;
    this.route();
    this.levelOut();
  }

  /** @param {boolean} normalise */
  setNormalise(normalise) {
    this.normalise = normalise;
    this.measured = null;
    if (!normalise) this.decoded = null;
    this.levelOut();
    this.route();
  }

  // The band at the pitch at which it is heard.
  get heardBand() {
    return scaledBand(this.band, this.pitch === "shifted" ? this.rate : 1);
  }

  // Sound goes straight out until something has to be done to it; then through the chain, which guards the ears. A
  // stretch goes there too: Web Audio stops within 10 ms, where an element's own output lets its buffer run out.
  route() {
    const needed = this.range || this.gainDb !== 0 || this.band || this.normalise;
    const { store, element } = this;
    if (!element || (!needed && !this.chain && !store.sources.has(element))) return;
    if (!globalThis.AudioContext) return; // no Web Audio here: the sound plays as it is
    this.chain = this.chain || store.join();
    store.sourceOf(element).connect(this.chain.input);
    this.chain.setBand(this.heardBand);
    this.chain.setGain(this.gainDb + (this.measured?.gainDb || 0));
    store.context.resume();
  }

  // The stretch whose peak counts: what is played; else the clip, or two minutes of a long recording.
  get levelRange() {
    if (this.range) return { from_s: this.range.onset_s, to_s: this.range.offset_s };
    const { duration_s: durationS = Infinity } = this.facts;
    if (durationS <= MEASURED_S) return { from_s: 0, to_s: durationS };
    const index = Math.floor(this.reached / MEASURED_S);
    return { from_s: index * MEASURED_S, to_s: Math.min(durationS, (index + 1) * MEASURED_S) };
  }

  // Measures the peak anew where the stretch is another; until it is known the sound is not raised.
  async levelOut() {
    if (!this.normalise || !this.element) return;
    const range = this.levelRange;
    if (this.measured?.from_s === range.from_s && this.measured.to_s === range.to_s) return;
    const measured = { ...range, gainDb: 0 };
    this.measured = measured;
    this.route();
    try {
      const peak = await this.peakOf(range);
      if (this.measured !== measured) return;
      measured.gainDb = normalGainDb(peak);
      this.route();
    } catch (error) {
      // not measured: the sound plays as loud as it is
    }
  }

  /** @param {Span} given */
  async peakOf({ from_s, to_s }) {
    const { element, expansion, facts } = this;
    if ((facts.duration_s ?? Infinity) * expansion <= MEASURED_S) this.decoded = this.decoded || (element && decodeSound(element));
    const buffer = await this.decoded;
    if (buffer) return peakOfBuffer(buffer, from_s * expansion, to_s * expansion, scaledBand(this.band, 1 / expansion));
    return facts.peaks_url ? peakFromServer(facts.peaks_url, from_s, to_s) : 0;
  }

  // Why it is not heard, see whyNoSound.
  reason() {
    return whyNoSound(this.url, this.reached);
  }

  // The same sound from where it stopped: asked for anew, since the server is back; else as a WAV that the server makes,
  // since the browser did not play the file itself. Returns whether there is anything left to try.
  /** @param {boolean} back */
  again(back) {
    const { element, going, reached } = this;
    if (!element || (this.remade && !back)) return false;
    this.store.discard(this.address(this.url, this.expansion));
    this.detach();
    this.remade ||= !back;
    this.attach();
    this.jump(reached);
    if (going) this.resume();
    return true;
  }

  close() {
    this.unload();
    window.removeEventListener(SOUNDING, this.othersSound);
    if (this.chain) this.store.leave(this.chain);
    this.chain = null;
  }
}
