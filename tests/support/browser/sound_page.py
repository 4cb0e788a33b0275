"""A page that holds the player's sound scripts, and WAV files served with Range, for tests of what is heard."""

from __future__ import annotations

import io
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import soundfile

from pages.ui.shared.scripts import join_scripts

ENTRY = "player/sound/sound.js"
RATE = 44_100  # headless Chromium's own, so that samples come out as they went in
CLIP_S = 10.0
# What tests of sound measure with. `await recorder(node)` keeps what a node gives: `.samples`, `.between(frame, frame)`
# or `.at(frame)` (first channel).
TOOLS = """
import { buildBand, buildSoundChain } from "./chain.js";
import { SoundStore } from "./store.js";
const fromDb = (db) => 10 ** (db / 20);
const highestOf = (samples, from, to) => samples.slice(from, to).reduce((most, x) => Math.max(most, Math.abs(x)), 0);
async function recorder(node) {
  const code = `registerProcessor("tap", class extends AudioWorkletProcessor {
    process([input]) { if (input[0]) this.port.postMessage([currentFrame, input[0].slice()]); return true; } })`;
  const url = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
  await node.context.audioWorklet.addModule(url);
  const tap = new AudioWorkletNode(node.context, "tap", { numberOfOutputs: 0 });
  const blocks = [];
  tap.port.onmessage = (event) => blocks.push(event.data);
  node.connect(tap);
  return {
    get samples() { return blocks.flatMap(([, block]) => Array.from(block)); },
    at(frame) { // the sample of that frame of the context's clock
      const found = blocks.find(([first, block]) => frame >= first && frame < first + block.length);
      return found && found[1][frame - found[0]];
    },
    between(first, last) { // the blocks that lie within these frames of the context's clock
      const within = blocks.filter(([frame, block]) => frame >= first && frame + block.length <= last);
      return within.flatMap(([, block]) => Array.from(block));
    },
    get last() { return blocks.length ? blocks[blocks.length - 1][0] : 0; },
  };
}
const until = async (condition, ms = 60000) => {
  const end = performance.now() + ms;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`waited ${ms} ms for ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
};
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const told = [];
const store = new SoundStore(3);
const newSound = async (url, facts = { duration_s: 10, sample_rate: 44100 }) => {
  const sound = new Sound(store, (what) => told.push(what));
  sound.load(url, facts);
  await until(() => sound.element.readyState >= 3);
  const frame = () => { sound.watch(); requestAnimationFrame(frame); };
  frame();
  return sound;
};
// routes the sound through the chain (a gain that changes nothing) and keeps what leaves it
const tap = async (sound) => {
  sound.setGain(1e-6);
  await until(() => store.context.state === "running");
  const kept = await recorder(sound.chain.output);
  await until(() => kept.samples.length > 4000);
  return kept;
};
const played = async (sound, range) => {
  sound.play(range);
  await until(() => sound.playing);
  await until(() => !sound.playing);
  await wait(100);
};
"""


def wav(samples: np.ndarray[Any, Any], sample_rate: int) -> bytes:
    """The bytes of a 16-bit WAV file."""
    body = io.BytesIO()
    soundfile.write(body, samples, sample_rate, format="WAV", subtype="PCM_16")
    return body.getvalue()


@dataclass
class SoundServer:
    """What is served: sounds and other answers (body, headers) by path, and the paths that were asked for.

    ``expand=K`` in a request gives the same samples at a K times lower rate, as the app does.
    """

    url: str
    sounds: dict[str, tuple[np.ndarray[Any, Any], int]] = field(default_factory=dict)
    answers: dict[str, tuple[bytes, dict[str, str]]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def answer(self, asked: str) -> tuple[int, bytes, dict[str, str]]:
        """Status, body and headers for a path with its query."""
        address = urlsplit(asked)
        if address.path in self.sounds:
            samples, rate = self.sounds[address.path]
            expand = int(parse_qs(address.query).get("expand", ["1"])[0])
            return 200, wav(samples, rate // expand), {"Content-Type": "audio/wav"}
        if asked in self.answers:
            return 200, *self.answers[asked]
        return 404, b'{"error": "the file is gone"}', {"Content-Type": "application/json"}


def _handler(server: SoundServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            server.asked.append(self.path)
            status, body, headers = server.answer(self.path)
            if status == 200 and (wanted := re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))):
                first, last = int(wanted[1]), min(int(wanted[2] or len(body) - 1), len(body) - 1)
                headers = headers | {"Content-Range": f"bytes {first}-{last}/{len(body)}"}
                status, body = 206, body[first : last + 1]
            self.send_response(status)
            for name, value in (headers | {"Accept-Ranges": "bytes", "Content-Length": str(len(body))}).items():
                self.send_header(name, value)
            self.end_headers()
            with suppress(ConnectionError):  # the browser has enough
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    return Handler


@contextmanager
def sound_server() -> Iterator[SoundServer]:
    """Serve an empty page at /, a /ramp of CLIP_S seconds, and whatever is put in ``sounds`` and ``answers``."""
    server = SoundServer("")
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), _handler(server))
    server.url = f"http://127.0.0.1:{httpd.server_port}"
    # a sample's value says where in the clip it lies: -0.5 at the start, 0.5 at the end
    server.sounds["/ramp"] = np.linspace(-0.5, 0.5, int(RATE * CLIP_S), endpoint=False), RATE
    server.answers["/"] = (b"<!doctype html><title>sound</title>", {"Content-Type": "text/html"})
    threading.Thread(target=httpd.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        httpd.shutdown()
        httpd.server_close()


def tone(hz: float, level_db: float, seconds: float = 2.0, rate: int = RATE) -> np.ndarray[Any, Any]:
    return 10 ** (level_db / 20) * np.sin(2 * np.pi * hz * np.arange(int(seconds * rate)) / rate)


@contextmanager
def sound_page(browser: Any, server: SoundServer) -> Iterator[Any]:
    """A page with the scripts in it, joined into a plain one whose names are shared; an error fails the test."""
    page = browser.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(server.url)
    page.add_script_tag(content=join_scripts(ENTRY, TOOLS))
    yield page
    page.close()
    assert problems == []
