"""The sound that is heard is the sound that is shown, in each format that a browser would seek in by a guess."""

from pathlib import Path
from typing import Any

import pytest
import soundfile

from labeling.sound.mpeg import frames_of
from tests.support.browser.heard import noise, play, served
from tests.support.browser.sound_page import RATE

# judged by the clock of the sound, to milliseconds: on a busy machine one try may come late, a fault does each time
pytestmark = [pytest.mark.browser, pytest.mark.flaky(reruns=2)]

SECONDS = 24


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("heard")
    names = ["vbr.mp3", "bare.mp3", "vorbis.ogg", "opus.opus"]
    samples = noise(0, SECONDS)
    soundfile.write(
        folder / "vbr.mp3", samples, RATE, subtype="MPEG_LAYER_III", bitrate_mode="VARIABLE", compression_level=0.3
    )
    with open(folder / "vbr.mp3", "rb") as file:  # the same without the header that tells its length
        file.seek(frames_of(file.name, file).offsets[0])
        (folder / "bare.mp3").write_bytes(file.read())
    soundfile.write(folder / "vorbis.ogg", samples, RATE)
    soundfile.write(
        folder / "opus.opus", samples[: 4 * RATE].repeat(2)[: 8 * RATE], 48_000, format="OGG", subtype="OPUS"
    )
    return [folder / name for name in names]


@pytest.mark.parametrize("n", range(4))
def test_what_is_heard_is_what_is_shown(chrome: Any, files: list[Path], tmp_path: Path, n: int) -> None:
    path = files[n]
    place_s = 4.9 if "opus" in path.name else 14.454
    with served(files, tmp_path) as (page, _, given):
        for heard in play(chrome, page, given[n], path, float(SECONDS), [place_s]):
            assert heard.off_s == pytest.approx(0.0, abs=0.03), (path.name, heard)
