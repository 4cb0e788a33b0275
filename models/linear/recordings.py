"""New recordings by a run's heads: heard by the space's frozen model, of which one row a stretch is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from labeling.embeddings.space import IMPORTED, SpaceFacts
from labeling.errors import ArtefactError, AudioError, ConfigError, Stopped
from labeling.records import Clip, FrameGrid
from labeling.sound.channels import MIX, channel_to_use
from labeling.sound.decoding import probe
from labeling.sound.files import file_name
from labeling.workspace import Workspace
from models.config import recipe_of
from models.frozen.catalogue import load_frozen
from models.frozen.contract import FrozenModel, window_samples
from models.frozen.stretches import windows_of
from models.linear.fold import frames_of
from models.linear.head import Head, load_head, probability
from models.prediction.soundscape import Load, Loaded, RecordingPredictor, Stretch, load_predictor
from models.runfolder.folder import checkpoints_of

LoadFrozen = Callable[[Workspace, str, str], FrozenModel]
"""Loads the model of a reference onto a device."""


@dataclass
class HeardRecording:
    """A recording: its length, and what was odd about it."""

    path: str
    duration_s: float
    note: str


class HeadPredictor(RecordingPredictor):
    """A run's heads and the frozen model of their space."""

    def __init__(self, model: FrozenModel, heads: Sequence[Head], grid: FrameGrid) -> None:
        self.model, self.networks, self.grid = model, list(heads), grid
        self.heads = list(heads)
        self.band_hz = (0.0, model.sample_rate / 2)

    def open(self, path: str, should_stop: Callable[[], bool]) -> tuple[HeardRecording, Iterator[Stretch]]:
        """See RecordingPredictor. Where a later part cannot be decoded the recording ends there, and says so."""
        info = probe(path)
        channel, why = channel_to_use(path) if info.channels > 1 else (MIX, "")
        clip = Clip(0, file_name(path), path, info.duration_s, info.sample_rate, info.channels, channel=channel)
        recording = HeardRecording(path, info.duration_s, "; ".join(filter(None, (info.note, why))))
        return recording, self._stretches(clip, recording, should_stop)

    def _stretches(self, clip: Clip, recording: HeardRecording, should_stop: Callable[[], bool]) -> Iterator[Stretch]:
        rate, window = self.model.sample_rate, window_samples(self.model)
        starts, parts, length = [], [], -1
        try:
            for some, waves, total in windows_of(clip, self.model, self.grid.step_s):
                length = total
                if should_stop():
                    raise Stopped("stopped while predicting")
                vectors = self.model.hear(waves).vectors
                unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
                logits = [probability(head.stretch_logits(unit.astype(np.float16))) for head in self.heads]
                parts.append(np.mean(logits, axis=0, dtype=np.float64).astype(np.float32))
                starts.append(some)
        except AudioError as problem:
            if not parts:
                raise
            recording.note = "; ".join(filter(None, (recording.note, f"ends early: {problem}")))
        if not parts:
            raise AudioError(f"{file_name(recording.path)}: no sound can be decoded")
        first = np.concatenate(starts)
        samples = length if length > 0 else int(first[-1]) + window
        recording.duration_s = samples / rate
        onset_s = (first / rate).astype(np.float32)
        offset_s = (np.minimum(first + window, samples) / rate).astype(np.float32)
        frames = frames_of(np.concatenate(parts), onset_s, offset_s, recording.duration_s, self.grid)
        yield Stretch(0, frames, frames)


def load_for(workspace: Workspace, frozen: LoadFrozen = load_frozen) -> Load:
    """What loads a run's networks, or its heads with the frozen model of their space, which ``frozen`` loads."""

    def load(run_dir: Path, device: torch.device) -> Loaded:
        recipe = recipe_of(run_dir)
        if not recipe.linear.space:
            return load_predictor(run_dir, device)
        meta, paths = checkpoints_of(run_dir, recipe)
        try:
            facts, classes, grid = SpaceFacts(**meta["space"]), tuple(meta["classes"]), FrameGrid(**meta["grid"])
        except (KeyError, TypeError) as error:
            raise ArtefactError(f"{paths[0]} does not say what it is ({error}); train again") from error
        if facts.model.startswith(IMPORTED):
            raise ConfigError(
                f"run {run_dir.name} reads the space {facts.name!r}, whose vectors were made elsewhere "
                f"({facts.model}), so that new recordings cannot be heard here; predict with another run"
            )
        model = frozen(workspace, facts.model, str(device))
        if model.weights_sha256 != facts.weights_sha256:
            raise ConfigError(
                f"run {run_dir.name} was trained on vectors of {facts.model} with other weights than those that are "
                "installed now; install those again, or embed and train anew"
            )
        heads = [load_head(path) for path in paths]
        return Loaded(HeadPredictor(model, heads, grid), classes, paths[0].name.startswith("all"))

    return load
