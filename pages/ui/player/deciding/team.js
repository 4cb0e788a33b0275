// Others at the same list: the clip on the screen is leased to this window, what comes next is a clip at which nobody is,
// and what others change is shown.

import { newEventId } from "../../shared/api.js";
import { Changes } from "../../shared/changes.js";
import { isHiding } from "./flow.js";

/**
 * @import { Changes as Told, Clip, Lane, Leased } from "../../shared/server"
 * @import { TeamHost, View } from "../types"
 */

const LOOKED_THROUGH = 60; // places of the list at once
const REST_MS = 120; // what is passed quickly is not leased
const RENEW_MS = 60_000; // the lease lasts five times as long (labeling/team/leases.py)
const HELD_MS = 5000; // until it is asked again whether somebody else is here still
const MOVES = /** @type {const} */ (["keydown", "pointerdown", "pointermove"]);

/** @param {Lane} lane */
const laneSaid = (lane) => JSON.stringify([lane.class, lane.role, lane.verdict, lane.reviewer, lane.events, lane.quiet]);

// What people said of a clip, to tell whether it is other now.
/** @param {Clip} clip */
const saidOf = (clip) => JSON.stringify([clip.history.map((entry) => [entry.position, entry.standing]), clip.marks,
  clip.lanes.map(laneSaid), clip.channel, clip.independent]);

export class Team {
  /** @param {Pick<View, "here">} v @param {TeamHost} host */
  constructor(v, host) {
    this.v = v;
    this.host = host;
    this.holder = newEventId();
    this.leased = ""; // the key of the item that is this window's
    /** @type {Set<string>} */
    this.visited = new Set();
    this.visit = "";
    this.moved = false; // whether the reviewer did anything since the lease was renewed
    this.began = false; // whether they began to do anything with the clip on the screen
    this.timer = 0;
    this.renewing = setInterval(() => this.renew(), RENEW_MS);
    this.changes = new Changes(host.api, (told) => this.changed(told));
    this.onMove = (/** @type {Event} */ { type }) => {
      this.moved = true;
      this.began ||= type !== "pointermove";
    };
    this.onLeave = () => this.leave();
    for (const name of MOVES) document.addEventListener(name, this.onMove, { capture: true, passive: true });
    addEventListener("pagehide", this.onLeave);
  }

  // ---------------------------------------------------------------- what comes next

  // What a request says that wants the next free place from here on; undefined at the end of the list.
  /** @param {number} from */
  wish(from) {
    const { flow, page } = this.host;
    const items = flow.items.slice(from, from + LOOKED_THROUGH).map((item) => (item.mode ? [item.clip_id, item.mode, item.class] : item.clip_id));
    return items.length ? { holder: this.holder, items, to_do_from: page.to_do_from } : undefined;
  }

  // The place that an answer to a wish from a place on leads to; that one where nothing was answered.
  /** @param {number} from @param {number[] | undefined} places */
  after(from, places) {
    const { flow } = this.host;
    if (!places) return from;
    if (!places.length) {
      this.leased = "";
      return Math.min(flow.items.length, from + LOOKED_THROUGH);
    }
    flow.likely = places.slice(1).map((place) => from + place);
    this.leased = flow.key(flow.items[from + places[0]]);
    return from + places[0];
  }

  // A clip came on the screen: it is leased once the reviewer stays, unless it is already. One that the list hands out,
  // and at which somebody else is or nothing is left to do, is passed over.
  /** @param {boolean} isPlaced whether the reviewer was led here */
  arrived(isPlaced) {
    const { flow, page, data } = this.host;
    const { item } = flow;
    clearTimeout(this.timer);
    this.began = false;
    this.v.here.hidden = true;
    if (this.visit !== page.visit) this.visited.clear();
    this.visit = page.visit;
    if (!item) return;
    this.changes.from(data.version);
    const key = flow.key(item);
    const stays = isPlaced || this.visited.has(key);
    this.visited.add(key);
    if (page.may_decide && key !== this.leased) this.timer = setTimeout(() => this.claim(key, stays), REST_MS);
  }

  // Whether an item is on the screen still. The list may have come meanwhile, and have made others of the same.
  /** @param {string} key */
  isAt(key) {
    const { flow } = this.host;
    return Boolean(flow.item) && flow.key(flow.item) === key;
  }

  /** @param {string} key @param {boolean} stays */
  async claim(key, stays) {
    const { host } = this;
    const { flow } = host;
    const { at } = flow;
    const wish = this.wish(at);
    if (!wish || !this.isAt(key)) return;
    /** @type {Leased} */
    let answer;
    try {
      const items = stays ? wish.items.slice(0, 1) : wish.items;
      answer = await host.api.ask("/api/lease", { ...wish, items, stays, view: flow.view });
    } catch (problem) {
      return; // the next clip is asked for anew
    }
    if (!this.isAt(key) || !answer.places) return;
    if (stays) this.stayed(key, answer);
    else if (flow.at !== at) this.claim(key, false); // the list has come: places are others now
    else if (host.messenger.locked) return; // a verdict is on its way, whose answer says what comes next
    else if (answer.places[0] === 0) this.after(at, answer.places);
    else if (this.began) this.claim(key, true); // a note is being written, or a sound is heard: this stays
    else this.pass(this.after(at, answer.places), at);
  }

  /** @param {string} key @param {Leased} answer */
  stayed(key, { places, held_by }) {
    this.leased = places.length ? key : "";
    this.v.here.textContent = held_by && `${held_by} is listening here`;
    this.v.here.hidden = !held_by;
    if (held_by) this.timer = setTimeout(() => this.claim(key, true), HELD_MS);
  }

  /** @param {number} to @param {number} at */
  pass(to, at) {
    const clips = to - at === 1 ? "a clip that is" : `${to - at} clips that are`;
    this.visited.delete(this.host.flow.key(this.host.flow.items[at]));
    this.host.open(to);
    this.host.decisions.surprised("another clip came");
    this.host.tell(`passed over ${clips} done, or where somebody else is`, "info");
  }

  renew() {
    const { flow, page } = this.host;
    if (!this.moved || !page?.may_decide || !flow.item || flow.key(flow.item) !== this.leased) return;
    this.moved = false;
    this.claim(this.leased, true);
  }

  leave() {
    if (!this.leased) return;
    this.leased = "";
    this.host.api.ask("/api/lease", { leaves: true, holder: this.holder }).catch(() => {}); // it runs out by itself
  }

  // ---------------------------------------------------------------- what others did

  /** @param {Told} told */
  async changed({ cells, clips, more }) {
    const { host } = this;
    const { flow } = host;
    const { item } = flow;
    const changed = new Set([...cells.map(([clip_id]) => clip_id), ...clips]);
    const here = item && (more || changed.has(item.clip_id));
    for (const one of [...flow.kept.keys()].map((key) => Number(key.split(" ")[0]))) {
      if ((more || changed.has(one)) && one !== item?.clip_id) flow.forget(one);
    }
    if (!here || host.coming || host.messenger.locked || isHiding(item.mode)) return;
    const before = host.data;
    flow.forget(item.clip_id);
    try {
      const data = await flow.load(item).promise;
      const isHere = this.isAt(flow.key(item)) && host.data === before && !host.messenger.locked && !host.boxes.resting;
      if (!isHere || saidOf(data) === saidOf(before)) return;
      const { lane } = host;
      host.show(data);
      if (lane && (host.lane?.class !== lane.class || laneSaid(host.lane) !== laneSaid(lane))) host.decisions.surprised(`${host.lane?.reviewer || "somebody else"} changed this class`);
    } catch (problem) {
      // what stands is shown
    }
  }

  close() {
    clearTimeout(this.timer);
    clearInterval(this.renewing);
    this.changes.close();
    for (const name of MOVES) document.removeEventListener(name, this.onMove, { capture: true });
    removeEventListener("pagehide", this.onLeave);
    this.leave();
  }
}
