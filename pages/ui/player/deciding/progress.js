// Today's count and pace, and what remains in this list; fetched while the reviewer looks, never on the way.

/** @import { View, ProgressHost } from "../types" */

const PROGRESS_MS = 1500;

export class Progress {
  /** @param {View} v @param {ProgressHost} host */
  constructor(v, host) {
    this.v = v;
    this.host = host;
    this.timer = 0;
    this.later();
  }

  // Ask anew, once presses rest.
  /** @param {number} [ms] */
  later(ms = PROGRESS_MS) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.ask(), ms);
  }

  async ask() {
    const { flow, api } = this.host;
    const left = flow.items.length - flow.at;
    try {
      const { text, title } = await api.ask(`/api/progress?left=${left}&offset_min=${-new Date().getTimezoneOffset()}`);
      this.v.progress.textContent = text;
      this.v.progress.title = title;
    } catch (problem) {
      this.v.progress.textContent = "";
    }
  }

  close() {
    clearTimeout(this.timer);
  }
}
