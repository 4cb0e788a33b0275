"""stretches.py: every second of a clip lies in a stretch, the last ends where the clip ends, blocks change nothing."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from labeling.errors import AudioError
from labeling.records import Clip
from models.frozen import stretches

MODEL: Any = SimpleNamespace(sample_rate=8000, window_s=0.5, batch=3)


def clip_of(path: Path, seconds: float, rate: int = 12000, told_s: float | None = None) -> Clip:
    rng = np.random.default_rng(0)
    soundfile.write(path, rng.uniform(-0.5, 0.5, round(seconds * rate)), rate, subtype="FLOAT")
    return Clip(1, path.name, str(path), seconds if told_s is None else told_s, rate, 1)


def read(clip: Clip, hop_s: float = 0.25) -> tuple[np.ndarray, np.ndarray, int]:
    parts = list(stretches.windows_of(clip, MODEL, hop_s))
    return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts]), parts[-1][2]


@given(st.integers(1, 5000), st.integers(1, 400), st.integers(1, 400))
def test_stretches_are_a_hop_apart_and_leave_no_more_than_a_rest(length: int, window: int, hop: int) -> None:
    starts = stretches.stretch_starts(length, window, hop)
    assert starts[0] == 0
    assert (np.diff(starts) <= hop).all()
    assert (np.diff(starts)[:-1] == hop).all()
    if length > window:
        assert length - stretches.REST * window <= starts[-1] + window <= length
    else:
        assert len(starts) == 1


def test_a_short_clip_is_filled_up_with_silence(tmp_path: Path) -> None:
    starts, waves, length = read(clip_of(tmp_path / "a.wav", 0.3))
    assert starts.tolist() == [0]
    assert length == 2400
    assert waves.shape == (1, 4000)
    assert np.abs(waves[0, :2400]).max() > 0.3
    assert not waves[0, 2400:].any()


def test_the_last_stretch_ends_with_the_clip(tmp_path: Path) -> None:
    starts, waves, length = read(clip_of(tmp_path / "a.wav", 1.1))
    assert starts.tolist() == [0, 2000, 4000, 4800]
    assert length == 8800
    np.testing.assert_array_equal(waves[-1][:3200], waves[-2][800:])


@pytest.mark.parametrize("seconds", [7.9, 8.0, 8.05, 8.3, 8.6, 10.13])
@pytest.mark.parametrize("hop_s", [0.25, 0.5, 0.6])
def test_a_long_clip_read_in_blocks_gives_the_stretches_of_one_read_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float, hop_s: float
) -> None:
    clip = clip_of(tmp_path / "a.wav", seconds)
    whole = read(clip, hop_s)
    monkeypatch.setattr(stretches, "WHOLE_S", 2.0)
    blocks = read(clip, hop_s)
    np.testing.assert_array_equal(blocks[0], whole[0])
    np.testing.assert_allclose(blocks[1], whole[1], atol=1e-3)
    assert abs(blocks[2] - whole[2]) <= 1


def test_sound_that_ends_before_its_header_says_so_has_stretches_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stretches, "WHOLE_S", 2.0)
    starts, _, length = read(clip_of(tmp_path / "a.wav", 5.0, told_s=30.0))
    assert length == 40000
    assert starts[-1] == 36000


def test_a_file_that_is_no_sound_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_text("no sound")
    with pytest.raises(AudioError, match=r"a\.wav"):
        list(stretches.windows_of(Clip(1, "a.wav", str(tmp_path / "a.wav"), 1.0, 8000, 1), MODEL, 0.25))
