// More like this: the selection, the box or the stretch of the class in focus becomes the example of a search in Sweep.

import { newEventId } from "../shared/api.js";
import { round3, stretchOf } from "./span.js";

/** @import { LikeHost } from "./types" */

/** @param {LikeHost} host */
export function moreLike(host) {
  const { data, page, lane } = host;
  if (!page.searches) return host.tell("there is nothing to search in yet: hear the collection with a frozen model first, on Retrain", "warning");
  if (data.mode) return host.tell("answer this look first: what the model thinks is hidden here", "warning");
  const stretch = host.stage.selection || host.boxes.picked || stretchOf(lane);
  if (!stretch) return host.tell("select a stretch first: drag over the picture", "warning");
  const like = `${data.clip_id}@${round3(stretch.onset_s)}-${round3(stretch.offset_s)}`;
  const code = lane?.class || "";
  if (!page.alone) return host.emit({ action: "like", clip_id: data.clip_id, like, class: code, at: newEventId() });
  return window.location.assign(`../sweep?${new URLSearchParams({ like, ...(code && { class: code }) })}`);
}
