// The wall's sound: one element that plays one snippet's window at a time.

import { reasonOf, thingAt } from "../shared/answers.js";

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
    element.preload = "auto";
    element.addEventListener("playing", () => this.watch());
    element.addEventListener("timeupdate", () => this.atEnd()); // frames stop in a hidden tab
    element.addEventListener("ended", () => this.stop());
    element.addEventListener("error", () => this.broke());
  }

  get clip_id() {
    return this.snippet ? this.snippet.clip_id : null;
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
      this.thing = thing;
      this.element.src = snippet.audio_url;
    }
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
    this.element.pause();
    this.changed();
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

  async broke() {
    const { snippet } = this;
    if (!snippet) return;
    this.stop();
    let reason = "the browser cannot decode it";
    try {
      const response = await fetch(snippet.audio_url, { headers: { Range: "bytes=0-1" }, credentials: "same-origin" });
      if (!response.ok) reason = await reasonOf(response);
      else response.body?.cancel();
    } catch (error) {
      reason = "the server does not answer";
    }
    this.failed(`${snippet.title} cannot be played: ${reason}`);
  }

  close() {
    cancelAnimationFrame(this.frame);
    this.snippet = null;
    this.element.pause();
    this.element.removeAttribute("src");
    this.element.load();
  }
}
