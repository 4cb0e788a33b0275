// pages/ui/player/deciding/flow.js: the way through the list, and one request at a time.

import assert from "node:assert/strict";
import test from "node:test";

import { Flow, Messenger } from "../../../../../pages/ui/player/deciding/flow.js";
import { Refusal } from "../../../../../pages/ui/shared/api.js";
import { part } from "../../../../support/scripts/part.mjs";

/** @import { Clip, Visit } from "../../../../../pages/ui/shared/server" */
/** @import { Api } from "../../../../../pages/ui/shared/api.js" */

let visits = 0;

/** @type {Api} */
const NO_API = part({});

// A flow through clips 1, 2, 3, ... as the page gives them.
/** @param {Visit["items"]} items */
function flowThrough(items, at = 0, api = NO_API) {
  visits += 1;
  const flow = new Flow(api);
  flow.begin(part({ visit: `v${visits}`, items, at, view: { run: "1" } }));
  return flow;
}

test("the list and the place are kept while the visit is the same", () => {
  const flow = flowThrough([1, 2, 3]);
  flow.move(2);
  assert.equal(flow.begin(part({ visit: flow.visit, items: [9], at: 0, view: { run: "1" } })), false);
  assert.deepEqual([flow.at, flow.item.clip_id], [2, 3]);
  assert.equal(flow.begin(part({ visit: flow.visit, items: [9], at: 0, view: { run: "2" } })), true); // drawn of another run
  const later = new Flow(NO_API); // the page was left and come back to
  later.begin(part({ visit: flow.visit, items: [1, 2, 3], at: 0, view: {} }));
  assert.equal(later.at, 2);
});

test("nobody moves beyond the ends; past the last there is no clip", () => {
  const flow = flowThrough([1, 2]);
  flow.move(-3);
  assert.equal(flow.at, 0);
  flow.move(7);
  assert.deepEqual([flow.at, flow.item], [2, null]);
});

test("a clip put off comes at the end, and the next one takes its place", () => {
  const flow = flowThrough([1, 2, 3], 1);
  flow.putOff();
  assert.deepEqual(flow.items.map(({ clip_id }) => clip_id), [1, 3, 2]);
  assert.equal(flow.item.clip_id, 3);
});

test("what is undone is shown where it was decided", () => {
  const flow = flowThrough([1, 2, 3, [1, "blind", "reed"], 4], 4);
  assert.equal(flow.placeOf(1, "reed", "blind"), 3); // asked blind, it is asked so again
  assert.equal(flow.placeOf(1, "wren", ""), 0); // of another class, where it was seen whole
  assert.equal(flow.placeOf(4, "", ""), 4); // it is on the screen
  assert.equal(flow.placeOf(2, "reed", ""), 1);
  assert.equal(flow.placeOf(77, "reed", ""), 4); // not of this list: brought here
  assert.deepEqual(flow.items.map(({ clip_id }) => clip_id), [1, 2, 3, 1, 77, 4]);
});

test("a clip is fetched once, and again where that failed", async () => {
  /** @type {string[]} */
  const asked = [];
  let broken = true;
  /** @type {Api} */
  const api = part({ ask: async (/** @type {string} */ path) => {
    asked.push(path);
    if (broken) throw new Refusal(0, "no answer");
    return { clip_id: 1 };
  } });
  const flow = flowThrough([1, [2, "again", "reed"]], 0, api);
  await assert.rejects(flow.load(flow.item).promise);
  broken = false;
  await flow.load(flow.item).promise;
  await flow.load(flow.item).promise;
  assert.deepEqual(asked, ["/api/clips/1?run=1", "/api/clips/1?run=1"]);
  flow.forget(1);
  await flow.load(flow.item).promise;
  await flow.load(flow.items[1]).promise;
  assert.deepEqual(asked.slice(2), ["/api/clips/1?run=1", "/api/clips/2?run=1&mode=again&class=reed"]);
});

// Requests by their path, answered by hand: `given` is what went with each.
function requestsOf() {
  /** @type {{ clip: number, ahead: AbortSignal | undefined, answer(clip: Partial<Clip>): void }[]} */
  const requests = [];
  /** @type {Api["ask"]} */
  const ask = (path, body, how = {}) => new Promise((answer, refuse) => {
    requests.push({ clip: Number(path.match(/clips\/(\d+)/)?.[1]), ahead: how.ahead, answer });
    how.ahead?.addEventListener("abort", () => refuse(new Refusal(0, "no answer")));
  });
  /** @type {Api} */
  const api = part({ ask });
  return { requests, api };
}

test("what was asked for ahead and was passed is stopped; what is waited for by now is asked for anew", async () => {
  const { requests, api } = requestsOf();
  const flow = flowThrough([1, 2, 3, 4, 5, 6, 7], 0, api);
  /** @type {number[]} */
  const came = [];
  flow.ahead(({ clip_id }) => { came.push(clip_id); });
  assert.deepEqual(requests.map(({ clip, ahead }) => [clip, Boolean(ahead)]), [[2, true], [3, true], [4, true]]);
  requests[0].answer({ clip_id: 2 });
  await Promise.resolve();
  flow.move(3);
  const { promise } = flow.load(flow.item);
  assert.ok(requests[2].ahead?.aborted);
  assert.deepEqual([requests[3].clip, requests[3].ahead], [4, undefined]);
  flow.ahead(({ clip_id }) => { came.push(clip_id); });
  assert.ok(requests[1].ahead?.aborted); // 3 was passed
  assert.equal(requests[0].ahead?.aborted, false);
  assert.deepEqual(requests.slice(4).map(({ clip }) => clip), [5, 6, 7]);
  requests[3].answer({ clip_id: 4 });
  assert.deepEqual([(await promise).clip_id, flow.load(flow.item).data?.clip_id], [4, 4]);
  assert.deepEqual(came, [2]);
  flow.move(1);
  assert.equal(flow.load(flow.item).data?.clip_id, 2); // kept
  assert.equal(requests.length, 7);
});

// A messenger whose requests are answered by hand.
function messengerOf() {
  /** @type {string[]} */
  const states = [];
  /** @type {{ body: unknown, answer(said: string): void, refuse(why: Refusal): void }[]} */
  const requests = [];
  /** @type {any[]} */
  const answers = [];
  /** @type {Api} */
  const api = part({
    ask: (/** @type {string} */ path, /** @type {unknown} */ body) => new Promise((answer, refuse) => { requests.push({ body, answer, refuse }); }),
  });
  const messenger = new Messenger(api, (state) => { states.push(state); });
  /** @param {string} body */
  const send = (body) => messenger.send("/api/decisions", body, (answer, refusal) => { answers.push(refusal ?? answer); });
  const settled = () => new Promise((done) => { setImmediate(() => done(undefined)); });
  return { messenger, states, requests, answers, send, settled };
}

test("while one thing is sent, a second press is refused", async () => {
  const { messenger, states, requests, answers, send, settled } = messengerOf();
  assert.equal(send("first"), true);
  assert.equal(send("second"), false);
  requests[0].answer("stored");
  await settled();
  assert.deepEqual(states, ["locked", "refused", "open"]);
  assert.deepEqual(answers, ["stored"]);
  assert.equal(messenger.locked, false);
});

test("without an answer it stays locked, and the same is sent again", async () => {
  for (const { status, state } of [{ status: 0, state: "silent" }, { status: 503, state: "silent" }, { status: 403, state: "expired" }]) {
    const { messenger, states, requests, answers, send, settled } = messengerOf();
    send("one");
    requests[0].refuse(new Refusal(status, "no"));
    await settled();
    assert.deepEqual([states, messenger.locked, answers], [["locked", state], true, []]);
    messenger.deliver();
    assert.equal(requests[1].body, "one");
    requests[1].answer("stored");
    await settled();
    assert.deepEqual(answers, ["stored"]);
  }
});

test("what the server refuses is answered with its reason", async () => {
  const { states, requests, answers, send, settled } = messengerOf();
  send("one");
  requests[0].refuse(new Refusal(409, "decided meanwhile"));
  await settled();
  assert.equal(answers[0].message, "decided meanwhile");
  assert.deepEqual(states, ["locked", "open"]);
});

test("what had no answer is sent again by itself, ever more rarely, with the same ids", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const { messenger, states, requests, answers, send } = messengerOf();
  const settled = async () => { for (let turn = 0; turn < 5; turn += 1) await Promise.resolve(); };
  send("one");
  for (const waitMs of [2000, 4000, 8000]) {
    requests.at(-1)?.refuse(new Refusal(503, "the database's server cannot be reached"));
    await settled();
    const sent = requests.length;
    context.mock.timers.tick(waitMs - 1);
    assert.equal(requests.length, sent);
    context.mock.timers.tick(1);
    assert.equal(requests.length, sent + 1);
    assert.equal(requests.at(-1)?.body, "one");
  }
  messenger.deliver(); // pressed by hand while one is under way
  requests.at(-1)?.answer("stored");
  await settled();
  assert.deepEqual([answers, states.at(-1), messenger.locked], [["stored"], "open", false]);
  requests.at(-2)?.refuse(new Refusal(0, "too late"));
  await settled();
  context.mock.timers.tick(100_000);
  assert.equal(requests.length, 5);
});

// What the light page gives: one clip, the list later.
/** @param {number} clip_id */
function linkedTo(clip_id) {
  visits += 1;
  const flow = new Flow(NO_API);
  /** @type {Visit} */
  const page = part({ visit: `v${visits}`, items: [clip_id], at: 0, view: {}, link: { p: "0.1" }, alone: true, partial: true, clip: { clip_id } });
  assert.equal(flow.begin(page), true);
  /** @param {Visit["items"]} items @param {number} at */
  const come = (items, at) => flow.begin({ ...page, items, at, partial: false, clip: undefined });
  return { flow, come };
}

test("a list that comes after its clip leaves the clip where it is", () => {
  const { flow, come } = linkedTo(3);
  assert.equal(flow.load(flow.item).data?.clip_id, 3); // it came with the page
  assert.equal(come([1, 2, 3, 4], 2), false);
  assert.deepEqual([flow.at, flow.item.clip_id, flow.partial], [2, 3, false]);
  assert.equal(come([9], 0), false); // and does not change again
  assert.equal(flow.items.length, 4);
});

test("who went on before the list came is waiting for the next clip", () => {
  const { flow, come } = linkedTo(3);
  flow.move(1);
  assert.equal(come([1, 3, 4], 1), true);
  assert.equal(flow.item.clip_id, 4);
  const last = linkedTo(4);
  last.flow.move(1);
  assert.equal(last.come([1, 4], 1), true);
  assert.deepEqual([last.flow.at, last.flow.item], [2, null]);
});

test("a clip that the list does not hold stands where the server put it", () => {
  const { flow, come } = linkedTo(7);
  assert.equal(come([1, 2, 3], 1), false);
  assert.deepEqual([flow.items.map(({ clip_id }) => clip_id), flow.at], [[1, 7, 2, 3], 1]);
});

test("an address names the clip, but not that of a second look", () => {
  const { flow, come } = linkedTo(3);
  come([3, [4, "blind", "reed"], 5], 0);
  /** @type {Visit} */
  const page = part({ link: { p: "0.1" }, alone: true });
  /** @type {Clip} */
  const clip = part({ clip_id: 3, mode: "" });
  assert.equal(flow.address(page, clip, "/clip/2"), "/clip/3?p=0.1");
  assert.equal(flow.address({ ...page, link: {} }, clip, "clip/"), "clip/3");
  assert.equal(flow.address({ ...page, alone: false }, clip, "/review"), "/review?p=0.1&clip=3");
  flow.move(1);
  /** @type {Clip} */
  const look = part({ clip_id: 4, mode: "blind", look: "t" });
  assert.equal(flow.address(page, look, "/clip/3"), "/clip/look?p=0.1&look=t&next=5");
  assert.equal(flow.address({ ...page, alone: false }, look, "/review"), "/review?p=0.1&look=t&next=5");
});
