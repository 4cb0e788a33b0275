"""Tiles of recordings of a minute, an hour and twelve hours, from the real app, as a plot 1400 px wide asks for them.

    python -m benchmarks.speed.tile [--hours 12] [--formats WAV FLAC OGG]

For each file: the tiles and waveform of the first 60 s, of the last 60 s, and of the whole recording (level 11), cold
(nothing of the file in Earmark's cache) and cached; the first 60 s anew, in another setting, while the overview is
being made; bytes sent; and the server's highest memory so far. Requests go out six at once, as a browser sends them.
The files are made first; twelve hours of OGG alone take five minutes to encode.
Budgets: the first screen of a clip of 60 s within 0.5 s, of a recording of an hour within 0.7 s.
"""

from __future__ import annotations

import argparse
import math
import re
import tempfile
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import soundfile

from labeling.collection import adding
from labeling.sound.tiles import STEPS_A_SECOND, TILE_COLUMNS
from labeling.workspace import Workspace, open_workspace
from pages.ui.signing import media_secret, peaks_url, tile_url
from tests.support.browser.server import serve

RATE = 32_000
VIEW_S, PLOT_PX = 60, 1400
AT_ONCE = 6


def make(path: Path, seconds: int, form: str) -> None:
    """A file of noise with a tone in each minute, written a minute at a time."""
    subtype = "VORBIS" if form == "OGG" else "PCM_16"
    random = np.random.default_rng(0)
    minute = (0.02 * random.standard_normal(60 * RATE)).astype(np.float32)
    minute[:RATE] += 0.3 * np.sin(2 * np.pi * 4000 * np.arange(RATE) / RATE).astype(np.float32)
    with soundfile.SoundFile(path, "w", RATE, 1, format=form, subtype=subtype) as file:
        for _ in range(seconds // 60):
            file.write(minute)


def workspace_of(folder: Path, files: dict[Path, int]) -> Workspace:
    """A workspace whose clips are the files, numbered from 1."""
    workspace = open_workspace(folder, create=True)
    clips = [
        adding.NewClip(path.name, str(path), row, (("sp1", "primary"),), duration_s=seconds, sample_rate=RATE)
        for row, (path, seconds) in enumerate(files.items())
    ]
    with workspace.write() as connection:
        adding.add_collection(
            connection,
            format="table",
            source="benchmark",
            audio_root="",
            options={},
            table_name="",
            table_bytes=b"",
            clips=clips,
            class_names={"sp1": "sp1"},
        )
    return workspace


def fetch(urls: list[str]) -> tuple[float, int]:
    """Seconds and bytes for all URLs, six at once."""

    def one(url: str) -> int:
        with urllib.request.urlopen(url, timeout=3600) as answer:
            return len(answer.read())

    began = time.perf_counter()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        sent = sum(pool.map(one, urls))
    return time.perf_counter() - began, sent


def screen(base: list[str], level: int, from_s: float, to_s: float, more: str = "") -> list[str]:
    """URLs of the tiles of a stretch, of the picture and of the waveform."""
    tile_s = TILE_COLUMNS * 2**level / STEPS_A_SECOND
    indices = range(int(from_s // tile_s), math.ceil(to_s / tile_s))
    return [f"{url}&level={level}&index={index}{more}" for url in base for index in indices]


def peak_mb(pid: int) -> int:
    """The highest memory of a process so far, in MB."""
    return int(re.findall(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[0]) // 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=int, default=12, help="length of the longest recording")
    parser.add_argument("--formats", nargs="+", default=["WAV", "FLAC", "OGG"])
    args = parser.parse_args()
    level = math.floor(math.log2(VIEW_S / PLOT_PX * STEPS_A_SECOND))
    with tempfile.TemporaryDirectory() as temporary:
        files = {
            Path(temporary) / f"{seconds}s.{form.lower()}": seconds
            for seconds in (60, 3600, args.hours * 3600)
            for form in args.formats
        }
        for path, seconds in files.items():
            make(path, seconds, path.suffix[1:].upper())
        workspace = workspace_of(Path(temporary) / "workspace", files)
        secret = media_secret(workspace.root)
        with serve(workspace.root) as server:
            fetch([f"{server.url}/_stcore/health"])
            time.sleep(3)  # what the server loads ahead
            print(f"memory after the start {peak_mb(server.process.pid)} MB; view {VIEW_S} s at level {level}")
            print(
                f"{'file':12} {'first':>8} {'cached':>8} {'end':>8} {'overview':>9} {'cached':>8} "
                f"{'meanwhile':>9} {'screen kB':>9} {'all kB':>8} {'peak MB':>8}"
            )
            for clip_id, (path, seconds) in enumerate(files.items(), 1):
                base = [server.url + make_url(secret, clip_id) for make_url in (tile_url, peaks_url)]
                first = screen(base, level, 0, VIEW_S)
                first_s, sent = fetch(first)
                again_s, _ = fetch(first)
                end_s, _ = fetch(screen(base, level, seconds - VIEW_S, seconds))
                overview = screen(base, 11, 0, seconds)
                whole: list[tuple[float, int]] = []
                background = threading.Thread(target=lambda: whole.append(fetch(overview)))  # noqa: B023
                background.start()
                time.sleep(0.2)
                meanwhile_s, _ = fetch(screen(base[:1], level, 0, VIEW_S, "&axis=linear"))
                background.join()
                (whole_s, whole_sent), (whole_again_s, _) = whole[0], fetch(overview)
                print(
                    f"{path.name:12} {first_s:7.2f}s {again_s:7.3f}s {end_s:7.2f}s {whole_s:8.1f}s "
                    f"{whole_again_s:7.3f}s {meanwhile_s:8.2f}s {sent / 1000:9.0f} {whole_sent / 1000:8.0f} "
                    f"{peak_mb(server.process.pid):8d}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
