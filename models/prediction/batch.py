"""Predict many recordings with one run's networks, and write each one's tables into a folder that can be gone on with.

``load_batch`` settles all that is the same for every recording, ``begin_folder`` refuses a folder made otherwise, and
``predict_batch`` predicts. A recording is done when its segments lie in the folder; a bad one is noted and passed over.
"""

from __future__ import annotations

import glob
import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import torch

from labeling import runs
from labeling.collection import store
from labeling.collection.formats.events import audacity_bytes, raven_bytes
from labeling.disagreement.priors import POSTPROCESSORS, Collection, collection_of
from labeling.errors import ArtefactError, AudioError, ConfigError, DataError, FormatError, UnknownName
from labeling.file_names import AUDIO_SUFFIXES
from labeling.journal import versions
from labeling.predictions.oof import read_oof
from labeling.records import Labels, Run
from labeling.registry import unknown_name
from labeling.sound.files import is_url
from labeling.storage.csvsafe import csv_bytes, guard, read_csv
from labeling.storage.files import write_atomically
from labeling.storage.text import printable
from labeling.workspace import Workspace
from models.combining.evaluation import done_run
from models.config import Recipe
from models.prediction.soundscape import (
    Post,
    RecordingPredictor,
    Result,
    load_predictor,
    predict_recording,
    segment_count,
)
from models.prediction.thresholds import DecisionRule, Threshold, oof_evidence, parse_threshold
from models.prediction.windows import Predictor
from models.runfolder.provenance import pick_device

SETTINGS_FILE = "prediction.json"
SUMMARY_FILE = "recordings.csv"
SUMMARY_COLUMNS = ("recording", "path", "status", "reason", "duration_s", "segments", "events")
SUMMARY_EVERY_S = 30.0
PARTS = (".selections.txt", ".labels.txt", ".segments.csv")
"""Raven, Audacity, and last the segments: where these are, the recording is done."""


Load = Callable[[Path, torch.device], tuple[Predictor | RecordingPredictor, Recipe, tuple[str, ...], bool]]
"""Gives a run's networks on a device, its recipe and classes, and whether they were trained on all clips."""


@dataclass(frozen=True)
class Source:
    """One recording: where it lies, and the name under which its files are written (without an ending)."""

    path: str
    name: str

    @property
    def filename(self) -> str:
        """The file's own name, without folders."""
        return PurePosixPath(self.path).name

    def file(self, out: Path, part: str) -> Path:
        """Its output file."""
        return out / f"{self.name}{part}"


@dataclass(frozen=True)
class BatchSettings:
    """How recordings are to be predicted, as the user asked.

    ``threshold`` names a rule (models/prediction/thresholds.py); ``classes`` are codes to keep, None for all; ``post``
    names post-processors, and ``about`` is a CSV (filename, latitude, longitude, date) for them.
    """

    segment_s: float = 5.0
    threshold: str = "per_class"
    classes: tuple[str, ...] | None = None
    merge_gap_s: float = 0.5
    shortest_s: float = 0.1
    post: tuple[str, ...] = ()
    about: Path | None = None
    device: str = "auto"


@dataclass(frozen=True)
class PostProcessing:
    """What post-processors are given: the collection, and what is known of each recording by its file name."""

    names: tuple[str, ...]
    collection: Collection
    metadata: Mapping[str, dict[str, str]]

    def of(self, source: Source) -> Post:
        """Those of one recording."""
        return Post(self.names, self.collection, self.metadata.get(source.filename, {}))


@dataclass(frozen=True)
class Batch:
    """What is the same for every recording. ``columns`` (of ``classes``) are kept, and ``rule`` is for these.

    ``trained_on_all``: the networks were trained on all clips, else they are every fold's.
    """

    run: Run
    settings: BatchSettings
    predictor: Predictor | RecordingPredictor
    recipe: Recipe
    classes: tuple[str, ...]
    trained_on_all: bool
    columns: tuple[int, ...]
    rule: DecisionRule
    post: PostProcessing | None

    @property
    def names(self) -> list[str]:
        """The codes that are kept."""
        return [self.classes[column] for column in self.columns]

    def facts(self) -> dict[str, Any]:
        """What two calls must share to write into one folder."""
        return {
            "run": self.run.id,
            "classes": self.names,
            "segment_s": self.settings.segment_s,
            "threshold": self.settings.threshold,
            "merge_gap_s": self.settings.merge_gap_s,
            "shortest_s": self.settings.shortest_s,
            "post": list(self.post.names if self.post else ()),
        }


# --------------------------------------------------------------------------------------------- what to predict


def sources_of(audio: Sequence[str]) -> list[Source]:
    """The recordings that files, folders (searched whole), patterns and URLs name, each once.

    Files below a folder keep their place in it. Raises DataError for what names nothing, or two of one name.
    """

    name_of: dict[str, str] = {}
    for text in audio:
        if not text.strip():
            raise DataError(f"--audio {text!r} names nothing; give '.' for the folder that you are in")
        path = Path(text).expanduser()
        if is_url(text):
            pairs = [(text, PurePosixPath(text.split("?")[0]).name)]
        elif path.is_dir():
            inside = sorted(
                file for file in path.rglob("*") if file.suffix.lower() in AUDIO_SUFFIXES and file.is_file()
            )
            pairs = [(str(file.resolve()), file.relative_to(path).as_posix()) for file in inside]
        elif path.exists():
            pairs = [(str(path.resolve()), path.name)]
        else:
            matches = sorted(glob.glob(os.path.expanduser(text), recursive=True))
            pairs = [(str(Path(match).resolve()), Path(match).name) for match in matches if Path(match).is_file()]
        if not pairs:
            what = f"a folder without {', '.join(AUDIO_SUFFIXES)}" if path.is_dir() else "no file, folder or pattern"
            raise DataError(f"--audio {text!r} is {what} to predict")
        for place, name in pairs:
            name_of.setdefault(place, name)
    stems: dict[str, list[str]] = {}
    for place, name in name_of.items():
        stems.setdefault(_stem(name), []).append(place)
    sources: dict[str, Source] = {}
    for place, name in name_of.items():
        # Two formats of one name keep their endings.
        chosen = _stem(name) if len(stems[_stem(name)]) == 1 else name
        if chosen in sources:
            raise DataError(
                f"{sources[chosen].path} and {place} would be written to one file; give the folder that holds both"
            )
        sources[chosen] = Source(place, chosen)
    return list(sources.values())


def _stem(name: str) -> str:
    return str(PurePosixPath(name).with_suffix("")) if PurePosixPath(name).stem else name


# ---------------------------------------------------------------------------------------- what is the same for all


def load_batch(workspace: Workspace, run_id: str, settings: BatchSettings, load: Load = load_predictor) -> Batch:
    """The run's networks, as ``load`` finds them, and rule.

    Raises DataError, ConfigError, UnknownName, ArtefactError for what does not fit.
    """
    threshold = parse_threshold(settings.threshold)
    run = _trained_run(workspace, run_id)
    device = pick_device(settings.device)
    predictor, recipe, classes, trained_on_all = load(workspace.run_dir(run.id), device)
    segment_count(1.0, settings.segment_s, predictor.grid)
    columns = _columns(settings.classes, classes)
    with workspace.read() as connection:
        labels = versions.labels_of_version(connection, run.label_version)
    rule = _rule(workspace, run, labels, threshold, classes).select(columns)
    post = _post(workspace, run, labels, classes, settings)
    return Batch(run, settings, predictor, recipe, classes, trained_on_all, columns, rule, post)


def count_in_collection(workspace: Workspace, sources: Sequence[Source]) -> int:
    """How many of these recordings are clips of the collection, which the run was trained on."""
    with workspace.read() as connection:
        paths = {clip.path for clip in store.usable_clips(connection)}
    return sum(source.path in paths for source in sources)


def _trained_run(workspace: Workspace, run_id: str) -> Run:
    with workspace.read() as connection:
        run = done_run(connection, run_id)
    runs.check_trained(run)
    if run.recipe in ("ensemble", "stack"):
        raise DataError(f"run {run_id} combines other runs and has no networks of its own; predict with one of those")
    return run


def _columns(codes: Sequence[str] | None, classes: Sequence[str]) -> tuple[int, ...]:
    if codes is None:
        return tuple(range(len(classes)))
    for code in codes:
        if code not in classes:
            raise UnknownName(unknown_name("class", code, list(classes)))
    if not codes:
        raise DataError(f"--classes names no class; choose from {', '.join(classes[:30])}")
    return tuple(classes.index(code) for code in dict.fromkeys(codes))


def _rule(workspace: Workspace, run: Run, labels: Labels, threshold: Threshold, classes: Sequence[str]) -> DecisionRule:
    """Of all classes, so that a class is decided alike whichever others are asked for."""
    evidence = None
    if threshold.needs_evidence:
        evidence = oof_evidence(read_oof(workspace.run_dir(run.id) / "oof.zarr"), labels).select(classes)
    return threshold.fit(len(classes), evidence)


def _post(
    workspace: Workspace, run: Run, labels: Labels, classes: Sequence[str], settings: BatchSettings
) -> PostProcessing | None:
    names = tuple(dict.fromkeys(settings.post))
    if not names:
        if settings.about:
            raise ConfigError("--about serves post-processors; add --post place_date, or leave it out")
        return None
    for name in names:
        POSTPROCESSORS.get(name)
    if "place_date" in names and not settings.about:
        raise ConfigError("--post place_date needs --about CSV with filename and latitude, longitude or date")
    if tuple(labels.classes) != tuple(classes):
        raise ArtefactError(f"run {run.id} has other classes than its label version; train again")
    with workspace.read() as connection:
        clips = store.usable_clips(connection)
    rows = read_csv(settings.about, ("filename",)) if settings.about else []
    metadata = {PurePosixPath(row["filename"]).name: row for row in rows}
    return PostProcessing(names, collection_of(labels, clips), metadata)


# ------------------------------------------------------------------------------------------------- the recordings


def predict_batch(
    batch: Batch,
    sources: Sequence[Source],
    out: Path,
    summary: Summary,
    report: Callable[[Mapping[str, Any]], None] = lambda progress: None,
) -> int:
    """Predict recordings and write their tables; returns how many failed. ``summary`` is written even when stopped."""
    features = batch.recipe.features
    own = batch.predictor
    band_hz = own.band_hz if isinstance(own, RecordingPredictor) else (features.fmin_hz, features.fmax_hz)
    started, failed = time.monotonic(), 0

    def tell(place: int, share: float) -> None:
        done, elapsed_s = (place + share) / len(sources), time.monotonic() - started
        report({
            "phase": printable(f"{place + 1}/{len(sources)} {sources[place].filename}"),
            "fraction": done,
            "eta_s": elapsed_s * (1 - done) / done if done > 0.01 else None,
        })  # fmt: skip

    try:
        for place, source in enumerate(sources):
            tell(place, 0.0)
            try:
                result = _predict(batch, source, partial(tell, place))
            except AudioError as problem:
                failed += 1
                summary.note(source, "failed", str(problem))
                continue
            write_result(out, source, result, batch.names, batch.settings.segment_s, band_hz)
            summary.note(source, "done", result.note, result)
    finally:
        report({"phase": "done", "fraction": 1.0})
        summary.write()
    return failed


def _predict(batch: Batch, source: Source, report: Callable[[float], None]) -> Result:
    result = predict_recording(
        source.path,
        batch.predictor,
        batch.recipe,
        batch.classes,
        batch.rule,
        segment_s=batch.settings.segment_s,
        columns=batch.columns,
        merge_gap_s=batch.settings.merge_gap_s,
        shortest_s=batch.settings.shortest_s,
        post=batch.post.of(source) if batch.post else None,
        report=report,
    )
    if not np.isfinite(result.segments).all():
        raise AudioError(f"{source.name}: the networks gave no numbers for its sound")
    return result


# ------------------------------------------------------------------------------------------------- what is written


def undone(sources: Sequence[Source], out: Path, overwrite: bool) -> list[Source]:
    """The recordings that are still to be predicted into the folder ``out``."""
    return [source for source in sources if overwrite or not source.file(out, PARTS[-1]).exists()]


def write_result(
    out: Path, source: Source, result: Result, classes: Sequence[str], segment_s: float, band_hz: tuple[float, float]
) -> None:
    """Write a recording's Raven table, Audacity labels, and, when these are whole, its segments."""

    filename = PurePosixPath(source.path.split("?")[0]).name
    stem = PurePosixPath(source.name).name
    rows = []
    for k, values in enumerate(result.segments.tolist()):
        end_s = min((k + 1) * segment_s, result.duration_s) if k + 1 == len(result.segments) else (k + 1) * segment_s
        spans = (f"{stem}_{(k + 1) * segment_s:.10g}", filename, round(k * segment_s, 6), round(end_s, 6))
        rows.append((*spans, *(round(p, 5) for p in values)))
    columns = ("row_id", "filename", "start_s", "end_s", *(guard(code) for code in classes))
    write_atomically(source.file(out, PARTS[0]), raven_bytes(result.events, filename, band_hz))
    write_atomically(source.file(out, PARTS[1]), audacity_bytes(result.events))
    write_atomically(source.file(out, PARTS[2]), csv_bytes(columns, rows))


def begin_folder(out: Path, facts: Mapping[str, Any], overwrite: bool) -> None:
    """Write down how the folder's tables are made; raises DataError where it holds others."""
    file = out / SETTINGS_FILE
    if file.exists() and not overwrite:
        try:
            before = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            before = {}
        changed = [key for key in facts if before.get(key) != facts[key]]
        if changed:
            raise DataError(
                f"{out} holds predictions made with {changed[0]} = {before.get(changed[0])!r}, now "
                f"{facts[changed[0]]!r}; give another --out, or --overwrite"
            )
    write_atomically(file, (json.dumps(facts, indent=1, ensure_ascii=False) + "\n").encode())


class Summary:
    """recordings.csv: what became of each recording, those of earlier calls included.

    ``warning`` says why those of earlier calls could not be read, else "".
    """

    def __init__(self, out: Path) -> None:

        self.warning = ""
        self.file = out / SUMMARY_FILE
        self.rows: dict[str, tuple[object, ...]] = {}
        self.reasons: list[str] = []
        self.written_at = time.monotonic()
        try:
            if self.file.exists():
                for row in read_csv(self.file, SUMMARY_COLUMNS):
                    self.rows[row["recording"]] = tuple(row[name] for name in SUMMARY_COLUMNS)
        except FormatError as problem:
            self.warning = f"{problem}; it is written anew"

    def note(self, source: Source, status: str, reason: str, result: Result | None = None) -> None:
        """Add a recording; the file follows within half a minute."""
        counts: tuple[object, ...] = ("", "", "")
        if result is not None:
            counts = (round(result.duration_s, 3), len(result.segments), len(result.events))
        if status == "failed":
            self.reasons.append(reason)
        self.rows[source.name] = (source.name, source.path, status, reason, *counts)
        if time.monotonic() - self.written_at > SUMMARY_EVERY_S:
            self.write()

    def first_reason(self) -> str:
        """Why the first recording failed."""
        return self.reasons[0] if self.reasons else ""

    def write(self) -> None:
        """Write the file."""

        self.written_at = time.monotonic()
        write_atomically(self.file, csv_bytes(SUMMARY_COLUMNS, [self.rows[name] for name in sorted(self.rows)]))
