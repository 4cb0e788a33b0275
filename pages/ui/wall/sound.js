// The wall's sound: one element that plays one snippet's window at a time.

import { thingAt } from "../shared/answers.js";
import { LATE_MS, whyNoSound } from "../shared/soundreason.js";

/** @import { Snippet } from "../shared/server" */

// `changed` is called when playing begins or ends, and for each frame while it lasts; `failed` with a reason.
export class WallSound {
  /** @param {HTMLAudioElement} element @param {() => void} changed @param {(reason: string) => void} failed */
  constructor(element, changed, failed) {
    this.element = element;
    this.changed = changed;
    this.failed = failed;
    /** @type {Snippet | null} */
    this.snippet = null;
    this.thing = "";
    this.frame = 0;
    this.late = 0;
    this.remade = ""; // the thing of which the server makes a WAV, since the browser did not play the file
    element.preload = "auto";
    element.addEventListener("playing", () => {
      clearTimeout(this.late);
      this.watch();
    });
    element.addEventListener("waiting", () => this.expect());
    element.addEventListener("timeupdate", () => this.atEnd()); // frames stop in a hidden tab
    element.addEventListener("ended", () => this.stop());
    element.addEventListener("error", () => this.broke());
  }

  get id() {
    return this.snippet ? this.snippet.id : null;
  }

  // How far into the window, 0 to 1.
  get share() {
    if (!this.snippet) return 0;
    const { from_s, to_s } = this.snippet;
    return Math.min(1, Math.max(0, (this.element.currentTime - from_s) / (to_s - from_s)));
  }

  /** @param {Snippet} snippet */
  play(snippet) {
    if (!snippet.audio_url) return this.failed("no sound");
    this.snippet = snippet;
    const thing = thingAt(snippet.audio_url);
    if (this.thing !== thing || this.element.error) {
      if (this.thing !== thing) this.remade = "";
      this.thing = thing;
      this.element.src = this.remade ? `${snippet.audio_url}&expand=1` : snippet.audio_url;
    }
    this.expect();
    this.element.currentTime = snippet.from_s;
    this.element.play().catch((error) => {
      if (error.name !== "NotAllowedError" || this.snippet !== snippet) return; // another came in between, or onerror tells
      this.failed("the browser waits for a press before it plays: press Space");
      this.stop();
    });
    return this.changed();
  }

  stop() {
    if (!this.snippet) return;
    this.snippet = null;
    clearTimeout(this.late);
    this.element.pause();
    this.changed();
  }

  // Something is to play: where nothing comes, it is said.
  expect() {
    clearTimeout(this.late);
    this.late = setTimeout(() => this.snippet && this.element.readyState < 3 && this.broke(), LATE_MS);
  }

  atEnd() {
    if (this.snippet && this.element.currentTime >= this.snippet.to_s) this.stop();
  }

  watch() {
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => {
      this.atEnd();
      if (!this.snippet) return;
      this.changed();
      this.watch();
    });
  }

  // The sound broke off, or does not come: the reason is asked for, and where it is the browser's the server makes a WAV.
  async broke() {
    const { snippet, element } = this;
    if (!snippet) return;
    const { error } = element;
    const { status, text } = await whyNoSound(snippet.audio_url, Math.max(snippet.from_s, element.currentTime));
    if (this.snippet !== snippet) return;
    if (status === 200 && !error) return; // late, and on its way
    if (status === 200 && !this.remade) {
      this.remade = this.thing;
      this.play(snippet);
      return;
    }
    this.stop();
    this.thing = ""; // the next press asks anew
    this.failed(`${snippet.title} cannot be played: ${text}`);
  }

  close() {
    cancelAnimationFrame(this.frame);
    clearTimeout(this.late);
    this.snippet = null;
    this.element.pause();
    this.element.removeAttribute("src");
    this.element.load();
  }
}
