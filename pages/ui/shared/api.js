// Asking the server, in the reviewer's name.

import { reasonOf } from "./answers.js";

const KEPT_ALIVE = new Set(["/api/preferences", "/api/lease"]); // what is said as the page is left
const PATIENCE_MS = 8000; // a press; what takes longer says so itself
// For what nobody waits for yet: the server does all else first (pages/ui/routes/turns.py).
export const AHEAD = { "x-earmark-ahead": "1" };

export function newEventId() {
  if (typeof crypto.randomUUID === "function") return crypto.randomUUID(); // only in secure contexts
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

// What the server refused, in its own words. `status` 0: it did not answer.
export class Refusal extends Error {
  /** @param {number} status @param {string} reason @param {boolean} [isFinal] */
  constructor(status, reason, isFinal = false) {
    super(reason);
    this.status = status;
    this.isFinal = isFinal; // whether a new token would change nothing
  }
}

// The server's routes, in the reviewer's name.
export class Api {
  constructor() {
    this.token = "";
    this.base = new URL(".", document.baseURI).pathname.replace(/\/$/, "");
  }

  // Raises Refusal. With a signal `ahead` nobody waits for it yet, and the signal stops it.
  /** @param {string} path @param {unknown} [body] @param {{ patienceMs?: number, ahead?: AbortSignal }} [how] */
  async ask(path, body, how = {}) {
    const response = await this.answer(path, body, how);
    let value = null;
    try {
      value = await response.json();
    } catch (error) {
      if (response.ok) throw new Refusal(0, "no answer from the server"); // it broke off, or was stopped
      // not JSON: the status has to do
    }
    if (!response.ok) throw new Refusal(response.status, value?.error || `the server answered ${response.status}`, Boolean(value?.final));
    return value;
  }

  // What is no JSON. Raises Refusal.
  /** @param {string} path */
  async bytes(path) {
    const response = await this.answer(path, undefined);
    if (!response.ok) throw new Refusal(response.status, await reasonOf(response));
    return response.arrayBuffer();
  }

  /** @param {string} path @param {unknown} body @param {{ patienceMs?: number, ahead?: AbortSignal }} [how] */
  async answer(path, body, { patienceMs = PATIENCE_MS, ahead } = {}) {
    /** @type {Record<string, string>} */
    const headers = { "x-earmark": this.token, ...(ahead ? AHEAD : {}) };
    if (body !== undefined) headers["content-type"] = "application/json";
    try {
      return await fetch(`${this.base}${path}`, {
        method: body === undefined ? "GET" : "POST", headers, credentials: "same-origin", keepalive: KEPT_ALIVE.has(path),
        body: body === undefined ? undefined : JSON.stringify(body),
        signal: ahead || AbortSignal.timeout(patienceMs),
      });
    } catch (error) {
      throw new Refusal(0, "no answer from the server");
    }
  }
}
