"""Recordings and clips as pieces for a cluster: to predict with a run, to embed with a frozen model.

Small groups go out, a bounded number at a time (bridge.py), so that neither Ray nor this machine ever holds more. A
file that cannot be read is said as on one machine. Where the process of a group dies, as a damaged file can have it do,
its files go out once more, one by one, and the one that does it is left out with that reason.
"""

from __future__ import annotations

import logging
import os
import pickle
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import torch

from labeling.embeddings.space import SpaceFacts
from labeling.errors import AudioError, ClusterError
from labeling.records import Clip
from labeling.storage.remote import is_url
from labeling.storage.text import printable
from labeling.workspace import Workspace
from models.cluster.places import Place, place_of
from models.cluster.spreading import spread
from models.cluster.work import Desk, Died, Piece, Work
from models.frozen.catalogue import load_frozen, parse_reference
from models.frozen.contract import FrozenModel
from models.frozen.embedding import Embedded, Heard, Hearing, embed_clip
from models.frozen.jobs import EmbedRequest
from models.frozen.trained import load_finished
from models.linear.recordings import load_for
from models.prediction.batch import Batch, Predicting, predict_one
from models.prediction.members import Member, ready
from models.prediction.post import PostProcessing
from models.prediction.soundscape import Result
from models.prediction.sources import BatchSettings, Source
from models.prediction.tables import Summary, write_result
from models.prediction.thresholds import DecisionRule
from models.runfolder.provenance import pick_device

T = TypeVar("T")
GROUP_S = 60.0
GROUP = 16
"""Clips of so much sound go out together, and no more of them than this: each trip takes some milliseconds."""
RETRIES = 1
DIED = "the process that read it died each time, perhaps for want of memory"
_log = logging.getLogger(__name__)
_ready: list[tuple[Any, Any]] = []
"""In a node's process: the last work and what is loaded for it."""


def _groups(items: Sequence[T], seconds: Callable[[T], float], most: int) -> list[list[T]]:
    groups: list[list[T]] = []
    total_s = 0.0
    for item in items:
        if not groups or total_s >= GROUP_S or len(groups[-1]) >= most:
            groups.append([])
            total_s = 0.0
        groups[-1].append(item)
        total_s += seconds(item)
    return groups


def _each(
    address: str, work: Work, groups: list[list[tuple[T, bool]]], should_stop: Callable[[], bool]
) -> Iterator[tuple[list[tuple[T, bool]], list[Any] | None]]:
    """Each group and what came of its items, in any order; None of an item, alone in its group, that none survives."""
    while groups:
        of = {f"group {number}": group for number, group in enumerate(groups)}
        again: list[list[tuple[T, bool]]] = []
        for ended in spread(
            address, work, [Piece(name, group) for name, group in of.items()], should_stop, note=_log.warning
        ):
            group = of[ended.name]
            if not isinstance(ended, Died):
                yield group, ended.value
            elif len(group) == 1:
                yield group, None
            else:
                again += [[item] for item in group]
        groups = again


def _there(path: str) -> bool:
    return is_url(path) or os.path.exists(path)


def _check_seen(path: str, there: bool, desk: Desk) -> None:
    """Raise ClusterError for a file that the machine that leads sees and this node does not: all of its files would be
    left out, and nobody would know why."""
    if there and not _there(path):
        raise ClusterError(
            f"node {desk.node} does not see {path}, which the machine that leads does; let it see the sound under the "
            "same paths"
        )


def _loaded(common: Any, load: Callable[[], T]) -> T:
    if not _ready or _ready[0][0] is not common:
        _ready[:] = [(common, load())]
    return _ready[0][1]  # type: ignore[no-any-return]


# ------------------------------------------------------------------------------------------------------ to predict


@dataclass(frozen=True)
class PredictWork:
    """What is the same for all recordings, as nodes get it: a Batch without what is loaded."""

    place: Place
    member: Member
    settings: BatchSettings
    columns: tuple[int, ...]
    rule: DecisionRule
    post: PostProcessing | None


def predict_on(workspace: Workspace, address: str, device: str) -> Predicting:
    """What predicts recordings on the cluster at ``address``, as `batch.predict_batch` does here."""

    def predict(
        batch: Batch,
        sources: Sequence[Source],
        out: Path,
        summary: Summary,
        report: Callable[[Mapping[str, Any]], None] = lambda progress: None,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> int:
        common = PredictWork(place_of(workspace), batch.member, batch.settings, batch.columns, batch.rule, batch.post)
        work = Work(
            "models.cluster.recordings:predict_on_node", pickle.dumps(common), device, torch.get_num_threads(), RETRIES
        )
        started, failed, done = time.monotonic(), 0, 0
        report({"phase": "waiting for the cluster", "fraction": 0.0})
        groups = [[(source, _there(source.path))] for source in sources]
        try:
            for group, results in _each(address, work, groups, should_stop):
                source = group[0][0]
                result = f"{source.name}: {DIED}" if results is None else results[0]
                if isinstance(result, Result):
                    write_result(out, source, result, batch.names, batch.settings.segment_s, batch.member.band_hz)
                    summary.note(source, "done", result.note, result)
                else:
                    failed += 1
                    summary.note(source, "failed", result)
                done += 1
                share, elapsed_s = done / len(sources), time.monotonic() - started
                report({
                    "phase": printable(f"{done}/{len(sources)} {source.filename}"), "fraction": share,
                    "eta_s": elapsed_s * (1 - share) / share,
                })  # fmt: skip
        finally:
            report({"phase": "done", "fraction": 1.0})
            summary.write()
        return failed

    return predict


def predict_on_node(common: PredictWork, group: list[tuple[Source, bool]], desk: Desk) -> list[Result | str]:
    """Each recording's result, or why there is none. Raises Stopped, EarmarkError."""
    torch.set_num_threads(desk.threads)
    batch = _loaded(common, lambda: _batch(common, desk))
    results: list[Result | str] = []
    for source, there in group:
        _check_seen(source.path, there, desk)
        with tempfile.TemporaryDirectory(prefix="earmark-") as folder:
            if batch.predictor is not None:
                making: Any = nullcontext(batch.predictor)
            else:
                making = ready(batch.member, [source], Path(folder), batch.load, batch.device,
                               should_stop=desk.should_stop)  # fmt: skip
            with making as predictor:
                try:
                    results.append(predict_one(batch, predictor, source, lambda share: None, desk.should_stop))
                except AudioError as problem:
                    results.append(str(problem))
    return results


def _batch(common: PredictWork, desk: Desk) -> Batch:
    workspace, device = common.place.workspace(desk.node), pick_device(desk.device)
    load = load_for(workspace, _frozen)
    member = _member_here(common.member, workspace)
    own = None if member.mixture is not None else load(member.folder, device).predictor
    return Batch(member, common.settings, own, load, device, common.columns, common.rule, common.post)


def _member_here(member: Member, workspace: Workspace) -> Member:
    """The run with its folder on this node."""
    members = tuple(_member_here(one, workspace) for one in member.members)
    return replace(member, folder=workspace.run_dir(member.run.id, whole=True), members=members)


def _frozen(workspace: Workspace, reference: str, device: str) -> FrozenModel:
    """A frozen model on a node, which asks no database: whoever leads has seen that a run is done."""
    found, what = parse_reference(reference)
    return load_finished(workspace, what, device) if found.name == "run" else load_frozen(workspace, reference, device)


# -------------------------------------------------------------------------------------------------------- to embed


@dataclass(frozen=True)
class EmbedWork:
    """What is the same for all clips, as nodes get it."""

    place: Place
    model: str
    weights_sha256: str
    hop_s: float


def hear_on(address: str) -> Hearing:
    """What embeds clips on the cluster at ``address``, as `embedding.on_this_machine` does here."""

    @contextmanager
    def hearing(
        workspace: Workspace, model: FrozenModel, request: EmbedRequest, facts: SpaceFacts, clips: list[Clip]
    ) -> Iterator[Heard]:
        common = EmbedWork(place_of(workspace), request.model, facts.weights_sha256, facts.hop_s)
        work = Work(
            "models.cluster.recordings:embed_on_node", pickle.dumps(common), request.device, threads=1, retries=RETRIES
        )

        def heard(clips: list[Clip], should_stop: Callable[[], bool]) -> Iterator[Embedded]:
            groups = [
                [(clip, _there(clip.path)) for clip in group]
                for group in _groups(clips, lambda clip: clip.duration_s, GROUP)
            ]
            for group, results in _each(address, work, groups, should_stop):
                if results is not None:
                    yield from results
                else:
                    clip = group[0][0]
                    yield Embedded(clip, None, f"{clip.filename}: {DIED}")

        yield heard

    return hearing


def embed_on_node(common: EmbedWork, group: list[tuple[Clip, bool]], desk: Desk) -> list[Embedded]:
    """Each clip's vectors, or why there are none. Raises Stopped, EarmarkError."""

    def load() -> FrozenModel:
        model = _frozen(common.place.workspace(desk.node), common.model, desk.device)
        if model.weights_sha256 != common.weights_sha256:
            raise ClusterError(
                f"node {desk.node} has other weights of {common.model} than the machine that leads; install the same"
            )
        return model

    torch.set_num_threads(desk.threads)
    model = _loaded(common, load)
    embedded = []
    for clip, there in group:
        _check_seen(clip.path, there, desk)
        embedded.append(embed_clip(clip, model, common.hop_s, desk.should_stop))
    return embedded
