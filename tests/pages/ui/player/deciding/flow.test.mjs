// pages/ui/player/deciding/flow.js: the way through the list, and one request at a time.

import assert from "node:assert/strict";
import test from "node:test";

import { Flow, Messenger } from "../../../../../pages/ui/player/deciding/flow.js";
import { Refusal } from "../../../../../pages/ui/shared/api.js";

let visits = 0;

// A flow through clips 1, 2, 3, ... as the page gives them.
function flowThrough(items, at = 0, api = null) {
  visits += 1;
  const flow = new Flow(api);
  flow.begin({ visit: `v${visits}`, items, at, view: { run: "1" } });
  return flow;
}

test("the list and the place are kept while the visit is the same", () => {
  const flow = flowThrough([1, 2, 3]);
  flow.move(2);
  assert.equal(flow.begin({ visit: flow.visit, items: [9], at: 0, view: { run: "1" } }), false);
  assert.deepEqual([flow.at, flow.item.clip_id], [2, 3]);
  assert.equal(flow.begin({ visit: flow.visit, items: [9], at: 0, view: { run: "2" } }), true); // drawn of another run
  const later = new Flow(null); // the page was left and come back to
  later.begin({ visit: flow.visit, items: [1, 2, 3], at: 0, view: {} });
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
  const asked = [];
  let broken = true;
  const api = { ask: async (path) => {
    asked.push(path);
    if (broken) throw new Refusal(0, "no answer");
    return { clip_id: 1 };
  } };
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

// A messenger whose requests are answered by hand.
function messengerOf() {
  const [states, requests, answers] = [[], [], []];
  const api = { ask: (path, body) => new Promise((answer, refuse) => requests.push({ path, body, answer, refuse })) };
  const messenger = new Messenger(api, (state) => states.push(state));
  const send = (body) => messenger.send("/api/decisions", body, (answer, refusal) => answers.push(refusal ?? answer));
  const settled = () => new Promise((done) => setImmediate(done));
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
  for (const [status, state] of [[0, "silent"], [503, "silent"], [403, "expired"]]) {
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
    requests.at(-1).refuse(new Refusal(503, "the database's server cannot be reached"));
    await settled();
    const sent = requests.length;
    context.mock.timers.tick(waitMs - 1);
    assert.equal(requests.length, sent);
    context.mock.timers.tick(1);
    assert.equal(requests.length, sent + 1);
    assert.equal(requests.at(-1).body, "one");
  }
  messenger.deliver(); // pressed by hand while one is under way
  requests.at(-1).answer("stored");
  await settled();
  assert.deepEqual([answers, states.at(-1), messenger.locked], [["stored"], "open", false]);
  requests.at(-2).refuse(new Refusal(0, "too late"));
  await settled();
  context.mock.timers.tick(100_000);
  assert.equal(requests.length, 5);
});

// What the light page gives: one clip, the list later.
function linkedTo(clip_id) {
  visits += 1;
  const flow = new Flow(null);
  const page = { visit: `v${visits}`, items: [clip_id], at: 0, view: {}, link: { p: "0.1" }, alone: true, partial: true, clip: { clip_id } };
  assert.equal(flow.begin(page), true);
  return { flow, come: (items, at) => flow.begin({ ...page, items, at, partial: false, clip: undefined }) };
}

test("a list that comes after its clip leaves the clip where it is", () => {
  const { flow, come } = linkedTo(3);
  assert.equal(flow.load(flow.item).data.clip_id, 3); // it came with the page
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
  const page = { link: { p: "0.1" }, alone: true };
  assert.equal(flow.address(page, { clip_id: 3, mode: "" }, "/clip/2"), "/clip/3?p=0.1");
  assert.equal(flow.address({ link: {}, alone: true }, { clip_id: 3, mode: "" }, "clip/"), "clip/3");
  assert.equal(flow.address({ ...page, alone: false }, { clip_id: 3, mode: "" }, "/review"), "/review?p=0.1&clip=3");
  flow.move(1);
  const look = { clip_id: 4, mode: "blind", look: "t" };
  assert.equal(flow.address(page, look, "/clip/3"), "/clip/look?p=0.1&look=t&next=5");
  assert.equal(flow.address({ ...page, alone: false }, look, "/review"), "/review?p=0.1&look=t&next=5");
});
