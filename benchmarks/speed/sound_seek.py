"""Is the sound that is heard the sound that was asked for? Measured in Chromium by the samples that come out.

    python -m benchmarks.speed.sound_seek [--seconds 30 300 1200 10800] [--places 6] [--folder KEPT]

Makes files of so many seconds in each format (noise whose level changes every three seconds, so that a variable bit
rate varies; what is longer than five minutes repeats them), plays stretches of them with the player's own scripts, and
compares what leaves its chain with what the picture is drawn from. Prints by how many milliseconds it is off at the
worst of so many places, of the file given as it is and of what the app gives for it, how long a stretch waits for its
first sample, and the most memory that this process has had. AAC joins in where ffmpeg is found.
"""

from __future__ import annotations

import argparse
import io
import resource
import shutil
import subprocess
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from labeling.sound.decoding import probe
from labeling.sound.mpeg import frames_of, silent_frame
from tests.support.browser.chromium import chromium
from tests.support.browser.heard import Heard, noise, play, served
from tests.support.browser.sound_page import RATE

UNIT_S = 300
MP3 = {"cbr.mp3": ("CONSTANT", 0.5), "vbr.mp3": ("VARIABLE", 0.3), "abr.mp3": ("AVERAGE", 0.5)}
OTHERS = {
    "vorbis.ogg": (RATE, "OGG", "VORBIS"), "opus.opus": (48_000, "OGG", "OPUS"), "flac.flac": (RATE, "FLAC", "PCM_16"),
    "wav.wav": (RATE, "WAV", "PCM_16"),
}  # fmt: skip


@lru_cache(maxsize=4)
def unit(seconds: int, rate: int) -> NDArray[np.float32]:
    """The noise that long files repeat."""
    return np.asarray(soxr.resample(noise(0, seconds), RATE, rate), dtype=np.float32)


def write(path: Path, seconds: int, rate: int, **how: Any) -> None:
    """A file of so many seconds."""
    with soundfile.SoundFile(path, "w", rate, 1, **how) as file:
        for first in range(0, seconds, 10):  # libsndfile's Vorbis needs a stack as long as what it is given
            part = unit(min(UNIT_S, seconds), rate)[first % UNIT_S * rate :]
            file.write(part[: min(10, seconds - first) * rate])


def write_mp3(path: Path, seconds: int, mode: str, level: float) -> None:
    """One of at most five minutes by the encoder; a longer one repeats its frames under a header of its own."""
    write(path, min(seconds, UNIT_S), RATE, format="MP3", subtype="MPEG_LAYER_III", bitrate_mode=mode,
          compression_level=level)  # fmt: skip
    times = -(-seconds // UNIT_S)
    if times > 1:
        with open(path, "rb") as file:
            index = frames_of(str(path), file)
            file.seek(index.offsets[0])
            body = file.read()
        ends = np.cumsum(np.tile(index.lengths, times))
        toc = bytes(int(256 * ends[len(ends) * k // 100] / ends[-1]) for k in range(100))
        path.write_bytes(silent_frame(index.bits, b"Xing", len(ends), len(body) * times, toc) + body * times)


def without_header(data: bytes) -> bytes:
    """An MP3 without the first frame, which tells how many there are."""
    return data[frames_of(f"memory://{hash(data)}", io.BytesIO(data)).offsets[0] :]


def make_files(folder: Path, seconds: int) -> list[Path]:
    """The files of a length; those that are there already stay."""
    paths = [folder / f"{seconds}-{name}" for name in (*MP3, "no-xing.mp3", *OTHERS)]
    for path, (mode, level) in zip(paths, MP3.values(), strict=False):
        if not path.exists():
            write_mp3(path, seconds, mode, level)
    paths[len(MP3)].write_bytes(without_header(paths[1].read_bytes()))
    for path, (rate, form, subtype) in zip(paths[len(MP3) + 1 :], OTHERS.values(), strict=True):
        if not path.exists():
            write(path, seconds, rate, format=form, subtype=subtype)
    if ffmpeg := shutil.which("ffmpeg"):
        for name in ("aac.aac", "aac.m4a"):
            paths.append(folder / f"{seconds}-{name}")
            source = str(folder / f"{seconds}-wav.wav")
            subprocess.run([ffmpeg, "-loglevel", "error", "-y", "-i", source, "-q:a", "1", str(paths[-1])], check=True)
    return paths


def worst(heard: list[Heard]) -> str:
    """The worst place in ms, and how many were elsewhere."""
    offs = np.array([place.off_s for place in heard])
    lost = int(np.isnan(offs).sum())
    near = f"{1000 * np.nanmax(np.abs(offs)):.0f}" if lost < len(offs) else ""
    return f"{near} ({lost} elsewhere)" if lost else near


def main() -> None:
    """Make, play, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, nargs="+", default=[30, 300, 1200, 10_800])
    parser.add_argument("--places", type=int, default=6)
    parser.add_argument("--folder", help="keep the files here, for another time")
    given = parser.parse_args()
    print(f"{'file':<20}{'as it is, ms':>20}{'as given, ms':>20}{'first sample after, ms':>24}  length, s  memory, MB")
    with tempfile.TemporaryDirectory() as temporary, chromium() as browser:
        folder = Path(given.folder or temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for seconds in given.seconds:
            paths = make_files(folder, seconds)
            rng = np.random.default_rng(0)
            places = [*rng.uniform(1.0, seconds - 4.0, given.places - 1).round(3).tolist(), seconds - 3.0]
            with served(paths, Path(temporary) / f"cache{seconds}") as (page_url, *addresses):
                for path, *urls in zip(paths, *addresses, strict=True):
                    columns, waited_s = [], 0.0
                    for url in urls:
                        try:
                            heard = play(browser, page_url, url, path, float(seconds), places)
                            columns.append(worst(heard))
                            waited_s = max(place.waited_s for place in heard)
                        except Exception as error:  # a browser that does not play it
                            columns.append(str(error).splitlines()[0][:18])
                    memory_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
                    print(f"{path.name:<20}{columns[0]:>20}{columns[1]:>20}{1000 * waited_s:>24.0f}"
                          f"{probe(str(path)).duration_s:>11.2f}{memory_mb:>12.0f}", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
