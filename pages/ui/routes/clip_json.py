"""One clip as the player's scripts read it: a ClipView in plain values, with signed URLs of its sound and picture."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labeling.machine_labels import machine_text
from labeling.records import Box, Clip, Decision, FrameGrid, is_machine
from labeling.review import clip_view
from labeling.review.clip_view import CellView, ClipView
from labeling.review.curves import native_frames
from labeling.reviewer.marks import Mark
from labeling.sound.channels import channel_name
from pages.ui import signing
from pages.ui.shared import shapes

HIDING = {"blind": "A second look, blind", "audit": "Drawn at random"}  # modes that show the question alone


def clip_json(
    view: ClipView,
    marks: Sequence[Mark],
    secret: bytes,
    reviewer: str,
    *,
    mode: str = "",
    class_code: str = "",
) -> shapes.Clip:
    """What the browser gets of a clip.

    ``mode`` "blind" leaves nothing but the sound and the question whether ``class_code`` is heard: no name of the
    file, no labels, no scores; so does "audit". "again" leaves the history out; the view must not have seen what was
    said before (review.clip_view, ``unseen``).
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
        "run_id": view.run_id,
        "can_undo": view.can_undo,
        "steps": _steps(view.grid) or {"start_s": 0.0, "step_s": 1.0},
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
    return shown | {
        "lanes": [_lane(cell, view) for cell in view.cells],
        "candidates": [(code, finite(heard), why) for code, heard, why in view.offers],
        "compare_run": view.compare_run,
        "compare_steps": _steps(view.compare_grid),
        "history": [] if mode == "again" else _history(view, reviewer),
        "marks": [mark_json(mark) for mark in marks],
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
        "clipwise": None, "values": [], "onset_s": None, "offset_s": None, "p_wrong": None, "partner": "",
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
        "values": rounded(native_frames(cell.framewise, view.grid)) if view.grid else [],
        "onset_s": finite(suspect.onset_s) if suspect else None,
        "offset_s": finite(suspect.offset_s) if suspect else None,
        "p_wrong": finite(cell.probability),
        "support": cell.support,
        "partner": cell.partner,
        "threshold": finite(cell.threshold),
        "events": [box_json(box) for box in state.boxes if box.present],
        "quiet": [box_json(box) for box in state.boxes if not box.present],
        "compare": rounded(native_frames(cell.compare, view.compare_grid)) if compared and view.compare_grid else None,
        "spread": {"low": rounded(cell.spread.low), "high": rounded(cell.spread.high)} if cell.spread else None,
    }


def _steps(grid: FrameGrid | None) -> shapes.Steps | None:
    return {"start_s": grid.start_s, "step_s": grid.native_step_s} if grid else None


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


def mark_json(mark: Mark) -> shapes.Mark:
    """A mark that stands on a clip."""
    return {
        "id": mark.id, "kind": mark.kind, "text": mark.text, "reviewer": mark.reviewer, "created_at": mark.created_at,
    }  # fmt: skip


def box_json(box: Box) -> shapes.Box:
    """A box that stands on a cell."""
    region = box.region
    return {
        "position": box.position, "reviewer": box.reviewer, "onset_s": region.onset_s, "offset_s": region.offset_s,
        "low_hz": region.low_hz, "high_hz": region.high_hz,
    }  # fmt: skip


def rounded(values: NDArray[np.float32]) -> list[float]:
    """Probabilities to three places; what is not finite as 0."""
    return np.round(np.nan_to_num(values, nan=0.0, posinf=1.0, neginf=0.0).astype(np.float64), 3).tolist()  # type: ignore[no-any-return]


def finite(value: float | None) -> float | None:
    """A number that JSON can hold, or None."""
    return None if value is None or not math.isfinite(value) else float(value)
