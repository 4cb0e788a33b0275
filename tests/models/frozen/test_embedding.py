"""embedding.py: every clip that is new is heard, once; nothing is lost where it is stopped or killed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import psutil
import pytest
import soundfile

from labeling import runs
from labeling.embeddings.space import known_clips, open_space
from labeling.errors import Stopped
from labeling.example import example_workspace
from labeling.records import Clip
from labeling.storage.tables import clips
from labeling.workspace import Workspace
from models import worker
from models.frozen import embedding
from models.frozen.contract import Heard
from models.frozen.jobs import EmbedRequest, embedding_jobs, enqueue_embedding, resolved, words
from tests.support import ROOT

LONG_S = 600  # only a failure waits so long, on a machine however busy


@pytest.fixture
def birds() -> Iterator[Workspace]:
    made = example_workspace()
    yield made
    made.close()
    shutil.rmtree(made.root)


def embed(workspace: Workspace, **values: object) -> dict[str, object]:
    request = resolved(workspace, EmbedRequest("aisfx", **({"processes": 1} | values)))  # type: ignore[arg-type]
    return dict(embedding.embed(workspace, request, lambda _: None, lambda: False, workspace.root / "embed.log"))


def test_new_clips_are_heard_and_no_others(birds: Workspace) -> None:
    first = embed(birds, hop_s=0.5)
    assert (first["clips"], first["total"], first["stretches"], first["fraction"]) == (12, 12, 12, 1.0)
    space = open_space(birds, "aisfx")
    assert space.clip_ids.tolist() == list(range(1, 13))
    assert set(space.offset_s.tolist()) == {2.0}  # a clip shorter than a window ends where it ends
    assert space.facts.licence == "CC BY 4.0"
    assert space.facts.hop_s == 0.5
    assert embed(birds)["total"] == 0
    with birds.write() as connection:
        connection.execute(clips.update().where(clips.c.id == 3).values(fingerprint="another file"))
    assert embed(birds)["total"] == 1
    assert len(open_space(birds, "aisfx")) == 12


def test_clips_that_sound_alike_lie_near_each_other(birds: Workspace) -> None:
    embed(birds)
    vectors = open_space(birds, "aisfx").vectors.astype(np.float32)
    alike = vectors @ vectors.T
    same = np.equal.outer(np.arange(12) // 4, np.arange(12) // 4)
    assert alike[same].mean() > alike[~same].mean() + 0.02


def test_what_was_done_is_kept_where_it_is_stopped(birds: Workspace) -> None:
    told: list[Any] = []
    request = resolved(birds, EmbedRequest("aisfx", processes=1))
    with pytest.raises(Stopped):
        embedding.embed(birds, request, told.append, lambda: told[-1].get("clips") == 5, birds.root / "log")
    assert len(known_clips(birds, "aisfx")) == 5
    assert embed(birds)["total"] == 7
    assert len(open_space(birds, "aisfx")) == 12


def test_a_stop_is_heard_in_the_midst_of_a_long_clip(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "long.wav", np.zeros(8000 * 20), 8000)
    heard: list[int] = []

    def hear(waves: np.ndarray) -> Heard:
        heard.append(len(waves))
        return Heard(np.ones((len(waves), 4), np.float32))

    model: Any = SimpleNamespace(sample_rate=8000, window_s=1.0, size=4, batch=2, hear=hear)
    clip = Clip(1, "long.wav", str(tmp_path / "long.wav"), 20.0, 8000, 1)
    with pytest.raises(Stopped):
        embedding.embed_clip(clip, model, 1.0, lambda: len(heard) == 3)
    assert heard == [2, 2, 2]


def test_a_file_that_cannot_be_read_is_skipped_with_its_reason(birds: Workspace, tmp_path: Path) -> None:
    with birds.write() as connection:
        connection.execute(clips.update().where(clips.c.id == 2).values(path=str(tmp_path / "gone.wav")))
    enqueue_embedding(birds, EmbedRequest("aisfx", processes=1))
    job = runs.claim(birds, "me")
    assert job is not None
    ended = worker.run_job(birds, job, "me")
    assert (ended.status, ended.metrics["clips"], ended.metrics["skipped"]) == ("done", 11, 1)
    assert "gone.wav: no such file" in (birds.root / "embeddings" / "aisfx.log").read_text()
    assert "1 could not be read, the first: gone.wav" in words(ended)
    assert 2 not in known_clips(birds, "aisfx")  # it is tried again


def test_a_job_that_is_killed_is_queued_again_goes_on_where_it_was_and_leaves_no_process(birds: Workspace) -> None:
    whole = embed(birds, space="whole")
    assert whole["clips"] == 12
    code = f"""
import sys, time
from models.frozen import embedding
from models.__main__ import main
embedding.FLUSH_S, quick = 0, embedding.embed_clip

def slow(*given):  # so that it does not end before it is killed
    time.sleep(0.2)
    return quick(*given)

embedding.embed_clip = slow
if __name__ == "__main__":
    sys.exit(main(["embed", "aisfx", "--processes", "2", "-w", {str(birds.root)!r}]))
"""
    script = birds.root / "embed_script.py"
    script.write_text(code)
    paths = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen([sys.executable, str(script)], cwd=ROOT, env=paths, stdout=subprocess.DEVNULL) as first:
        until = time.monotonic() + LONG_S
        while not known_clips(birds, "aisfx") and first.poll() is None and time.monotonic() < until:
            time.sleep(0.01)
        children = psutil.Process(first.pid).children(recursive=True)
        os.kill(first.pid, signal.SIGKILL)
    done = len(known_clips(birds, "aisfx"))
    assert 0 < done < 12
    assert len(children) >= 2
    _, alive = psutil.wait_procs(children, timeout=LONG_S)
    assert not alive
    assert worker.free_dead_jobs(birds) == ["embed-aisfx"]
    assert [one.status for one in embedding_jobs(birds)] == ["queued"]
    assert embed(birds)["total"] == 12 - done
    np.testing.assert_array_equal(open_space(birds, "aisfx").vectors, open_space(birds, "whole").vectors)
