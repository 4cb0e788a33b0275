"""Media routes: ranges, signatures, what browsers can play, and nothing but the workspace's clips."""

import io
import os
import stat
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile
from starlette.applications import Starlette
from starlette.testclient import TestClient

from labeling.errors import ConfigError
from labeling.records import Clip
from labeling.spectrogram import SpectrogramSettings
from pages.ui.media import (
    TOKEN_LIFE_S,
    DiskCache,
    audio_url,
    media_routes,
    media_secret,
    peaks_url,
    picture_url,
    settings_of,
    settings_params,
    signed_url,
    token_holds,
    vocabulary_url,
)
from pages.ui.playable import WavStream, playable_rate, playable_type

SECRET = b"s" * 32
RATE = 32_000
FILES = {
    1: ("plain.wav", RATE, 1, "WAV", "PCM_16"),
    2: ("song.ogg", RATE, 2, "OGG", "VORBIS"),
    3: ("deep.wav", 48_000, 2, "WAV", "PCM_24"),
    4: ("float.wav", 44_100, 1, "WAV", "FLOAT"),
    5: ("fast.wav", 96_000, 1, "WAV", "PCM_16"),
    6: ("array.wav", 32_000, 8, "WAV", "PCM_16"),
    7: ("bat.flac", 250_000, 1, "FLAC", "PCM_16"),
    8: ("quiet.flac", 44_100, 1, "FLAC", "PCM_24"),
}


def sound(seconds: float, rate: int, channels: int) -> np.ndarray:
    t = np.arange(round(seconds * rate)) / rate
    rows = [0.4 * np.sin(2 * np.pi * 440 * (k + 1) * t) for k in range(channels)]
    return np.stack(rows, axis=1).astype(np.float32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    made = tmp_path_factory.mktemp("audio")
    for name, rate, channels, form, subtype in FILES.values():
        soundfile.write(made / name, sound(3.3, rate, channels), rate, format=form, subtype=subtype)
    (made / "broken.wav").write_bytes(b"RIFF0000WAVEjunk")
    (made / "empty.wav").write_bytes(b"")
    (made / "notes.txt").write_text("the key to everything")
    return made


@pytest.fixture(scope="module")
def clips(folder) -> dict[int, Clip]:
    names = {key: value[0] for key, value in FILES.items()}
    names |= {20: "broken.wav", 21: "empty.wav", 22: "gone.wav", 23: "notes.txt"}
    return {key: Clip(key, name, str(folder / name), 3.3, RATE, 1) for key, name in names.items()}


@pytest.fixture
def client(clips, tmp_path) -> TestClient:
    routes = media_routes(tmp_path / "cache", clips.get, SECRET, lambda: [("amecro", "Crow"), ("<b>", "=cmd()")])
    return TestClient(Starlette(routes=routes))


# ---------------------------------------------------------------------------------------------- signatures


@pytest.mark.parametrize("resource", ["audio", "spectrogram.png", "peaks"])
def test_without_a_valid_token_nothing_is_given(client, resource):
    assert client.get(f"/clips/1/{resource}").status_code == 403
    assert client.get(f"/clips/1/{resource}?expires=99999999999&token=abc").status_code == 403
    other = signed_url(SECRET, f"/clips/2/{resource}").partition("?")[2]
    assert client.get(f"/clips/1/{resource}?{other}").status_code == 403
    forged = signed_url(b"x" * 32, f"/clips/1/{resource}")
    answer = client.get(forged)
    assert answer.status_code == 403
    assert "reload the page" in answer.json()["error"]
    assert answer.headers["cache-control"] == "no-store"
    assert client.get(signed_url(SECRET, f"/clips/1/{resource}")).status_code == 200


def test_a_link_holds_for_an_hour_and_not_for_three():
    url = signed_url(SECRET, "/clips/1/audio", now_s=1_000_000)
    assert url == signed_url(SECRET, "/clips/1/audio", now_s=1_000_000 + 60)  # a browser's cache knows it again
    query = dict(part.split("=") for part in url.partition("?")[2].split("&"))
    for age_s, holds in ((0, True), (TOKEN_LIFE_S, True), (2 * TOKEN_LIFE_S + 1, False)):
        assert token_holds(SECRET, "/clips/1/audio", query["expires"], query["token"], 1_000_000 + age_s) == holds
    later = str(int(query["expires"]) + 9999)
    assert not token_holds(SECRET, "/clips/1/audio", later, query["token"], 1_000_000)


@pytest.mark.parametrize(
    ("expires", "token"), [("", ""), ("-1", "x"), ("9" * 40, "x"), ("٣", "x"), ("99999999999", "ü")]
)
def test_nonsense_tokens_are_refused_quietly(expires, token):
    assert not token_holds(SECRET, "/clips/1/audio", expires, token)


def test_all_processes_of_a_workspace_share_one_secret_that_others_cannot_read(tmp_path):
    keys = []
    threads = [threading.Thread(target=lambda: keys.append(media_secret(tmp_path))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(keys)) == 1
    assert len(keys[0]) == 32
    assert stat.S_IMODE((tmp_path / "media.key").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["media.key"]
    assert media_secret(tmp_path / "not a folder") != media_secret(tmp_path / "not a folder")


# ---------------------------------------------------------------------------------------------- sound


def test_a_playable_file_is_given_as_it_is_and_in_ranges(client, folder):
    whole = (folder / "song.ogg").read_bytes()
    answer = client.get(audio_url(SECRET, 2))
    assert (answer.status_code, answer.content) == (200, whole)
    assert answer.headers["content-type"] == "audio/ogg"
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["cache-control"].startswith("private")
    part = client.get(audio_url(SECRET, 2), headers={"Range": "bytes=100-299"})
    assert (part.status_code, part.content) == (206, whole[100:300])
    assert part.headers["content-range"] == f"bytes 100-299/{len(whole)}"


@pytest.mark.parametrize("clip_id", [3, 4, 5, 6, 7])
def test_what_browsers_cannot_play_becomes_16_bit_wav(client, clip_id):
    _, rate, channels, _, _ = FILES[clip_id]
    answer = client.get(audio_url(SECRET, clip_id))
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "audio/wav"
    with soundfile.SoundFile(io.BytesIO(answer.content)) as made:
        assert (made.format, made.subtype) == ("WAV", "PCM_16")
        assert made.samplerate <= 48_000
        assert made.channels == (channels if channels <= 2 else 1)
        assert made.frames / made.samplerate == pytest.approx(3.3, abs=0.001)
        wave = made.read(always_2d=True)
        heard = made.samplerate
    expected = sound(3.3, heard, channels)
    expected = expected if channels <= 2 else expected.mean(axis=1, keepdims=True)
    middle = slice(heard // 10, len(wave) - heard // 10)
    assert np.abs(wave[middle] - expected[middle]).max() < 0.003  # across the block borders too
    assert rate == heard or rate > 48_000


@pytest.mark.parametrize("clip_id", [3, 5, 7])
def test_ranges_of_a_transcoded_file_are_pieces_of_the_whole(client, clip_id):
    whole = client.get(audio_url(SECRET, clip_id)).content
    size = len(whole)
    for first, last in ((0, 9), (40, 60), (43, 44), (96_001, 150_002), (size - 5, size - 1)):
        part = client.get(audio_url(SECRET, clip_id), headers={"Range": f"bytes={first}-{last}"})
        assert part.status_code == 206
        assert part.headers["content-range"] == f"bytes {first}-{last}/{size}"
        assert part.content == whole[first : last + 1]
    assert client.get(audio_url(SECRET, clip_id), headers={"Range": "bytes=100000-"}).content == whole[100_000:]
    assert client.get(audio_url(SECRET, clip_id), headers={"Range": "bytes=-100"}).content == whole[-100:]
    beyond = client.get(audio_url(SECRET, clip_id), headers={"Range": f"bytes={size}-"})
    assert beyond.status_code == 416
    assert client.get(audio_url(SECRET, clip_id), headers={"Range": "bytes=x-y"}).status_code == 422


def test_rates_that_browsers_play_and_a_wav_header_can_hold():
    assert [playable_rate(rate, rate, 1) for rate in (4000, 22_050, 48_000, 96_000, 88_200, 250_000, 384_000)] == [
        8000, 22_050, 48_000, 48_000, 44_100, 48_000, 48_000,
    ]  # fmt: skip
    hours = 24 * 3600
    rate = playable_rate(250_000, hours * 250_000, 1)
    assert 20_000 < rate < 48_000
    assert hours * rate * 2 < 2**32


def test_only_what_is_asked_for_is_decoded(folder, monkeypatch):
    from labeling import audio

    windows = []
    read_window = audio.read_window

    def spy(path, onset_s=0.0, offset_s=None, *more, **named):
        windows.append((onset_s, offset_s))
        return read_window(path, onset_s, offset_s, *more, **named)

    monkeypatch.setattr(audio, "read_window", spy)
    stream = WavStream(folder / "bat.flac", 250_000, 48_000, 1, 3600 * 48_000)  # as if an hour long
    first = 44 + 2 * 48_000 * 1801
    assert sum(map(len, stream.read(first, first + 1000))) == 1000
    assert windows == [(1799, 1805)]


def test_which_files_play_as_they_are(folder):
    kinds = {name: playable_type(folder / name) for name, *_ in FILES.values()}
    assert kinds == {
        "plain.wav": "audio/wav", "song.ogg": "audio/ogg", "deep.wav": "", "float.wav": "", "fast.wav": "",
        "array.wav": "", "bat.flac": "", "quiet.flac": "audio/flac",
    }  # fmt: skip


# ---------------------------------------------------------------------------------------------- pictures


def test_the_picture_comes_with_its_facts_and_once_from_the_disk(client, tmp_path):
    from PIL import Image

    settings = SpectrogramSettings(width_px=200, height_px=64, axis="log")
    answer = client.get(picture_url(SECRET, 1, settings))
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/png"
    facts = answer.headers["x-earmark-picture"]
    assert '"axis": "log"' in facts
    assert Image.open(io.BytesIO(answer.content)).size == (200, 64)
    kept = list((tmp_path / "cache" / "pictures").iterdir())
    assert len(kept) == 1
    os.utime(kept[0], (1, 1))
    again = client.get(picture_url(SECRET, 1, settings))
    assert again.content == answer.content
    assert again.headers["x-earmark-picture"] == facts
    assert kept[0].stat().st_mtime > 1  # used again, not made again
    part = client.get(picture_url(SECRET, 1, settings, 1.0, 2.0))
    assert part.content != answer.content


def test_a_file_that_changed_is_drawn_anew(client, clips, tmp_path):
    path = tmp_path / "changing.wav"
    clips = {1: Clip(1, "changing.wav", str(path), 1.0, RATE, 1)}
    client = TestClient(Starlette(routes=media_routes(tmp_path / "cache", clips.get, SECRET)))
    soundfile.write(path, sound(1.0, RATE, 1), RATE)
    before = client.get(picture_url(SECRET, 1)).content
    soundfile.write(path, sound(1.5, RATE, 1), RATE)
    assert client.get(picture_url(SECRET, 1)).content != before


def test_peaks_and_vocabulary(client):
    answer = client.get(peaks_url(SECRET, 1, 50))
    peaks = np.frombuffer(answer.content, np.int8).reshape(50, 2)
    assert peaks[:, 1].max() == pytest.approx(0.4 * 127, abs=1)
    assert client.get(vocabulary_url(SECRET, "1")).json() == [["amecro", "Crow"], ["<b>", "=cmd()"]]
    assert client.get("/clips/vocabulary").status_code == 403


def test_settings_travel_in_the_url():
    settings = SpectrogramSettings(axis="linear", n_fft=512, low_hz=100.5, reference_db=-3.0, scale="pcen", n_mels=40)
    assert settings_of(settings_params(settings)) == settings
    assert settings_params(SpectrogramSettings()) == {}
    with pytest.raises(ConfigError, match="unknown setting 'colour'; choose from axis, "):
        settings_of({"colour": "red"})
    with pytest.raises(ConfigError, match="n_fft 'abc' is not a number"):
        settings_of({"n_fft": "abc"})


# ---------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("clip_id", "status", "words"),
    [
        (20, 422, "broken.wav"),
        (21, 422, "0 bytes"),
        (22, 404, "no such file"),
        (23, 422, "not readable"),
        (99, 404, "no clip 99"),
    ],
)
def test_a_bad_file_gives_its_reason_as_json(client, clip_id, status, words):
    for url in (audio_url(SECRET, clip_id), picture_url(SECRET, clip_id), peaks_url(SECRET, clip_id)):
        answer = client.get(url)
        assert answer.status_code == status
        assert words in answer.json()["error"]


@pytest.mark.parametrize(
    "params",
    [
        {"axis": "bark"},
        {"width_px": "1000000"},
        {"n_fft": "nan"},
        {"low_hz": "nan"},
        {"colour": "x"},
        {"onset_s": "-1"},
        {"offset_s": "x"},
    ],
)
def test_bad_settings_give_a_message(client, params):
    answer = client.get(signed_url(SECRET, "/clips/1/spectrogram.png", params))
    assert answer.status_code == 422
    assert answer.json()["error"]
    assert client.get(signed_url(SECRET, "/clips/1/peaks", {"width": "0"})).status_code == 422


@pytest.mark.parametrize(
    "path",
    [
        "/clips/../notes.txt/audio",
        "/clips/%2e%2e%2fnotes.txt/audio",
        "/clips/-1/audio",
        "/clips/1/../../notes.txt",
        "/clips/1e3/audio",
    ],
)
def test_no_path_reaches_a_file_that_is_no_clip(client, path):
    answer = client.get(signed_url(SECRET, path))
    assert answer.status_code in (403, 404)
    assert b"key to everything" not in answer.content


# ---------------------------------------------------------------------------------------------- cache


def test_the_cache_stays_within_its_bound_and_drops_the_oldest(tmp_path):
    cache = DiskCache(tmp_path, max_bytes=10_000)
    for number in range(30):
        cache.get(f"{number}", lambda: b"x" * 1000)
        os.utime(tmp_path / f"{number}", (1000 + number, 1000 + number))
    left = sorted(int(path.name) for path in tmp_path.iterdir())
    assert 5 <= len(left) <= 10
    assert left[-1] == 29
    assert 0 not in left


def test_requests_at_once_make_a_thing_once(tmp_path):
    cache, made, gate = DiskCache(tmp_path), [], threading.Event()

    def make() -> bytes:
        made.append(1)
        gate.wait(5)
        return b"data"

    got = []
    threads = [threading.Thread(target=lambda: got.append(cache.get("k", make))) for _ in range(4)]
    for thread in threads:
        thread.start()
    gate.set()
    for thread in threads:
        thread.join()
    assert got == [b"data"] * 4
    assert len(made) == 1


def test_a_disk_that_cannot_be_written_costs_the_cache_not_the_answer(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    assert DiskCache(blocked / "cache").get("k", lambda: b"data") == b"data"
    with pytest.raises(ValueError, match="no"):
        DiskCache(tmp_path).get("k", lambda: (_ for _ in ()).throw(ValueError("no")))


def test_a_clip_behind_a_url_is_fetched_once(folder, tmp_path):
    import fsspec

    with fsspec.open("memory://earmark-media/song.ogg", "wb") as handle:
        handle.write((folder / "song.ogg").read_bytes())
    clips = {
        1: Clip(1, "song.ogg", "memory://earmark-media/song.ogg", 3.3, RATE, 2),
        2: Clip(2, "gone.ogg", "memory://earmark-media/gone.ogg", 3.3, RATE, 2),
        3: Clip(3, "odd.ogg", "nosuchscheme://x/odd.ogg", 3.3, RATE, 2),
    }
    client = TestClient(Starlette(routes=media_routes(tmp_path / "cache", clips.get, SECRET)))
    part = client.get(audio_url(SECRET, 1), headers={"Range": "bytes=0-3"})
    assert (part.status_code, part.content) == (206, b"OggS")
    assert client.get(picture_url(SECRET, 1)).status_code == 200
    assert len(list((tmp_path / "cache" / "remote").iterdir())) == 1
    assert client.get(audio_url(SECRET, 2)).status_code == 404
    answer = client.get(audio_url(SECRET, 3))
    assert (answer.status_code, "cannot be fetched" in answer.json()["error"]) == (422, True)
