"""Media routes: ranges, signatures, what browsers can play, and nothing but the workspace's clips."""

import asyncio
import io
import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
import pytest
import soundfile
from starlette.applications import Starlette
from starlette.testclient import TestClient

from labeling.errors import ConfigError
from labeling.records import Clip
from labeling.sound import tiles
from labeling.sound.spectrogram import SpectrogramSettings
from pages.ui.routes.media import HEAVY_AT_ONCE, media_routes, settings_of
from pages.ui.signing import audio_url, peaks_url, signed_url, tile_url, vocabulary_url
from tests.support.app.client import client_of

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
    routes = media_routes(
        tmp_path / "cache", clips.get, lambda: SECRET, lambda: [("amecro", "Crow", False), ("<b>", "=cmd()", True)]
    )
    return client_of(Starlette(routes=routes))


# ---------------------------------------------------------------------------------------------- signatures


@pytest.mark.parametrize("resource", ["audio", "tile", "peaks"])
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
    place = {"level": 5, "index": 0}
    assert client.get(signed_url(SECRET, f"/clips/1/{resource}", place)).status_code == 200


# ---------------------------------------------------------------------------------------------- sound


def test_a_playable_file_is_given_as_it_is_and_in_ranges(client, folder):
    whole = (folder / "quiet.flac").read_bytes()
    answer = client.get(audio_url(SECRET, 8))
    assert (answer.status_code, answer.content) == (200, whole)
    assert answer.headers["content-type"] == "audio/flac"
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["cache-control"].startswith("private")
    part = client.get(audio_url(SECRET, 8), headers={"Range": "bytes=100-299"})
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


# ---------------------------------------------------------------------------------------------- tiles


def tile_of(client: TestClient, clip_id: int, **params) -> tuple[np.ndarray, dict]:
    answer = client.get(tile_url(SECRET, clip_id) + "&" + urlencode({"level": 5, "index": 0} | params))
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-encoding"] == "gzip"
    facts = json.loads(answer.headers["x-earmark-tile"])
    return np.frombuffer(answer.content, np.uint8).reshape(facts["rows"], facts["columns"]), facts


def test_a_tile_comes_with_its_facts_and_once_from_the_disk(client, tmp_path):
    levels, facts = tile_of(client, 1, axis="log", height_px=64, low_hz=50, high_hz=8000, window="blackman")
    assert levels.shape == (64, 207)  # 3.3 s in columns of 16 ms
    assert levels[:, 100].argmax() == pytest.approx(64 * (1 - np.log2(440 / 50) / np.log2(160)), abs=1)
    assert levels.max() == pytest.approx(255 * (1 - 7.96 / 120), abs=1.5)  # an amplitude of 0.4
    floor, ceiling = facts.pop("floor_db"), facts.pop("ceiling_db")
    assert -120 <= floor < ceiling <= 0
    assert facts == {
        "columns": 207, "rows": 64, "onset_s": 0.0, "step_s": 0.016, "low_db": -120.0, "high_db": 0.0,
        "bottom_hz": 50.0, "top_hz": 8000.0, "axis": "log", "scale": "db",
    }  # fmt: skip
    kept = list((tmp_path / "cache" / "pictures").iterdir())
    assert len(kept) == 2  # the tile, and what the file holds
    for one in kept:
        os.utime(one, (1, 1))
    again, _ = tile_of(client, 1, axis="log", height_px=64, low_hz=50, high_hz=8000, window="blackman")
    np.testing.assert_array_equal(again, levels)
    for one in kept:  # used again, not made again
        assert one.stat().st_atime > 1
        assert one.stat().st_mtime == 1
    other, _ = tile_of(client, 1, axis="log", height_px=64, low_hz=50, high_hz=8000, window="blackman", denoise=1)
    assert (other != levels).any()


def test_a_file_that_changed_is_drawn_anew(tmp_path):
    path = tmp_path / "changing.wav"
    clips = {1: Clip(1, "changing.wav", str(path), 1.0, RATE, 1)}
    client = client_of(Starlette(routes=media_routes(tmp_path / "cache", clips.get, lambda: SECRET)))
    soundfile.write(path, sound(1.0, RATE, 1), RATE)
    before, _ = tile_of(client, 1)
    soundfile.write(path, sound(1.5, RATE, 1), RATE)
    after, facts = tile_of(client, 1)
    assert (before.shape[1], after.shape[1]) == (63, 94)
    assert facts["columns"] == 94


def test_peaks_and_vocabulary(client):
    answer = client.get(peaks_url(SECRET, 1) + "&level=6&index=0")
    facts = json.loads(answer.headers["x-earmark-peaks"])
    assert facts == {"columns": 104, "onset_s": 0.0, "step_s": 0.032}
    peaks = np.frombuffer(answer.content, np.int8).reshape(104, 2)
    assert peaks[:103, 1] == pytest.approx(0.4 * 127, abs=1)
    assert peaks[:103, 0] == pytest.approx(-0.4 * 127, abs=1)
    assert client.get(vocabulary_url(SECRET, "1")).json() == [["amecro", "Crow", False], ["<b>", "=cmd()", True]]
    assert client.get("/clips/vocabulary").status_code == 403


def test_what_a_file_holds_is_found_out_once(tmp_path, monkeypatch):
    """A file that was cut short is decoded to its end for it."""
    soundfile.write(tmp_path / "cut.flac", sound(20.0, RATE, 1), RATE)
    data = (tmp_path / "cut.flac").read_bytes()
    (tmp_path / "cut.flac").write_bytes(data[: len(data) // 2])
    probe, probed = tiles.probe, []
    monkeypatch.setattr(tiles, "probe", lambda path, **how: probed.append(path) or probe(path, **how))
    clips = {1: Clip(1, "cut.flac", str(tmp_path / "cut.flac"), 20.0, RATE, 1)}
    client = client_of(Starlette(routes=media_routes(tmp_path / "cache", clips.get, lambda: SECRET)))
    assert 0.4 * 20 < tile_of(client, 1)[0].shape[1] * 0.016 < 0.6 * 20
    tile_of(client, 1, level=4)
    answer = client.get(audio_url(SECRET, 1))
    assert (answer.status_code, answer.headers["content-type"]) == (200, "audio/wav")
    assert len(probed) == 1


@pytest.fixture
def long_client(tmp_path) -> TestClient:
    """A recording of half an hour and more, whose coarse tiles are work."""
    with soundfile.SoundFile(tmp_path / "long.wav", "w", 16_000, 1) as file:
        for _ in range(40):
            file.write(np.random.default_rng(0).standard_normal(60 * 16_000) * 0.1)
    clips = {1: Clip(1, "long.wav", str(tmp_path / "long.wav"), 2400.0, 16_000, 1)}
    return client_of(Starlette(routes=media_routes(tmp_path / "cache", clips.get, lambda: SECRET)))


def test_heavy_tiles_wait_for_their_turn_and_light_ones_pass_them(long_client, monkeypatch):
    real, gate, guard = tiles.Frames, threading.Event(), threading.Lock()
    busy: list[int] = []
    most = 0

    def slow(read, count, rate, settings, hop):
        nonlocal most
        if settings.height_px == 50:  # those of this test
            with guard:
                busy.append(1)
                most = max(most, len(busy))
            gate.wait(10)
            with guard:
                busy.pop()
        return real(read, count, rate, settings, hop)

    monkeypatch.setattr(tiles, "Frames", slow)
    with long_client as client, ThreadPoolExecutor(8) as pool:
        wanted = [(0, 60), (1, 60), (0, 70), (1, 70), (0, 60)]
        heavy = [
            pool.submit(tile_of, client, 1, level=11, index=index, height_px=50, low_hz=low_hz)
            for index, low_hz in wanted
        ]
        light, _ = tile_of(client, 1, level=4, index=3)
        assert light.shape == (160, 1024)
        gate.set()
        shapes = [job.result()[0].shape for job in heavy]
    assert shapes == [(50, 1024)] * 5
    assert 1 <= most <= HEAVY_AT_ONCE


def test_a_dear_tile_is_refused_before_it_is_drawn(long_client, monkeypatch):
    """Rows and PCEN are work too, though few samples are transformed."""
    monkeypatch.setattr(tiles, "Frames", None)
    dear = "&scale=pcen&n_fft=64&hop_length=1&height_px=1000"
    answer = long_client.get(f"{tile_url(SECRET, 1)}&level=9&index=0{dear}")
    assert answer.status_code == 422
    assert "is 1.3 times the most work for one; zoom in" in answer.json()["error"]


def test_work_for_a_client_that_went_away_is_not_begun(long_client, tmp_path):
    """The request is given up while it waits: nothing is drawn for it."""
    routes = {route.path: route for route in long_client.app.routes}
    url = tile_url(SECRET, 1) + "&level=11&index=1"
    path, _, query = url.partition("?")
    messages = [{"type": "http.request", "body": b"", "more_body": False}, {"type": "http.disconnect"}]
    sent = []

    async def receive():
        return messages.pop(0) if len(messages) > 1 else messages[0]

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http", "method": "GET", "path": f"/{path}", "query_string": query.encode(), "headers": [],
        "path_params": {"clip_id": 1},
    }  # fmt: skip
    with ThreadPoolExecutor(1) as pool:  # a browser of other tests may keep this thread's own loop running
        pool.submit(asyncio.run, routes["/clips/{clip_id:id}/tile"].app(scope, receive, send)).result()
    assert sent[0]["status"] == 499
    assert len(list((tmp_path / "cache" / "pictures").iterdir())) == 1  # what the file holds


# ---------------------------------------------------------------------------------------------- settings


def test_settings_are_read_from_the_url():
    params = {"axis": "linear", "n_fft": "512", "low_hz": "100.5", "scale": "pcen", "denoise": "1", "window": "hamming"}
    assert settings_of(params) == SpectrogramSettings(
        axis="linear", n_fft=512, low_hz=100.5, scale="pcen", denoise=True, window="hamming"
    )
    assert settings_of({"denoise": "0"}) == SpectrogramSettings()
    with pytest.raises(ConfigError, match="unknown setting 'colour'; choose from axis, "):
        settings_of({"colour": "red"})
    with pytest.raises(ConfigError, match="n_fft 'abc' is not a number"):
        settings_of({"n_fft": "abc"})
    with pytest.raises(ConfigError, match="denoise 'yes' is not a number"):
        settings_of({"denoise": "yes"})


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
    for url in (audio_url(SECRET, clip_id), tile_url(SECRET, clip_id), peaks_url(SECRET, clip_id)):
        answer = client.get(url + "&level=5&index=0")
        assert answer.status_code == status
        assert words in answer.json()["error"]


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"axis": "bark"}, "unknown axis 'bark'"),
        ({"height_px": "1000000"}, "height_px 1000000 must be 8 to 1024"),
        ({"n_fft": "nan"}, "n_fft 'nan' is not a number"),
        ({"low_hz": "nan"}, "low_hz nan must be"),
        ({"low_hz": "16000", "high_hz": "20000"}, "low_hz 16000 is not below half the sample rate"),
        ({"hop_length": "5000"}, "hop_length 5000 must be at most half of n_fft"),
        ({"window": "x"}, "unknown window 'x'"),
        ({"colour": "x"}, "unknown setting 'colour'"),
        ({"level": "12"}, "level 12 must be 0 to 11"),
        ({"level": "-1"}, "level '-1' is not a whole number"),
        ({"level": ""}, "level '' is not a whole number"),
        ({"index": "1"}, "index 1 must be 0 to 0 at level 5: the sound has 3.30 s"),
        ({"index": "9" * 30}, "is not a whole number"),
    ],
)
def test_bad_settings_give_a_message(client, params, message):
    answer = client.get(signed_url(SECRET, "/clips/1/tile", {"level": 5, "index": 0} | params))
    assert answer.status_code == 422
    assert message in answer.json()["error"]
    if {"level", "index"} & set(params):
        assert message in client.get(signed_url(SECRET, "/clips/1/peaks", {"level": 5, "index": 0} | params)).text


def test_expanded_sound_says_so_in_its_header_and_bounds_are_told(client):
    answer = client.get(audio_url(SECRET, 7) + "&expand=10")
    with soundfile.SoundFile(io.BytesIO(answer.content)) as made:
        assert (made.samplerate, made.frames, made.subtype) == (25_000, 825_000, "PCM_16")
    part = client.get(audio_url(SECRET, 7) + "&expand=10", headers={"Range": "bytes=100000-100099"})
    assert (part.status_code, part.content) == (206, answer.content[100_000:100_100])
    assert part.headers["etag"] != client.get(audio_url(SECRET, 7) + "&expand=9").headers["etag"]
    for bad in ("0", "21", "1.5", "-2", "", "x"):
        answer = client.get(audio_url(SECRET, 7) + f"&expand={bad}")
        assert answer.status_code == 422
        assert f"expand {bad}" in answer.json()["error"].replace("'", "")


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


def test_a_clip_behind_a_url_is_fetched_once(folder, tmp_path):
    import fsspec

    with fsspec.open("memory://earmark-media/song.ogg", "wb") as handle:
        handle.write((folder / "song.ogg").read_bytes())
    clips = {
        1: Clip(1, "song.ogg", "memory://earmark-media/song.ogg", 3.3, RATE, 2),
        2: Clip(2, "gone.ogg", "memory://earmark-media/gone.ogg", 3.3, RATE, 2),
        3: Clip(3, "odd.ogg", "nosuchscheme://x/odd.ogg", 3.3, RATE, 2),
    }
    client = client_of(Starlette(routes=media_routes(tmp_path / "cache", clips.get, lambda: SECRET)))
    part = client.get(audio_url(SECRET, 1), headers={"Range": "bytes=0-3"})
    assert (part.status_code, part.content) == (206, b"RIFF")
    assert tile_of(client, 1)[0].shape == (160, 207)
    made = len(list((tmp_path / "cache" / "pictures").iterdir()))
    assert tile_of(client, 1)[0].shape == (160, 207)
    assert len(list((tmp_path / "cache" / "pictures").iterdir())) == made
    assert len(list((tmp_path / "cache" / "remote").iterdir())) == 1
    assert client.get(audio_url(SECRET, 2)).status_code == 404
    answer = client.get(audio_url(SECRET, 3))
    assert (answer.status_code, "are not read" in answer.json()["error"]) == (422, True)


def test_a_long_recording_elsewhere_is_heard_and_drawn_by_its_parts(tmp_path, monkeypatch):
    from tests.support.servers.faults import faults_before
    from tests.support.servers.files import files_server

    far = tmp_path / "far"
    far.mkdir()
    soundfile.write(far / "night.wav", np.random.default_rng(0).uniform(-0.3, 0.3, 900 * 8000), 8000)
    with files_server(far) as port, faults_before(port) as proxy:
        monkeypatch.setenv("EARMARK_ALLOW", proxy.url)
        clips = {1: Clip(1, "night.wav", f"{proxy.url}/night.wav", 900.0, 8000, 1)}
        client = client_of(Starlette(routes=media_routes(tmp_path / "cache", clips.get, lambda: SECRET)))
        first, last = 44 + 700 * 16_000, 44 + 702 * 16_000 - 1
        heard = client.get(audio_url(SECRET, 1), headers={"Range": f"bytes={first}-{last}"})
        assert heard.status_code == 206
        there = soundfile.read(far / "night.wav", dtype="int16")[0][700 * 8000 : 702 * 8000]
        assert np.abs(np.frombuffer(heard.content, np.int16).astype(int) - there).max() <= 1
        assert tile_of(client, 1, index=3)[0].any()
        assert proxy.served < (far / "night.wav").stat().st_size / 4
        assert not (tmp_path / "cache" / "remote").exists()
