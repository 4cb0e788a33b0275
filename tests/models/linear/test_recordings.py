"""models/linear/recordings.py: from sound to a run and on to a new recording, with aiSFX itself."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from labeling.errors import ConfigError, DataError
from labeling.predictions.oof import read_oof
from labeling.runs import run_folder
from labeling.workspace import open_workspace
from models import enqueueing, worker
from models.linear.recordings import load_for
from models.prediction import batch as batches
from models.prediction.sources import BatchSettings, sources_of
from models.prediction.tables import Summary
from models.runfolder.folder import networks_of
from tests.support.training.tiny import tiny_workspace
from tests.support.workspaces.tiny_space import add_space


def test_from_sound_to_a_run_and_to_a_new_recording(tmp_path: Path) -> None:
    workspace = open_workspace(tiny_workspace(tmp_path / "w"))
    told: list[str] = []
    run = enqueueing.enqueue_training(
        workspace, "linear", reviewer="ann", note="", settings=["folds=2", "tensorboard=false"], version=1, worker="me"
    )
    ended = worker.run_job(workspace, run, "me", report=lambda state: told.append(str(state["phase"])))
    folder = workspace.run_dir(run.id)
    oof = read_oof(folder / "oof.zarr")
    assert ended.status == "done"
    assert len(oof) == 12
    assert "embedding" in told
    assert ended.metrics["macro_ap"] > 0.8, "three tones are told apart"
    assert run_folder.facts(folder)["space"]["licence"] == "CC BY 4.0"

    rate = 8000
    time_s = np.arange(6 * rate) / rate
    tone = np.where(time_s < 3, np.sin(2 * np.pi * 400 * time_s), np.sin(2 * np.pi * 2500 * time_s))
    sound = tmp_path / "new" / "two_tones.wav"
    sound.parent.mkdir()
    soundfile.write(sound, 0.2 * tone, rate)
    load = load_for(workspace)
    batch = batches.load_batch(workspace, run.id, BatchSettings(segment_s=3.0, threshold="0.5"), load)
    sources, out = sources_of([str(sound)]), tmp_path / "out"
    out.mkdir()
    summary = Summary(out)
    assert batches.predict_batch(batch, sources, out, summary) == 0
    rows = (out / "two_tones.segments.csv").read_text().splitlines()
    assert len(rows) == 3
    first, second = (dict(zip(rows[0].split(","), row.split(","), strict=True)) for row in rows[1:])
    assert float(first["low"]) > float(first["high"])
    assert float(second["high"]) > float(second["low"])

    loaded = load(folder, torch.device("cpu"))
    predictor = loaded.predictor
    recording, parts = predictor.open(str(sound), lambda: False)
    stretches = list(parts)
    assert sum(len(part.frame) for part in stretches) == int(np.ceil(6 / predictor.grid.step_s))
    assert recording.duration_s == pytest.approx(6.0, abs=0.01)
    assert (len(loaded.classes), loaded.of_all) == (3, False)
    with pytest.raises(DataError, match="linear heads on the space 'aisfx'"):
        networks_of(folder)
    shutil.rmtree(workspace.root / "embeddings")


def test_a_space_made_elsewhere_cannot_hear_a_new_recording(tmp_path: Path) -> None:
    workspace = open_workspace(tiny_workspace(tmp_path / "w"))
    add_space(workspace)
    settings = ["linear.space=toy", "folds=2", "tensorboard=false", "all_data=true"]
    run = enqueueing.enqueue_training(
        workspace, "linear", reviewer="ann", note="", settings=settings, version=1, worker="me"
    )
    worker.run_job(workspace, run, "me")
    assert (workspace.run_dir(run.id) / "checkpoints" / "all.m0.s0.safetensors").exists()
    with pytest.raises(ConfigError, match="made elsewhere"):
        load_for(workspace)(workspace.run_dir(run.id), torch.device("cpu"))
