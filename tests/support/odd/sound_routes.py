"""What holds of any sound file behind the routes of sound and pictures: an answer, soon, in little memory."""

from __future__ import annotations

import os
import random
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from starlette.applications import Starlette
from starlette.testclient import TestClient

from labeling.records import Clip
from pages.ui import signing
from pages.ui.routes.media import media_routes
from tests.support.app.client import client_of
from tests.support.odd.damaged import SPARE_BYTES, damaged, peak_bytes, reset_peak
from tests.support.odd.sounds import FORMS, honest

SECRET = b"s" * 32
SLOWEST_S = 5.0
#: what is asked of each file: the last part of the path, the parameters, and the range of bytes
ASKED: tuple[tuple[str, dict[str, str], str], ...] = (
    ("audio", {}, ""),
    ("audio", {}, "bytes=100-299"),
    ("audio", {}, "bytes=-500"),
    ("audio", {"channel": "2"}, ""),
    ("audio", {"expand": "10"}, "bytes=0-999"),
    ("audio", {"at_s": "0.1"}, ""),
    ("tile", {"level": "5", "index": "0"}, ""),
    ("tile", {"level": "0", "index": "1", "scale": "pcen", "height_px": "64", "channel": "1"}, ""),
    ("peaks", {"level": "5", "index": "0"}, ""),
)


def check_routes(files: Sequence[tuple[str, bytes, str]]) -> Counter[int]:
    """Ask for all that is to be had of files (suffix, content, story); returns how often each status came.

    Raises AssertionError for a status of 500 and above and a cost beyond the bounds; what no route caught as it is.
    """
    statuses = Counter[int]()
    with tempfile.TemporaryDirectory() as name:
        clips = {}
        for number, (suffix, content, _) in enumerate(files, 1):
            path = Path(name) / f"{number}.{suffix}"
            path.write_bytes(content)
            clips[number] = Clip(number, path.name, str(path), 1.0, 16_000, 1)
        routes = media_routes(Path(name) / "cache", clips.get, lambda: SECRET)
        client = client_of(Starlette(routes=routes))
        for number, (suffix, content, story) in enumerate(files, 1):
            for part, params, stretch in ASKED:
                status = _asked(client, f"/clips/{number}/{part}", params, stretch, content, f"{suffix}, {story}")
                statuses[status] += 1
            os.unlink(clips[number].path)
    return statuses


def _asked(client: TestClient, path: str, params: dict[str, str], stretch: str, content: bytes, story: str) -> int:
    """The status of one request, that came in bounds."""
    url = signing.signed_url(SECRET, path, params)
    began, before = time.monotonic(), reset_peak()
    answer = client.get(url, headers={"range": stretch} if stretch else {})
    took_s, grew = time.monotonic() - began, peak_bytes() - before
    told = f"{answer.status_code}, {took_s:.1f} s, {grew / 1e6:.0f} MB: {path} {params}, {story}"
    assert answer.status_code < 500, told
    assert answer.status_code < 400 or answer.status_code == 416 or answer.json()["error"].strip(), told
    assert took_s < SLOWEST_S, told
    assert grew < 4 * len(content) + SPARE_BYTES, told
    return answer.status_code


def changed(seed: int) -> tuple[str, bytes, str]:
    """A file (suffix, content, story) with some of its bytes changed, anywhere."""
    rng = random.Random(seed)
    form = rng.choice(list(FORMS))
    suffix = "wav" if FORMS[form][0] in ("WAVEX", "RF64") else FORMS[form][0].lower()
    return suffix, damaged(rng, honest(form, 0.2, 1, 16_000)), f"{form}, seed {seed}"
