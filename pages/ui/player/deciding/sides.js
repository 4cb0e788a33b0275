// What each person says of a cell on which they disagree, side by side: a digit takes that one's verdict and boxes.

import { newEventId } from "../../shared/api.js";
import { caps, chip, el } from "../../shared/elements.js";
import { keysOf } from "../../shared/keyboard.js";

/**
 * @import { Box, Side } from "../../shared/server"
 * @import { View, SidesHost } from "../types"
 */

const MOST_KEYS = 9;

/** @param {number} hz */
const kHz = (hz) => (hz / 1000).toFixed(1);

/** @param {Box} box */
function boxText({ onset_s, offset_s, low_hz, high_hz }) {
  const band = low_hz === null || high_hz === null ? "" : `, ${kHz(low_hz)}–${kHz(high_hz)} kHz`;
  return `${onset_s.toFixed(2)}–${offset_s.toFixed(2)} s${band}`;
}

/** @param {Box} one @param {Box} other */
const isSame = (one, other) => /** @type {const} */ (["onset_s", "offset_s", "low_hz", "high_hz"]).every((name) => one[name] === other[name]);

export class Sides {
  /** @param {View} v @param {SidesHost} host */
  constructor(v, host) {
    this.v = v;
    this.host = host;
  }

  /** @returns {Side[]} */
  get all() {
    return this.host.data?.sides ?? [];
  }

  draw() {
    if (this.v.sides.hidden && !this.all.length) return;
    this.v.sides.hidden = !this.all.length;
    this.host.help.draw(); // the digits that stand on buttons
    this.v.sides.replaceChildren(...this.all.map((side, place) => this.cardOf(side, place)));
  }

  /** @param {Side} side @param {number} place */
  cardOf(side, place) {
    const take = el("button", { type: "button", class: "take", test: "player-side-take", title: `take ${side.reviewer}'s verdict` }, el("span", { text: "Take" }));
    if (place < MOST_KEYS) take.append(caps(String(place + 1)));
    take.addEventListener("pointerdown", (event) => event.preventDefault()); // the keys stay the player's
    take.addEventListener("click", () => this.take(side));
    const when = new Date(side.created_at);
    const time = Number.isNaN(when.getTime()) ? side.created_at : when.toLocaleString([], { dateStyle: "short", timeStyle: "short" });
    const remarks = [time];
    if (side.is_adjudication) remarks.push("settled it before");
    else if (side.had_seen) remarks.push("had seen another's verdict");
    const card = el("article", { class: `side ${side.verdict}`, test: "player-side", "aria-label": `${side.reviewer}: ${side.verdict}` },
      el("div", { class: "side-head" }, el("strong", { text: side.reviewer }), chip(side.verdict, side.verdict)),
      el("span", { class: "why", text: remarks.join(" · ") }));
    for (const box of side.boxes) card.append(this.boxOf(box));
    for (const note of side.notes) card.append(el("p", { class: "side-note", test: "player-side-note", text: note }));
    card.append(take);
    return card;
  }

  // A stretch that somebody marked: pressed, it is selected and heard.
  /** @param {Box} box */
  boxOf(box) {
    const node = el("button", { type: "button", class: "side-box", test: "player-side-box", title: "select it and listen", text: boxText(box) });
    node.addEventListener("pointerdown", (event) => event.preventDefault());
    node.addEventListener("click", () => {
      this.host.stage.select(box);
      this.host.playStretch();
    });
    return node;
  }

  // Whether a press took a side.
  /** @param {KeyboardEvent} event */
  takes(event) {
    if (!this.all.length || event.repeat || event.shiftKey) return false;
    const digit = keysOf(event).find((key) => /^[1-9]$/.test(key));
    const side = digit ? this.all[Number(digit) - 1] : undefined;
    if (!side || !this.host.keys.hears(event, this.host.pageHost)) return false;
    event.preventDefault();
    event.stopPropagation();
    this.take(side);
    return true;
  }

  /** @param {Side} side */
  take(side) {
    const { decisions, flow, data, stage } = this.host;
    const lane = data.lanes.find((one) => one.class === flow.item?.class);
    if (!lane) return undefined;
    stage.select(null);
    const events = [decisions.eventFor(lane, side.verdict)];
    for (const box of side.verdict === "present" ? side.boxes : []) {
      const { onset_s, offset_s, low_hz, high_hz } = box;
      if (!lane.events.some((one) => isSame(one, box))) events.push(decisions.eventFor(lane, "present", { region: { onset_s, offset_s, low_hz, high_hz } }));
    }
    return decisions.post(events, { advance: true, batch: events.length > 1 ? newEventId() : "" });
  }
}
