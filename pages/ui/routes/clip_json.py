"""One clip as the player's scripts read it: a ClipView in plain values, with signed URLs of its sound and picture."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labeling.agreement.disagreements import Side
from labeling.errors import DataError
from labeling.machine_labels import machine_text
from labeling.records import MOST_ID, Box, Clip, Decision, FrameGrid, is_machine
from labeling.review import clip_view, curves
from labeling.review.clip_view import CellView, ClipView
from labeling.review.curves import native_frames
from labeling.review.pooling import POOL, TILE_STEPS, first_level, pooled, whole_numbers
from labeling.reviewer.marks import Mark
from labeling.sound.channels import channel_name
from labeling.workspace import Workspace
from pages.ui import signing
from pages.ui.player import events
from pages.ui.routes.marks_json import mark_json
from pages.ui.shared import shapes

MOST_LANES = 64  # of one tile
BLIND = "A second look, blind"  # nor is it said which of the two it is: who is told thinks twice
HIDING = {"blind": BLIND, "doubted": BLIND, "audit": "Drawn at random"}  # modes that show the question alone


def clip_json(
    view: ClipView,
    marks: Sequence[Mark],
    secret: bytes,
    reviewer: str,
    *,
    mode: str = "",
    class_code: str = "",
    sides: Sequence[Side] | None = None,
    names: Sequence[str] = (),
) -> shapes.Clip:
    """What the browser gets of a clip.

    ``mode`` "blind" leaves nothing but the sound and the question whether ``class_code`` is heard: no name of the
    file, no labels, no scores; so do "doubted" and "audit". "again" leaves the history out; the view must not have seen
    what was said before (review.clip_view, ``unseen``). "adjudicate" shows all, the class in question first, and the
    ``sides``, what each says of it. ``names`` are those who may be called in notes.
    """
    clip = view.clip
    shown: shapes.Clip = {
        "clip_id": clip.id,
        "mode": mode,
        "title": clip.filename,
        "duration_s": finite(clip.duration_s) or 0.0,
        "sample_rate": clip.sample_rate or 32_000,
        "channel": clip.channel,
        "channels": [channel_name(number, clip.channels) for number in range(clip.channels + 1)]
        if clip.channels > 1
        else [],
        "error": "" if clip.usable else _error(clip, blind=mode in HIDING),
        "audio_url": signing.audio_url(secret, clip.id, clip.channel) if clip.usable else "",
        "tile_url": signing.tile_url(secret, clip.id, clip.channel) if clip.usable else "",
        "peaks_url": signing.peaks_url(secret, clip.id, clip.channel) if clip.usable else "",
        "seen_position": view.position,
        "version": view.version,
        "independent": view.independent,
        "run_id": view.run_id,
        "can_undo": view.can_undo,
        "steps": _steps(view.grid, [cell.framewise for cell in view.cells])
        or {"start_s": 0.0, "step_s": 1.0, "count": 0, "level": 0},
        "compare_run": "",
        "compare_steps": None,
        "look": signing.look_token(secret, reviewer, clip.id, mode, class_code) if mode else "",
        "classes_url": signing.vocabulary_url(secret, f"{view.n_classes}-{view.n_new}"),
        "lanes": [],
        "candidates": [],
        "history": [],
        "marks": [],
        "metadata": {},
    }
    if mode in HIDING:
        asked = next((cell for cell in view.cells if cell.class_code == class_code), None)
        lane = blank_lane(class_code, asked.name if asked else class_code)
        return shown | {"title": HIDING[mode], "lanes": [lane]}
    if sides is not None:
        shown = shown | {"sides": [side_json(side) for side in sides]}
    asked_first = sorted(view.cells, key=lambda cell: cell.class_code != class_code)  # of none, in their order
    return shown | {
        "lanes": [_lane(cell, view) for cell in (asked_first if sides is not None else view.cells)],
        "candidates": [(code, finite(heard), why) for code, heard, why in view.offers],
        "compare_run": view.compare_run,
        "compare_steps": _steps(view.compare_grid, [cell.compare for cell in view.cells]),
        "history": [] if mode == "again" else _history(view, reviewer),
        "marks": [mark_json(mark, names) for mark in marks],
        "metadata": {
            "file": clip.path,
            "duration": f"{clip.duration_s:.2f} s",
            "sample rate": f"{clip.sample_rate} Hz",
            "channels": str(clip.channels)
            + (f", {channel_name(clip.channel, clip.channels)} used" if clip.channel else ""),
            "group": clip.group or "none known",
            **{str(name): str(value) for name, value in clip.metadata.items()},
        },
    }


def _error(clip: Clip, *, blind: bool) -> str:
    """Why a clip cannot be used; asked blind without the reason, which may name the file."""
    return f"this clip is {clip.status}" if blind or not clip.reason else clip.reason


def blank_lane(class_code: str, name: str) -> shapes.Lane:
    """A lane that tells nothing but the class."""
    return {
        "class": class_code, "name": name, "role": "", "kind": "", "verdict": "", "machine": "", "reviewer": "",
        "clipwise": None, "values": "", "onset_s": None, "offset_s": None, "p_wrong": None, "partner": "",
        "threshold": None, "events": [], "quiet": [], "compare": None, "spread": None, "support": "", "is_new": False,
    }  # fmt: skip


def _lane(cell: CellView, view: ClipView) -> shapes.Lane:
    suspect, state = cell.suspect, cell.state
    compared = view.compare_grid is not None and cell.compare.size > 0
    return blank_lane(cell.class_code, cell.name or cell.class_code) | {
        "role": cell.role,
        "is_new": cell.is_new,
        "kind": suspect.kind if suspect else "",
        "verdict": state.verdict,
        "machine": state.machine,
        "reviewer": machine_text(state.reviewer) if state.machine else state.reviewer if state.verdict else "",
        "clipwise": finite(cell.clipwise),
        "values": packed(native_frames(cell.framewise, view.grid)) if view.grid else "",
        "onset_s": finite(suspect.onset_s) if suspect else None,
        "offset_s": finite(suspect.offset_s) if suspect else None,
        "p_wrong": finite(cell.probability),
        "support": cell.support,
        "partner": cell.partner,
        "threshold": finite(cell.threshold),
        "events": [box_json(box) for box in state.boxes if box.present],
        "quiet": [box_json(box) for box in state.boxes if not box.present],
        "compare": packed(native_frames(cell.compare, view.compare_grid)) if compared and view.compare_grid else None,
        "spread": {"low": packed(cell.spread.low, lowest=True), "high": packed(cell.spread.high)}
        if cell.spread
        else None,
    }


def _steps(grid: FrameGrid | None, lanes: Sequence[NDArray[np.float32]]) -> shapes.Steps | None:
    if grid is None:
        return None
    count = next((len(native_frames(curve, grid)) for curve in lanes if len(curve)), 0)
    return {"start_s": grid.start_s, "step_s": grid.native_step_s, "count": count, "level": first_level(count)}


def _history(view: ClipView, reviewer: str) -> list[shapes.Entry]:
    """The journal of a clip as the page tells it, newest first."""
    entries = {entry.position: entry for entry in view.history}
    return [_entry(row, entries[row["position"]], reviewer) for row in clip_view.history_rows(view)]


def _entry(row: Mapping[str, Any], entry: Decision, reviewer: str) -> shapes.Entry:
    text = f"{row['what']}: {row['note']}" if row["note"] else row["what"]
    who = row["reviewer"]
    if is_machine(who):
        by_run = f" by run {entry.run_id}" if entry.run_id else ""
        who = f"{machine_text(who)}{by_run}, heard by nobody"
        if entry.undoes is None:
            probability = entry.shown.probability
            text = "added" if entry.verdict == "present" else "removed"
            text = row["what"] if entry.region else text
            text += f", probability {probability:.2f}" if probability is not None else ""
    mine = row["reviewer"] == reviewer and row["undoes"] is None
    return {
        "position": row["position"], "created_at": row["created_at"], "class": row["class"], "name": row["name"],
        "standing": row["standing"], "reviewer": who, "text": text, "shown": row["screen"], "can_undo": mine,
    }  # fmt: skip


def side_json(side: Side) -> shapes.Side:
    """What one person says of a cell on which people disagree."""
    return {
        "reviewer": side.reviewer, "verdict": side.verdict, "created_at": side.created_at, "notes": list(side.notes),
        "boxes": [box_json(box) for box in side.boxes], "had_seen": side.had_seen,
        "is_adjudication": side.is_adjudication,
    }  # fmt: skip


def box_json(box: Box) -> shapes.Box:
    """A box that stands on a cell."""
    region = box.region
    return {
        "position": box.position, "reviewer": box.reviewer, "onset_s": region.onset_s, "offset_s": region.offset_s,
        "low_hz": region.low_hz, "high_hz": region.high_hz,
    }  # fmt: skip


def packed(values: NDArray[np.float32], *, lowest: bool = False) -> str:
    """Probabilities (S,) at the finest level that is sent whole, as shapes.Lane has them."""
    return base64.b64encode(whole_numbers(pooled(values, first_level(len(values)), lowest=lowest)).tobytes()).decode()


def lanes_bytes(workspace: Workspace, clip_id: int, query: Mapping[str, str]) -> bytes:
    """What `GET /api/clips/ID/lanes` answers: a tile of what the lanes of a long recording show, at a level.

    ``codes`` are the classes, K of them, as JSON; ``run`` is whose. One curve after the other, (K, n) uint16 each: the
    values, and where ``spread`` is 1 the lowest and the highest of all runs (zeros where there is no other).
    """
    level, index = events.number_in(query, "level", 8), events.number_in(query, "index", MOST_ID)
    codes, spread = _codes(query.get("codes", "")), query.get("spread") == "1"
    with workspace.read() as connection:
        stack = curves.stack(
            workspace, connection, events.text_of(query, "run", 200), clip_id, codes, spread_too=spread
        )
    if stack is None:
        raise DataError(f"no predictions of clip {clip_id} by this run; reload the page")
    steps = slice(index * TILE_STEPS * POOL**level, (index + 1) * TILE_STEPS * POOL**level)
    parts = [pooled(stack.values[steps], level)]
    if spread:
        none = np.zeros_like(stack.values[steps])
        parts.append(pooled(none if stack.low is None else stack.low[steps], level, lowest=True))
        parts.append(pooled(none if stack.high is None else stack.high[steps], level))
    return b"".join(np.ascontiguousarray(part.T).tobytes() for part in parts)


def _codes(text: str) -> list[str]:
    try:
        codes = json.loads(text)
    except (ValueError, RecursionError):
        codes = None
    if (
        not isinstance(codes, list)
        or not 1 <= len(codes) <= MOST_LANES
        or not all(isinstance(one, str) for one in codes)
    ):
        raise DataError(f"codes are no list of 1 to {MOST_LANES} classes; reload the page")
    return list(codes)


def finite(value: float | None) -> float | None:
    """A number that JSON can hold, or None."""
    return None if value is None or not math.isfinite(value) else float(value)
