// More like this: the snippets that are chosen become examples of a search, or counter-examples of the one that is on.

/**
 * @import { Snippet } from "../shared/server"
 * @import { LikeHost } from "./types"
 */

// The stretches of snippets as an address writes examples: CLIP@FROM-TO, with a - before what is not alike.
/** @param {Snippet[]} snippets @param {boolean} isLike */
function examplesOf(snippets, isLike) {
  const seconds = (/** @type {number} */ value) => String(Math.round(value * 1000) / 1000);
  return snippets.map((one) => `${isLike ? "" : "-"}${one.clip_id}@${seconds(one.onset_s)}-${seconds(one.offset_s)}`).join("|");
}

// The selected snippets, or the one in focus.
/** @param {LikeHost} wall @param {boolean} isLike */
export function lookFor(wall, isLike) {
  const { list, shown, active, choice } = wall;
  if (!wall.data.searches) wall.tell("there is nothing to search in yet: hear the collection with a frozen model first, on Retrain", "warning");
  else if (!isLike && !list.isSearch) wall.tell("look for more like this first (8): what is not alike is said in a search", "warning");
  else {
    const chosen = list.snippets.filter((one) => choice.has(one.id));
    wall.trigger("like", examplesOf(chosen.length ? chosen : [shown[active]], isLike));
  }
}
