// What stands around the player where the page holds nothing else: it brings the list, new tokens, and the way back into
// the app. In the app Streamlit does all that.

import { el } from "../shared/elements.js";
import { newEventId } from "../shared/api.js";
import { reasonOf, wordsOf } from "../shared/answers.js";

/**
 * @import { Light, PageEvent, Places, Visit } from "../shared/server"
 * @import { Component } from "../shared/types"
 */

const COOKIE = "earmark_reviewer";
const AGAIN_MS = 2000; // until what had no answer is asked again; twice as long after each try
const RARELY_MS = 60_000;
const SHOWN_WITHIN_MS = 3000;

const root = new URL(".", document.baseURI);
const pause = (/** @type {number} */ tries) => new Promise((resolve) => { setTimeout(resolve, Math.min(AGAIN_MS * 2 ** tries, RARELY_MS)); });
const byId = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));

/** @param {Document} page @returns {Light} */
const givenIn = (page) => JSON.parse(page.getElementById("given")?.textContent ?? "");

// The same place in the app.
function inTheApp() {
  const query = new URLSearchParams(location.search);
  const [name] = location.pathname.split("/").slice(-1);
  if (name !== "look") query.set("clip", name);
  return `review?${query}`;
}

// The name under which one decides is kept in this browser.
function listenToName() {
  const form = document.getElementById("who");
  form?.addEventListener("submit", (event) => {
    event.preventDefault();
    const name = String(new FormData(/** @type {HTMLFormElement} */ (form)).get("reviewer") ?? "").trim();
    const secure = location.protocol === "https:" ? "; secure" : "";
    document.cookie = `${COOKIE}=${encodeURIComponent(name)}; path=${root.pathname}; max-age=31536000; samesite=lax${secure}`;
    location.reload();
  });
}

class Host {
  /** @param {(component: Component<Visit>) => () => void} mount */
  constructor(mount) {
    this.mount = mount;
    const { visit, list } = givenIn(document);
    this.visit = visit;
    this.list = list;
    this.holder = /** @type {HTMLElement} */ (byId("player").shadowRoot?.querySelector("div"));
    /** @type {() => void} */
    this.leave = () => {};
    this.hasEnded = false; // whether the reviewer has gone past the end of what list there is
    this.asking = false;
    this.update({});
    delete this.visit.clip; // from now on the player has newer ones
  }

  /** @param {Partial<Visit>} change */
  update(change) {
    Object.assign(this.visit, change);
    const data = { ...this.visit };
    this.leave = this.mount({ parentElement: this.holder, data, setTriggerValue: (_, event) => this.heard(/** @type {PageEvent} */ (event)) });
  }

  /** @param {PageEvent} event */
  heard({ action }) {
    if (action === "refresh") this.renew();
    if (action !== "finished") return;
    this.hasEnded = true;
    if (this.visit.partial) this.bringList();
    else this.end();
  }

  // A new token, from the page as it would come now.
  async renew() {
    for (let tries = 0; ; tries += 1) {
      try {
        const answer = await fetch(location.href, { credentials: "same-origin" });
        if (answer.redirected) return location.assign(answer.url); // one has to sign in again
        if (answer.ok) {
          const page = new DOMParser().parseFromString(await answer.text(), "text/html");
          return this.update({ token: givenIn(page).visit.token, renewed: newEventId() });
        }
      } catch (problem) {
        // no answer: asked again
      }
      await pause(tries);
    }
  }

  // The list, once the clip is on the screen: it may take longer than all the rest.
  async bringList() {
    if (this.asking) return;
    this.asking = true;
    try {
      const offset = -new Date().getTimezoneOffset();
      const answer = await fetch(new URL(`${this.list}&offset_min=${offset}`, root), { headers: { "x-earmark": this.visit.token } });
      if (!answer.ok) throw new Error(await reasonOf(answer));
      const { items, at } = /** @type {Places} */ (await answer.json());
      this.hasEnded = false;
      this.update({ items, at, partial: false });
    } catch (problem) {
      if (this.hasEnded) this.end(`The list could not be read: ${wordsOf(problem)}.`);
    }
    this.asking = false;
  }

  // Past the last clip.
  end(text = "That was the last clip of this list.") {
    const link = new URLSearchParams(this.visit.link).toString();
    this.leave();
    const line = el("p", { class: "end", role: "status" }, el("a", { href: `review?${link}`, text: "Look for what is left" }),
      el("a", { href: `queue?${link}`, text: "Back to the queue" }), el("a", { href: location.href, text: "Back to the last clip" }));
    byId("player").replaceWith(el("p", { text }), line);
  }
}

// `mount`: the player's; null where the page shows no clip.
/** @param {((component: Component<Visit>) => () => void) | null} mount */
export default function host(mount) {
  listenToName();
  if (!mount) return;
  const page = new Host(mount);
  const app = byId("app");
  for (const event of ["pointerdown", "focus", "click"]) app.addEventListener(event, () => app.setAttribute("href", inTheApp()));
  byId("queue").setAttribute("href", `queue?${new URLSearchParams(page.visit.link)}`);
  const whenShown = new MutationObserver(() => { if (page.holder.querySelector("[data-shown]")) bring(); });
  const late = setTimeout(bring, SHOWN_WITHIN_MS);
  function bring() {
    whenShown.disconnect();
    clearTimeout(late);
    page.bringList();
  }
  whenShown.observe(page.holder, { attributes: true, attributeFilter: ["data-shown"], subtree: true });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", ({ matches }) => {
    if ("chosen" in document.documentElement.dataset) return; // in the app
    document.documentElement.dataset.theme = matches ? "dark" : "light";
    page.update({});
  });
}
