"""Media routes: channels, decoders that cannot seek, and what a player asks of a sound that broke off."""

import io

import numpy as np
import soundfile
from starlette.applications import Starlette

from labeling.records import Clip
from labeling.sound import decoding
from pages.ui.routes import media
from pages.ui.signing import audio_url, peaks_url, tile_url
from tests.support.app.client import client_of

SECRET = b"s" * 32
RATE = 32_000
NAMES = ("a.wav", "gone.wav")


def media_client(folder, clips):
    return client_of(Starlette(routes=media.media_routes(folder / "cache", clips.get, lambda: SECRET)))


def test_picture_and_sound_follow_the_channel_that_is_asked_for(tmp_path):
    """Left has 500 Hz, right 2000 Hz, both upside down in the other: the mix is silent."""
    t = np.arange(2 * RATE) / RATE
    left, right = 0.4 * np.sin(2 * np.pi * 500 * t), 0.4 * np.sin(2 * np.pi * 2000 * t)
    soundfile.write(tmp_path / "a.wav", np.stack([left - right, right - left], axis=1), RATE)
    soundfile.write(tmp_path / "b.wav", np.stack([left, right], axis=1), RATE)
    clips = {n: Clip(n, f"{name}.wav", str(tmp_path / f"{name}.wav"), 2.0, RATE, 2) for n, name in ((1, "a"), (2, "b"))}
    client = media_client(tmp_path, clips)

    def wave(clip_id, channel):
        with soundfile.SoundFile(io.BytesIO(client.get(audio_url(SECRET, clip_id, channel)).content)) as file:
            return file.read()

    def loudest_rows(clip_id, channel):
        answer = client.get(tile_url(SECRET, clip_id, channel) + "&level=5&index=0&axis=linear&low_hz=0&high_hz=4000")
        levels = np.frombuffer(answer.content, np.uint8).reshape(160, -1)
        return set(np.flatnonzero(levels[:, 60] > 150).tolist())

    assert wave(2, 0).shape == (2 * RATE, 2)  # both ears, as it is
    for channel, expected in ((1, left), (2, right)):
        assert np.abs(wave(2, channel) - expected).max() < 0.001
    rows = {1: loudest_rows(2, 1), 2: loudest_rows(2, 2)}
    assert (139 in rows[1], 79 in rows[2], rows[1] & rows[2]) == (True, True, set())  # 25 Hz a row, highest first
    assert loudest_rows(1, 0) == set()
    assert loudest_rows(1, 1) == loudest_rows(1, 2) >= rows[1] | rows[2]
    peaks = [client.get(peaks_url(SECRET, 1, n) + "&level=5&index=0").content for n in (0, 1)]
    assert np.abs(np.frombuffer(peaks[0], np.int8)).max() == 0 < np.abs(np.frombuffer(peaks[1], np.int8)).max()
    assert client.get(audio_url(SECRET, 1) + "&channel=x").status_code == 422


def test_a_file_whose_decoder_cannot_seek_is_decoded_once_and_had_at_any_place(tmp_path, monkeypatch):
    t = np.arange(40 * 8000) / 8000
    wave = 0.4 * np.sin(2 * np.pi * 440 * t)
    wave[: 30 * 8000] *= 0.01
    soundfile.write(tmp_path / "a.wav", wave, 8000, subtype="GSM610")
    clips = {1: Clip(1, "a.wav", str(tmp_path / "a.wav"), 40.0, 8000, 1)}
    client = media_client(tmp_path, clips)
    decoded, write = [], media.write_decoded
    monkeypatch.setattr(media, "write_decoded", lambda path, file: decoded.append(path) or write(path, file))
    whole, _ = decoding.read_window(str(tmp_path / "a.wav"))
    first = 44 + 2 * 8000 * 31
    part = client.get(audio_url(SECRET, 1), headers={"Range": f"bytes={first}-{first + 1999}"})
    assert part.status_code == 206
    got = np.frombuffer(part.content, "<i2") / 32767
    assert np.abs(got - whole[31 * 8000 :][:1000]).max() < 0.001
    answer = client.get(tile_url(SECRET, 1) + "&level=4&index=4")  # 8.2 s a tile, from 32.8 s on
    assert answer.status_code == 200
    assert np.frombuffer(answer.content, np.uint8).max() > 200
    assert decoded == [str(tmp_path / "a.wav")]


def test_a_player_is_told_whether_there_is_sound_at_a_place(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.full(3 * RATE, 0.1), RATE)
    client = media_client(
        tmp_path, {n: Clip(n, name, str(tmp_path / name), 3.0, RATE, 1) for n, name in enumerate(NAMES)}
    )
    url = audio_url(SECRET, 0)
    assert client.get(url + "&at_s=1.5").json() == {}
    assert client.get(url + "&at_s=99").json() == {}  # past the end there is nothing to miss
    assert client.get(url + "&at_s=x").json() == {"error": "at_s 'x' is not a number of seconds"}
    assert "window nan" in client.get(url + "&at_s=nan").json()["error"]
    assert "no such file" in client.get(audio_url(SECRET, 1) + "&at_s=1").json()["error"]
