"""The formats as a page for people: made from the registry, so that it tells of what is there and of nothing else."""

from __future__ import annotations

import textwrap

from labeling.collection.annotation.base import Format, Holds
from labeling.collection.formats import formats

SHORT = {
    Holds.SEVERAL: "several",
    Holds.PRIMARY: "primary",
    Holds.TIMELESS: "no time",
    Holds.TIMES: "times",
    Holds.BANDS: "bands",
    Holds.ABSENT: "absent",
    Holds.UNSURE: "unsure",
    Holds.NOTHING: "nothing",
    Holds.PARTIAL: "partial",
    Holds.UNHEARD: "unheard",
    Holds.WHO: "who",
    Holds.CONFIDENCE: "sure",
    Holds.GROUP: "group",
    Holds.FOLD: "fold",
    Holds.METADATA: "more",
}

LETTERS = {
    Holds.SEVERAL: "s",
    Holds.PRIMARY: "p",
    Holds.TIMELESS: "w",
    Holds.TIMES: "t",
    Holds.BANDS: "b",
    Holds.ABSENT: "a",
    Holds.UNSURE: "u",
    Holds.NOTHING: "n",
    Holds.PARTIAL: "l",
    Holds.UNHEARD: "h",
    Holds.WHO: "o",
    Holds.CONFIDENCE: "c",
    Holds.GROUP: "g",
    Holds.FOLD: "f",
    Holds.METADATA: "m",
}
"""A letter each, for the table of all pairs."""


def as_text() -> str:
    """One paragraph a format, for a terminal."""
    paragraphs = []
    for name, known in formats:
        needs = f" Needs {known.needs}." if known.reads else ""
        words = textwrap.wrap(known.about + needs, 98)
        paragraphs.append("\n".join([f"{name} ({_ways(known)})", *(f"  {line}" for line in words)]))
    return "\n".join(paragraphs) + "\n"


def as_markdown() -> str:
    """The page docs/formats.md."""
    rows = [
        f"| `{name}` | {known.about} | {_ways(known)} | {_cell(known.needs) if known.reads else ''} |"
        for name, known in formats
    ]
    marks = [
        f"| `{name}` | {' | '.join('✓' if what in known.holds else '' for what in Holds)} |"
        for name, known in formats
        if known.export is not None
    ]
    kinds = [f"- **{SHORT[what]}**: {what.value}" for what in Holds]
    return "\n".join(
        [
            "# Formats",
            "",
            "Every format is read into one model of labels; what came in as one of them goes out as any of them:",
            "",
            "    python -m labeling import PATH --workspace W              # the format is found out by itself",
            "    python -m labeling export --workspace W --out DIR         # as it came in; other bytes stay",
            "    python -m labeling export --workspace W --out DIR --format raven --format aoef",
            "",
            "What came in goes out with every byte but those of corrected labels. What another format cannot hold is",
            "listed in `not_in_table.csv` beside it, or counted in the report.",
            "",
            "| format | what it is | | needs |",
            "| --- | --- | --- | --- |",
            *rows,
            "",
            "## What an export holds",
            "",
            *kinds,
            "",
            f"| format | {' | '.join(SHORT[what] for what in Holds)} |",
            f"| --- | {' | '.join(':-:' for _ in Holds)} |",
            *marks,
            "",
            "## What is lost between two formats",
            "",
            "Of what the format of the row holds, the one of the column does not hold what its letters say; · is",
            "nothing. Formats that hold the same share a row and its number. What is lost is told when it is: in",
            "`not_in_table.csv`, or in the report.",
            "",
            f"{', '.join(f'**{LETTERS[what]}** {what.value}' for what in Holds)}.",
            "",
            *_pairs(),
            "",
            "This page is made by `python -m labeling formats --markdown`.",
            "",
        ]
    )


def _pairs() -> list[str]:
    """The table of all pairs: rows are what is imported, columns what is exported, numbered alike."""
    alike: dict[frozenset[Holds], list[str]] = {}
    for name, known in formats:
        if known.export is not None:
            alike.setdefault(known.holds, []).append(name)
    numbers = {holds: number for number, holds in enumerate(alike, start=1)}
    shown = {holds: ", ".join(f"`{name}`" for name in names) for holds, names in alike.items()}
    read = [holds for holds, names in alike.items() if any(formats.get(name).reads for name in names)]
    rows = [
        f"| {numbers[holds]} {shown[holds]} | {' | '.join(lost(holds, other) for other in alike)} |" for holds in read
    ]
    only = [f"{numbers[holds]} {shown[holds]}" for holds in alike if holds not in read]
    return [
        f"| from, to | {' | '.join(map(str, numbers.values()))} |",
        f"| --- |{' :-: |' * len(numbers)}",
        *rows,
        "",
        f"Only written, and so without a row: {'; '.join(only)}.",
    ]


def lost(there: frozenset[Holds], here: frozenset[Holds]) -> str:
    """The letters of what labels may say in one format and not in another; "·" for nothing."""
    return "".join(LETTERS[what] for what in Holds if what in there - here) or "·"


def _ways(known: Format) -> str:
    if known.export is not None:
        return "in, out" if known.reads else "out"
    return "in, back" if known.write is not None else "in"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
