"""Does a damaged sound file end in a traceback, a hang, a wrong length, or a clip that nothing is said of?

    python -m benchmarks.header_fuzz --cases 2000

Draws small files of 21 kinds (WAV, RF64, AIFF, CAF, AU, FLAC, Vorbis, Opus, MP3) with damaged headers and bodies
(tests/support/odd_sounds.py), imports them by tables of ten, and hears what is usable: the whole, a window in the
middle and one at the end, which must agree, and a tile of the picture; the property is that of the tests
(tests/support/sound_checks.py). It ends at the first table that breaks it, made as small as hypothesis can. Whatever
takes longer than ``--slow`` seconds a file counts as a hang.

Pages of an Ogg stream that are lost or overwritten between the first and the last are noticed only when all of it is
decoded, which an import does not: of such files lengths and windows are not compared. No run of 2,000 has come through
yet; what it stops at is to be mended.
"""

from __future__ import annotations

import argparse
import faulthandler
import tempfile
from collections.abc import Sequence
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from labeling.workspace import open_workspace
from tests.support.odd_sounds import OddSound, odd_sounds
from tests.support.sound_checks import Heard, check_sounds

FILES = 10  # of a table
HANG_S = 600.0


def run(cases: int, start: int, slow_s: float) -> None:
    """Import and hear, and what was counted."""
    with tempfile.TemporaryDirectory() as name:
        blank = Path(name) / "blank"
        open_workspace(blank, create=True).close()
        counted: list[Heard] = []

        @seed(start)
        @settings(
            max_examples=-(-cases // FILES), deadline=None, database=None, suppress_health_check=list(HealthCheck),
            phases=[Phase.generate, Phase.shrink],
        )  # fmt: skip
        @given(st.lists(odd_sounds(), min_size=FILES, max_size=FILES))
        def imported(sounds: Sequence[OddSound]) -> None:
            faulthandler.dump_traceback_later(HANG_S, exit=True)  # what never comes back shows where it is
            counted.append(check_sounds(sounds, blank, slow_s))
            faulthandler.cancel_dump_traceback_later()

        imported()
    files, usable, reasons = (sum(getattr(heard, part) for heard in counted) for part in ("files", "usable", "reasons"))
    longest = max(heard.longest_s for heard in counted)
    print(f"{files:,} files: {usable:,} usable, {reasons:,} with a reason in the report; longest {longest:.2f} s")


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the flags and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=2000, help="files (2000)")
    parser.add_argument("--seed", type=int, default=0, help="of the draws (0)")
    parser.add_argument("--slow", type=float, default=5.0, metavar="S", help="seconds a file that are a hang (5)")
    args = parser.parse_args(arguments)
    run(args.cases, args.seed, args.slow)


if __name__ == "__main__":
    main()
