"""The clip player: spectrogram, sound, framewise lanes and verdict keys in one Streamlit component.

All that must answer at once happens in the browser (player*.js): colour, contrast, cursor, playing, focus, typing.
A decision goes to Python as one event; the player then waits until data come back that acknowledge it before it takes
the next one, so that fast presses neither double a verdict nor land on the wrong clip.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from labeling.errors import DataError
from labeling.records import KINDS, VERDICTS, FrameGrid, Region
from labeling.spectrogram import SpectrogramSettings, axis_edges, frequency_ticks

Action = Literal["decide", "add", "undo", "next", "previous"]
ACTIONS: tuple[Action, ...] = ("decide", "add", "undo", "next", "previous")

_FRONT = Path(__file__).parent / "front"
# Joined into one module, in this order; each file holds one concept.
_SCRIPTS = (
    "picture.js",
    "sound.js",
    "keys.js",
    "view.js",
    "add.js",
    "stage.js",
    "player.js",
)
_LONGEST_TEXT = 500
_STANDARD = SpectrogramSettings()


@dataclass(frozen=True)
class Lane:
    """One class under the picture.

    ``role`` is what the labels say now: ``primary``, ``secondary`` or "" (unlisted). ``kind`` is the doubt, one of
    records.KINDS, or "" where the model agrees. ``verdict`` is what was decided before, "" for nothing. ``clipwise``
    is None without predictions. ``values`` are framewise probabilities, one for each step of FrameSteps.
    ``onset_s``..``offset_s`` bound the frames that speak (None: the whole clip). ``partner`` is the display name of
    the other class of a swap; ``p_wrong`` the chance that the given label is wrong; ``reviewer`` who decided.
    """

    class_code: str
    name: str
    role: str = ""
    kind: str = ""
    verdict: str = ""
    clipwise: float | None = None
    values: tuple[float, ...] = ()
    onset_s: float | None = None
    offset_s: float | None = None
    p_wrong: float | None = None
    partner: str = ""
    reviewer: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain values for the browser."""
        return {
            "class": self.class_code,
            "name": self.name or self.class_code,
            "role": self.role,
            "kind": self.kind,
            "verdict": self.verdict,
            "clipwise": _finite(self.clipwise),
            "values": [round(float(v), 3) if math.isfinite(v) else 0.0 for v in self.values],
            "onset_s": _finite(self.onset_s),
            "offset_s": _finite(self.offset_s),
            "p_wrong": _finite(self.p_wrong),
            "partner": self.partner,
            "reviewer": self.reviewer,
        }


@dataclass(frozen=True)
class FrameSteps:
    """Where lane values lie in time: value t covers ``start_s + t * step_s`` to ``start_s + (t + 1) * step_s``.

    ``step_s`` is the network's own step (FrameGrid.native_step_s); see native_frames.
    """

    start_s: float = 0.0
    step_s: float = 1.0


@dataclass(frozen=True)
class Prefetch:
    """What a next clip will need, to be loaded ahead."""

    audio_url: str = ""
    picture_url: str = ""


@dataclass(frozen=True)
class PlayerData:
    """All that the player shows of one clip.

    Attributes:
        clip_id: the clip; every event names it, so that a stale one is recognised.
        revision: a word that differs after every event that was handled, also one that was refused; when it changes
            the player chooses its focus anew.
        title: the file name; subtitle: place in the queue and the like. Both are shown as plain text.
        duration_s: length of the sound; the picture and the lanes span it.
        audio_url, picture_url: signed URLs of the sound and the spectrogram ("" for none).
        settings, sample_rate: how the picture is drawn, for its axes.
        lanes: listed and suspected classes, in the order to show.
        steps: time of the lanes' values.
        focus: class code to put in focus on arrival ("": the first undecided suspect, else the first lane).
        seen_position: the journal's position when this was read; comes back with each event.
        run_id: the run whose predictions are shown; comes back with each event.
        classes_url: signed URL of the vocabulary (media.vocabulary_url), for typing.
        classes: ``(code, name)`` pairs in place of classes_url where the vocabulary is small.
        candidates: ``(code, clipwise)`` of likely unlisted classes, offered first when adding.
        prefetch: the next clips, nearest first.
        auto_next: whether the verdict on the last undecided suspect moves on; such an event has ``advance``.
        has_next, has_previous, can_undo: which of these are possible.
        autoplay: play on arrival.
        error: why this clip cannot be shown; stands in the picture's place.
        notice: a line about the last event (``saved``, or why it was refused); notice_level: ``info`` or ``warning``.
    """

    clip_id: int
    revision: str
    title: str
    duration_s: float
    audio_url: str = ""
    picture_url: str = ""
    subtitle: str = ""
    settings: SpectrogramSettings = _STANDARD
    sample_rate: int = 32_000
    lanes: tuple[Lane, ...] = ()
    steps: FrameSteps = FrameSteps()
    focus: str = ""
    seen_position: int | None = None
    run_id: str = ""
    classes_url: str = ""
    classes: tuple[tuple[str, str], ...] = ()
    candidates: tuple[tuple[str, float], ...] = ()
    prefetch: tuple[Prefetch, ...] = ()
    auto_next: bool = True
    has_next: bool = True
    has_previous: bool = False
    can_undo: bool = False
    autoplay: bool = False
    error: str = ""
    notice: str = ""
    notice_level: Literal["info", "warning"] = "info"

    def to_json(self) -> dict[str, Any]:
        """Plain values for the browser."""
        axis, error = None, self.error
        try:
            drawn = self.settings.for_sample_rate(self.sample_rate)
            bottom_hz, top_hz = axis_edges(drawn)
            ticks = [{"hz": hz, "at": round(at, 5)} for hz, at in frequency_ticks(drawn)]
            axis = {"kind": drawn.axis, "bottom_hz": bottom_hz, "top_hz": top_hz, "ticks": ticks}
        except DataError as problem:
            error = error or str(problem)
        return {
            "clip_id": self.clip_id,
            "revision": self.revision,
            "title": self.title,
            "subtitle": self.subtitle,
            "duration_s": _finite(self.duration_s) or 0.0,
            "audio_url": self.audio_url,
            "picture_url": self.picture_url,
            "axis": axis,
            "lanes": [lane.to_json() for lane in self.lanes],
            "steps": {"start_s": self.steps.start_s, "step_s": self.steps.step_s},
            "focus": self.focus,
            "seen_position": self.seen_position,
            "run_id": self.run_id,
            "classes_url": self.classes_url,
            "classes": [[code, name] for code, name in self.classes],
            "candidates": [[code, round(float(p), 3)] for code, p in self.candidates],
            "prefetch": [{"audio_url": p.audio_url, "picture_url": p.picture_url} for p in self.prefetch],
            "auto_next": self.auto_next,
            "has_next": self.has_next,
            "has_previous": self.has_previous,
            "can_undo": self.can_undo,
            "autoplay": self.autoplay,
            "error": error,
            "notice": self.notice,
            "notice_level": self.notice_level,
        }


@dataclass(frozen=True)
class PlayerEvent:
    """One press, as the browser sent it and parse_event checked it.

    ``class_code`` and ``verdict`` are set for ``decide`` and ``add`` (which is always ``present``). ``role`` and
    ``kind`` are what the lane showed. ``region`` is the stretch that was selected, if any. ``advance`` says that no
    undecided suspect is left after this verdict and the reviewer wants to move on.
    """

    event_id: str
    clip_id: int
    action: Action
    class_code: str = ""
    verdict: str = ""
    role: str = ""
    kind: str = ""
    region: Region | None = None
    seen_position: int | None = None
    run_id: str = ""
    advance: bool = False


def parse_event(raw: object) -> PlayerEvent | None:
    """Check what the browser sent; None for no event.

    Raises:
        DataError: it is not an event of this player; the message says what is wrong.
    """
    if raw is None:
        return None
    if not isinstance(raw, Mapping):
        raise DataError(f"player event is {type(raw).__name__}, not a mapping; reload the page")
    event_id = _text(raw, "event_id", 80)
    if not event_id or not all(sign.isalnum() or sign == "-" for sign in event_id) or not event_id.isascii():
        raise DataError(f"player event has event_id {event_id!r}; letters, digits and - are expected; reload the page")
    action = _one_of(raw, "action", ACTIONS)
    clip_id = raw.get("clip_id")
    if not isinstance(clip_id, int) or isinstance(clip_id, bool) or not 0 <= clip_id < 2**53:
        raise DataError(f"player event has clip_id {clip_id!r}; a whole number is expected; reload the page")
    seen = raw.get("seen_position")
    if seen is not None and (not isinstance(seen, int) or isinstance(seen, bool) or not 0 <= seen < 2**53):
        raise DataError(f"player event has seen_position {seen!r}; a whole number is expected; reload the page")
    class_code, verdict = "", ""
    if action in ("decide", "add"):
        class_code = _text(raw, "class", _LONGEST_TEXT)
        if not class_code:
            raise DataError(f"player event {action!r} names no class; reload the page")
        verdict = _one_of(raw, "verdict", VERDICTS)
        if action == "add" and verdict != "present":
            raise DataError(f"player event 'add' has verdict {verdict!r}; only 'present' can be added")
    return PlayerEvent(
        event_id=event_id,
        clip_id=clip_id,
        action=cast(Action, action),
        class_code=class_code,
        verdict=verdict,
        role=_one_of(raw, "role", ("", "primary", "secondary")),
        kind=_one_of(raw, "kind", ("", *KINDS)),
        region=_region(raw.get("region")),
        seen_position=seen,
        run_id=_text(raw, "run_id", _LONGEST_TEXT),
        advance=raw.get("advance") is True,
    )


def native_frames(framewise: NDArray[Any], grid: FrameGrid) -> tuple[NDArray[np.float32], FrameSteps]:
    """Framewise output (T,) or (T, C) at the network's own step, and where those steps lie.

    A network that repeats each of its outputs to fill a finer grid must not look as if it knew more: each native step
    is one value, the largest of the frames that it covers.
    """
    values = np.asarray(framewise, dtype=np.float32)
    frames_a_step = grid.native_step_s / grid.step_s
    count = max(1, math.ceil(values.shape[0] / frames_a_step - 1e-6)) if values.shape[0] else 0
    # a frame belongs to the step that its middle lies in
    starts = np.ceil(np.arange(count) * frames_a_step - 0.5 - 1e-6).astype(int).clip(0, max(0, values.shape[0] - 1))
    steps = FrameSteps(grid.start_s, grid.native_step_s)
    if count == 0:
        return values, steps
    return np.maximum.reduceat(values, starts, axis=0), steps


def clip_player(
    data: PlayerData,
    on_event: Callable[[PlayerEvent], None],
    key: str = "player",
    on_problem: Callable[[str], None] | None = None,
) -> None:
    """Show the player. ``on_event`` is called before the script runs again, so one rerun shows its outcome.

    An event that cannot be understood goes to ``on_problem`` as a message (default: a toast) and changes nothing. The
    player is told of an event as answered once ``on_event`` has returned; where that raises, it says after a while
    that the decision may not be saved, and can send the same event again.
    """
    import streamlit as st

    answered = f"{key}:answered"

    def handle() -> None:
        state = st.session_state.get(key)
        raw = state.get("event") if isinstance(state, Mapping) else None
        try:
            event = parse_event(raw)
        except DataError as error:
            (on_problem or st.toast)(str(error))
        else:
            if event is not None:
                on_event(event)
        st.session_state[answered] = str(raw.get("event_id", "")) if isinstance(raw, Mapping) else ""

    shown = data.to_json() | {"answered": st.session_state.get(answered, "")}
    _component()(data=shown, key=key, on_event_change=handle)


def read_script() -> str:
    """The player's JavaScript, its files joined into one module."""
    return "\n".join((_FRONT / name).read_text(encoding="utf-8") for name in _SCRIPTS)


_registered: Any = None


def _component() -> Any:
    """The component, registered once a process."""
    global _registered
    if _registered is None:
        import streamlit as st

        css = (_FRONT / "player.css").read_text(encoding="utf-8")
        _registered = st.components.v2.component("earmark_player", css=css, js=read_script(), isolate_styles=True)
    return _registered


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)


def _text(raw: Mapping[str, Any], name: str, longest: int) -> str:
    value = raw.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > longest:
        raise DataError(f"player event has {name} {str(value)[:40]!r}; a text of at most {longest} signs is expected")
    return value


def _one_of(raw: Mapping[str, Any], name: str, allowed: tuple[str, ...]) -> str:
    value = _text(raw, name, _LONGEST_TEXT)
    if value not in allowed:
        raise DataError(f"player event has {name} {value!r}; choose from {', '.join(a or '(none)' for a in allowed)}")
    return value


def _region(raw: object) -> Region | None:
    if raw is None:
        return None
    if not isinstance(raw, Mapping):
        raise DataError(f"player event has region {str(raw)[:40]!r}; onset_s and offset_s are expected")
    bounds: dict[str, float | None] = {}
    for name in ("onset_s", "offset_s", "low_hz", "high_hz"):
        value = raw.get(name)
        if value is not None and (not isinstance(value, int | float) or isinstance(value, bool)):
            raise DataError(f"player event has region {name} {str(value)[:40]!r}; a number is expected")
        if value is not None and not abs(value) < 1e9:
            raise DataError(f"player event has region {name} {repr(value)[:40]}; a number below 1e9 is expected")
        bounds[name] = None if value is None else float(value)
    onset_s, offset_s = bounds["onset_s"], bounds["offset_s"]
    if onset_s is None or offset_s is None:
        raise DataError("player event has a region without onset_s or offset_s; give both in seconds")
    return Region(onset_s, offset_s, bounds["low_hz"], bounds["high_hz"])
