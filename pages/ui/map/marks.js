// What lies over the points: the outline, the point that is pointed at, and lines to its true neighbours.

import { fitCanvas } from "../shared/picture.js";

/** @import { MarksHost } from "./types" */

/** @param {HTMLCanvasElement} canvas @param {MarksHost} host */
export function drawMarks(canvas, { camera, picking, drawn, area, stretch, near, point, dark }) {
  const { context, width, height } = fitCanvas(canvas);
  context.clearRect(0, 0, width, height);
  if (!picking) return;
  const { places } = picking;
  const ink = dark ? "#ffffff" : "#101418";
  const paper = dark ? "#101418" : "#ffffff";
  const outline = drawn.length ? drawn : area.part?.outline ?? [];
  if (outline.length > 1) {
    context.beginPath();
    outline.forEach(([x, y], place) => {
      const [left, top] = camera.toScreen(x, y);
      if (place) context.lineTo(left, top);
      else context.moveTo(left, top);
    });
    if (!drawn.length) context.closePath();
    context.fillStyle = dark ? "rgb(255 255 255 / 8%)" : "rgb(16 20 24 / 6%)";
    if (!drawn.length) context.fill();
    for (const [colour, wide, dash] of /** @type {[string, number, number[]][]} */ ([[paper, 4, []], [ink, 2, [6, 4]]])) {
      Object.assign(context, { strokeStyle: colour, lineWidth: wide });
      context.setLineDash(dash);
      context.stroke();
    }
    context.setLineDash([]);
  }
  const at = (/** @type {number} */ one) => camera.toScreen(places[2 * one], places[2 * one + 1]);
  if (stretch && near.length) {
    const [left, top] = at(stretch.point);
    context.strokeStyle = dark ? "rgb(255 255 255 / 55%)" : "rgb(16 20 24 / 50%)";
    context.lineWidth = 1;
    for (const one of near) {
      const [toLeft, toTop] = at(one.point);
      context.beginPath();
      context.moveTo(left, top);
      context.lineTo(toLeft, toTop);
      context.stroke();
      ring(context, toLeft, toTop, 4, ink, paper);
    }
  }
  if (point >= 0) ring(context, ...at(point), 7, ink, paper);
}

/** @param {CanvasRenderingContext2D} context @param {number} left @param {number} top @param {number} radius @param {string} ink @param {string} paper */
function ring(context, left, top, radius, ink, paper) {
  for (const [colour, wide] of /** @type {[string, number][]} */ ([[paper, 4], [ink, 2]])) {
    Object.assign(context, { strokeStyle: colour, lineWidth: wide });
    context.beginPath();
    context.arc(left, top, radius, 0, 2 * Math.PI);
    context.stroke();
  }
}
