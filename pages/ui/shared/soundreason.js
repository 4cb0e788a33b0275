// Why a sound does not come, asked of the server: what it says of the file at that place, or that it says nothing.

import { reasonOf } from "./answers.js";

const PATIENCE_MS = 8000;
export const LATE_MS = 2500; // a sound that plays and has nothing to play for so long is missed

// `status` 200: the server has the sound, so it is the browser that does not play it; 0: the server does not answer.
/** @param {string} url @param {number} timeS in the clip */
export async function whyNoSound(url, timeS) {
  try {
    const check = `${url}${url.includes("?") ? "&" : "?"}at_s=${Math.max(0, timeS).toFixed(2)}`;
    const response = await fetch(check, { credentials: "same-origin", cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) });
    if (!response.ok) return { status: response.status, text: await reasonOf(response) };
    response.body?.cancel();
    return { status: 200, text: "the browser cannot play it" };
  } catch (error) {
    return { status: 0, text: "the server does not answer" };
  }
}
