"""Make the run that a combination asks for: its predictions, its metrics, its folder. Torch-free.

The folder holds ``oof.zarr``, ``metrics.json``, ``run.json`` (the members with their weights and label versions) and
``log.txt``; there is no recipe and no checkpoint. Where weights or a stack are fitted to the labels, each clip is
predicted by a fit that never saw its fold, so that the stored predictions, and the metrics, stay honest.
"""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labeling import runs
from labeling.collection import store
from labeling.disagreement import priors
from labeling.disagreement.evidence import summarise_frames
from labeling.journal import versions
from labeling.predictions import metrics
from labeling.predictions.oof import Oof, read_oof, write_oof
from labeling.records import Clip, Labels, Run
from labeling.storage.files import write_atomically
from labeling.workspace import Workspace
from models.combining import ensemble, stacking
from models.combining.ensemble import Combine, CombinedFrames, Floats, Shared
from models.combining.evaluation import imported_labels, labels_for
from models.combining.request import STACK, Combination, combination_of

Report = Callable[[Mapping[str, Any]], None]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class _Ground:
    """What a combination stands on: the members' predictions in common, and the labels (N, C) to fit and measure.

    ``fold`` (N,) are the parts to cross-fit over. ``imported`` are the labels before any decision.
    """

    oofs: Sequence[Oof]
    shared: Shared
    stack: Floats
    labels: Labels
    imported: Labels
    clips: Sequence[Clip]
    fold: NDArray[np.int32]
    present: Bools
    known: Bools


@dataclass
class _Made:
    """Clipwise (N, C), how frames are made of the members', and what is told of it."""

    clipwise: Floats
    frames: Combine
    weights: Sequence[float | None]
    facts: dict[str, Any] = field(default_factory=dict)
    measured: dict[str, Any] = field(default_factory=dict)
    shift: Floats | None = None


def run_combination(
    workspace: Workspace,
    run: Run,
    report: Report = lambda progress: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> dict[str, Any]:
    """Make the predictions of a combination's run in its folder; returns what ``metrics.json`` holds.

    Its row is left alone: whoever claimed the run records how it ended. Raises EarmarkError, or models.data.Stopped
    where ``should_stop`` says so.
    """
    asked = combination_of(run)
    folder = workspace.run_dir(run.id)
    report({"phase": "reading predictions", "fraction": 0.02})
    with workspace.read() as connection:
        members = [runs.get_run(connection, name) for name in asked.members]
        labels = versions.labels_of_version(connection, run.label_version)
        version = versions.get_version(connection, run.label_version)
        imported = imported_labels(connection, version)
        clips = store.usable_clips(connection)
    oofs = [read_oof(workspace.run_dir(name) / "oof.zarr") for name in asked.members]
    shared = ensemble.share(oofs, asked.members)
    words = list(shared.words)
    if len({member.label_version for member in members} | {run.label_version}) > 1:
        trained_on = ", ".join(f"{member.id} on {member.label_version}" for member in members)
        words.append(f"label versions differ: {trained_on}; measured on {run.label_version}")
    present, known = labels_for(labels, shared.clip_ids, shared.classes)
    fold = fitting_folds(oofs, shared, clips)
    ground = _Ground(
        oofs, shared, ensemble.clipwise(oofs, shared), labels, imported, clips, fold, present, known
    )  # fmt: skip
    report({"phase": "fitting", "fraction": 0.05, "warning": "; ".join(words)})
    outcome = _made(asked, ground)
    if asked.post:
        report({"phase": "post-processing", "fraction": 0.2})
        _post(asked, ground, outcome)

    def frames_of(index: int, stack: Floats) -> Floats:
        if index % 64 == 0:
            report({"phase": "combining frames", "fraction": 0.3 + 0.6 * index / len(present)})
            if should_stop():
                from labeling.errors import Stopped

                raise Stopped
        values = outcome.frames(index, stack)
        return values if outcome.shift is None else priors.shifted(values, outcome.shift[index])

    frames = CombinedFrames(oofs, shared, frames_of)
    write_oof(
        folder / "oof.zarr",
        clip_ids=shared.clip_ids,
        filenames=shared.filenames,
        classes=shared.classes,
        clipwise=outcome.clipwise,
        framewise=frames,
        fold=shared.fold,
        grid=frames.grid,
        label_version=run.label_version,
        label_hash=labels.content_hash,
    )
    report({"phase": "measuring", "fraction": 0.92})
    result = _overall(outcome.clipwise, ground, whole=True) | {"against": "labels"} | outcome.measured
    result["members"] = {
        name: _overall(clipwise, ground)["overall"] for name, clipwise in zip(asked.members, ground.stack, strict=True)
    }
    facts = {
        "recipe": asked.kind,
        "label_version": run.label_version,
        "label_hash": labels.content_hash,
        "classes": list(shared.classes),
        "n_clips": len(present),
        "folds": len(np.unique(shared.fold)) if shared.fold.min() >= 0 else None,
        "members": [
            {"run": member.id, "recipe": member.recipe, "label_version": member.label_version,
             "label_hash": oof.label_hash, "weight": weight}
            for member, oof, weight in zip(members, oofs, outcome.weights, strict=True)
        ],
        "settings": asked.settings(),
        "warnings": words,
        "versions": {name: importlib.metadata.version(name) for name in ("numpy", "scipy", "scikit-learn", "zarr")},
        "ended_at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
    }  # fmt: skip
    overall = result["overall"]
    lines = [f"{asked.kind} of {', '.join(asked.members)}: {len(present)} clips, {len(shared.classes)} classes"]
    lines += [f"warning: {word}" for word in words]
    lines += [
        f"done: macro-AP {overall['macro_ap']}, lwlrap {overall['lwlrap']} against label version {version.number}"
    ]
    stamp = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}"
    write_atomically(folder / "log.txt", "".join(f"{stamp} {line}\n" for line in lines).encode())
    _write_json(folder / "run.json", facts | outcome.facts)
    _write_json(folder / "metrics.json", result)
    report({"phase": "done", "fraction": 1.0})
    return result


def _overall(clipwise: Floats, ground: _Ground, *, whole: bool = False) -> dict[str, Any]:
    scores = metrics.score(clipwise, ground.present, ground.shared.classes, known=ground.known)
    return scores if whole else {"overall": scores["overall"]}


def fitting_folds(oofs: Sequence[Oof], shared: Shared, clips: Sequence[Clip]) -> NDArray[np.int32]:
    """Parts (N,) to cross-fit over: the common folds, else those of the first run that has any, else by group."""
    for fold in (shared.fold, *(oof.fold[rows] for oof, rows in zip(oofs, shared.rows, strict=True))):
        if fold.min() >= 0 and len(np.unique(fold)) > 1:
            return fold.astype(np.int32)
    return priors.group_folds(clips, shared.clip_ids.tolist())


def _made(asked: Combination, ground: _Ground) -> _Made:
    if asked.kind == STACK:
        return _stack(asked, ground)
    if asked.vote:
        return _vote(asked, ground)
    given = asked.given_weights()
    if given is not None:
        mean = ensemble.weighted_mean(ground.stack, given)
        return _Made(mean, lambda _, stack: ensemble.weighted_mean(stack, given), given.tolist())
    fold = ground.fold
    fitted = ensemble.cross_fit(ground.stack, ground.present, ground.known, fold, asked.objective)
    return _Made(
        fitted.clipwise,
        lambda index, stack: ensemble.weighted_mean(stack, fitted.of_fold[int(fold[index])]),
        fitted.weights.tolist(),
        {"fold_weights": {str(k): weights.tolist() for k, weights in fitted.of_fold.items()}},
        {"weights": fitted.gain},
    )


def _vote(asked: Combination, ground: _Ground) -> _Made:
    counted, shared = ground.stack, ground.shared
    if asked.frame_threshold:
        counted = counted.copy()
        for k, (oof, rows, columns) in enumerate(zip(ground.oofs, shared.rows, shared.columns, strict=True)):
            highest = summarise_frames(oof, np.zeros(len(oof.classes), np.float32)).maximum[np.ix_(rows, columns)]
            counted[k][highest < np.float32(asked.frame_threshold)] = 0.0
    share = ensemble.vote_share(counted, asked.threshold)
    chosen = share >= (asked.vote - 0.5) / len(counted)  # half a vote below, so that rounding counts none out
    hits = int((chosen & ground.present & ground.known).sum())
    predicted, listed = int((chosen & ground.known).sum()), int((ground.present & ground.known).sum())
    measured = {
        "votes": asked.vote,
        "precision": hits / predicted if predicted else None,
        "recall": hits / listed if listed else None,
        "micro_f1": 2 * hits / (predicted + listed) if predicted + listed else None,
    }
    least = asked.frame_threshold or asked.threshold
    nobody = [None] * len(counted)
    return _Made(share, lambda _, stack: ensemble.vote_share(stack, least), nobody, {}, {"vote": measured})


def _stack(asked: Combination, ground: _Ground) -> _Made:
    features, fold, measured = stacking.log_odds(ground.stack), ground.fold, {}
    noisy = None
    if asked.noisy:
        noisy, measured["noise_classifier"] = _noisy(ground)
        without = stacking.cross_stack(features, ground.present, ground.known, fold, per_class=asked.per_class)
        measured["without_is_noisy"] = _overall(without.clipwise, ground)["overall"]
        features = np.concatenate([features, noisy[None]])
    stack = stacking.cross_stack(features, ground.present, ground.known, fold, per_class=asked.per_class)

    def frames(index: int, frame_stack: Floats) -> Floats:
        values = stacking.log_odds(frame_stack)
        if noisy is not None:
            values = np.concatenate([values, np.broadcast_to(noisy[index], values[:1].shape)])
        return stack.of_fold[int(fold[index])].predict(values)

    mean = ensemble.weighted_mean(ground.stack, np.full(len(ground.stack), 1 / len(ground.stack)))
    measured["equal_weights"] = _overall(mean, ground)["overall"]
    facts = {
        "stack": {
            "intercept": stack.whole.intercept.tolist(),
            "coefficients": stack.whole.coefficients.tolist(),
            "classes_of_their_own": [c for c, own in zip(ground.shared.classes, stack.whole.own, strict=True) if own],
        }
    }
    return _Made(stack.clipwise, frames, [None] * len(ground.oofs), facts, measured)


def _noisy(ground: _Ground) -> tuple[Floats, dict[str, Any]]:
    """The noise classifier's view of every cell (N, C) by the first run, in log odds, and its report."""
    oof, rows, columns = ground.oofs[0], ground.shared.rows[0], ground.shared.columns[0]
    fold = np.full(len(oof), -1, np.int32)
    fold[rows] = ground.fold
    evidence, decided, truth = stacking.decided_cells(oof, ground.imported, ground.labels)
    decided[fold < 0] = False
    classifier = stacking.fit_noise_classifier(evidence, decided, truth, fold)
    return stacking.log_odds(classifier.is_noisy(evidence, fold)[np.ix_(rows, columns)]), classifier.report


def _post(asked: Combination, ground: _Ground, outcome: _Made) -> None:
    """Shift what was made, and keep how good it was before."""
    ids = ground.shared.clip_ids.tolist()
    fold_of = dict(zip(ids, ground.fold.tolist(), strict=True))
    collection = priors.collection_of(ground.labels, ground.clips, fold_of, ground.shared.classes)
    context = priors.context_for_clips(collection, ids, asked.strength)
    outcome.measured["without_post"] = _overall(outcome.clipwise, ground)["overall"]
    outcome.facts["post"] = {"names": list(asked.post), "strength": asked.strength}
    outcome.shift = priors.postprocess_shift(asked.post, outcome.clipwise, context)
    outcome.clipwise = priors.shifted(outcome.clipwise, outcome.shift)


def _write_json(path: Path, value: Mapping[str, Any]) -> None:
    write_atomically(path, json.dumps(value, indent=1, ensure_ascii=False).encode())
