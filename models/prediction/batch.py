"""Predict many recordings with one run, a combination of runs too, and write each one's tables into a folder.

``load_batch`` settles all that is the same for every recording, ``predict_batch`` predicts; a bad recording is noted
and passed over.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from labeling.disagreement.priors import BY_SCENE
from labeling.errors import AudioError
from labeling.storage.text import printable
from labeling.workspace import Workspace
from models.prediction.members import Member, blocks, member_of, ready
from models.prediction.post import PostProcessing, post_processing
from models.prediction.soundscape import (
    Load,
    RecordingPredictor,
    Result,
    load_predictor,
    predict_recording,
    segment_count,
)
from models.prediction.sources import BatchSettings, Source, columns_of
from models.prediction.tables import Summary, write_result
from models.prediction.thresholds import DecisionRule, fitted_rule, parse_threshold
from models.prediction.tta import coverage_text
from models.runfolder.provenance import pick_device

Predicting = Callable[..., int]
"""Predicts recordings as `predict_batch` does, which others may do in its place."""
HEARING_SHARE = 0.95
"""Share of a combination's work that hearing its members is; the rest is making tables of their sums."""


@dataclass(frozen=True)
class Batch:
    """What is the same for every recording. ``columns`` (of the member's classes) are kept, ``rule`` is for these.

    ``predictor``: the run's own networks, on ``device``; None of a combination, whose members ``load`` loads in turn.
    """

    member: Member
    settings: BatchSettings
    predictor: RecordingPredictor | None
    load: Load
    device: torch.device
    columns: tuple[int, ...]
    rule: DecisionRule
    post: PostProcessing | None

    @property
    def names(self) -> list[str]:
        """The codes that are kept."""
        return [self.member.classes[column] for column in self.columns]

    def facts(self) -> dict[str, Any]:
        """What two calls must share to write into one folder."""
        facts = {
            "run": self.member.run.id,
            "classes": self.names,
            "segment_s": self.settings.segment_s,
            "threshold": self.settings.threshold,
            "merge_gap_s": self.settings.merge_gap_s,
            "shortest_s": self.settings.shortest_s,
            "post": [name for name, _ in self.post.parts] if self.post else [],
        }
        if self.settings.strength != 1:  # a folder of an older Earmark can be gone on with
            facts["strength"] = self.settings.strength
        return facts

    def lines(self) -> list[str]:
        """What predicts, and by which threshold, for who asked for it."""
        lines = [f"threshold {self.settings.threshold}: {self.rule.text}", *_what(self.member)]
        for name, _ in self.post.parts if self.post and not self.settings.about else ():
            if name in BY_SCENE:
                lines.append(f"{name} shifts nothing: no --about CSV says where and when the recordings were made")
        return lines


def _what(member: Member) -> list[str]:
    lines = [coverage_text(member.views)] if member.views > 1 else []
    if member.mixture is not None:
        return lines + member.lines()
    if member.of_all:
        return [*lines, f"{member.networks} networks trained on the whole collection are averaged"]
    return [*lines, f"{member.networks} networks, those of all folds, are averaged; train.all_data = true trains some "
            "on all clips"]  # fmt: skip


def load_batch(workspace: Workspace, run_id: str, settings: BatchSettings, load: Load = load_predictor) -> Batch:
    """The run's networks, as ``load`` finds them, or its members, and the rule.

    Raises DataError, ConfigError, UnknownName, ArtefactError for what does not fit.
    """
    parse_threshold(settings.threshold)
    device = pick_device(settings.device)
    member, loaded = member_of(workspace, run_id, load, device)
    segment_count(1.0, settings.segment_s, member.grid)
    columns = columns_of(settings.classes, member.classes)
    rule = fitted_rule(workspace, member.run, member.classes, settings.threshold)[0].select(columns)
    post = post_processing(workspace, member.run, member.classes, settings, member.mixture)
    own = None if loaded is None else loaded.predictor
    return Batch(member, settings, own, load, device, columns, rule, post)


# ------------------------------------------------------------------------------------------------- the recordings


def predict_batch(
    batch: Batch,
    sources: Sequence[Source],
    out: Path,
    summary: Summary,
    report: Callable[[Mapping[str, Any]], None] = lambda progress: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> int:
    """Predict recordings and write their tables; returns how many failed. ``summary`` is written even when stopped.

    Raises Stopped.
    """
    started, failed, before = time.monotonic(), 0, 0

    def tell(place: float, words: str) -> None:
        done, elapsed_s = place / max(1, len(sources)), time.monotonic() - started
        report({
            "phase": printable(words),
            "fraction": done,
            "eta_s": elapsed_s * (1 - done) / done if done > 0.01 else None,
        })  # fmt: skip

    heard_first = 0.0 if batch.predictor is not None else HEARING_SHARE

    def of_recording(block: Sequence[Source], place: int, share: float) -> None:
        done = heard_first * len(block) + (1 - heard_first) * (place + share)
        tell(before + done, f"{before + place + 1}/{len(sources)} {block[place].filename}")

    def of_members(block: Sequence[Source], share: float, words: str) -> None:
        tell(before + heard_first * len(block) * share, words)

    try:
        for block in blocks(batch.member, sources):
            if batch.predictor is not None:
                making = nullcontext(batch.predictor)
            else:
                told = partial(of_members, block)
                making = ready(batch.member, block, out, batch.load, batch.device, told, should_stop)  # type: ignore[assignment]
            with making as predictor:
                for place, source in enumerate(block):
                    of_recording(block, place, 0.0)
                    try:
                        result = predict_one(batch, predictor, source, partial(of_recording, block, place), should_stop)
                    except AudioError as problem:
                        failed += 1
                        summary.note(source, "failed", str(problem))
                        continue
                    write_result(out, source, result, batch.names, batch.settings.segment_s, batch.member.band_hz)
                    summary.note(source, "done", result.note, result)
            before += len(block)
    finally:
        report({"phase": "done", "fraction": 1.0})
        summary.write()
    return failed


def predict_one(
    batch: Batch,
    predictor: RecordingPredictor,
    source: Source,
    report: Callable[[float], None],
    should_stop: Callable[[], bool],
) -> Result:
    """One recording's result. Raises AudioError where it cannot be read, Stopped."""
    result = predict_recording(
        source.path,
        predictor,
        batch.member.classes,
        batch.rule,
        segment_s=batch.settings.segment_s,
        columns=batch.columns,
        merge_gap_s=batch.settings.merge_gap_s,
        shortest_s=batch.settings.shortest_s,
        post=batch.post.of(source) if batch.post else None,
        report=report,
        should_stop=should_stop,
    )
    if not np.isfinite(result.segments).all():
        raise AudioError(f"{source.name}: the networks gave no numbers for its sound")
    return result
