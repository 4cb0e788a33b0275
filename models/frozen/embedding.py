"""The work of an embedding: what is new in the workspace, read and heard by several processes, kept part by part.

Each process loads the model and takes one clip at a time. What is done is written every few seconds, so that a job that
is killed goes on where it was.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import numpy as np

from labeling.collection import store
from labeling.embeddings.search import make_index
from labeling.embeddings.space import (
    FOLDER,
    ClipVectors,
    SpaceFacts,
    append,
    check_facts,
    join_parts,
    known_clips,
    sounds_now,
    tree_of,
)
from labeling.errors import ArtefactError, AudioError, Stopped
from labeling.records import Clip, Run
from labeling.runs.execution import Report, execute
from labeling.storage.text import printable
from labeling.workspace import Workspace, open_workspace
from models.frozen.catalogue import load_frozen
from models.frozen.contract import FrozenModel, window_samples
from models.frozen.jobs import EmbedRequest, request_of
from models.frozen.stretches import windows_of

FLUSH_S = 20.0
"""No more work than this is lost where a job is killed."""
FLUSH_BYTES = 256 << 20
WORTH_S = 100.0
"""A process for each so many seconds of sound, where nobody says how many: each takes seconds to begin."""
AHEAD = 3
"""Clips a process that are handed out at a time: enough that none waits."""


@dataclass(frozen=True)
class Embedded:
    """What came of one clip: its vectors, or why there are none."""

    clip: Clip
    vectors: ClipVectors | None
    problem: str = ""


def run_embedding(
    workspace: Workspace,
    job: Run,
    worker: str,
    *,
    report: Report | None = None,
    interrupted: threading.Event | None = None,
    when_interrupted: str = "queued",
    hearing: Hearing | None = None,
) -> Run:
    """Do a claimed embedding; ``hearing`` embeds in place of this machine.

    Returns the job as it ended; raises EarmarkError after recording it.
    """
    request = request_of(job)
    log = workspace.root / FOLDER / f"{request.space}.log"

    def work(tell: Report, should_stop: Callable[[], bool]) -> Mapping[str, Any]:
        return embed(workspace, request, tell, should_stop, log, hearing)

    return execute(
        workspace, job, worker, work, log, report=report, interrupted=interrupted, when_interrupted=when_interrupted,
        tree=tree_of(request.space),
    )  # fmt: skip


def embed(
    workspace: Workspace,
    request: EmbedRequest,
    tell: Report,
    should_stop: Callable[[], bool],
    log: Path,
    hearing: Hearing | None = None,
) -> Mapping[str, Any]:
    """Embed every usable clip that the space lacks, or whose sound changed. Returns what `words` tells.

    A clip that cannot be read is skipped and told in ``log``, and tried again the next time. ``hearing`` embeds, by
    default this machine's processes (`on_this_machine`). Raises Stopped, with what
    was done kept, and EarmarkError.
    """
    tell({"phase": "loading the model", "fraction": 0.0})
    model = load_frozen(workspace, request.model, "cpu" if hearing else request.device)
    facts = facts_of(model, request)
    check_facts(workspace, facts)
    append(workspace, facts, ())
    known = known_clips(workspace, facts.name)
    with workspace.read() as connection:
        sounds = sounds_now(connection)
        clips = [clip for clip in store.usable_clips(connection) if known.get(clip.id) != sounds[clip.id]]
    tally = Tally(clips, log)
    waiting: list[ClipVectors] = []
    flushed_at = time.monotonic()
    try:
        with (hearing or on_this_machine)(workspace, model, request, facts, clips) as heard:
            for embedded in heard(clips, should_stop):
                tally.add(embedded)
                if embedded.vectors is not None:
                    waiting.append(replace(embedded.vectors, sound=sounds[embedded.clip.id]))
                size = sum(vectors.vectors.nbytes for vectors in waiting)
                if time.monotonic() - flushed_at > FLUSH_S or size > FLUSH_BYTES:
                    append(workspace, facts, waiting)
                    waiting, flushed_at = [], time.monotonic()
                tell(tally.progress())
    finally:  # also where it was stopped, or a later clip failed in a way that nobody foresaw
        append(workspace, facts, waiting)
    join_parts(workspace, facts.name)
    workspace.publish(tree_of(facts.name))
    make_index(
        workspace, facts.name, lambda share: tell(tally.progress() | {"phase": "index", "fraction": share}), should_stop
    )
    return tally.progress()


def facts_of(model: FrozenModel, request: EmbedRequest) -> SpaceFacts:
    """What a space says of the model that makes it."""
    hop_s = request.hop_s or model.window_s / 2
    return SpaceFacts(
        request.space, request.model, model.licence, model.weights_sha256, model.sample_rate, model.window_s, hop_s,
        model.size,
    )  # fmt: skip


def embed_clip(
    clip: Clip, model: FrozenModel, hop_s: float, should_stop: Callable[[], bool] = lambda: False
) -> Embedded:
    """The vectors of one clip's stretches, or why there are none. Raises Stopped, also in the midst of a clip."""
    rate, window = model.sample_rate, window_samples(model)
    starts, vectors, length = [], [], -1
    try:
        for some, waves, told in windows_of(clip, model, hop_s):
            if should_stop():
                raise Stopped("stopped while embedding")
            length = told
            starts.append(some)
            vectors.append(model.hear(waves).vectors)
    except AudioError as problem:
        return Embedded(clip, None, str(problem))
    except (OSError, ValueError, RuntimeError, MemoryError) as problem:  # whatever a decoder thinks of
        return Embedded(clip, None, f"{clip.filename}: {type(problem).__name__}: {problem}")
    rows = np.concatenate(vectors) if vectors else np.zeros((0, model.size), np.float32)
    if not np.isfinite(rows).all():
        return Embedded(clip, None, f"{clip.filename}: the model gives values that are no numbers")
    first = np.concatenate(starts) if starts else np.zeros(0, np.int64)
    end = np.minimum(first + window, length) if length > 0 else first + window
    return Embedded(clip, ClipVectors(clip.id, "", rows, first / rate, end / rate))


class Tally:
    """How far an embedding is, and how fast."""

    def __init__(self, clips: list[Clip], log: Path) -> None:
        self.total, self.total_s = len(clips), sum(clip.duration_s for clip in clips)
        self.done = self.stretches = self.skipped = 0
        self.done_s = 0.0
        self.first_reason, self.log = "", log
        self.began = time.monotonic()

    def add(self, embedded: Embedded) -> None:
        """Count one clip; one that was skipped goes to the log."""
        self.done_s += embedded.clip.duration_s
        if embedded.vectors is not None:
            self.done += 1
            self.stretches += len(embedded.vectors.onset_s)
            return
        self.skipped += 1
        self.first_reason = self.first_reason or embedded.problem
        with open(self.log, "a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(printable(embedded.problem) + "\n")

    def progress(self) -> dict[str, Any]:
        """As a job's screen shows it."""
        taken = max(1e-3, time.monotonic() - self.began)
        speed = self.done_s / taken
        return {
            "phase": "embedding", "fraction": self.done_s / self.total_s if self.total_s else 1.0, "clips": self.done,
            "total": self.total, "stretches": self.stretches, "skipped": self.skipped,
            "first_reason": self.first_reason, "audio_s_per_s": speed,
            "eta_s": (self.total_s - self.done_s) / speed if speed else None,
        }  # fmt: skip


# ------------------------------------------------------------------------------------------------- processes

Heard = Callable[[list[Clip], Callable[[], bool]], Iterator[Embedded]]
Hearing = Callable[[Workspace, FrozenModel, EmbedRequest, SpaceFacts, list[Clip]], AbstractContextManager[Heard]]
"""``with hearing(workspace, model, request, facts, clips) as heard``: what embeds these clips, in any order."""


@contextmanager
def on_this_machine(
    workspace: Workspace, model: FrozenModel, request: EmbedRequest, facts: SpaceFacts, clips: list[Clip]
) -> Iterator[Heard]:
    """What embeds clips, in any order: this process, or several. Raises Stopped, ArtefactError where one died."""
    worth = int(sum(clip.duration_s for clip in clips) // WORTH_S)
    count = min(request.processes or min(available_cores(), worth), len(clips))
    if count <= 1:

        def alone(clips: list[Clip], should_stop: Callable[[], bool]) -> Iterator[Embedded]:
            for clip in clips:
                if should_stop():
                    raise Stopped("stopped while embedding")
                yield embed_clip(clip, model, facts.hop_s, should_stop)

        yield alone
        return
    spawning = multiprocessing.get_context("spawn")  # a fork of a process with threads may hang
    ending = spawning.Event()
    pool = ProcessPoolExecutor(
        count, spawning, _begin, (str(workspace.root), request.model, request.device, facts.hop_s, ending)
    )

    def together(clips: list[Clip], should_stop: Callable[[], bool]) -> Iterator[Embedded]:
        left = iter(clips)
        under_way: set[Future[Embedded]] = set()
        while True:
            for clip in left:
                under_way.add(pool.submit(_embed_one, clip))
                if len(under_way) >= AHEAD * count:
                    break
            if not under_way:
                return
            finished, under_way = wait(under_way, timeout=0.5, return_when=FIRST_COMPLETED)
            if should_stop():
                raise Stopped("stopped while embedding")
            try:
                yield from (future.result() for future in finished)
            except BrokenProcessPool:
                raise ArtefactError(
                    f"a process that embeds has died, perhaps for want of memory; fewer need less: {count} ran, "
                    "--processes says how many. What was done is kept"
                ) from None

    try:
        yield together
    finally:
        ending.set()
        pool.shutdown(wait=True, cancel_futures=True)


def available_cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


_mine: list[tuple[FrozenModel, float, Callable[[], bool]]] = []
"""In a process of the pool: its model, its hop, and whether to end."""


def _begin(root: str, model: str, device: str, hop_s: float, ending: Event) -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None

    def end_with_parent() -> None:  # else a parent that is killed leaves processes that wait for ever
        parent.join()
        os._exit(1)

    threading.Thread(target=end_with_parent, daemon=True, name="end with the parent").start()
    import signal

    import torch

    for number in (signal.SIGINT, signal.SIGTERM):  # the parent ends what is begun
        signal.signal(number, signal.SIG_IGN)
    torch.set_num_threads(1)
    workspace = open_workspace(root, busy_timeout_s=120)
    try:
        _mine.append((load_frozen(workspace, model, device), hop_s, ending.is_set))
    finally:
        workspace.close()


def _embed_one(clip: Clip) -> Embedded:
    model, hop_s, should_stop = _mine[0]
    return embed_clip(clip, model, hop_s, should_stop)
