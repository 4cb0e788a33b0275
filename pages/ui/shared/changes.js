// What others decide and mark, as it comes: a small question now and then, while somebody looks at the page.

/** @import { Api } from "./api.js" */
/** @import { Changes as Told } from "./server" */

const EVERY_MS = 1500;

export class Changes {
  /** @param {Pick<Api, "ask">} api @param {(told: Told) => void} heard */
  constructor(api, heard) {
    this.api = api;
    this.heard = heard;
    this.version = "";
    this.timer = 0;
    this.asking = false;
    this.onShown = () => { if (!document.hidden) this.ask(); };
    document.addEventListener("visibilitychange", this.onShown);
  }

  // What is on the screen is of this version: what came later is told from now on.
  /** @param {string} version */
  from(version) {
    if (!version || this.version) return;
    this.version = version;
    this.later();
  }

  later() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.ask(), EVERY_MS);
  }

  async ask() {
    clearTimeout(this.timer);
    if (!this.version || this.asking || document.hidden) return;
    this.asking = true;
    try {
      /** @type {Told} */
      const told = await this.api.ask(`/api/changes?since=${this.version}`);
      const isNew = Boolean(told.version) && told.version !== this.version && this.version !== "";
      if (isNew) {
        this.version = told.version;
        this.heard(told);
      }
    } catch (problem) {
      // asked again; what is wrong is said by whatever else is asked
    }
    this.asking = false;
    if (this.version) this.later();
  }

  close() {
    this.version = "";
    clearTimeout(this.timer);
    document.removeEventListener("visibilitychange", this.onShown);
  }
}
