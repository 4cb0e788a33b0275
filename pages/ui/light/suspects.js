// What stands around the rows of the queue where the page holds nothing else: a press leads to another address.

import { Around, byId } from "./around.js";

/**
 * @import { Queue } from "../shared/server"
 * @import { Component } from "../shared/types"
 */

/** @param {string} page @param {Record<string, string> | string[][]} params */
function address(page, params) {
  const query = new URLSearchParams(params).toString();
  return query ? `${page}?${query}` : page;
}

// `mount`: the rows'.
/** @param {(component: Component<Queue>) => () => void} mount */
export default function host(mount) {
  const around = new Around(mount, (/** @type {Queue} */ given) => given, heard);
  const { link } = around.data;
  history.replaceState(history.state, "", address("suspects", link)); // without what says nothing

  // The list with other parameters: those of `names` are replaced by what a query says.
  /** @param {string[]} names @param {string} query */
  function goTo(names, query) {
    const kept = Object.entries(link).filter(([name]) => !names.includes(name));
    location.assign(address("suspects", [...kept, ...new URLSearchParams(query)]));
  }

  // The list as it is now, in the rows and above them.
  /** @param {Document} page @param {Queue} given */
  function retold(page, given) {
    const above = page.getElementById("above");
    if (above) byId("above").replaceWith(document.adoptNode(above));
    listen();
    byId("part").className = "kept"; // where nothing is left, too: it says what was decided
    around.update({ ...given, view: `${Number(around.data.view) + 1}` });
  }

  /** @param {{ action: string, clip_id: number, order: string }} event */
  function heard({ action, clip_id, order }) {
    if (action === "open") location.assign(address(`clip/${clip_id}`, link));
    else if (action === "sort") goTo(["order"], new URLSearchParams({ order }).toString());
    else if (action === "decided") around.renew(retold);
    else if (action === "refresh") around.renew();
  }

  function listen() {
    byId("filters").addEventListener("change", ({ target }) => {
      if (target instanceof HTMLSelectElement) goTo((target.dataset.names ?? "").split(" "), target.value);
    });
  }
  listen();
  around.update({});
}
