// The map: its parts, the keys and buttons, and what is told to the page.

import { Api, newEventId } from "../shared/api.js";
import { el } from "../shared/elements.js";
import { isDark } from "../shared/picture.js";
import { MapAreaBar } from "./area.js";
import { Camera } from "./camera.js";
import { ClusterPanel } from "./clusters.js";
import { mapAction } from "./keys.js";
import { MapLayers } from "./layers.js";
import { drawMarks } from "./marks.js";
import { MapPointer } from "./pointer.js";
import { MapPointing } from "./pointing.js";
import { buildMap } from "./view.js";

/**
 * @import { Landscape, MapCluster, MapStretch } from "../shared/server"
 * @import { Component, Level } from "../shared/types"
 */

/** @type {WeakMap<HTMLElement, Landmap>} */
const maps = new WeakMap();
/** @type {any} */
const NOTHING = null; // in place of what the page tells until it has come; until then nothing is drawn or pressed
const STEP = 0.12; // of the screen, an arrow
const NEARER = 1.3;
const ADDRESS_MS = 300;
const BUTTONS = /** @type {const} */ (["outline", "screen", "nearer", "further", "fit", "hover"]);

class Landmap {
  /** @param {HTMLElement} parent */
  constructor(parent) {
    this.v = buildMap();
    const { v } = this;
    parent.append(v.root);
    const tree = v.root.getRootNode();
    this.element = tree instanceof ShadowRoot ? tree.host : v.root;
    /** @type {Landscape} */
    this.data = NOTHING;
    /** @type {(event: Record<string, unknown>) => void} */
    this.emit = () => {};
    this.api = new Api();
    this.camera = new Camera();
    this.dark = false;
    this.outlining = false;
    /** @type {[number, number][]} */
    this.drawn = []; // an outline while it is drawn
    this.timer = 0;
    this.layers = new MapLayers(v.points, this);
    this.pointing = new MapPointing(this);
    this.area = new MapAreaBar(v, this);
    this.clusters = new ClusterPanel(v.clusters, this);
    this.pointer = new MapPointer(v.canvas, this);
    this.resized = new ResizeObserver(() => this.layout());
    this.resized.observe(v.canvas);
    this.onKey = (/** @type {KeyboardEvent} */ event) => this.keyed(event);
    this.listen();
  }

  // ---------------------------------------------------------------- the page

  /** @param {Component<Landscape>} given */
  update({ data, setTriggerValue }) {
    if (!data) return;
    const first = !this.data;
    const renewed = !first && this.api.token !== data.token;
    this.data = data;
    this.emit = (event) => setTriggerValue("event", { ...event, at: newEventId() });
    this.api.token = data.token;
    this.v.root.dataset.may = data.may_decide ? "decide" : "look";
    if (first) this.layers.by = data.by;
    this.recolour();
    this.drawChoices();
    this.layers.fetchAll(first).then(() => { if (!this.v.clusters.hidden) this.clusters.show(); });
    if (renewed && this.pointing.point >= 0) this.pointing.goTo(this.pointing.point, false); // its links had run out
  }

  // The scored run, as the dialog that decides many cells names it.
  get scored() {
    const { run = "", scorer = "", position = "" } = this.data.query;
    return { run, scorer, position };
  }

  /** @param {string} path @param {Record<string, string>} [more] */
  address(path, more = {}) {
    return `${path}?${new URLSearchParams({ ...more, ...this.data.query })}`;
  }

  renew() {
    this.emit({ action: "refresh" });
  }

  // ---------------------------------------------------------------- what the layers tell

  mapChanged() {
    this.clusters.forget();
    this.area.clear();
    this.pointing.goNowhere();
  }

  // The points are here: look where the address says, or at all of them.
  /** @param {boolean} first */
  arrived(first) {
    this.layout();
    const asked = first ? new URLSearchParams(location.search).get("at") : null;
    if (!asked || !this.camera.read(asked)) this.camera.fit();
    this.layers.cloud.look(this.camera);
  }

  filtered() {
    if (this.area.part) this.area.ask();
  }

  framed() {
    const { v, layers } = this;
    v.root.dataset.drawn = String(layers.cloud.drawn);
    const { stretch, near, point } = this.pointing;
    const { camera, drawn, area, dark } = this;
    drawMarks(v.marks, { camera, drawn, area, dark, stretch, near, point, picking: layers.picking });
    this.pointing.placeCard();
  }

  /** @param {string} text */
  state(text) {
    this.v.empty.textContent = text;
    this.v.empty.hidden = !text;
  }

  /** @param {string} text @param {Level} [level] */
  tell(text, level = "info") {
    this.v.notice.textContent = this.v.notice.title = text;
    this.v.notice.dataset.level = level;
  }

  // ---------------------------------------------------------------- drawing

  layout() {
    const { v, camera } = this;
    const { clientWidth, clientHeight } = v.canvas;
    if (!clientWidth || !clientHeight || (camera.width === clientWidth && camera.height === clientHeight)) return;
    camera.resize(clientWidth, clientHeight);
    if (this.layers.picking) this.layers.cloud.look(camera);
  }

  recolour() {
    this.dark = isDark(this.element);
    this.v.root.dataset.theme = this.dark ? "dark" : "light";
    this.layers.cloud.dim = this.dark ? 0.75 : 0.35;
    this.layers.drawLegend();
  }

  drawChoices() {
    const { v, data, layers } = this;
    const wanted = JSON.stringify(data.choices);
    if (v.by.dataset.choices !== wanted) {
      v.by.replaceChildren(...data.choices.map(([value, text]) => el("option", { value, text })));
      v.by.dataset.choices = wanted;
    }
    if (!data.choices.some(([value]) => value === layers.by)) layers.by = data.by;
    v.by.value = layers.by;
  }

  // Where one looks is another. The address keeps it, once one rests.
  looked() {
    this.layers.cloud.look(this.camera);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.keepAddress(), ADDRESS_MS);
  }

  keepAddress() {
    const query = new URLSearchParams(location.search);
    query.set("at", this.camera.text);
    query.set("by", this.layers.by);
    history.replaceState(history.state, "", `${location.pathname}?${query}`);
  }

  // ---------------------------------------------------------------- the pointer

  /** @param {number} left @param {number} top */
  pointAt(left, top) {
    this.pointing.pointAt(left, top);
  }

  /** @param {number} left @param {number} top @param {boolean} isTouch */
  pressed(left, top, isTouch) {
    this.v.canvas.focus({ preventScroll: true });
    this.pointing.pressed(left, top, isTouch);
  }

  left() {
    this.pointing.left();
  }

  /** @param {[number, number][]} corners @param {boolean} isDone */
  drawOutline(corners, isDone) {
    this.drawn = isDone ? [] : corners;
    if (isDone) {
      this.setOutlining(false);
      this.area.outline(corners);
    }
    this.layers.cloud.schedule();
  }

  /** @param {boolean} on */
  setOutlining(on) {
    this.outlining = on;
    this.v.outline.setAttribute("aria-pressed", String(on));
    this.v.canvas.dataset.outlining = String(on);
  }

  // ---------------------------------------------------------------- an outline, a cluster

  areaChanged() {
    this.layers.showCluster(this.area.part?.cluster ?? -1);
    this.layers.cloud.schedule();
  }

  changed() {
    this.layers.fetchColours(true);
    this.layers.fetchFilter(true);
    this.clusters.forget();
    if (!this.v.clusters.hidden) this.clusters.show();
  }

  /** @param {MapStretch} one */
  row(one) {
    return this.pointing.row(one);
  }

  listed() {
    this.pointing.wantPictures();
  }

  /** @param {MapCluster} cluster */
  clusterPicked(cluster) {
    const [x, y] = cluster.middle;
    const { x0, x1, y0, y1 } = this.camera.seen;
    if (x < x0 || x > x1 || y < y0 || y > y1) this.camera.goTo(x, y);
    this.looked();
    this.v.card.hidden = true;
    this.area.take({ cluster: cluster.number }, `Cluster ${cluster.number + 1}`);
  }

  // ---------------------------------------------------------------- what is pressed

  /** @param {boolean} isNear */
  showTab(isNear) {
    const { v } = this;
    v.near.hidden = !isNear;
    v.clusters.hidden = isNear;
    v.nearTab.setAttribute("aria-selected", String(isNear));
    v.clustersTab.setAttribute("aria-selected", String(!isNear));
    if (!isNear) this.clusters.show();
  }

  /** @param {string} action */
  act(action) {
    const { camera, pointing } = this;
    const move = (/** @type {() => void} */ change) => () => { change(); this.looked(); };
    /** @type {Record<string, () => unknown>} */
    const actions = {
      left: move(() => camera.pan(STEP * camera.width, 0)),
      right: move(() => camera.pan(-STEP * camera.width, 0)),
      up: move(() => camera.pan(0, STEP * camera.height)),
      down: move(() => camera.pan(0, -STEP * camera.height)),
      nearer: move(() => camera.zoom(NEARER)),
      further: move(() => camera.zoom(1 / NEARER)),
      fit: move(() => camera.fit()),
      next: () => pointing.next(),
      previous: () => pointing.previous(),
      play: () => pointing.play(),
      open: () => pointing.point >= 0 && pointing.open(pointing.point),
      outline: () => this.setOutlining(!this.outlining),
      screen: () => {
        const { x0, x1, y0, y1 } = camera.seen;
        this.area.outline([[x0, y0], [x1, y0], [x1, y1], [x0, y1]]);
      },
      hover: () => {
        pointing.plays = !pointing.plays;
        this.v.hover.setAttribute("aria-pressed", String(pointing.plays));
        if (!pointing.plays) pointing.sound.stop();
      },
      clear: () => this.letGo(),
    };
    actions[action]?.();
  }

  // One thing a press: the outline being drawn, what is chosen, the names seen alone, the point.
  letGo() {
    if (this.outlining) this.setOutlining(false);
    else if (this.area.part) this.area.clear();
    else if (this.layers.picked.size) this.layers.pickName(-1);
    else this.pointing.goNowhere();
  }

  listen() {
    const { v, layers } = this;
    for (const name of BUTTONS) v[name].addEventListener("click", () => this.act(name));
    v.by.addEventListener("change", () => {
      layers.by = v.by.value;
      layers.fetchColours();
      this.keepAddress();
    });
    v.legend.addEventListener("click", (event) => {
      const code = event.target instanceof Element ? event.target.closest("[data-code]")?.getAttribute("data-code") : null;
      if (code) layers.pickName(Number(code));
    });
    v.nearTab.addEventListener("click", () => this.showTab(true));
    v.clustersTab.addEventListener("click", () => this.showTab(false));
    document.addEventListener("keydown", this.onKey, true);
  }

  /** @param {KeyboardEvent} event */
  keyed(event) {
    if (!this.data || this.area.isOpen) return;
    const action = mapAction(event, this.v.root, this.element);
    if (!action) return;
    event.preventDefault();
    event.stopPropagation();
    if (action !== "held") this.act(action);
  }

  close() {
    document.removeEventListener("keydown", this.onKey, true);
    this.resized.disconnect();
    clearTimeout(this.timer);
    for (const part of [this.pointer, this.area, this.pointing, this.layers]) part.close();
    this.v.root.remove();
  }
}

/** @param {Component<Landscape>} component */
export default function mount(component) {
  const { parentElement } = component;
  let map = maps.get(parentElement);
  if (!map) {
    map = new Landmap(parentElement);
    maps.set(parentElement, map);
  }
  map.update(component);
  return () => {
    maps.get(parentElement)?.close();
    maps.delete(parentElement);
  };
}
