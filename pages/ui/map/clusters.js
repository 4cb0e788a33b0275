// What the clusters say of the labels: three questions, the clusters that answer each, and of the one that is picked the
// most central and the most odd stretches.

import { wordsOf } from "../shared/answers.js";
import { el } from "../shared/elements.js";

/**
 * @import { MapClusters, MapCluster, MapTypical } from "../shared/server"
 * @import { ClustersHost } from "./types"
 */

export class ClusterPanel {
  /** @param {HTMLElement} box @param {ClustersHost} host */
  constructor(box, host) {
    this.box = box;
    this.host = host;
    this.question = "";
    /** @type {MapClusters | null} */
    this.all = null;
    this.picked = -1;
    /** @type {MapTypical | null} */
    this.typical = null;
    this.problem = "";
    this.asked = 0;
    box.addEventListener("click", (event) => this.clicked(event));
  }

  // Another map, or other labels: what was known is not known any more.
  forget() {
    this.all = this.typical = null;
    this.picked = -1;
    this.asked += 1;
  }

  async show() {
    if (this.host.data.method !== "UMAP") return this.draw();
    if (this.all) return this.draw();
    const mine = (this.asked += 1);
    this.draw();
    try {
      const all = await this.host.api.ask(`/api/map/clusters?${new URLSearchParams(this.host.data.query)}`, undefined, { patienceMs: 60000 });
      if (mine !== this.asked) return undefined;
      this.all = all;
      this.problem = "";
      const full = this.host.data.questions.find(([name]) => this.all?.answers[name]?.length);
      this.question ||= (full ?? this.host.data.questions[0])[0];
    } catch (error) {
      if (mine === this.asked) this.problem = wordsOf(error);
    }
    return this.draw();
  }

  /** @param {MapCluster} cluster */
  async pick(cluster) {
    this.picked = cluster.number;
    this.typical = null;
    const mine = (this.asked += 1);
    this.host.clusterPicked(cluster);
    this.draw();
    try {
      const typical = await this.host.api.ask(`/api/map/cluster?${new URLSearchParams({ ...this.host.data.query, cluster: String(cluster.number) })}`);
      if (mine !== this.asked) return;
      this.typical = typical;
      this.problem = "";
    } catch (error) {
      if (mine === this.asked) this.problem = wordsOf(error);
    }
    this.draw();
  }

  /** @param {MouseEvent} event */
  clicked(event) {
    const target = event.target instanceof Element ? event.target : null;
    const question = target?.closest("[data-question]")?.getAttribute("data-question");
    if (question) {
      this.question = question;
      this.draw();
      return;
    }
    const number = target?.closest("[data-cluster]")?.getAttribute("data-cluster");
    const cluster = this.all?.answers[this.question]?.find((one) => String(one.number) === number);
    if (cluster) this.pick(cluster);
  }

  draw() {
    const { box, all, host } = this;
    if (host.data.method !== "UMAP") {
      box.replaceChildren(el("p", { class: "hint", text: "Clusters are found when the map is made. These are only the first two principal components." }));
      return;
    }
    if (this.problem || !all) {
      box.replaceChildren(el("p", { class: "hint", text: this.problem ? `The clusters could not be read: ${this.problem}` : "reading the clusters…" }));
      return;
    }
    const questions = host.data.questions.map(([name, words]) => el("button", {
      type: "button", test: "map-question", "data-question": name, "aria-pressed": String(name === this.question),
    }, `${words} `, el("span", { class: "number", text: String(all.answers[name]?.length ?? 0) })));
    const meaning = host.data.questions.find(([name]) => name === this.question)?.[2] ?? "";
    const answers = all.answers[this.question] ?? [];
    const rows = answers.map((one) => {
      const words = el("span", { class: "words" }, el("span", { class: "first", text: one.says || "no label" }),
        el("span", { class: "second", text: `cluster ${one.number + 1} · ${one.stretches.toLocaleString("en")} stretches of ${one.clips.toLocaleString("en")} clips` }));
      const row = el("li", {}, el("button", { type: "button", class: "cluster", test: "map-cluster", "data-cluster": one.number, "aria-pressed": String(one.number === this.picked) }, words));
      if (one.number === this.picked) row.append(...this.typicalLists());
      return row;
    });
    box.replaceChildren(el("div", { class: "questions", role: "group", "aria-label": "clusters that" }, ...questions), el("p", { class: "hint", text: meaning }),
      answers.length ? el("ul", { class: "clusters" }, ...rows) : el("p", { class: "hint", test: "map-no-cluster", text: `None of the ${all.count} clusters does.` }));
    host.listed();
  }

  typicalLists() {
    const { typical } = this;
    if (!typical) return [el("p", { class: "hint", text: "reading…" })];
    return /** @type {const} */ ([["Most central", typical.central], ["Most odd", typical.odd]]).map(([words, these]) => el("div", { class: "typical" },
      el("h3", { text: words }), el("ul", { class: "stretches" }, ...these.map((one) => this.host.row(one)))));
  }
}
