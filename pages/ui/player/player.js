// The player itself: what a new clip changes, what a press does, and what goes to the server.

import { Api, newEventId } from "../shared/api.js";
import { isDark } from "../shared/picture.js";
import { actionsOf } from "./keys/actions.js";
import { Adder, vocabularyOf } from "./deciding/add.js";
import { ChannelChoice } from "./sound/channel.js";
import { Decisions } from "./deciding/decide.js";
import { Drawer } from "./deciding/drawer.js";
import { Flow, Messenger, Preferences, unreadable } from "./deciding/flow.js";
import { Help } from "./keys/help.js";
import { buttonActions, Keys } from "./keys/keys.js";
import { Lanes } from "./lanes/lanes.js";
import { Progress } from "./deciding/progress.js";
import { Focus, focusAfter } from "./deciding/focus.js";
import { Boxes, boxIsPicked } from "./boxes/regions.js";
import { stretchOf } from "./span.js";
import { Sides } from "./deciding/sides.js";
import { Stage } from "./picture/stage.js";
import { Team } from "./deciding/team.js";
import { Transport } from "./sound/transport.js";
import { buildView } from "./view.js";

/**
 * @import { Clip, Lane, PageEvent, Visit } from "../shared/server"
 * @import { Level, Component } from "../shared/types"
 * @import { Item, Answered, Look, BoxChange } from "./types"
 * @import { Refusal } from "../shared/api.js"
 */

/** @type {WeakMap<HTMLElement, Player>} */
const players = new WeakMap();
/** @type {any} */
const NOTHING = null; // in place of the page and the clip until they have come; until then nothing is drawn or pressed
const MARGIN_S = 0.3;
const FOLLOW_MS = 400;

class Player {
  /** @param {HTMLElement} parent */
  constructor(parent) {
    this.v = buildView();
    parent.append(this.v.root);
    const tree = this.v.root.getRootNode();
    this.pageHost = tree instanceof ShadowRoot ? tree.host : this.v.root;
    /** @type {Visit} */
    this.page = NOTHING; // what Streamlit told: the list, the token
    /** @type {Clip} */
    this.data = NOTHING; // the clip on the screen
    this.dark = false;
    this.expired = false; // whether the token has run out
    this.playOnArrival = false;
    /** @type {(event: PageEvent & { at: string }) => void} */
    this.emit = () => {};
    /** @type {(() => void) | null} */
    this.after = null; // waits until what was pressed is answered
    this.revision = 0;
    this.opening = 0;
    this.hasActed = false; // whether there is something to undo that clips fetched earlier do not know of
    this.coming = false; // whether the clip at this place is still to come, and the last one stands on the screen
    this.api = new Api();
    this.flow = new Flow(this.api);
    this.preferences = new Preferences(this.api, (text, level) => this.tell(text, level));
    this.messenger = new Messenger(this.api, (what, refusal) => this.messaged(what, refusal));
    this.keys = new Keys();
    this.focused = new Focus(this.v, this);
    this.transport = new Transport(this.v, this);
    this.channelChoice = new ChannelChoice(this.v, this);
    this.decisions = new Decisions(this);
    this.stage = new Stage(this.v, this);
    this.lanes = new Lanes(this.v, this);
    this.boxes = new Boxes(this.v, this);
    this.adder = new Adder(this.v, {
      take: (code, name) => this.decisions.add(code, name), make: (code, name) => this.decisions.makeClass(code, name),
      problem: (text) => this.tell(text, "warning"), isAt: (clip) => this.data.clip_id === clip.clip_id,
    });
    this.placed = false; // whether what comes on the screen is where a link or an undo leads
    this.drawer = new Drawer(this.v, this);
    this.sides = new Sides(this.v, this);
    this.help = new Help(this.v, this);
    this.progress = new Progress(this.v, this);
    this.team = new Team(this.v, this);
    this.onKey = (/** @type {KeyboardEvent} */ event) => this.keyed(event);
    this.onLeave = () => this.preferences.flush();
    this.listen();
  }

  // ---------------------------------------------------------------- the page

  /** @param {Component<Visit>} given */
  update({ data, setTriggerValue }) {
    if (!data) return;
    const first = !this.page;
    const follows = first || this.page.follow;
    this.page = data;
    this.emit = (event) => setTriggerValue("event", event);
    this.api.token = data.token;
    this.dark = isDark(this.pageHost);
    this.v.root.dataset.theme = this.dark ? "dark" : "light";
    this.v.root.dataset.may = data.may_decide ? "decide" : "look";
    this.v.like.hidden = !data.searches;
    if (first) this.prefer(data.preferences);
    this.placed ||= this.flow.visit !== data.visit && data.placed;
    const anew = this.flow.begin(data) || (this.expired && this.coming);
    if (this.expired) this.messenger.deliver(); // the page brought a new token
    this.expired = false;
    if (anew) this.open(this.flow.at);
    else this.stage.drawAll();
    if (!anew && this.data) this.drawHead(); // the list may have come
    if (!anew) this.fetchAhead();
    if (this.data && data.follow && !follows) this.followed();
  }

  // What this reviewer set before.
  /** @param {Record<string, any>} values */
  prefer(values) {
    this.preferences.begin(values);
    this.keys = new Keys(this.preferences.get("keys", {}));
    this.transport.begin(this.preferences.get("look", {}));
    this.help.draw();
  }

  // Show what is at a place in the list: at once where it was fetched ahead.
  /** @param {number} at @param {Answered | null} [answered] */
  open(at, answered = null) {
    this.flow.move(at);
    const { item } = this.flow;
    this.opening += 1;
    this.coming = true;
    this.v.root.ariaBusy = String(Boolean(item)); // what stands there is of another clip still
    if (!item) return this.emit({ action: "finished", clip_id: this.data?.clip_id || 0, at: newEventId() });
    const entry = this.flow.load(item);
    if (entry.data) return this.show(entry.data, answered);
    const mine = this.opening;
    const still = (/** @type {(value: any) => void} */ use) => (/** @type {any} */ value) => { if (mine === this.opening) use(value); };
    entry.promise.then(still((/** @type {Clip} */ data) => this.show(data, answered)), still((/** @type {Refusal} */ problem) => this.failed(item, problem)));
    return undefined;
  }

  /** @param {number} step */
  go(step) {
    if (this.messenger.locked) this.after = () => this.go(step); // harmless, so it only waits
    else if (step < 0 && this.flow.at === 0) this.tell(this.flow.partial ? "the list is still to come" : "this is the first clip", "warning");
    else {
      this.tell("", "info"); // what was said was said of another clip
      this.placed = step < 0; // back is where one wishes to be
      this.open(this.flow.at + step);
    }
  }

  // A clip that cannot be shown says why, and the list goes on.
  /** @param {Item} item @param {Refusal} problem */
  failed(item, problem) {
    if (problem.status === 403) return this.renew();
    return this.show(unreadable(item, problem.message));
  }

  // The token has run out: the page makes a new one.
  renew() {
    this.expired = true;
    this.flow.visit = this.messenger.locked ? this.flow.visit : "";
    this.emit({ action: "refresh", clip_id: this.data?.clip_id || 0, at: newEventId() });
  }

  // ---------------------------------------------------------------- a clip

  /** @param {Clip} data @param {Answered | null} [answered] */
  show(data, answered = null) {
    const { v, stage, data: before } = this;
    const moved = !before || before.clip_id !== data.clip_id || before.mode !== data.mode;
    this.data = data;
    this.coming = false;
    v.root.ariaBusy = "false";
    this.opening += 1; // what was asked for before comes too late
    this.revision += 1;
    v.root.dataset.revision = String(this.revision);
    if (moved) this.arrive();
    else if (answered?.region) stage.select(null);
    if (!moved && before.channel !== data.channel) {
      this.transport.loadAnew();
      stage.minimap.arrive();
    } else if (!moved && this.transport.failed && before.audio_url !== data.audio_url) this.transport.load(); // its link had run out
    this.channelChoice.draw();
    this.sides.draw();
    this.lanes.build();
    this.boxes.build();
    this.chooseFocus(moved, answered);
    this.drawHead();
    stage.takeFreeHeight();
    stage.drawAll();
    if (!moved) return;
    this.followed();
    this.fetchAhead();
    this.team.arrived(this.placed || this.flow.partial || this.flow.isBack);
    this.placed = false;
  }

  arrive() {
    const { data, v, stage } = this;
    this.playOnArrival = this.look.autoplay || this.sound.playing;
    v.root.dataset.clipId = String(data.clip_id);
    v.root.dataset.mode = data.mode;
    this.adder.close();
    this.drawer.arrive();
    this.boxes.arrive();
    stage.arrive();
    this.transport.load(); // after the stage: it may tell at once that it can be played
    if (this.placed && this.page.moment_s) this.seek(this.page.moment_s); // a link led to it
  }

  fetchAhead() {
    const { dataset } = this.v.root;
    this.transport.passed();
    dataset.ahead = "0";
    this.flow.ahead((next) => {
      dataset.ahead = String(this.flow.aheadHere);
      this.stage.ahead(next);
      this.transport.ahead(next);
      vocabularyOf(next).catch(() => {});
    });
  }

  // The address leads here, and what stands beside the player follows, once the reviewer rests.
  followed() {
    const { data, page } = this;
    if (!this.flow.partial) history.replaceState(history.state, "", this.flow.address(page, data, location.pathname)); // else it leads here
    clearTimeout(this.following);
    // a second look is the player's own: the page hides what it draws of the clip
    if (page.follow) this.following = setTimeout(() => this.emit({ action: "moved", clip_id: data.clip_id, mode: data.mode, at: newEventId() }), FOLLOW_MS);
  }

  // ---------------------------------------------------------------- focus

  /** @param {boolean} moved @param {Answered | null} answered */
  chooseFocus(moved, answered) {
    this.focused.set(focusAfter(this.data, this.focus, moved, answered), false); // all is drawn next
    if (moved && this.playOnArrival) {
      this.playOnArrival = false;
      this.playStretch(); // begins where the clip is suspect
    }
  }

  get focus() {
    return this.focused.code;
  }

  get lane() {
    return this.focused.lane;
  }

  /** @param {string} code */
  setFocus(code) {
    this.focused.set(code);
  }

  // ---------------------------------------------------------------- what a press does

  /** @param {string} action @param {boolean} [shift] */
  act(action, shift = false) {
    const actions = actionsOf(this, shift);
    if (Object.hasOwn(actions, action)) actions[/** @type {keyof typeof actions} */ (action)]();
  }

  clear() {
    if (!this.v.help.hidden) this.help.toggle();
    else if (boxIsPicked(this.boxes)) this.boxes.pick(null);
    else this.stage.select(null);
  }

  get clearable() {
    return Boolean(this.stage.selection) || !this.v.help.hidden || boxIsPicked(this.boxes);
  }

  // What is selected, else what makes the class in focus a suspect (with a margin), else from here on.
  playStretch() {
    const { selection } = this.stage;
    const stretch = selection || this.boxes.picked || stretchOf(this.lane);
    if (!stretch) return this.sound.play();
    const margin = selection ? 0 : MARGIN_S;
    const onset_s = Math.max(0, stretch.onset_s - margin);
    const offset_s = Math.min(this.data.duration_s || Infinity, stretch.offset_s + margin);
    return this.sound.play({ onset_s, offset_s });
  }

  /** @param {string} what @param {Refusal} [refusal] */
  messaged(what, refusal) {
    const { v } = this;
    v.root.classList.remove("refused");
    if (what === "refused") {
      void v.root.offsetWidth; // starts the blink again
      v.root.classList.add("refused");
      return;
    }
    v.root.dataset.locked = String(what !== "open");
    v.silent.hidden = what !== "silent";
    const reason = refusal?.status ? refusal.message : "No answer from the server";
    if (what === "silent") v.silentText.textContent = `${reason}; your last decision may not be saved. It is kept here and sent again.`;
    if (what === "expired") this.renew();
    if (what === "open" && this.after) queueMicrotask(this.after);
    if (what === "open") this.after = null;
  }

  // ---------------------------------------------------------------- as the parts call it

  get look() {
    return this.transport.look;
  }

  get link() {
    return this.data.mode ? "" : this.flow.address({ ...this.page, alone: true }, this.data, "clip/");
  }

  get belowPx() {
    return this.page?.alone ? 16 : 98;
  }

  get sound() {
    return this.transport.sound;
  }

  /** @param {Partial<Look>} change */
  setLook(change) {
    this.transport.setLook(change);
  }

  /** @param {number} timeS */
  seek(timeS) {
    this.sound.seek(timeS);
  }

  selected() {
    this.transport.draw();
  }

  /** @param {BoxChange} change */
  changeBox(change) {
    return this.decisions.changeBox(change);
  }

  /** @param {string} text @param {Level} level */
  tell(text, level) {
    this.v.notice.textContent = text;
    this.v.notice.dataset.level = level;
  }

  // Something of this reviewer's was stored.
  acted() {
    this.hasActed = true;
    this.drawHead();
  }

  drawHead() {
    const { v, data, flow } = this;
    v.title.textContent = v.title.title = data.title;
    v.subtitle.textContent = flow.partial ? "" : `${flow.at + 1} of ${flow.items.length}`;
    v.undo.disabled = !data.can_undo && !this.hasActed;
    v.previous.disabled = flow.at === 0 && !flow.partial;
  }

  listen() {
    const { v } = this;
    for (const [name, action] of buttonActions()) v[name].addEventListener("click", () => this.data && this.act(action));
    v.retry.addEventListener("click", () => {
      v.silent.hidden = true;
      this.messenger.deliver();
    });
    document.addEventListener("keydown", this.onKey, true);
    addEventListener("pagehide", this.onLeave);
  }

  /** @param {KeyboardEvent} event */
  keyed(event) {
    if (!this.data || this.help.takes(event) || this.sides.takes(event)) return;
    const action = this.keys.actionFor(event, this.pageHost);
    if (!action || (action === "clear" && !this.clearable)) return;
    if (action.startsWith("pan_") && !this.stage.zoomed && !this.stage.gliding) return; // nothing to move: the page scrolls
    event.preventDefault();
    event.stopPropagation();
    if (action !== "held") this.act(action, event.shiftKey);
  }

  // What is pressed is sent still; nothing that comes later is shown.
  close() {
    if (this.boxes.resting) this.boxes.settle();
    this.opening += 1;
    this.messenger.waiting = null;
    document.removeEventListener("keydown", this.onKey, true);
    removeEventListener("pagehide", this.onLeave);
    this.preferences.flush();
    clearTimeout(this.following);
    for (const part of [this.progress, this.team, this.lanes, this.stage, this.transport]) part.close();
    this.v.root.remove();
  }
}

/** @param {Component<Visit>} component */
export default function mount(component) {
  const { parentElement } = component;
  let player = players.get(parentElement);
  if (!player) {
    player = new Player(parentElement);
    players.set(parentElement, player);
  }
  player.update(component);
  return () => {
    players.get(parentElement)?.close();
    players.delete(parentElement);
  };
}
