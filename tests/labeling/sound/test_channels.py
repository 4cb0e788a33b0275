"""Channels that cancel each other out are found, and the loudest stands for their mix; others are left alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from labeling.sound.channels import channel_name, channel_to_use

RATE = 16_000
RNG = np.random.default_rng(0)
ONE, OTHER = (0.1 * RNG.standard_normal((2, 2 * RATE))).astype(np.float32)
RUMBLE = np.cumsum(RNG.standard_normal((2, 2 * RATE)), axis=1)
RUMBLE = (RUMBLE - RUMBLE.mean(axis=1, keepdims=True)) / 200


def chosen(path: Path, *channels: np.ndarray, subtype: str = "FLOAT") -> tuple[int, str]:
    soundfile.write(path / "a.wav", np.stack(channels, axis=1), RATE, subtype=subtype)
    return channel_to_use(str(path / "a.wav"))


def test_channels_that_are_each_others_negative_have_the_louder_one_used(tmp_path: Path) -> None:
    channel, reason = chosen(tmp_path, ONE, -ONE)
    assert (channel, reason) == (1, "its channels cancel each other out, their mix is silent; the left channel is used")
    channel, reason = chosen(tmp_path, 0.8 * ONE, -ONE)
    assert channel == 2  # the mix is a tenth of the right one: 20 dB below
    assert reason == (
        "its channels cancel each other out, their mix is 20 dB below the loudest; the right channel is used"
    )


def test_of_more_than_two_the_loudest_is_used(tmp_path: Path) -> None:
    channel, reason = chosen(tmp_path, ONE, -ONE, 1.5 * OTHER, -1.5 * OTHER)
    assert channel in (3, 4)
    assert f"the channel {channel} channel is used" not in reason
    assert reason.endswith(f"; channel {channel} is used")


@pytest.mark.parametrize(
    "channels",
    [
        (ONE, ONE), (ONE, OTHER), (ONE, 0 * ONE), (ONE, 0.3 * ONE), (ONE, -0.2 * ONE), (0.01 * ONE, OTHER),
        (ONE + OTHER, ONE - OTHER), (0 * ONE, 0 * ONE), (ONE, OTHER, 0 * ONE, 0 * ONE), (ONE,),
        (ONE, np.roll(ONE, 20)),
    ],
)  # fmt: skip
def test_an_honest_recording_keeps_its_mix(tmp_path: Path, channels: tuple[np.ndarray, ...]) -> None:
    assert chosen(tmp_path, *channels) == (0, "")


def test_wind_of_its_own_in_each_microphone_hides_nothing(tmp_path: Path) -> None:
    """The mix is loud with rumble, and all above the rumble is lost in it."""
    left, right = ONE * 0.3 + RUMBLE[0], -ONE * 0.3 + RUMBLE[1]
    mix = (left + right) / 2
    assert np.square(mix).mean() > 0.25 * np.square(left).mean()
    channel, _ = chosen(tmp_path, left, right)
    assert channel == 1 + int(np.square(right).mean() > np.square(left).mean())


def test_a_call_after_silence_is_found_and_a_decoder_that_cannot_seek_is_read(tmp_path: Path) -> None:
    late = np.zeros(20 * RATE, np.float32)
    late[3 * RATE : 4 * RATE] = ONE[:RATE]
    assert chosen(tmp_path, late, -late)[0] == 1
    soundfile.write(tmp_path / "a.au", np.stack([ONE, -ONE], axis=1), RATE, subtype="FLOAT")
    assert channel_to_use(str(tmp_path / "a.au"))[0] == 1


def test_names() -> None:
    assert [channel_name(n, 2) for n in range(3)] == ["mix", "left", "right"]
    assert [channel_name(n, 4) for n in (0, 1, 4)] == ["mix", "channel 1", "channel 4"]


def test_samples_whose_squares_are_infinite_are_compared_all_the_same(tmp_path: Path) -> None:
    """As a file of damaged floats holds them."""
    assert chosen(tmp_path, 1e30 * ONE, 1e30 * OTHER) == (0, "")
    channel, reason = chosen(tmp_path, 0.8e30 * ONE, -1e30 * ONE)
    assert channel == 2
    assert "20 dB below the loudest" in reason
