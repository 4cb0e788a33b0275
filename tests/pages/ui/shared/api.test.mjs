// pages/ui/shared/api.js: what the server says comes out as an answer, or as a refusal that says why.

import assert from "node:assert/strict";
import test from "node:test";

import { part } from "../../../support/scripts/part.mjs";

globalThis.document = part({ baseURI: "http://localhost/base/" });
const { Api, Refusal } = await import("../../../../pages/ui/shared/api.js");

/** @param {Response} response */
const answered = (response) => {
  /** @type {any[]} */
  const asked = [];
  globalThis.fetch = async (url, how) => {
    asked.push({ url, ...how });
    return response;
  };
  return asked;
};

test("what is asked for ahead says so, and is stopped by its signal alone", async () => {
  const asked = answered(new Response('{"clip_id": 1}'));
  const { signal } = new AbortController();
  assert.deepEqual(await new Api().ask("/api/clips/1", undefined, { ahead: signal }), { clip_id: 1 });
  assert.deepEqual([asked[0].url, asked[0].headers["x-earmark-ahead"], asked[0].signal], ["/base/api/clips/1", "1", signal]);
  const pressed = answered(new Response("{}"));
  await new Api().ask("/api/undo", {});
  assert.equal(pressed[0].headers["x-earmark-ahead"], undefined);
});

test("an answer that breaks off is none; one that refuses may say nothing", async () => {
  const broken = new ReadableStream({ pull: (stream) => stream.error(new DOMException("", "AbortError")) });
  answered(new Response(broken));
  await assert.rejects(new Api().ask("/api/clips/1"), (problem) => problem instanceof Refusal && problem.status === 0);
  answered(new Response("<html>", { status: 502 }));
  await assert.rejects(new Api().ask("/api/clips/1"), { status: 502, message: "the server answered 502" });
  answered(new Response('{"error": "no"}', { status: 422 }));
  await assert.rejects(new Api().ask("/api/clips/1"), { status: 422, message: "no" });
});
