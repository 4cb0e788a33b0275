"""A table of the labels of any collection, made anew in the columns of a format: a row a clip, or a row an event."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from labeling.collection.annotation.base import Holds, LabelledClip, Labelling, NotHeld, Written, label
from labeling.collection.tabular.lists import ListStyle, bracketed, parse_list
from labeling.file_names import without_suffix
from labeling.records import Region
from labeling.storage.files import write_atomically

PARTING = ";|,"
LIST = ListStyle()


@dataclass(frozen=True)
class NewTable:
    """The columns of a table that is made anew, by their headings ("" = it has none such).

    Attributes:
        columns: all of them, in their order.
        path: the clip's name, without its suffix where ``stem`` says so.
        label: one label a row: the primary, or the first of those that the row may have.
        labels: all labels, but for the one in ``label`` where ``apart``.
        separator: what parts them, ``list`` for Python's lists, "" to choose by the labels.
        times: onset and offset in seconds, perhaps low and high in Hz: then each event has a row of its own.
        number: a number of the class, 0 for the first by its name.
        texts: by heading, what a column shows of a class; of several, in a list as the labels are.
        more: whether the clips' other columns follow.
        optional: columns that are left out where no clip has anything in them.
    """

    columns: tuple[str, ...]
    path: str
    label: str = ""
    labels: str = ""
    separator: str = ""
    group: str = ""
    fold: str = ""
    times: tuple[str, ...] = ()
    number: str = ""
    texts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    stem: bool = False
    apart: bool = False
    more: bool = False
    optional: tuple[str, ...] = ()

    @property
    def holds(self) -> frozenset[Holds]:
        """What such a table says."""
        own = {Holds.TIMELESS, Holds.NOTHING}
        own |= {Holds.SEVERAL} if self.labels or self.times else set()
        own |= {Holds.PRIMARY} if self.label and self.labels else set()
        own |= {Holds.TIMES} if self.times else set()
        own |= {Holds.BANDS} if len(self.times) == 4 else set()
        own |= {Holds.GROUP} if self.group else set()
        own |= {Holds.FOLD} if self.fold else set()
        return frozenset(own | ({Holds.METADATA} if self.more else set()))


def write_new(labelling: Labelling, new: NewTable, name: str, out_dir: Path) -> Written:
    """Write ``name`` below ``out_dir`` with the labels of a collection; ``.tsv`` and ``.txt`` are parted by tabs.

    A label that a cell cannot hold is left out and told (`Written.not_held`): it would be read as something else.
    """
    separator = new.separator or _separator(labelling.clips)
    headings = [
        heading for heading in new.columns if heading not in new.optional or _used(labelling.clips, new, heading)
    ]
    if new.more:
        known = {heading.lower() for heading in headings}
        others = dict.fromkeys(key for clip in labelling.clips for key in clip.metadata if key.strip() == key != "")
        for key in others:
            if key.lower() not in known:
                headings.append(key)
                known.add(key.lower())
    not_held: list[NotHeld] = []
    numbers = {code: str(number) for number, code in enumerate(sorted(_codes(labelling.clips)))}
    texts = {**new.texts, **({new.number: numbers} if new.number else {})}
    lines = _Lines()
    writer = csv.writer(lines, delimiter="\t" if name.endswith((".tsv", ".txt")) else ",", lineterminator="\r\n")
    writer.writerow(headings)
    refusal = _refusal(new, separator)
    for clip in labelling.clips:
        refused = {code: why for code in clip.labels if (why := refusal(code))}
        not_held += [NotHeld(clip.filename, code, "present", why) for code, why in refused.items()]
        for row in _rows(clip, new, tuple(code for code in clip.labels if code not in refused), separator, texts):
            writer.writerow([row.get(heading, clip.metadata.get(heading, "")) for heading in headings])
    content = "".join(lines).encode(errors="backslashreplace")
    return Written((write_atomically(out_dir / name, content),), tuple(not_held))


def _rows(
    clip: LabelledClip, new: NewTable, codes: Sequence[str], separator: str, texts: Mapping[str, Mapping[str, str]]
) -> Iterator[dict[str, str]]:
    whole = {new.path: without_suffix(clip.filename) if new.stem else clip.filename}
    whole |= {heading: text for heading, text in ((new.group, clip.group), (new.fold, clip.fold)) if heading}

    def row(own: Sequence[str], primary: str, region: Region | None = None) -> dict[str, str]:
        rest = [code for code in own if not (new.apart and code == primary)]
        cells = {new.label: primary} if new.label else {}
        cells |= {new.labels: joined(rest, separator)} if new.labels else {}
        for heading, text_of in texts.items():
            shown = [text_of.get(code, "") for code in (rest if new.labels else [primary])]
            cells[heading] = joined(shown, separator) if any(shown) else ""  # each at its label's place
        if region is not None:
            values = (region.onset_s, region.offset_s, region.low_hz, region.high_hz)
            pairs = zip(new.times, values, strict=False)
            cells |= {heading: f"{value:.10g}" for heading, value in pairs if value is not None}
        return whole | dict.fromkeys(new.times, "") | cells

    primary = clip.primary if clip.primary in codes else ""
    if not new.times:
        yield row(codes, primary or ("" if new.labels and not new.apart else next(iter(codes), "")))
        return
    timed = [event for event in clip.events if event.code in codes]
    for event in timed:
        yield row((event.code,), event.code, event.region)
    timeless = [code for code in codes if code not in {event.code for event in timed}]
    for code in timeless or ([] if timed else [""]):  # a clip in which nothing was heard has a row without a label
        if code or clip.heard:
            yield row((code,) if code else (), code)


def joined(codes: Sequence[str], separator: str) -> str:
    """A cell of labels."""
    return LIST.write(codes) if separator == "list" else separator.join(codes)


def _refusal(new: NewTable, separator: str) -> Callable[[str], str]:
    """Why a label cannot stand in such a table ("" = it can): it must be read as it was written."""

    def refusal(code: str) -> str:
        if new.labels and separator == "list":
            return "" if parse_list(LIST.write([code])) == [code] else "no list can hold it"
        if new.labels and (sign := next((sign for sign in (separator, *PARTING) if sign in code), "")):
            return f"labels of {new.labels!r} may be parted by {sign!r}, which this one holds"
        if bracketed(code) or label(code) != code:
            return f"the column {new.label or new.labels!r} cannot hold it"
        return ""

    return refusal


def _separator(clips: Iterable[LabelledClip]) -> str:
    """What parts labels: ``;`` where that is plain to whoever reads the table, else Python's lists."""
    several = False
    for clip in clips:
        several |= len(clip.labels) > 1
        if any(any(sign in code for sign in ";|,[]{}'\"") or bracketed(code) for code in clip.labels):
            return "list"
    return ";" if several or not any(" " in code for clip in clips for code in clip.labels) else "list"


def _used(clips: Iterable[LabelledClip], new: NewTable, heading: str) -> bool:
    values = {new.group: "group", new.fold: "fold", new.label: "primary"}
    return any(getattr(clip, values[heading]) for clip in clips)


def _codes(clips: Iterable[LabelledClip]) -> set[str]:
    return {code for clip in clips for code in clip.labels}


class _Lines(list[str]):
    """What a csv writer writes to; lines end in a line feed."""

    def write(self, line: str) -> None:
        self.append(line.removesuffix("\r\n") + "\n")
