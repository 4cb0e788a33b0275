"""pages/ui/routes/media.py: whatever a file's header says, its sound and picture come, or a reason."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from tests.support.examples import examples
from tests.support.odd.sound_routes import changed, check_routes
from tests.support.odd.sounds import OddSound, odd_sounds

TABLES, FILES = 4, 10  # the same each time; python -m benchmarks.fuzz.header --routes tries others


@examples(TABLES, derandomize=True)
@given(st.lists(odd_sounds(), min_size=FILES, max_size=FILES))
def test_files_with_odd_headers_are_answered(sounds: Sequence[OddSound]) -> None:
    check_routes([(sound.suffix, sound.data, str(sound.story)) for sound in sounds])


def test_files_with_damaged_bytes_are_answered() -> None:
    statuses = check_routes([changed(seed) for seed in range(TABLES * FILES)])
    assert statuses[200] > 80
    assert statuses[422] > 8
