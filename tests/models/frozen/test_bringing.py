"""bringing.py: a file is heard by the space's own model, in another process, and only its loudest stretches count."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile

from labeling.embeddings.space import SpaceFacts, append
from labeling.errors import DataError
from labeling.search import brought
from labeling.workspace import Workspace
from models.frozen import bringing
from models.frozen.contract import FloatArray, Heard
from tests.support.workspaces.planted import FACTS

RATE = 8000


class Loudness:
    """A model that hears how loud each quarter of a window is."""

    sample_rate, window_s, size = RATE, 1.0, 4
    classes: tuple[str, ...] = ()
    licence, weights_sha256, batch = "CC0", "", 8

    def hear(self, waves: FloatArray) -> Heard:
        return Heard(np.square(waves.reshape(len(waves), 4, -1)).mean(axis=2))


def wav(seconds: float, loud: tuple[float, ...] = ()) -> bytes:
    wave = 0.001 * np.ones(round(seconds * RATE), np.float32)
    for at in loud:
        wave[round(at * RATE) : round((at + 0.5) * RATE)] = 0.5
    out = io.BytesIO()
    soundfile.write(out, wave, RATE, format="WAV")
    return out.getvalue()


def test_the_loudest_stretches_of_a_file_are_looked_for(tmp_path: object) -> None:
    path = f"{tmp_path}/x.wav"
    for data, starts in ((wav(10, (2.25, 7.75)), {2.0, 7.5}), (wav(0.4), {0.0})):
        with open(path, "wb") as file:
            file.write(data)
        found = bringing.hear(Loudness(), 0.5, path, "x.wav")
        assert starts <= set(found.onset_s.tolist())
        assert len(found.onset_s) <= brought.LOUDEST
        assert np.diff(found.onset_s).min(initial=1.0) >= 1.0
    for data, words in ((wav(61), "61 s long; bring at most 60 s"), (np.zeros(1), "silent, and there is nothing")):
        if isinstance(data, bytes):
            with open(path, "wb") as file:
                file.write(data)
        else:
            soundfile.write(path, np.zeros(RATE, np.float32), RATE)
        with pytest.raises(DataError, match=words):
            bringing.hear(Loudness(), 0.5, path, "x.wav")


def test_what_cannot_be_heard_is_said_in_the_files_own_name(workspace: Workspace) -> None:
    append(workspace, FACTS, ())
    with pytest.raises(DataError, match=r"space 'toy' was made elsewhere \(toy\)"):
        bringing.bring(workspace, FACTS, wav(1), "x.wav")
    facts = SpaceFacts("mine", "no_such_model", "", "", RATE, 1.0, 0.5, 4)
    append(workspace, facts, ())
    with pytest.raises(DataError, match=r"x\.txt: \.txt is no sound file"):
        bringing.bring(workspace, facts, wav(1), "x.txt")
    with pytest.raises(DataError, match="no_such_model"):  # said by the other process
        bringing.bring(workspace, facts, wav(1), "x.wav")
    name = brought.sound_name(b"known")
    brought.keep(workspace, "mine", name, brought.Brought("x", np.ones((1, 4), np.float32), np.zeros(1, np.float32)))
    assert bringing.bring(workspace, facts, b"known", "x.wav") == name
