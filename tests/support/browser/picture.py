"""The player's picture as it stands on the screen: its pixels, what part is in view, where a frequency lies."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.support.browser.chromium import expect, next_frames, still_box

GLIDE_MS = 150  # the least that a view which glides is given: it does for 130 ms


def choose(page: Any, test_id: str, label: str) -> None:
    """Change a picture setting, and wait until the picture that it asks for is drawn."""
    page.get_by_test_id(test_id).select_option(label=label)
    settled(page)


def shown(page: Any, clip: int) -> None:
    expect(page.get_by_test_id("player")).to_have_attribute("data-shown", str(clip))
    settled(page)


def pixels(page: Any) -> NDArray[np.float64]:
    """Brightness of the drawn picture, (height, width) in 0..255."""
    width, height, text = page.get_by_test_id("player-picture").evaluate(
        """canvas => {
            const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
            let text = "";
            for (let at = 0; at < data.length; at += 4) {
                text += String.fromCharCode((data[at] + data[at + 1] + data[at + 2]) / 3);
            }
            return [canvas.width, canvas.height, btoa(text)];
        }"""
    )
    return np.frombuffer(base64.b64decode(text), np.uint8).reshape(height, width).astype(float)


def view(page: Any) -> tuple[float, float]:
    """What is in view: from and to, in seconds."""
    player = page.get_by_test_id("player")
    return float(player.get_attribute("data-view-from")), float(player.get_attribute("data-view-to"))


def settled(page: Any) -> tuple[float, float]:
    """The view, once it has stopped moving and all of it is drawn."""
    page.wait_for_timeout(GLIDE_MS)  # of its clock: where it stands is drawn in the frame after that
    next_frames(page)
    expect(page.get_by_test_id("player")).to_have_attribute("data-whole", "true")
    return view(page)


def columns(drawn: NDArray[np.float64], page: Any, from_s: float, to_s: float) -> slice:
    """The pixels across between two times."""
    start, stop = view(page)
    return slice(*(round((t - start) / (stop - start) * drawn.shape[1]) for t in (from_s, to_s)))


def mel(hz: float) -> float:
    """Slaney's mel, as librosa has it."""
    import librosa

    return float(librosa.hz_to_mel(hz))


PLACES: dict[str, Callable[[float], float]] = {"Mel": mel, "Log": math.log2, "Linear": float}


def row_of(axis: str, hz: float, low_hz: float, high_hz: float) -> float:
    """Where a frequency should lie: 0 at the top of the picture, 1 at its bottom."""
    low, place, high = (PLACES[axis](one) for one in (low_hz, hz, high_hz))
    return float(1 - (place - low) / (high - low))


def assert_drawn(page: Any, axis: str, hz: float, band: tuple[float, float], from_s: float, to_s: float) -> None:
    """The sine is the loudest there, at its frequency, and not before or after it."""
    drawn = pixels(page)
    height = drawn.shape[0]
    heard = drawn[:, columns(drawn, page, from_s + 0.02, from_s + 0.2)].max(axis=1)
    row = int(np.argmax(heard))
    assert abs(row / height - row_of(axis, hz, *band)) < 0.025, f"{hz} Hz is drawn in row {row} of {height}"
    assert heard[row] > 100 + np.median(heard), "the sine does not stand out of its band"
    start, stop = view(page)
    for a, b in ((start, from_s - 0.2), (to_s + 0.2, stop)):
        quiet = drawn[max(0, row - 3) : row + 4, columns(drawn, page, a, b)]
        assert quiet.mean() < heard[row] - 80, f"the sine shows between {a} and {b} s too"


def read_at(page: Any, time_s: float, share: float) -> tuple[float, str]:
    """Frequency (Hz) and level that are read at a time and a place down the picture."""
    start, stop = view(page)
    box = still_box(page.get_by_test_id("player-plot"))
    page.mouse.move(box["x"] + (time_s - start) / (stop - start) * box["width"], box["y"] + share * box["height"])
    _, frequency, level = page.get_by_test_id("player-readout").inner_text().split(" · ")
    hz, unit = frequency.split()
    return float(hz) * (1000 if unit == "kHz" else 1), level
