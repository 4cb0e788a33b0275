"""What a format cannot hold of some labels, told cell by cell or in a sentence: nothing is left out in silence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from labeling.collection.annotation.base import Format, Holds, LabelledClip, Labelling, NotHeld


def losses(labelling: Labelling, format: Format) -> tuple[tuple[NotHeld, ...], tuple[str, ...]]:
    """The cells that an export to this format does not tell, and sentences on what else it does not.

    A cell without a class is about the clip as a whole.
    """
    lacking = frozenset(Holds) - format.holds
    cells = tuple(cell for clip in labelling.clips for cell in _of_clip(clip, format.name, lacking))
    return cells, tuple(_sentences(labelling.clips, format.name, lacking))


def _of_clip(clip: LabelledClip, name: str, lacking: frozenset[Holds]) -> Iterator[NotHeld]:
    def cells(codes: Iterable[str], now: str, why: str) -> Iterator[NotHeld]:
        return (NotHeld(clip.filename, code, now, why) for code in codes)

    if Holds.SEVERAL in lacking:
        yield from cells(clip.labels[1:], "secondary", f"{name} holds one label a clip")
    if Holds.TIMELESS in lacking:
        codes = clip.timeless[:1] if Holds.SEVERAL in lacking else clip.timeless
        yield from cells(codes, "present", f"{name} holds no label without a time")
    if Holds.UNSURE in lacking:
        yield from cells(clip.unsure, "unsure", f"{name} cannot say unsure")
    if Holds.ABSENT in lacking and clip.partial:  # of other clips, what is no label is absent
        yield from cells(clip.absent, "absent", f"{name} cannot say absent")
    if Holds.PARTIAL in lacking and clip.partial and (clip.heard or Holds.UNHEARD in lacking):
        yield NotHeld(clip.filename, "", "not listened for", f"{name} cannot say that other classes are not known")
    if Holds.NOTHING in lacking and clip.heard and not clip.labels and not clip.partial:
        yield NotHeld(clip.filename, "", "nothing was heard", f"{name} cannot tell it from a clip that is left out")


def _sentences(clips: tuple[LabelledClip, ...], name: str, lacking: frozenset[Holds]) -> Iterator[str]:
    events = [event for clip in clips for event in clip.events]
    counts = {
        Holds.PRIMARY: sum(bool(clip.primary) for clip in clips if len(clip.labels) > 1),
        Holds.TIMES: len(events),
        Holds.BANDS: sum(event.region.low_hz is not None for event in events),
        Holds.WHO: sum(bool(event.who) for event in events) + sum(len(clip.who) + len(clip.imported) for clip in clips),
        Holds.CONFIDENCE: sum(event.confidence is not None for event in events)
        + sum(said.confidence is not None for clip in clips for said in clip.imported.values()),
        Holds.GROUP: sum(bool(clip.group) for clip in clips),
        Holds.FOLD: sum(bool(clip.fold) for clip in clips),
        Holds.METADATA: sum(any(clip.metadata.values()) for clip in clips),
    }
    words = {
        Holds.PRIMARY: "clips with several labels: which of them is the primary",
        Holds.TIMES: "times of labels (they are in strong_labels.csv)",
        Holds.BANDS: "bands of labels (they are in strong_labels.csv)",
        Holds.WHO: "labels: who said them",
        Holds.CONFIDENCE: "labels: how sure they were",
        Holds.GROUP: "clips: their group",
        Holds.FOLD: "clips: their fold",
        Holds.METADATA: "clips: their other columns",
    }
    left = [f"{counts[what]:,} {words[what]}" for what in words if what in lacking and counts[what]]
    if left:
        yield f"{name} does not hold, of {'; of '.join(left)}."
