// What stands around a component on a light page. In the app Streamlit does all that.

import { newEventId } from "../shared/api.js";

/** @import { Component } from "../shared/types" */

const COOKIE = "earmark_reviewer";
const AGAIN_MS = 2000; // until what had no answer is asked again; twice as long after each try
const RARELY_MS = 60_000;

/** @param {string} id */
export const byId = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

/** @param {Document} page @returns {any} what the page was given by the server */
const givenIn = (page) => JSON.parse(page.getElementById("given")?.textContent ?? "");

// The name under which one decides is kept in this browser.
export function listenToName() {
  const form = document.getElementById("who");
  form?.addEventListener("submit", (event) => {
    event.preventDefault();
    const name = String(new FormData(/** @type {HTMLFormElement} */ (form)).get("reviewer") ?? "").trim();
    const secure = location.protocol === "https:" ? "; secure" : "";
    document.cookie = `${COOKIE}=${encodeURIComponent(name)}; path=/; max-age=31536000; samesite=lax${secure}`;
    location.reload();
  });
}

// A component, and what it is told. `Data` is all that the page is given, or a part of it (`inGiven`).
/** @template {{ token: string }} Data */
export class Around {
  /**
   * @param {(component: Component<Data>) => () => void} mount
   * @param {(given: any) => Data} inGiven
   * @param {(event: any) => void} heard
   */
  constructor(mount, inGiven, heard) {
    this.mount = mount;
    this.inGiven = inGiven;
    this.heard = heard;
    this.given = givenIn(document);
    this.data = inGiven(this.given);
    this.holder = /** @type {HTMLElement} */ (byId("part").shadowRoot?.querySelector("div"));
    /** @type {() => void} */
    this.leave = () => {};
    listenToName();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", ({ matches }) => {
      if ("chosen" in document.documentElement.dataset) return; // in the app
      document.documentElement.dataset.theme = matches ? "dark" : "light";
      this.update({});
    });
  }

  /** @param {Partial<Data>} change */
  update(change) {
    Object.assign(this.data, change);
    this.leave = this.mount({ parentElement: this.holder, data: { ...this.data }, setTriggerValue: (_, event) => this.heard(event) });
  }

  // The page as it would come now is told to `use`; else its token alone is taken from it.
  /** @param {(page: Document, given: Data) => void} [use] */
  async renew(use) {
    for (let tries = 0; ; tries += 1) {
      try {
        const answer = await fetch(location.href, { credentials: "same-origin" });
        if (answer.redirected) return location.assign(answer.url); // one has to sign in again
        if (answer.ok) {
          const page = new DOMParser().parseFromString(await answer.text(), "text/html");
          const given = this.inGiven(givenIn(page));
          if (use) return use(page, given);
          return this.update(/** @type {any} */ ({ token: given.token, renewed: newEventId() }));
        }
      } catch (problem) {
        // no answer: asked again
      }
      const waits_ms = Math.min(AGAIN_MS * 2 ** tries, RARELY_MS);
      await new Promise((resolve) => { setTimeout(resolve, waits_ms); });
    }
  }
}
