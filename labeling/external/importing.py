"""Predictions made elsewhere become a run like any other: read, matched, written as ``oof.zarr``, measured, ranked.

The run's folder holds ``oof.zarr``, ``metrics.json``, ``run.json`` and ``log.txt``; there is no recipe and no
checkpoint. ``label_version`` is the one that it is measured on: nobody here knows what it was trained on.
"""

from __future__ import annotations

import errno
import importlib.metadata
import json
import os
import shutil
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.engine import Connection

from labeling import runs
from labeling.collection import store
from labeling.disagreement.scoring import score_run
from labeling.errors import DataError, EarmarkError, FormatError, WorkspaceFull, WorkspaceReadOnly
from labeling.external import PROBABILITY, ImportedPredictions, Matcher, ReadRequest, Values, detect_reader, readers
from labeling.external.adding import AddingMatcher, Wish
from labeling.external.analysed import analysed_here
from labeling.external.frames import LaterFrames
from labeling.journal import versions
from labeling.predictions import metrics
from labeling.predictions.aligned import align_labels
from labeling.predictions.oof import Oof, read_oof, write_oof
from labeling.records import Clip, FrameGrid, Labels, LabelVersion, Run
from labeling.runs.out_of_fold import KEY, UNKNOWN, WORDS, OutOfFold, judge
from labeling.storage import database as db
from labeling.storage import tables
from labeling.storage.csvsafe import read_csv
from labeling.storage.files import write_atomically
from labeling.workspace import Workspace

MOST_NAMED = 200  # names of a kind that are kept with the run; a report shows fewer
SHOWN_NAMES = 8
LONGEST_NAME = 60
WHOLE_CLIP = FrameGrid(0.0, 1.0, 1.0)  # of a run without frames: it is never looked at
Tell = Callable[[str, float], None]


@dataclass(frozen=True)
class Report:
    """What became of a file: the run, how much of it was known here, and what is to be said of it.

    ``unknown_clips`` and ``unknown_classes`` are their names and why; ``silent_classes`` the workspace's codes that the
    file says nothing of; ``by_part`` counts clips found by a part of their name. ``suspects`` were ranked.
    ``new_classes`` are the codes and names of classes that were added.
    """

    run_id: str
    reader: str
    clips: int
    clips_here: int
    classes: Mapping[str, str]
    frames: bool
    honesty: OutOfFold
    notes: tuple[str, ...]
    unknown_clips: Mapping[str, str]
    unknown_classes: Mapping[str, str]
    silent_classes: tuple[str, ...]
    by_part: Mapping[str, str]
    metrics: Mapping[str, Any]
    suspects: int
    new_classes: Mapping[str, str]

    def lines(self) -> list[str]:
        """The report in sentences, the warning last."""
        ap = self.metrics.get("macro_ap")
        sentences = [
            f"Run {self.run_id} ({self.reader}): {self.clips:,} of {self.clips_here:,} clips, {len(self.classes):,} "
            f"classes, {'with' if self.frames else 'without'} frames; {self.suspects:,} cells ranked."
        ]
        if ap is not None:
            sentences.append(f"Against the labels as they are: macro-AP {ap:.3f}.")
        renamed = {theirs: code for theirs, code in self.classes.items() if theirs != code}
        if renamed:
            pairs = [f"{theirs} as {code}" for theirs, code in renamed.items()]
            sentences.append(f"{len(renamed):,} classes found by another name: {_some(pairs)}.")
        if self.by_part:
            first = dict[str, str]()  # a file may call one clip by several names
            for theirs, ours in self.by_part.items():
                first.setdefault(ours, theirs)
            pairs = [f"{theirs} as {ours}" for ours, theirs in first.items()]
            sentences.append(f"{len(pairs):,} clips found by a part of their name: {_some(pairs)}.")
        if self.new_classes:
            pairs = [f"{code} ({name})" if name != code else code for code, name in self.new_classes.items()]
            sentences.append(f"{len(pairs):,} classes are new here: {_some(pairs)}.")
        for what, names in (("clips", self.unknown_clips), ("classes", self.unknown_classes)):
            if names:
                pairs = [f"{name} ({why})" for name, why in names.items()]
                sentences.append(f"{len(names):,} {what} of the file were passed over: {_some(pairs)}.")
        if any(why.startswith("no such class") for why in self.unknown_classes.values()):
            sentences.append(
                "To have classes that are not here yet, bring the file again: --add-class NAME adds one of them, "
                "--add-classes P all that reach the probability P; the form on the Runs page can do so too."
            )
        if self.silent_classes:
            sentences.append(
                f"The file says nothing of {len(self.silent_classes):,} classes: {_some(self.silent_classes)}; their "
                "labels are not ranked by this run."
            )
        sentences += [*self.notes, f"Out-of-fold: {WORDS[self.honesty.state]}."]
        return sentences + ([f"Warning: {self.honesty.warning}"] if self.honesty.warning else [])


def _some(names: Sequence[str]) -> str:
    more = f", and {len(names) - SHOWN_NAMES:,} more" if len(names) > SHOWN_NAMES else ""
    return ", ".join(names[:SHOWN_NAMES]) + more


@dataclass(frozen=True)
class ImportRequest:
    """A file of predictions, and what its owner says of it.

    ``reader`` is found out by itself when None; ``classes`` is a CSV (theirs, code), ``folds`` one (filename, fold).
    ``name`` is what to call the run. ``unit`` is probability, logit or percent. ``claim``: `ELSEWHERE`, the model never
    saw these labels; `CLAIMED`, the predictions are out-of-fold; `UNKNOWN`. ``wish`` says which of the classes that the
    workspace lacks are added to it. ``analysed`` names the recordings that the model listened to: in those, and of the
    classes that ``classes`` names, nothing found is evidence of absence. ``origin`` is what its owner calls the file
    where ``path`` is a passing one.
    """

    path: Path
    reader: str | None = None
    classes: Path | None = None
    folds: Path | None = None
    analysed: Path | None = None
    name: str = ""
    unit: str = PROBABILITY
    claim: str = UNKNOWN
    wish: Wish = field(default_factory=Wish)
    origin: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", self.path.expanduser())
        object.__setattr__(self, "name", " ".join(self.name.split()))
        if len(self.name) > LONGEST_NAME:
            raise DataError(f"name {self.name[:20]!r}… has {len(self.name)} characters; give {LONGEST_NAME} at most")


@dataclass(frozen=True)
class _Contents:
    """What a file holds, in the order of the workspace's clips; ``fold`` (N,) is each clip's, None where none is known.

    ``matcher`` knows which names were found here and which were not.
    """

    reader: str
    matcher: Matcher
    predictions: ImportedPredictions
    fold: NDArray[np.str_] | None

    @property
    def clips(self) -> list[Clip]:
        return [self.matcher.clips[row] for row in self.predictions.clips.tolist()]

    @property
    def codes(self) -> list[str]:
        return [self.matcher.classes[column].code for column in self.predictions.classes.tolist()]

    @property
    def silent_classes(self) -> list[str]:
        """The workspace's codes that the file says nothing of."""
        known = self.matcher.classes
        if isinstance(self.matcher, AddingMatcher):
            known = known[: self.matcher.n_known]
        return sorted({label_class.code for label_class in known} - set(self.codes))


def import_predictions(
    workspace: Workspace, request: ImportRequest, *, by: str = "", tell: Tell = lambda phase, share: None
) -> Report:
    """Make a finished, ranked run of predictions made elsewhere.

    Clips and classes that the file lacks are left out of the run. Raises FormatError or DataError, before anything is
    stored, where the file cannot be used, and WorkspaceError's children where the disk refuses.
    """
    scratch = workspace.runs / f".brought.{uuid.uuid4().hex[:8]}.partial"
    try:
        contents = _read(workspace, request, scratch, tell)
        fold = None if contents.fold is None else contents.fold.tolist()
        honesty = judge(fold, contents.clips, request.claim)
        new_classes: dict[str, str] = {}
        if isinstance(contents.matcher, AddingMatcher):
            new_classes = contents.matcher.store(workspace, contents.predictions.classes.tolist(), by or "unknown")
        run = _store(workspace, request, contents, honesty, scratch, by or "unknown", tell)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    tell("ranking", 0.8)
    _, ranked = score_run(workspace, run.id)
    report = _report(run, contents, honesty, ranked, new_classes)
    stamp = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}"
    log = "".join(f"{stamp} {line}\n" for line in report.lines())
    write_atomically(workspace.run_dir(run.id) / "log.txt", log.encode("utf-8", "replace"))
    workspace.publish(f"runs/{run.id}")
    tell("done", 1.0)
    return report


def _read(workspace: Workspace, request: ImportRequest, scratch: Path, tell: Tell) -> _Contents:
    """Read the file; ``scratch`` is made, and takes what does not fit in memory."""
    reader = readers.get(request.reader or detect_reader(request.path))
    if not request.path.exists():
        raise FormatError(
            f"nothing at {request.path}; give a file of predictions, or a folder of BirdNET-Analyzer's results"
        )
    given, shown = _mapping(request.classes) if request.classes else ({}, {})
    with workspace.read() as connection:
        clips, known, primary = store.usable_clips(connection), store.all_classes(connection), _primary(connection)
    matcher = (
        AddingMatcher(clips, known, primary, given, request.wish, shown)
        if request.wish
        else Matcher(clips, known, primary, given)
    )
    if not matcher.clips:
        raise DataError("the workspace holds no usable clips; import a collection first")
    _make(scratch)
    tell("reading", 0.0)
    heard = analysed_here(request.analysed, reader, matcher)
    asked = ReadRequest(request.path, matcher, Values(request.unit), scratch, *heard)
    predictions = _in_order(reader.read(asked))
    if isinstance(matcher, AddingMatcher):
        predictions = matcher.settle(predictions)
    fold = _folds_of(request.folds, matcher, predictions.clips) if request.folds else predictions.fold
    return _Contents(reader.name, matcher, predictions, fold)


def _store(
    workspace: Workspace,
    request: ImportRequest,
    contents: _Contents,
    honesty: OutOfFold,
    scratch: Path,
    by: str,
    tell: Tell,
) -> Run:
    """Freeze a label version, write the run's folder, measure it against that version, and add the run."""
    tell("writing", 0.4)
    version = versions.freeze(workspace, by, f"predictions of {request.origin or request.path.name}")
    with workspace.read() as connection:
        labels = versions.labels_of_version(connection, version.number)
    oof = _write_oof(scratch / "oof.zarr", contents, version)
    tell("measuring", 0.7)
    measured = score_against_labels(oof, labels)
    for unpacked in scratch.glob("*.npy"):  # what a reader took out of an archive
        unpacked.unlink()
    settings = [f"source={request.origin or request.path.name}", f"reader={contents.reader}", f"{KEY}={honesty.state}"]
    settings += [f"name={request.name}"] if request.name else []
    settings += [f"unit={request.unit}"] if request.unit != PROBABILITY else []
    matcher, folds = contents.matcher, _count(oof.fold)
    facts = {
        "recipe": runs.IMPORTED,
        "source": request.origin or str(request.path.resolve()),
        "label_version": version.number,
        "label_hash": version.content_hash,
        "classes": list(oof.classes),
        "n_clips": len(oof),
        "folds": folds,
        "out_of_fold": {"state": honesty.state, "means": WORDS[honesty.state], "warning": honesty.warning},
        "settings": settings,
        "their_classes": matcher.found,
        "passed_over": {
            "clips": dict(list(matcher.unknown_clips.items())[:MOST_NAMED]),
            "classes": dict(list(matcher.unknown_classes.items())[:MOST_NAMED]),
        },
        "silent_classes": contents.silent_classes,
        "warnings": [*contents.predictions.notes, *([honesty.warning] if honesty.warning else [])],
        "versions": {package: importlib.metadata.version(package) for package in ("numpy", "pyarrow", "zarr")},
        "ended_at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
    }
    _write_json(scratch / "metrics.json", measured)
    _write_json(scratch / "run.json", facts)
    return _add_run(workspace, scratch, version.number, settings, folds, measured["overall"])


def _report(run: Run, contents: _Contents, honesty: OutOfFold, ranked: int, new_classes: Mapping[str, str]) -> Report:
    matcher, predictions = contents.matcher, contents.predictions
    return Report(
        run_id=run.id,
        reader=contents.reader,
        clips=len(predictions.clips),
        clips_here=len(matcher.clips),
        classes=dict(matcher.found),
        frames=predictions.framewise is not None,
        honesty=honesty,
        notes=predictions.notes,
        unknown_clips=dict(matcher.unknown_clips),
        unknown_classes=dict(matcher.unknown_classes),
        silent_classes=tuple(contents.silent_classes),
        by_part=dict(matcher.by_part),
        metrics=run.metrics,
        suspects=ranked,
        new_classes=new_classes,
    )


def score_against_labels(oof: Oof, labels: Labels) -> dict[str, Any]:
    """``metrics.score`` of predictions against labels, over the cells that are known."""
    aligned = align_labels(oof, labels)
    return metrics.score(oof.clipwise, aligned.given, oof.classes, known=aligned.known) | {"against": "labels"}


def _in_order(predictions: ImportedPredictions) -> ImportedPredictions:
    """Clips by their place, whatever the order of the file."""
    order = np.argsort(predictions.clips, kind="stable")
    frames = predictions.framewise
    if isinstance(frames, LaterFrames):
        frames = frames.taken(order)
    elif frames is not None:
        frames = [frames[row] for row in order.tolist()]
    return replace(
        predictions,
        clips=predictions.clips[order],
        clipwise=predictions.clipwise[order],
        framewise=frames,
        fold=None if predictions.fold is None else predictions.fold[order],
    )


def _write_oof(path: Path, contents: _Contents, version: LabelVersion) -> Oof:
    clips, codes, predictions = contents.clips, contents.codes, contents.predictions
    nothing = np.zeros((0, len(codes)), np.float16)
    write_oof(
        path,
        clip_ids=[clip.id for clip in clips],
        filenames=[clip.filename for clip in clips],
        classes=codes,
        clipwise=predictions.clipwise,
        framewise=[nothing] * len(clips) if predictions.framewise is None else predictions.framewise,
        fold=np.full(len(clips), -1, np.int32) if contents.fold is None else fold_numbers(contents.fold),
        grid=predictions.grid or WHOLE_CLIP,
        label_version=version.number,
        label_hash=version.content_hash,
    )
    return read_oof(path)


def fold_numbers(fold: NDArray[np.str_]) -> NDArray[np.int32]:
    """Folds (N,) as numbers: their own where all are whole ones from 0, else by name; -1 for ""."""
    names = sorted(set(fold.tolist()) - {""})
    own = all(name.isdecimal() and len(name) < 9 for name in names)
    number = {name: int(name) if own else k for k, name in enumerate(names)} | {"": -1}
    return np.array([number[name] for name in fold.tolist()], np.int32)


def _count(fold: NDArray[np.int32]) -> int | None:
    return len(np.unique(fold)) if len(fold) and fold.min() >= 0 else None


def _add_run(
    workspace: Workspace,
    folder: Path,
    version: int,
    settings: Sequence[str],
    folds: int | None,
    overall: Mapping[str, Any],
) -> Run:
    """Move the finished folder to its place and add its row."""
    worker = f"brought:{os.getpid()}"
    run = runs.enqueue(workspace, runs.IMPORTED, version, settings=settings, folds=folds, device="", worker=worker)
    try:
        folder.rename(workspace.run_dir(run.id))
    except OSError as problem:
        runs.finish(workspace, run.id, worker, "failed", error=f"its folder could not be moved: {problem.strerror}")
        raise WorkspaceReadOnly(f"cannot move {folder} to {workspace.run_dir(run.id)}: {problem.strerror}") from problem
    try:
        workspace.publish(f"runs/{run.id}")
    except EarmarkError as problem:
        runs.finish(workspace, run.id, worker, "failed", error=str(problem))
        raise
    runs.finish(workspace, run.id, worker, "done", metrics=overall)
    return replace(run, status="done", metrics=dict(overall))


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True)
    except OSError as problem:
        kind = WorkspaceFull if problem.errno == errno.ENOSPC else WorkspaceReadOnly
        raise kind(f"cannot write to {folder.parent}: {problem.strerror}; see to that and try again") from problem


def _primary(connection: Connection) -> dict[int, str]:
    """Each clip's primary class, as imported."""
    labels = tables.imported_labels
    query = (
        sa.select(labels.c.clip_id, tables.classes.c.code)
        .join(tables.classes, tables.classes.c.id == labels.c.class_id)
        .where(labels.c.role == "primary")
    )
    return dict(db.fetch(connection, query))


def _mapping(path: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Their name of a class to ours; "" for one that is to be passed over. And names to show of codes."""
    code_of: dict[str, str] = {}
    shown: dict[str, str] = {}
    for row in read_csv(path, ("theirs", "code")):
        shown.setdefault(row["code"].strip(), (row.get("name") or row["theirs"]).strip())
        if code_of.setdefault(row["theirs"], row["code"].strip()) != row["code"].strip():
            raise FormatError(f"{path} maps {row['theirs']!r} to two classes; keep one of the rows")
    return code_of, shown


def _folds_of(path: Path, matcher: Matcher, clips: NDArray[np.int64]) -> NDArray[np.str_]:
    """Each of these clips' fold as a CSV (filename, fold) has it, "" where it does not."""
    rows = read_csv(path, ("filename", "fold"))
    places = matcher.rows([row["filename"] for row in rows])
    fold_of: dict[int, str] = {}
    for row, line in zip(places.tolist(), rows, strict=True):
        text = line["fold"].strip()
        if row >= 0 and fold_of.setdefault(row, text) != text:
            raise FormatError(f"{path} puts {line['filename']!r} into folds {fold_of[row]!r} and {text!r}; keep one")
    return np.array([fold_of.get(row, "") for row in clips.tolist()], dtype=np.str_)


def _write_json(path: Path, value: Mapping[str, Any]) -> None:
    write_atomically(path, json.dumps(value, indent=1, ensure_ascii=False).encode("utf-8", "replace"))
