"""What is heard when a place is asked for, measured in Chromium by the samples that come out, never by the cursor."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import uvicorn
from numpy.typing import NDArray
from starlette.applications import Starlette
from starlette.responses import FileResponse, HTMLResponse
from starlette.routing import Route

from labeling.records import Clip
from labeling.sound.decoding import read_window
from pages.ui.routes.media import media_routes
from pages.ui.shared.scripts import join_scripts
from pages.ui.signing import audio_url
from tests.support.browser.server import free_port
from tests.support.browser.sound_page import ENTRY, RATE, TOOLS

SECRET = b"s" * 32
HEARD_S = 0.35
SEARCHED_S = 12.0
_PLAYED = """async ([url, durationS, places, heardS]) => {
  const sound = await newSound(url, { duration_s: durationS, sample_rate: 44100 });
  const kept = await tap(sound);
  const results = [];
  for (const onset_s of places) {
    const from = kept.samples.length;
    const asked = performance.now();
    const heard = () => kept.samples.slice(from).findIndex((x) => Math.abs(x) > 1e-7);
    sound.play({ onset_s, offset_s: onset_s + heardS + 0.3 });
    await until(() => kept.samples.length > from + 2048 && heard() >= 0, 120000);
    const waitedMs = performance.now() - asked;
    await until(() => !sound.playing, 30000);
    await wait(200);
    const samples = new Float32Array(kept.samples.slice(from + heard()).slice(0, Math.round(heardS * 44100)));
    const bytes = new Uint8Array(samples.buffer);
    let text = "";
    for (let i = 0; i < bytes.length; i += 1) text += String.fromCharCode(bytes[i]);
    results.push([btoa(text), waitedMs]);
  }
  sound.close();
  return results;
}"""


@dataclass(frozen=True)
class Heard:
    """A place that was played: by how much the sound lay behind what is shown there (nan: it was another sound), and
    how long its first sample was waited for."""

    asked_s: float
    off_s: float
    waited_s: float


def noise(first_s: int, seconds: int) -> NDArray[np.float32]:
    """Whole seconds of noise at RATE, the same whatever is asked; its level changes every three seconds."""
    parts = []
    for second in range(first_s, first_s + seconds):
        level = 10 ** np.random.default_rng(second // 3).uniform(-2.5, 0)
        parts.append(0.1 * level * np.random.default_rng(1_000_000 + second).standard_normal(RATE, dtype=np.float32))
    return np.concatenate(parts).astype(np.float32)


@contextmanager
def served(paths: Sequence[Path], cache: Path) -> Iterator[tuple[str, list[str], list[str]]]:
    """The URL of an empty page, of each file as it is, and of what the app gives for each."""
    clips = {n: Clip(n, path.name, str(path), 0.0, RATE, 1) for n, path in enumerate(paths)}
    routes = [
        Route("/", lambda _: HTMLResponse("<!doctype html><title>sound</title>")),
        Route("/raw/{n:int}", lambda request: FileResponse(paths[request.path_params["n"]])),
        *media_routes(cache, clips.get, lambda: SECRET),
    ]
    url = f"http://127.0.0.1:{(port := free_port())}"
    server = uvicorn.Server(uvicorn.Config(Starlette(routes=routes), port=port, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield url, [f"{url}/raw/{n}" for n in clips], [f"{url}/{audio_url(SECRET, n)}" for n in clips]
    finally:
        server.should_exit = True
        thread.join(20)


def play(browser: Any, page_url: str, url: str, path: Path, duration_s: float, places: Sequence[float]) -> list[Heard]:
    """Play stretches of ``url`` by the player's own scripts, in a tab of its own."""
    page = browser.new_page()
    try:
        page.goto(page_url)
        page.add_script_tag(content=join_scripts(ENTRY, TOOLS))
        results = page.evaluate(_PLAYED, [url, duration_s, list(places), HEARD_S])
    finally:
        page.close()
    return [
        Heard(asked_s, _off_s(np.frombuffer(base64.b64decode(text), np.float32), asked_s, path), waited_ms / 1000)
        for (text, waited_ms), asked_s in zip(results, places, strict=True)
    ]


def _off_s(heard: NDArray[np.float32], asked_s: float, path: Path) -> float:
    first_s = max(0.0, asked_s - SEARCHED_S)
    there = _evened(read_window(str(path), first_s, asked_s + SEARCHED_S, sample_rate=RATE)[0])
    size = 1 << (len(there) + len(heard)).bit_length()
    match = np.fft.irfft(np.fft.rfft(there, size) * np.conj(np.fft.rfft(_evened(heard), size)), size)[: len(there)]
    place = int(np.argmax(match))
    return first_s + place / RATE - asked_s if match[place] > 8 * match.std() else float("nan")


def _evened(wave: NDArray[np.float32]) -> NDArray[np.float32]:
    """The wave at one level throughout, so that quiet places are found among loud ones."""
    level = np.sqrt(np.convolve(wave.astype(np.float64) ** 2, np.ones(441) / 441, "same")) + 1e-9
    return (wave / level).astype(np.float32)
