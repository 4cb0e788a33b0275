// What stands around the player where the page holds nothing else: it brings the list, new tokens, and the way back into
// the app.

import { el } from "../shared/elements.js";
import { reasonOf, wordsOf } from "../shared/answers.js";
import { Around, byId } from "./around.js";

/**
 * @import { LightClip, PageEvent, Places, Visit } from "../shared/server"
 * @import { Component } from "../shared/types"
 */

const SHOWN_WITHIN_MS = 3000;

const root = new URL(".", document.baseURI);

// The same place in the app.
function inTheApp() {
  const query = new URLSearchParams(location.search);
  const [name] = location.pathname.split("/").slice(-1);
  if (name !== "look") query.set("clip", name);
  return `review?${query}`;
}

class Host {
  /** @param {(component: Component<Visit>) => () => void} mount */
  constructor(mount) {
    this.around = new Around(mount, (/** @type {LightClip} */ given) => given.visit, (event) => this.heard(event));
    /** @type {Visit} */
    this.visit = this.around.data;
    /** @type {string} */
    this.list = this.around.given.list;
    this.hasEnded = false; // whether the reviewer has gone past the end of what list there is
    this.asking = false;
    this.around.update({});
    delete this.visit.clip; // from now on the player has newer ones
  }

  /** @param {PageEvent} event */
  heard({ action }) {
    if (action === "refresh") this.around.renew();
    if (action !== "finished") return;
    this.hasEnded = true;
    if (this.visit.partial) this.bringList();
    else this.end();
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
      this.around.update({ items, at, partial: false });
    } catch (problem) {
      if (this.hasEnded) this.end(`The list could not be read: ${wordsOf(problem)}.`);
    }
    this.asking = false;
  }

  // Past the last clip.
  end(text = "That was the last clip of this list.") {
    const link = new URLSearchParams(this.visit.link).toString();
    this.around.leave();
    const line = el("p", { class: "end", role: "status" }, el("a", { href: `review?${link}`, text: "Look for what is left" }),
      el("a", { href: `suspects?${link}`, text: "Back to the queue" }), el("a", { href: location.href, text: "Back to the last clip" }));
    byId("part").replaceWith(el("p", { text }), line);
  }
}

// `mount`: the player's.
/** @param {(component: Component<Visit>) => () => void} mount */
export default function host(mount) {
  const page = new Host(mount);
  const { holder } = page.around;
  const app = byId("app");
  for (const event of ["pointerdown", "focus", "click"]) app.addEventListener(event, () => app.setAttribute("href", inTheApp()));
  const whenShown = new MutationObserver(() => { if (holder.querySelector("[data-shown]")) bring(); });
  const late = setTimeout(bring, SHOWN_WITHIN_MS);
  function bring() {
    whenShown.disconnect();
    clearTimeout(late);
    page.bringList();
  }
  whenShown.observe(holder, { attributes: true, attributeFilter: ["data-shown"], subtree: true });
}
