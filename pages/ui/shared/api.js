// Asking the server, in the reviewer's name.

const PATIENCE_MS = 8000; // a press; what takes longer says so itself

export function newEventId() {
  if (typeof crypto.randomUUID === "function") return crypto.randomUUID(); // only in secure contexts
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

// What the server refused, in its own words. `status` 0: it did not answer.
export class Refusal extends Error {
  /** @param {number} status @param {string} reason */
  constructor(status, reason) {
    super(reason);
    this.status = status;
  }
}

// The server's routes, in the reviewer's name.
export class Api {
  constructor() {
    this.token = "";
    this.base = new URL(".", document.baseURI).pathname.replace(/\/$/, "");
  }

  // Raises Refusal.
  /** @param {string} path @param {unknown} [body] @param {number} [patienceMs] */
  async ask(path, body, patienceMs = PATIENCE_MS) {
    /** @type {Record<string, string>} */
    const headers = { "x-earmark": this.token };
    if (body !== undefined) headers["content-type"] = "application/json";
    let response;
    try {
      response = await fetch(`${this.base}${path}`, {
        method: body === undefined ? "GET" : "POST", headers, credentials: "same-origin", keepalive: path === "/api/preferences",
        body: body === undefined ? undefined : JSON.stringify(body),
        signal: AbortSignal.timeout(patienceMs),
      });
    } catch (error) {
      throw new Refusal(0, "no answer from the server");
    }
    let value = null;
    try {
      value = await response.json();
    } catch (error) {
      // not JSON: the status has to do
    }
    if (!response.ok) throw new Refusal(response.status, value?.error || `the server answered ${response.status}`);
    return value;
  }
}
