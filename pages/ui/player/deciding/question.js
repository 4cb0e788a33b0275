import { chip, el } from "../../shared/elements.js";
import { stretchOf } from "../span.js";
import { isHiding } from "./flow.js";

/** @import { Lane } from "../../shared/server" */

// A probability in words; nothing is quite sure.
/** @param {number} p */
function percentOf(p) {
  return p >= 0.995 ? "over 99 %" : p < 0.005 ? "under 1 %" : `${Math.round(p * 100)} %`;
}

// What is asked about a class, in words.
/** @param {Lane | null} lane @param {string} mode */
export function questionOf(lane, mode) {
  if (!lane) return [el("span", { class: "why", text: "No class in focus." })];
  const strong = el("strong", { text: lane.name });
  if (mode === "audit") return [strong, el("span", { class: "why", text: "Is it heard in this clip? Drawn at random; labels and scores are hidden." })];
  if (isHiding(mode)) return [strong, el("span", { class: "why", text: "Is it heard in this clip? Labels and scores are hidden." })];
  const number = lane.clipwise === null ? "" : ` (${lane.clipwise.toFixed(2)})`;
  const stretch = stretchOf(lane);
  const where = stretch ? `, ${stretch.onset_s.toFixed(1)}–${stretch.offset_s.toFixed(1)} s` : "";
  const byMachine = lane.machine && (lane.machine === "present" ? "added by the model, heard by nobody" : "removed by the model, heard by nobody");
  const listed = byMachine || (lane.role ? `listed as ${lane.role}` : "not listed");
  const why = {
    missing: `${listed}, but the model hears it${number}${where}`,
    false: `${lane.role || byMachine ? listed : "listed as a label"}, but the model does not hear it${number}`,
    swapped: lane.role && lane.verdict !== "present"
      ? `listed, but the model hears ${lane.partner || "another class"} in its place`
      : `the model hears it${number}${where} in place of ${lane.partner || "another class"}`,
  }[lane.kind] || `${listed}${number}`;
  const parts = [strong, el("span", { class: "why", text: why })];
  if (lane.p_wrong !== null && lane.kind) parts.push(el("span", { class: "why", text: `· likely wrong: ${percentOf(lane.p_wrong)}` }));
  if (lane.support && lane.kind) parts.push(el("span", { class: "why", text: `· ${lane.support}` }));
  if (mode === "again") parts.push(el("span", { class: "why", text: "· a second look" }));
  if (lane.verdict) parts.push(chip(lane.verdict, lane.reviewer ? `${lane.verdict}, ${lane.reviewer}` : lane.verdict));
  return parts;
}
