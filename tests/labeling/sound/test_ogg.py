"""The pages of an Ogg file are found wherever they lie, and only where they are whole."""

from __future__ import annotations

import io

import pytest

from labeling.sound import ogg
from tests.support.odd.sounds import honest


def test_pages_are_found_across_the_blocks_in_which_a_file_is_read(monkeypatch: pytest.MonkeyPatch) -> None:

    data = honest("Vorbis", 2.0, 2, 48_000)
    wanted = list(ogg.pages_in(io.BytesIO(data)))
    monkeypatch.setattr(ogg, "_BLOCK_BYTES", 6000)
    monkeypatch.setattr(ogg, "LARGEST_PAGE", 5000)
    assert list(ogg.pages_in(io.BytesIO(data))) == wanted
    assert sum(len(page) for _, page in wanted) == len(data)
