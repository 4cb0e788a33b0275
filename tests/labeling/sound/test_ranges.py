"""Windows of long files on other servers: what they hold, and how little is fetched for them."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from labeling.collection.probing import probe
from labeling.errors import AudioError
from labeling.sound import decoding, ranges
from labeling.storage import remote
from tests.support.servers.faults import Faults, faults_before
from tests.support.servers.files import files_server

RATE = 8000
LONG_S = 12 * 3600
MOST_BYTES = 500_000


def write_long(path: Path, seconds: int = LONG_S, rate: int = RATE) -> Path:
    """Noise of which each second is another, so that no place is taken for another; its level tells the hour."""
    one_s = np.random.default_rng(5).standard_normal(rate).astype(np.float32)
    with soundfile.SoundFile(path, "w", rate, 1) as file:
        for start in range(0, seconds, 20):  # the encoder of Ogg breaks down at more
            at = np.arange(start, min(start + 20, seconds))
            file.write(((0.05 + 0.2 * (at[:, None] % 977) / 977) * np.roll(one_s, start // 20)).ravel())
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("far")


@pytest.fixture(scope="module")
def proxy(folder: Path) -> Iterator[Faults]:
    with files_server(folder) as port, faults_before(port) as faults:
        yield faults


@pytest.fixture
def far(proxy: Faults, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Faults:
    """The server, which the owner named."""
    monkeypatch.setenv(remote.ALLOW, proxy.url)
    monkeypatch.setenv(ranges.FOLDER, str(tmp_path / "copies"))
    monkeypatch.setattr(ranges, "_copies", None)
    monkeypatch.setattr(ranges, "_states", {})
    monkeypatch.setattr(remote, "PAUSE_S", 0.01)
    ranges._blocks.clear()
    proxy.forget()
    return proxy


def write_twelve_hours(path: Path) -> Path:
    """Twelve hours of a WAV of which only some minutes were ever written: 700 MB that take no room."""
    data = LONG_S * RATE * 2
    with path.open("wb") as file:
        file.write(struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", data + 36, b"WAVE", b"fmt ", 16, 1, 1, RATE, RATE * 2, 2,
                               16, b"data", data))  # fmt: skip
        for second in (0, LONG_S // 2, LONG_S - 60):
            file.seek(44 + second * RATE * 2)
            file.write(np.random.default_rng(second).integers(-9000, 9000, 60 * RATE, dtype=np.int16).tobytes())
    return path


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg"])
def test_a_window_of_a_long_file_fetches_only_what_it_needs(folder: Path, far: Faults, name: str) -> None:
    # a flac and an ogg take long to write; what is fetched of them does not grow with their length
    length_s = {"a.wav": LONG_S, "a.flac": 3600}.get(name, 700)
    path = write_twelve_hours(folder / name) if name == "a.wav" else write_long(folder / name, length_s)
    url = f"{far.url}/{name}"
    for onset_s in (length_s / 2 + 3, 10.0, length_s - 30):
        far.forget()
        ranges._blocks.clear()
        ranges._states.clear()
        window, rate = decoding.read_window(url, onset_s, onset_s + 5)
        np.testing.assert_array_equal(window, decoding.read_window(str(path), onset_s, onset_s + 5)[0])
        assert rate == RATE
        assert np.abs(window).max() > 0.01
        assert far.served < MOST_BYTES
        assert len(far.asked) < 20
    far.forget()
    np.testing.assert_array_equal(decoding.read_window(url, onset_s, onset_s + 5)[0], window)
    assert far.served == 0  # in memory
    ranges._blocks.clear()
    probed = probe(url)
    assert (probed.status, probed.duration_s) == ("ok", length_s)
    assert far.served < MOST_BYTES
    assert not ranges._folder().exists()  # no copy


def test_what_needs_all_of_it_is_copied_once(folder: Path, far: Faults, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranges, "SMALL_BYTES", 100_000)
    path = write_long(folder / "a.mp3", 120)
    url = f"{far.url}/a.mp3"
    for onset_s in (60.0, 3.0):
        window, _ = decoding.read_window(url, onset_s, onset_s + 2)
        np.testing.assert_array_equal(window, decoding.read_window(str(path), onset_s, onset_s + 2)[0])
    size = path.stat().st_size
    assert size > ranges.SMALL_BYTES
    assert size <= far.served < size + 2 * ranges.BLOCK_BYTES
    assert len(list(ranges._folder().iterdir())) == 1


def test_a_server_that_gives_no_parts_is_copied_from(
    folder: Path, far: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_long(folder / "whole.wav", 600)
    with files_server(folder, by_range=False) as port:
        monkeypatch.setenv(remote.ALLOW, f"http://127.0.0.1:{port}")
        window, _ = decoding.read_window(f"http://127.0.0.1:{port}/whole.wav", 500, 502)
    np.testing.assert_array_equal(window, decoding.read_window(str(path), 500, 502)[0])


@pytest.mark.parametrize(
    ("fault", "status", "words"),
    [
        (403, "unreadable", "access is denied"),
        (404, "missing", "no such file"),
        (503, "unreadable", "cannot be fetched"),
        ("cut", "unreadable", "cannot be fetched"),
        ("gone", "unreadable", "cannot be fetched"),
    ],
)
def test_what_a_server_refuses_is_told(folder: Path, far: Faults, fault: int | str, status: str, words: str) -> None:
    write_long(folder / "b.wav", 1200)
    url = f"{far.url}/b.wav"
    decoding.probe(url)  # the beginning is known
    far.first(fault, times=99)
    with pytest.raises(AudioError, match=words) as caught:
        decoding.read_window(url, 900, 905)
    assert caught.value.status == status
    assert str(caught.value).startswith("b.wav: ")
    far.forget()
    assert len(decoding.read_window(url, 900, 905)[0]) == 5 * RATE


@pytest.mark.parametrize("fault", [500, 503, "cut", "gone", "slow"])
def test_a_server_that_stumbles_is_asked_again(folder: Path, far: Faults, fault: int | str) -> None:
    path = write_long(folder / "c.wav", 1200)
    far.first(fault, times=2)
    window, _ = decoding.read_window(f"{far.url}/c.wav", 900, 905)
    np.testing.assert_array_equal(window, decoding.read_window(str(path), 900, 905)[0])


def test_a_file_that_changes_while_it_is_read_is_never_mixed(folder: Path, far: Faults) -> None:
    path = write_long(folder / "d.wav", 1200)
    url = f"{far.url}/d.wav"
    before, _ = decoding.read_window(url, 10, 11)
    soundfile.write(path, np.full(1200 * RATE, 0.25), RATE)
    with pytest.raises(AudioError, match="was changed while it was read"):
        decoding.read_window(url, 1000, 1001)
    after, _ = decoding.read_window(url, 1000, 1001)
    assert np.allclose(after, 0.25, atol=1e-4)
    assert not np.allclose(before, 0.25)


def test_small_files_come_with_one_request(folder: Path, far: Faults) -> None:
    path = write_long(folder / "e.ogg", 30)
    np.testing.assert_array_equal(
        decoding.read_window(f"{far.url}/e.ogg", 20, 25)[0], decoding.read_window(str(path), 20, 25)[0]
    )
    assert [one.method for one in far.asked] == ["HEAD", "GET"]


def test_a_long_file_stays_where_it_lies_and_a_short_one_is_copied(folder: Path, far: Faults) -> None:
    write_long(folder / "f.wav", 600)
    assert ranges.place(f"{far.url}/f.wav") == f"{far.url}/f.wav"
    write_long(folder / "short.wav", 20)
    copy = Path(ranges.place(f"{far.url}/short.wav"))
    assert copy.read_bytes() == (folder / "short.wav").read_bytes()
