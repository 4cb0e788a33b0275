"""Does a damaged sound file end in a traceback, a hang, a wrong length, or a clip that nothing is said of?

    python -m benchmarks.fuzz.header --cases 2000 [--routes]

Draws small files of 23 kinds (WAV, RF64, AIFF, CAF, AU, FLAC, Vorbis, Opus, MP3) with damaged headers and bodies
(tests/support/odd/sounds.py), imports them by tables of forty, and hears what is usable: the whole, a window in the
middle and one at the end, which must agree, and a tile of the picture; the property is that of the tests
(tests/support/odd/sound_checks.py). Of a table that breaks it each file is tried alone, and each that does is shown at
the end. Whatever takes longer than ``--slow`` seconds a file counts as a hang.

With ``--routes`` such files, and as many with bytes changed anywhere, are asked for as a browser does: sound, whole and
in parts, tiles and peaks, nine requests a file (tests/support/odd/sound_routes.py). None may end in a status of 500,
take longer than 5 s, or more memory than four times the file and 200 MB. 2,000 files, 18,000 requests: 11,108
gave sound or a picture, 6,886 a reason, none broke the promise (530 s on a machine that did much else).

Seeds 101, 201, 202, 301, 302 and 303, 2,000 files each: 2,000, 1,999, 2,000, 1,998, 1,999 and 2,000 came through (some
1,000 to 1,100 of them usable), none took longer than 4 s on a busy machine. No traceback, and no file without a line in
the report. Of the four that did not, two showed what was mended since, and one a window wholly within a damaged part of
a FLAC, which is refused with an error, as it should be; left is an MP3 in which stereo and mono follow each other, of
which a window gives other sound than the whole.
"""

from __future__ import annotations

import argparse
import faulthandler
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings

from labeling.workspace import open_workspace
from tests.support.odd.sound_checks import Heard, check_sounds
from tests.support.odd.sound_routes import changed, check_routes
from tests.support.odd.sounds import OddSound, odd_sounds

FILES = 40  # of a table
HANG_S = 600.0


def drawn(cases: int, start: int) -> list[OddSound]:
    """Files, no two of them drawn alike."""
    sounds: list[OddSound] = []

    @seed(start)
    @settings(
        max_examples=cases, deadline=None, database=None, suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )  # fmt: skip
    @given(odd_sounds())
    def kept(sound: OddSound) -> None:
        sounds.append(sound)

    kept()
    return sounds


def run(cases: int, start: int, slow_s: float) -> list[str]:
    """Import and hear, tell what was counted, and return what is wrong."""
    began = time.perf_counter()
    sounds, counted, wrong = drawn(cases, start), list[Heard](), list[str]()
    with tempfile.TemporaryDirectory() as name:
        blank = Path(name) / "blank"
        open_workspace(blank, create=True).close()
        for k in range(0, len(sounds), FILES):
            table = sounds[k : k + FILES]
            try:
                counted.append(_checked(table, blank, slow_s))
            except Exception:
                for sound in table:
                    try:
                        counted.append(_checked([sound], blank, slow_s))
                    except Exception as error:
                        wrong.append(f"{type(error).__name__}: {error} ({sound.story})")
    files, usable, reasons = (sum(getattr(heard, part) for heard in counted) for part in ("files", "usable", "reasons"))
    longest = max((heard.longest_s for heard in counted), default=0.0)
    print(
        f"{len(sounds):,} files: {files:,} came through, {usable:,} of them usable, {reasons:,} with a reason in the "
        f"report; longest {longest:.2f} s, all {time.perf_counter() - began:.0f} s"
    )
    return wrong


def run_routes(cases: int, start: int) -> list[str]:
    """Ask the routes for as many drawn files and as many of changed bytes; tell the statuses, return what is wrong."""
    began = time.perf_counter()
    files = [(sound.suffix, sound.data, str(sound.story)) for sound in drawn(cases, start)]
    files += [changed(start + k) for k in range(cases)]
    statuses, wrong = Counter[int](), list[str]()
    for k in range(0, len(files), FILES):
        try:
            statuses += check_routes(files[k : k + FILES])
        except Exception:
            for file in files[k : k + FILES]:
                try:
                    statuses += check_routes([file])
                except Exception as error:
                    wrong.append(f"{type(error).__name__}: {error} ({file[2]})")
    print(f"{len(files):,} files, {dict(statuses)}, {len(wrong)} wrong; {time.perf_counter() - began:.0f} s")
    return wrong


def _checked(sounds: Sequence[OddSound], blank: Path, slow_s: float) -> Heard:
    faulthandler.dump_traceback_later(HANG_S, exit=True)  # what never comes back shows where it is
    heard = check_sounds(sounds, blank, slow_s)
    faulthandler.cancel_dump_traceback_later()
    return heard


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the flags and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=2000, help="files (2000)")
    parser.add_argument("--seed", type=int, default=0, help="of the draws (0)")
    parser.add_argument("--slow", type=float, default=5.0, metavar="S", help="seconds a file that are a hang (5)")
    parser.add_argument("--routes", action="store_true", help="ask the app's routes for them")
    args = parser.parse_args(arguments)
    wrong = run_routes(args.cases // 2, args.seed) if args.routes else run(args.cases, args.seed, args.slow)
    if wrong:
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    main()
