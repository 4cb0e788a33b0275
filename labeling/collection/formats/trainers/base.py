"""What all these formats share: they are only written, and say of a clip all that is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from labeling.collection.annotation.base import (
    Format,
    Holds,
    ImportedTable,
    LabelledClip,
    LabelledEvent,
    Labelling,
    TableLabels,
    Written,
)
from labeling.errors import FormatError


def written_only(
    name: str,
    export: Callable[[Labelling, Path, Mapping[str, Any]], Written],
    about: str,
    holds: frozenset[Holds] = frozenset(Holds),
) -> Format:
    """A format that nothing is imported from: keep the labels in another one too."""

    def read(path: Path, audio: str | None, options: Mapping[str, Any]) -> ImportedTable:
        raise FormatError(f"{name} can only be written; import the collection that it was made of ({path})")

    def labels(data: bytes, options: Mapping[str, Any]) -> dict[str, TableLabels]:
        raise FormatError(f"{name} can only be written")

    needs = "an export: it is only written"
    return Format(
        name, needs, lambda path: None, read, labels, rank=99, export=export, holds=holds, about=about, reads=False
    )


def told(clip: LabelledClip) -> dict[str, Any]:
    """All that is known of a clip but for its sound, as JSON takes it."""
    said = {code: {"who": who.who, "confidence": who.confidence} for code, who in clip.imported.items()} | {
        code: {"who": who, "confidence": None} for code, who in clip.who.items()
    }
    return {
        "filename": clip.filename,
        "duration_s": clip.duration_s,
        "sample_rate": clip.sample_rate,
        "primary": clip.primary,
        "labels": list(clip.labels),
        "unsure": list(clip.unsure),
        "absent": list(clip.absent),
        "partial": clip.partial,
        "events": [told_event(event) for event in clip.events],
        "said_by": said,
        "group": clip.group,
        "fold": clip.fold,
        "metadata": dict(clip.metadata),
    }


def told_event(event: LabelledEvent) -> dict[str, Any]:
    """An event, in seconds and Hz."""
    region = event.region
    return {
        "class": event.code,
        "onset_s": region.onset_s,
        "offset_s": region.offset_s,
        "low_hz": region.low_hz,
        "high_hz": region.high_hz,
        "who": list(event.who),
        "confidence": event.confidence,
    }
