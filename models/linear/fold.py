"""Train the head of one fold, predict the fold's clips with it, and keep what it leaves as evidence."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from labeling.predictions import metrics
from labeling.records import Clip, FrameGrid
from models.config import Recipe
from models.evidence.dynamics import DynamicsRecorder
from models.evidence.embeddings import Neighbours, Peak, Stretches, neighbours_among, pick
from models.folds.task import ALL_DATA, Task
from models.linear.bags import Bags, Lesson
from models.linear.choosing import STRENGTHS, choose, cleaned, inner_folds
from models.linear.head import Floats, Head, first_head, fit_head, log_loss, probability
from models.prediction.windows import fill_gaps, n_output_frames

MOST_CANDIDATES = 24
Report = Callable[[float], None]


@dataclass(frozen=True)
class LinearData:
    """What the heads of a run share. By clip (N,): ``bags``, and of ``clips`` each ``group``; ``present``, ``known``
    (N, C). The ``lesson`` is that of all clips."""

    clips: Sequence[Clip]
    bags: Bags
    lesson: Lesson
    present: NDArray[np.bool_]
    known: NDArray[np.bool_]
    group: NDArray[np.int64]
    classes: tuple[str, ...]
    grid: FrameGrid


@dataclass(frozen=True)
class TrainedHead:
    """A head, its curves as rows of history.csv, how it was trained in a line, and what was learned on the way."""

    head: Head
    history: list[dict[str, Any]]
    words: str
    dynamics: DynamicsRecorder | None


def train_head(
    recipe: Recipe, data: LinearData, task: Task, report: Report, should_stop: Callable[[], bool]
) -> TrainedHead:
    """Train one fold's head: choose the strength by inner folds, then fit heads of falling strengths down to it.

    Each of these is an epoch of the curves and of the training dynamics: labels that fit the sound are learned while
    the weights are held strongly, wrong ones late. Raises Stopped.
    """
    config, rows = recipe.linear, task.rows
    lesson = _lesson_of(data, rows)
    inner = inner_folds(data.group[rows], data.present[rows], config.inner_folds, recipe.train.seed)
    chosen = choose(lesson, inner, config, should_stop)
    report(0.6)
    words = f"strength {chosen.strength:g}"
    strengths = [strength for strength in STRENGTHS if strength > chosen.strength] + [chosen.strength]
    dynamics = None
    if recipe.train.dynamics and task.fold != ALL_DATA:
        dynamics = DynamicsRecorder(rows, data.present[rows])
    begin = first_head(lesson.bags.vectors, len(data.classes), config.sharpness)
    train_bags, valid_bags = data.bags.take(rows), data.bags.take(task.valid_rows)
    history: list[dict[str, Any]] = []
    for number, strength in enumerate(strengths):
        started = time.monotonic()
        begin = fit_head(lesson, strength, config.sharpness, begin, should_stop)
        logits = begin.clip_logits(train_bags)
        if dynamics is not None:
            dynamics.begin_epoch()
            dynamics.add(rows, np.ones(len(rows), dtype=bool), torch.from_numpy(logits))
            dynamics.end_epoch(late=2 * number >= len(strengths) - 1)
        history.append(_row(data, task, number + 1, begin, lesson, logits, valid_bags, started))
        report(0.6 + 0.3 * (number + 1) / len(strengths))
    if config.cleaning:
        lesson, softened = cleaned(lesson, chosen, config.cleaning)
        begin = fit_head(lesson, chosen.strength, config.sharpness, begin, should_stop)
        logits = begin.clip_logits(train_bags)
        history.append(_row(data, task, len(history) + 1, begin, lesson, logits, valid_bags, time.monotonic()))
        words += f", {softened} doubted targets softened"
    return TrainedHead(begin, history, words, dynamics)


def _lesson_of(data: LinearData, rows: NDArray[np.int64]) -> Lesson:
    """What the clips ``rows`` teach, with the clips counted anew in that order."""
    inside = np.zeros(len(data.clips), dtype=bool)
    inside[rows] = True
    part = data.lesson.of_clips(inside)
    place = np.cumsum(inside) - 1
    return replace(part, clip=place[part.clip])


def _row(
    data: LinearData, task: Task, epoch: int, head: Head, lesson: Lesson, logits: Floats, valid: Bags, started: float
) -> dict[str, Any]:
    """One row of history.csv."""
    n = len(logits)
    row: dict[str, Any] = {"fold": task.fold, "member": task.member, "stage": "head", "epoch": epoch, "step": epoch}
    train_loss = float(log_loss(logits, lesson.targets[:n], lesson.weight[:n]).mean())
    row |= {"lr": None, "train_loss": train_loss, "valid_loss": None, "valid_macro_ap": None}
    if len(task.valid_rows):
        held_out = head.clip_logits(valid)
        present, known = data.present[task.valid_rows], data.known[task.valid_rows]
        row["valid_loss"] = float(log_loss(held_out, present.astype(np.float32), known.astype(np.float32)).mean())
        score = metrics.score(probability(held_out), present, data.classes, known=known)
        row["valid_macro_ap"] = score["overall"]["macro_ap"]
    return row | {"seconds": round(time.monotonic() - started, 3)}


def predict_bags(
    heads: Sequence[Head], bags: Bags, duration_s: Sequence[float], grid: FrameGrid
) -> tuple[Floats, list[Floats]]:
    """Clipwise (N, C) and framewise, (T, C) a clip, the mean over heads. No bag is empty."""
    clipwise = _mean([probability(head.clip_logits(bags)) for head in heads])
    stretch = _mean([probability(head.stretch_logits(bags.vectors)) for head in heads])
    frames = []
    for k, length in enumerate(duration_s):
        inside = slice(int(bags.first[k]), int(bags.first[k + 1]))
        frames.append(frames_of(stretch[inside], bags.onset_s[inside], bags.offset_s[inside], length, grid))
    return clipwise, frames


def _mean(parts: Sequence[Floats]) -> Floats:
    return np.asarray(np.mean(np.stack(parts), axis=0, dtype=np.float64), dtype=np.float32)


def frames_of(
    stretch: Floats, onset_s: NDArray[np.float32], offset_s: NDArray[np.float32], duration_s: float, grid: FrameGrid
) -> Floats:
    """Frames (T, C) of a clip from its stretches' probabilities (n, C): the highest of those that cover half of a frame
    or more, so that a stretch is drawn as long as it is."""
    count = n_output_frames(duration_s, grid)
    first = np.minimum(np.floor(onset_s / grid.step_s + 0.5).astype(np.int64), count - 1)
    end = np.maximum(first + 1, np.minimum(np.floor(offset_s / grid.step_s + 0.5).astype(np.int64), count))
    frames = np.zeros((count, stretch.shape[1]), np.float32)
    covered = np.zeros(count, dtype=bool)
    for shift in range(int((end - first).max(initial=0))):
        on = first + shift < end
        np.maximum.at(frames, first[on] + shift, stretch[on])
        covered[first[on] + shift] = True
    return fill_gaps(frames, covered) if covered.any() else frames


def head_neighbours(
    head: Head, data: LinearData, task: Task, k: int, apart: int, should_stop: Callable[[], bool] = lambda: False
) -> Neighbours:
    """The training clips whose stretches are most like those of the fold's clips where a class is at its highest.

    Alike is the mean of two cosines, that of the frozen vectors and that of the head's logits: the frozen model tells
    apart much that no class here is about (rooms, recorders, hum), and the head only what its labels taught. Stretches
    of one clip that are ``apart`` or fewer places apart overlap, and count as the same sound. Raises Stopped.
    """
    ids = np.array([clip.id for clip in data.clips], dtype=np.int64)
    held_out, training = (_stretches(head, data.bags.take(rows), apart) for rows in (task.valid_rows, task.rows))
    if len(training.place):
        usual = training.vectors.mean(0, dtype=np.float32), head.stretch_logits(training.vectors).mean(0)
        held_out, training = (_as_told_apart(head, stretches, *usual) for stretches in (held_out, training))
    device = torch.device("cpu")
    return neighbours_among(held_out, training, ids[task.valid_rows], ids[task.rows], k, device, should_stop)


def _as_told_apart(head: Head, stretches: Stretches, usual_vector: Floats, usual_logits: Floats) -> Stretches:
    """Stretches with vectors (S, D + C), whose cosine is the mean of those of vectors and of logits, each less what is
    usual."""
    logits = head.stretch_logits(stretches.vectors)
    parts = [stretches.vectors - usual_vector, logits - usual_logits]
    units = [part / np.maximum(np.linalg.norm(part, axis=1, keepdims=True), 1e-12) for part in parts]
    return replace(stretches, vectors=(np.concatenate(units, axis=1) / np.sqrt(2)).astype(np.float16))


def _stretches(head: Head, bags: Bags, apart: int) -> Stretches:
    """Of each bag the stretches where a class is at its highest, the highest classes first."""
    logits = head.stretch_logits(bags.vectors)
    place, class_id, row = [], [], []
    for number in range(len(bags)):
        first, last = int(bags.first[number]), int(bags.first[number + 1])
        best = logits[first:last].argmax(0)
        value = logits[first + best, np.arange(len(best))]
        likely = np.argsort(-value, kind="stable")[:MOST_CANDIDATES]
        nothing = np.zeros(0, np.float16)
        for peak in pick([Peak(float(value[c]), int(c), int(best[c]), nothing) for c in likely], apart):
            place.append(number)
            class_id.append(peak.class_id)
            row.append(first + peak.frame)
    rows = np.array(row, dtype=np.int64)
    return Stretches(
        np.array(place, dtype=np.int64),
        np.array(class_id, dtype=np.int32),
        bags.onset_s[rows].astype(np.float32),
        np.asarray(bags.vectors[rows], dtype=np.float16),
    )


def head_file(folder: Path, task: Task) -> Path:
    """Where a head lies, as a network's only snapshot would."""
    return folder / f"{task.name}.s0.safetensors"
