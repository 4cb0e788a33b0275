// What is drawn of the map: the points, what colours them and the legend that says it, and which the queue's filter
// leaves.

import { wordsOf } from "../shared/answers.js";
import { Refusal } from "../shared/api.js";
import { PointCloud } from "./cloud.js";
import { legendRows, paletteOf, readColours } from "./colours.js";
import { Picking } from "./picking.js";

/**
 * @import { Legend } from "../shared/server"
 * @import { LayersHost } from "./types"
 */

const PATIENCE_MS = 120000; // the first two axes of a large space take a while

export class MapLayers {
  /** @param {HTMLCanvasElement} canvas @param {LayersHost} host */
  constructor(canvas, host) {
    this.host = host;
    this.cloud = new PointCloud(canvas, () => host.framed());
    /** @type {Picking | null} */
    this.picking = null;
    /** @type {Legend} */
    this.legend = { names: [], counts: [], unknown: 0, is_share: false };
    /** @type {Uint16Array} */
    this.codes = new Uint16Array(0);
    /** @type {Uint8Array | null} */
    this.passing = null;
    /** @type {Uint8Array | null} */
    this.filter = null; // what the queue's filter leaves
    this.cluster = -1; // the one that is seen alone
    /** @type {{ map: string, names: string[], codes: Uint16Array } | null} */
    this.clustered = null; // which point is in which
    /** @type {Set<number>} */
    this.picked = new Set(); // names that are seen alone
    this.by = "";
    this.shown = { points: "", colours: "", filter: "" }; // what each was fetched for
    this.asked = { points: 0, colours: 0, filter: 0 };
  }

  // Fetch what is not here yet. `first`: the address says where to look.
  /** @param {boolean} first */
  async fetchAll(first) {
    const { data } = this.host;
    const map = JSON.stringify([data.query.space, data.query.map]);
    if (map !== this.shown.points) {
      this.shown = { points: map, colours: "", filter: "" };
      this.picking = null;
      this.host.mapChanged();
      await this.fetchPoints(first);
    }
    if (map !== this.shown.points) return;
    this.fetchColours();
    this.fetchFilter();
  }

  /** @param {string} path */
  async bytes(path) {
    const response = await this.host.api.answer(path, undefined, { patienceMs: PATIENCE_MS });
    if (response.ok) return response.arrayBuffer();
    const told = await response.json().catch(() => null);
    throw new Refusal(response.status, told?.error || `the server answered ${response.status}`);
  }

  /** @param {boolean} first */
  async fetchPoints(first) {
    const { host, cloud } = this;
    const mine = (this.asked.points += 1);
    host.state("loading the points…");
    try {
      const places = new Uint16Array(await this.bytes(host.address("/api/map/points")));
      if (mine !== this.asked.points) return;
      this.picking = new Picking(places);
      cloud.setPlaces(places);
      host.arrived(first);
      host.state(places.length ? (cloud.works ? "" : "This browser cannot draw with WebGL 2. The lists beside the map work all the same.") : "This space holds no stretch.");
      this.drawCount();
    } catch (error) {
      if (mine === this.asked.points) host.state(`The points could not be loaded: ${wordsOf(error)}`);
    }
  }

  // By force also where nothing but decisions changed.
  async fetchColours(force = false) {
    const { host, by } = this;
    const wanted = JSON.stringify([host.data.query, by]);
    if (wanted === this.shown.colours && !force) return;
    if (wanted !== this.shown.colours) this.picked.clear();
    this.shown.colours = wanted;
    const mine = (this.asked.colours += 1);
    host.v.root.dataset.coloured = "";
    try {
      const { legend, codes } = readColours(await this.bytes(host.address("/api/map/colours", { by })));
      if (mine !== this.asked.colours) return;
      this.legend = legend;
      this.codes = codes;
      this.cloud.setCodes(codes);
      this.drawLegend();
      host.v.root.dataset.coloured = by;
    } catch (error) {
      if (mine === this.asked.colours) host.tell(`The colours could not be read: ${wordsOf(error)}`, "warning");
    }
  }

  async fetchFilter(force = false) {
    const { data } = this.host;
    const wanted = JSON.stringify(data.filter && [data.filter, data.query]);
    if (wanted === this.shown.filter && !force) return;
    this.shown.filter = wanted;
    const mine = (this.asked.filter += 1);
    let passing = null;
    if (data.filter) {
      try {
        const bits = new Uint8Array(await this.bytes(this.host.address("/api/map/passing", data.filter)));
        passing = Uint8Array.from({ length: data.count }, (_, point) => (bits[point >> 3] >> (point & 7) & 1 ? 255 : 0));
      } catch (error) {
        if (mine === this.asked.filter) this.host.tell(`The filter could not be read: ${wordsOf(error)}`, "warning");
      }
    }
    if (mine !== this.asked.filter) return;
    this.filter = passing;
    this.drawPassing();
    this.drawCount();
    this.host.filtered();
  }

  // See one cluster alone, or all again (-1).
  /** @param {number} number */
  async showCluster(number) {
    if (this.cluster === number) return;
    this.cluster = number;
    const map = this.shown.points;
    if (number >= 0 && this.clustered?.map !== map) {
      try {
        const { legend, codes } = readColours(await this.bytes(this.host.address("/api/map/colours", { by: "cluster" })));
        this.clustered = { map, names: legend.names, codes };
      } catch (error) {
        this.host.tell(`The clusters could not be read: ${wordsOf(error)}`, "warning");
      }
    }
    if (map === this.shown.points) this.drawPassing();
  }

  // What the filter leaves of the cluster that is seen alone.
  drawPassing() {
    const { filter, clustered, cluster } = this;
    this.passing = filter;
    if (cluster >= 0 && clustered) {
      const code = clustered.names.indexOf(`cluster ${cluster + 1}`);
      this.passing = Uint8Array.from(clustered.codes, (one, point) => (one === code && (!filter || filter[point]) ? 255 : 0));
    }
    this.cloud.setPassing(this.passing);
    this.host.v.root.dataset.cluster = String(cluster);
  }

  // Whether a point is one of those that are seen in full.
  /** @param {number} point */
  counts(point) {
    return !(this.passing && !this.passing[point]) && (!this.picked.size || this.picked.has(this.codes[point]));
  }

  // What a point is called by the colours; "" for nothing.
  /** @param {number} point */
  nameOf(point) {
    return this.legend.names[this.codes[point]] ?? "";
  }

  drawLegend() {
    const { host, legend, picked } = this;
    host.v.legend.replaceChildren(...legendRows(legend, host.dark, picked));
    this.cloud.setPalette(paletteOf(legend, host.dark, picked));
  }

  // See one name alone, or all again (-1).
  /** @param {number} code */
  pickName(code) {
    if (code < 0) this.picked.clear();
    else if (!this.picked.delete(code)) this.picked.add(code);
    this.drawLegend();
  }

  drawCount() {
    const { filter: passing } = this;
    const { data, v } = this.host;
    const number = (/** @type {number} */ count) => count.toLocaleString("en");
    const left = passing ? passing.reduce((sum, one) => sum + Number(one > 0), 0) : data.count;
    const how = data.method === "UMAP" ? "UMAP" : "first two principal components";
    v.count.textContent = `${passing ? `${number(left)} of ` : ""}${number(data.count)} stretches, ${how}`;
  }

  close() {
    this.cloud.close();
  }
}
