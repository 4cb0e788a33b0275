"""labeling/collection/importing.py: whatever a sound file's header says, its clip is stored and told of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.workspace import open_workspace
from tests.support.examples import examples
from tests.support.odd.sound_checks import check_sounds
from tests.support.odd.sounds import OddSound, honest, odd_sounds

TABLES, FILES = 10, 10  # the same each time; python -m benchmarks.fuzz.header tries others
SLOW_S = 5.0


@pytest.fixture(scope="module")
def blank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty workspace to copy."""
    folder = tmp_path_factory.mktemp("odd") / "blank"
    open_workspace(folder, create=True).close()
    return folder


@examples(TABLES, derandomize=True)
@given(st.lists(odd_sounds(), min_size=FILES, max_size=FILES))
def test_every_file_is_stored_with_a_status_and_what_is_usable_is_heard(
    blank: Path, sounds: Sequence[OddSound]
) -> None:
    check_sounds(sounds, blank, SLOW_S)


def test_a_wrong_length_would_be_seen(blank: Path) -> None:
    """Of a file that is said to hold, or to tell, what it does not."""
    plain = OddSound(honest("WAV PCM_16", 0.7, 1, 8000), "WAV PCM_16", 0.7, 0.7)
    assert check_sounds([plain], blank, SLOW_S).usable == 1
    for told_s, true_s, words in ((0.7, 0.9, r"there are 0\.9 s"), (0.9, 0.7, r"the header says 0\.9 s")):
        with pytest.raises(AssertionError, match=words):
            check_sounds([replace(plain, told_s=told_s, true_s=true_s)], blank, SLOW_S)
