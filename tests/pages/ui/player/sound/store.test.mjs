// pages/ui/player/sound/store.js: what is fetched ahead, one sound at a time, and what was passed.

import assert from "node:assert/strict";
import test from "node:test";

import { SoundStore } from "../../../../../pages/ui/player/sound/store.js";
import { part } from "../../../../support/scripts/part.mjs";

globalThis.document = part({ baseURI: "http://localhost/" });
globalThis.Audio = /** @type {any} */ (class {
  constructor() {
    this.src = "";
  }

  pause() {}

  load() {}

  removeAttribute() {
    this.src = "";
  }
});

const settled = () => new Promise((done) => { setTimeout(done, 5); });

// A store, and the requests that it makes; each is answered by hand.
function storeOf(most = 8) {
  /** @type {{ url: unknown, signal: AbortSignal, headers: Record<string, string>, come(): void }[]} */
  const requests = [];
  globalThis.fetch = (url, how) => new Promise((answer, refuse) => {
    const { signal, headers } = /** @type {{ signal: AbortSignal, headers: Record<string, string> }} */ (how);
    requests.push({ url, signal, headers, come: () => answer(new Response("sound", { headers: { "content-length": "5" } })) });
    signal.addEventListener("abort", () => refuse(new DOMException("", "AbortError")));
  });
  return { store: new SoundStore(most), requests, asked: () => requests.map(({ url }) => url) };
}

test("sounds are fetched ahead one at a time, and each once", async () => {
  const { store, requests, asked } = storeOf();
  for (const url of ["/a", "/b", "/a"]) store.ahead(url);
  await settled();
  assert.deepEqual(asked(), ["/a"]);
  assert.equal(requests[0].headers["x-earmark-ahead"], "1");
  requests[0].come();
  await settled();
  assert.deepEqual(asked(), ["/a", "/b"]);
  requests[1].come();
  await settled();
  store.ahead("/a");
  await settled();
  assert.equal(requests.length, 2);
  assert.match(store.take("/a").src, /^blob:/);
});

test("what was passed is stopped, or never fetched; what is wanted still goes on", async () => {
  const { store, requests, asked } = storeOf();
  for (const url of ["/a", "/b", "/c"]) store.ahead(url);
  await settled();
  store.passed();
  for (const url of ["/a", "/c", "/d"]) store.ahead(url);
  await settled();
  assert.deepEqual([asked(), requests[0].signal.aborted], [["/a"], false]);
  store.passed();
  for (const url of ["/c", "/d"]) store.ahead(url);
  await settled();
  assert.ok(requests[0].signal.aborted);
  requests[1].come();
  await settled();
  assert.deepEqual(asked(), ["/a", "/c", "/d"]);
});

test("a sound that is taken on its way is streamed, and the next is fetched", async () => {
  const { store, requests, asked } = storeOf();
  store.ahead("/a");
  await settled();
  const element = store.take("/a");
  store.passed();
  store.ahead("/b");
  await settled();
  assert.equal(element.src, "/a");
  assert.ok(requests[0].signal.aborted);
  assert.deepEqual(asked(), ["/a", "/b"]);
  assert.equal(store.take("/a"), element);
});

test("a sound that cannot be fetched holds up no other", async () => {
  const { store, asked } = storeOf();
  const { fetch } = globalThis;
  globalThis.fetch = (url, ...how) => (url === "/bad" ? Promise.resolve(new Response("", { status: 404 })) : fetch(url, ...how));
  for (const url of ["/bad", "/a"]) store.ahead(url);
  await settled();
  assert.deepEqual(asked(), ["/a"]);
  assert.deepEqual([...store.entries.keys()], ["/a"]);
});
