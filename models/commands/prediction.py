"""Commands that predict sound outside the collection."""

from __future__ import annotations

import argparse
import glob
import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from labeling.storage.text import printable
from models.commands.base import AddCommand, progress_bar

if TYPE_CHECKING:
    from labeling.records import Labels, Run
    from labeling.workspace import Workspace
    from models.prediction.soundscape import Result
    from models.prediction.thresholds import Rule

SETTINGS_FILE = "prediction.json"
SUMMARY_FILE = "recordings.csv"
SUMMARY_COLUMNS = ("recording", "path", "status", "reason", "duration_s", "segments", "events")
SUMMARY_EVERY_S = 30.0
PARTS = (".selections.txt", ".labels.txt", ".segments.csv")
"""Raven, Audacity, and last the segments: where these are, the recording is done."""


@dataclass(frozen=True)
class Source:
    """One recording: where it lies, and the name under which its files are written (without an ending)."""

    path: str
    name: str

    def file(self, out: Path, part: str) -> Path:
        """Its output file."""
        return out / f"{self.name}{part}"


def add(command: AddCommand) -> None:
    """Add this group's commands."""
    one = command("predict", _predict, "Predict recordings of any length with a run's networks.")
    one.add_argument("run", metavar="RUN", help="the run whose networks predict")
    one.add_argument("--audio", nargs="+", required=True, metavar="PATH", help="files, folders, patterns or URLs")
    one.add_argument("--out", required=True, metavar="DIR", help="folder for the tables")
    one.add_argument("--segment", type=float, default=5.0, metavar="S", help="seconds a row of the CSV (5)")
    one.add_argument(
        "--threshold",
        default="per_class",
        metavar="RULE",
        help="what counts as an event: per_class (each class's best F1 out of fold), a number or global (one for "
        "all), quantile:Q, clip_and_frame:CLIP,FRAME or two:LONG,SHORT (per_class)",
    )
    one.add_argument("--classes", metavar="A,B", help="only these classes")
    one.add_argument("--merge-gap", type=float, default=0.5, metavar="S", help="events closer than this are one (0.5)")
    one.add_argument("--shortest", type=float, default=0.1, metavar="S", help="events shorter than this are none (0.1)")
    one.add_argument("--post", metavar="A,B", help="post-processors, such as cooccurrence, place_date")
    one.add_argument("--about", metavar="CSV", help="filename, latitude, longitude, date of recordings, for --post")
    one.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"), help="where to compute (auto)")
    one.add_argument("--overwrite", action="store_true", help="predict recordings again that are done")


def _predict(args: argparse.Namespace) -> None:
    import numpy as np

    from labeling.errors import AudioError, ConfigError, DataError
    from labeling.journal import versions
    from labeling.workspace import open_workspace
    from models.prediction.soundscape import Post, load_predictor, predict_recording, segment_count
    from models.prediction.thresholds import parse_threshold
    from models.prediction.tta import coverage_text

    for flag, value, low in (("--segment", args.segment, 0.01), ("--merge-gap", args.merge_gap, 0),
                             ("--shortest", args.shortest, 0)):  # fmt: skip
        if not low <= value < float("inf"):
            raise ConfigError(f"{flag} {value:g} must be at least {low:g} seconds")
    threshold = parse_threshold(args.threshold)
    sources = sources_of(args.audio)
    workspace = open_workspace(args.workspace)
    run = _done_run(workspace, args.run)
    from models.runfolder.provenance import pick_device

    predictor, recipe, classes, on_all = load_predictor(workspace.run_dir(run.id), pick_device(args.device))
    segment_count(1.0, args.segment, predictor.grid)
    columns = _columns(args.classes, classes)
    names = [classes[c] for c in columns]
    with workspace.read() as connection:
        labels = versions.labels_of_version(connection, run.label_version)
    rule = _rule(workspace, run, labels, threshold, classes).select(columns)
    post_names, collection, about = _post(workspace, run, labels, classes, args)
    print(f"threshold {args.threshold}: {rule.text}")
    if recipe.predict.tta_views > 1:
        print(coverage_text(recipe.predict.tta_views))
    _warn(workspace, sources, on_all, len(predictor.networks))

    out = Path(args.out)
    settings = {
        "run": run.id,
        "classes": names,
        "segment_s": args.segment,
        "threshold": args.threshold,
        "merge_gap_s": args.merge_gap,
        "shortest_s": args.shortest,
        "post": list(post_names),
    }
    _check_settings(out, settings, args.overwrite)
    summary = Summary(out)
    band_hz = (recipe.features.fmin_hz, recipe.features.fmax_hz)
    todo = [one for one in sources if args.overwrite or not one.file(out, PARTS[-1]).exists()]
    if len(todo) < len(sources):
        print(f"{len(sources) - len(todo)} recordings were done before; --overwrite predicts them again")
    progress, started = progress_bar(), time.monotonic()
    failed = 0
    try:
        for k, source in enumerate(todo):

            def report(share: float, k: int = k, source: Source = source) -> None:
                done = (k + share) / len(todo)
                gone = time.monotonic() - started
                progress({
                    "phase": printable(f"{k + 1}/{len(todo)} {PurePosixPath(source.path).name}"),
                    "fraction": done,
                    "eta_s": gone * (1 - done) / done if done > 0.01 else None,
                })  # fmt: skip

            report(0.0)
            post = None
            if collection is not None:
                post = Post(post_names, collection, about.get(PurePosixPath(source.path).name, {}))
            try:
                result = predict_recording(
                    source.path,
                    predictor,
                    recipe,
                    classes,
                    rule,
                    segment_s=args.segment,
                    columns=columns,
                    merge_gap_s=args.merge_gap,
                    shortest_s=args.shortest,
                    post=post,
                    report=report,
                )
                if not np.isfinite(result.segments).all():
                    raise AudioError(f"{source.name}: the networks gave no numbers for its sound")
            except AudioError as problem:
                failed += 1
                summary.note(source, "failed", str(problem))
                continue
            write_result(out, source, result, names, args.segment, band_hz)
            summary.note(source, "done", result.note, result)
    finally:
        progress({"phase": "done", "fraction": 1.0})
        summary.write()
    if failed:
        print(f"{failed} of {len(todo)} recordings could not be read; the reasons are in {out / SUMMARY_FILE}",
              file=sys.stderr)  # fmt: skip
        if failed == len(sources):
            raise DataError(f"no recording could be read; the first: {summary.first_reason()}")
    print(f"{len(todo) - failed} recordings predicted into {out}")


# --------------------------------------------------------------------------------------------- what to predict


def sources_of(given: Sequence[str]) -> list[Source]:
    """The recordings that files, folders (searched whole), patterns and URLs name, each once.

    Files below a folder keep their place in it. Raises DataError for what names nothing, or two of one name.
    """
    from labeling.collection.formats.paths import AUDIO_SUFFIXES
    from labeling.errors import DataError
    from labeling.sound.decoding import is_url

    found: dict[str, str] = {}
    for text in given:
        if not text.strip():
            raise DataError(f"--audio {text!r} names nothing; give '.' for the folder that you are in")
        path = Path(text).expanduser()
        if is_url(text):
            pairs = [(text, PurePosixPath(text.split("?")[0]).name)]
        elif path.is_dir():
            inside = sorted(one for one in path.rglob("*") if one.suffix.lower() in AUDIO_SUFFIXES and one.is_file())
            pairs = [(str(one.resolve()), one.relative_to(path).as_posix()) for one in inside]
        elif path.exists():
            pairs = [(str(path.resolve()), path.name)]
        else:
            matches = sorted(glob.glob(os.path.expanduser(text), recursive=True))
            pairs = [(str(Path(one).resolve()), Path(one).name) for one in matches if Path(one).is_file()]
        if not pairs:
            what = f"a folder without {', '.join(AUDIO_SUFFIXES)}" if path.is_dir() else "no file, folder or pattern"
            raise DataError(f"--audio {text!r} is {what} to predict")
        for place, name in pairs:
            found.setdefault(place, name)
    stems: dict[str, list[str]] = {}
    for place, name in found.items():
        stems.setdefault(_stem(name), []).append(place)
    sources: dict[str, Source] = {}
    for place, name in found.items():
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


def _done_run(workspace: Workspace, run_id: str) -> Run:
    from labeling import runs
    from labeling.errors import DataError
    from models.combining.evaluation import done_run

    with workspace.read() as connection:
        run = done_run(connection, run_id)
    runs.check_trained(run)
    if run.recipe in ("ensemble", "stack"):
        raise DataError(f"run {run_id} combines other runs and has no networks of its own; predict with one of those")
    return run


def _columns(given: str | None, classes: Sequence[str]) -> list[int]:
    from labeling.errors import DataError, UnknownName
    from labeling.registry import unknown_name

    if given is None:
        return list(range(len(classes)))
    wanted = list(dict.fromkeys(code.strip() for code in given.split(",") if code.strip()))
    for code in wanted:
        if code not in classes:
            raise UnknownName(unknown_name("class", code, list(classes)))
    if not wanted:
        raise DataError(f"--classes {given!r} names no class; choose from {', '.join(classes[:30])}")
    return [classes.index(code) for code in wanted]


def _rule(workspace: Workspace, run: Run, labels: Labels, threshold: Any, classes: Sequence[str]) -> Rule:
    """Of all classes, so that a class is decided alike whichever others are asked for."""
    from labeling.predictions.oof import read_oof
    from models.prediction.thresholds import oof_evidence

    evidence = None
    if threshold.needs_evidence:
        evidence = oof_evidence(read_oof(workspace.run_dir(run.id) / "oof.zarr"), labels).select(classes)
    rule: Rule = threshold.fit(len(classes), evidence)
    return rule


def _post(
    workspace: Workspace, run: Run, labels: Labels, classes: Sequence[str], args: argparse.Namespace
) -> tuple[tuple[str, ...], Any, Mapping[str, dict[str, str]]]:
    """The post-processors' names, what they learn from, and what --about says by file name."""
    from labeling.collection import store
    from labeling.errors import ArtefactError, ConfigError
    from labeling.storage.csvsafe import read_csv

    if not args.post:
        if args.about:
            raise ConfigError("--about serves post-processors; add --post place_date, or leave it out")
        return (), None, {}
    from labeling.disagreement.priors import POSTPROCESSORS, collection_of

    names = tuple(dict.fromkeys(name.strip() for name in args.post.split(",") if name.strip()))
    for name in names:
        POSTPROCESSORS.get(name)
    if "place_date" in names and not args.about:
        raise ConfigError("--post place_date needs --about CSV with filename and latitude, longitude or date")
    if tuple(labels.classes) != tuple(classes):
        raise ArtefactError(f"run {run.id} has other classes than its label version; train again")
    with workspace.read() as connection:
        clips = store.usable_clips(connection)
    about = {PurePosixPath(row["filename"]).name: row for row in read_csv(Path(args.about), ("filename",))
             } if args.about else {}  # fmt: skip
    return names, collection_of(labels, clips), about


def _warn(workspace: Workspace, sources: Sequence[Source], on_all: bool, count: int) -> None:
    """Say whose networks predict, and which recordings they were trained on."""
    from labeling.collection import store

    with workspace.read() as connection:
        known = {clip.path for clip in store.usable_clips(connection)}
    if on_all:
        print(f"{count} networks trained on the whole collection are averaged")
    else:
        print(f"{count} networks, those of all folds, are averaged; train.all_data = true trains some on all clips")
    own = sum(source.path in known for source in sources)
    text = (
        f"{own} of {len(sources)} recordings are clips of the collection, which these networks were trained on: their "
        "probabilities are too good; use the run's out-of-fold predictions for them"
    )
    if own:
        print(f"warning: {text}", file=sys.stderr)


# ------------------------------------------------------------------------------------------------- what is written


def write_result(
    out: Path, source: Source, result: Result, classes: Sequence[str], segment_s: float, band_hz: tuple[float, float]
) -> None:
    """Write a recording's Raven table, Audacity labels, and, when these are whole, its segments."""
    from labeling.collection.formats.events import audacity_bytes, raven_bytes
    from labeling.storage.csvsafe import csv_bytes, guard
    from labeling.storage.files import write_atomically

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


def _check_settings(out: Path, settings: Mapping[str, Any], overwrite: bool) -> None:
    """Write down how the folder's tables are made; raises DataError where it holds others."""
    from labeling.errors import DataError
    from labeling.storage.files import write_atomically

    file = out / SETTINGS_FILE
    if file.exists() and not overwrite:
        try:
            before = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            before = {}
        changed = [key for key in settings if before.get(key) != settings[key]]
        if changed:
            raise DataError(
                f"{out} holds predictions made with {changed[0]} = {before.get(changed[0])!r}, now "
                f"{settings[changed[0]]!r}; give another --out, or --overwrite"
            )
    write_atomically(file, (json.dumps(settings, indent=1, ensure_ascii=False) + "\n").encode())


class Summary:
    """recordings.csv: what became of each recording, those of earlier calls included."""

    def __init__(self, out: Path) -> None:
        from labeling.errors import FormatError
        from labeling.storage.csvsafe import read_csv

        self.file = out / SUMMARY_FILE
        self.rows: dict[str, tuple[object, ...]] = {}
        self.reasons: list[str] = []
        self.written_at = time.monotonic()
        try:
            if self.file.exists():
                for row in read_csv(self.file, SUMMARY_COLUMNS):
                    self.rows[row["recording"]] = tuple(row[name] for name in SUMMARY_COLUMNS)
        except FormatError as problem:
            print(printable(f"warning: {problem}; it is written anew"), file=sys.stderr)

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
        from labeling.storage.csvsafe import csv_bytes
        from labeling.storage.files import write_atomically

        self.written_at = time.monotonic()
        write_atomically(self.file, csv_bytes(SUMMARY_COLUMNS, [self.rows[name] for name in sorted(self.rows)]))
