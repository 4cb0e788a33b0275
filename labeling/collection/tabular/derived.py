"""Columns that follow the labels: names of the species, numbers of the class, one column a class of zeros and ones.

When a label changes they go on saying what it was. Where the table's own rows show what belongs to the new label they
are changed with it; where they do not, they stay as they are and are named in the report. A column that merely happens
to go with the labels (a site where one species lives) is never changed: only columns with a name of this field are.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from labeling.collection.annotation.base import label
from labeling.collection.tabular.base import Table

#: a column with one of these words in its heading is about the class
WORDS = frozenset(
    {"species", "scientific", "sci", "latin", "common", "english", "vernacular", "taxon", "taxonomic", "genus"}
    | {"family", "category", "class", "classid", "label", "labelid", "target", "mid", "mids", "aso", "ebird", "esc10"}
)
AGREE = 0.9  # of the classes with two rows or more, that have one text in all of them; else a column follows no label
TRUE, FALSE = frozenset({"1", "1.0", "true", "True", "TRUE"}), frozenset({"0", "0.0", "false", "False", "FALSE", ""})
_FLAGS = {"0": "1", "0.0": "1.0", "false": "true", "False": "True", "FALSE": "TRUE", "": "1"}


@dataclass(frozen=True)
class RowLabels:
    """What a row says: its primary class ("" = none, None = the table has no column for one), and all of its labels.

    ``listed`` are the texts of its list of labels, in their order; () where it has none.
    """

    primary: str | None
    labels: tuple[str, ...]
    listed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Lists:
    """How the table writes a list of labels in a row: the parts of a cell, and a cell of parts like another."""

    parts: Callable[[str], list[str] | None]
    write: Callable[[Sequence[str], str], str]


@dataclass(frozen=True)
class Derived:
    """The columns that follow the labels, by their place: what each shows of a class.

    ``of_primary``: class -> text, of the primary alone. ``of_list``: class -> text, one part a label, in their order.
    ``flags``: the class that a column of zeros and ones is about, and how it writes no and yes.
    """

    columns: Sequence[str]
    of_primary: Mapping[int, Mapping[str, str]]
    of_list: Mapping[int, Mapping[str, str]]
    flags: Mapping[int, tuple[str, str, str]]
    lists: Lists | None

    def follow(
        self, cells: Sequence[str], before: RowLabels, after: RowLabels
    ) -> tuple[dict[int, str], dict[int, str]]:
        """A row's derived cells after its labels changed, and the columns that stay stale with the reason."""
        new: dict[int, str] = {}
        stale: dict[int, str] = {}
        if before.primary != after.primary and after.primary is not None:
            for column, text_of in self.of_primary.items():
                if after.primary in text_of:
                    new[column] = text_of[after.primary]
                else:
                    stale[column] = f"its rows show no one text for {after.primary!r}"
        if before.listed != after.listed:
            for column, text_of in self.of_list.items():
                unknown = [code for code in after.listed if code not in text_of]
                if unknown or self.lists is None:
                    stale[column] = f"its rows show no one text for {unknown[0]!r}" if unknown else "it is no list"
                else:
                    new[column] = self.lists.write([text_of[code] for code in after.listed], cells[column])
        for column, (code, no, yes) in self.flags.items():
            if (code in before.labels) != (code in after.labels):
                new[column] = yes if code in after.labels else no
        return new, stale


def derived_columns(
    table: Table,
    own: Collection[int],
    rows: Mapping[int, RowLabels],
    lists: Lists | None = None,
    known: Mapping[int, Mapping[str, str]] | None = None,
) -> Derived:
    """Find them. ``rows`` are by number; ``own`` are the columns that hold the name and the labels themselves.

    ``known`` is what columns show of a class beyond what the rows tell: a list's parts of classes that no row has, and
    of a column that holds no list all that it may say.
    """
    codes = {code for row in rows.values() for code in row.labels}
    codes |= {row.primary for row in rows.values() if row.primary}
    of_primary: dict[int, dict[str, str]] = {}
    of_list: dict[int, dict[str, str]] = {}
    flags: dict[int, tuple[str, str, str]] = {}
    for column, heading in enumerate(table.columns):
        if column in own or not heading:
            continue
        texts = {number: table.rows[number][column] for number in rows}
        if heading in codes and (flag := _flag(heading, rows, texts)):
            flags[column] = (heading, *flag)
        elif words(heading) & WORDS:
            if (pairs := _paired(rows, texts, lists)) is not None:
                of_list[column] = pairs
            elif (by_class := _by_class(rows, texts)) is not None:
                of_primary[column] = by_class
    for column, shown in (known or {}).items():
        if column in of_list:
            of_list[column] = {**shown, **of_list[column]}
        elif lists is None:
            of_primary[column] = dict(shown)
    return Derived(table.columns, of_primary, of_list, flags, lists)


def words(heading: str) -> set[str]:
    """The words of a heading, in lower case, and all of it as one: ``classID`` has three."""
    parts = re.findall(r"[A-Z]?[a-z]+[0-9]*|[A-Z]+(?![a-z])|[0-9]+", heading)
    return {part.lower() for part in parts} | {re.sub(r"[^a-z0-9]", "", heading.lower())}


def _by_class(rows: Mapping[int, RowLabels], texts: Mapping[int, str]) -> dict[str, str] | None:
    """What a column shows of each primary class, those left out of which its rows disagree; None: it follows none."""
    seen: dict[str, Counter[str]] = defaultdict(Counter)
    for number, row in rows.items():
        if row.primary is not None:
            seen[row.primary][texts[number]] += 1
    often = [counts for code, counts in seen.items() if code and counts.total() > 1]
    agree = sum(len(counts) == 1 for counts in often)
    if not any(seen) or (often and agree < AGREE * len(often)):
        return None
    shown = {code: next(iter(counts)) for code, counts in seen.items() if len(counts) == 1}
    return shown if any(label(text) for text in shown.values()) else None


def _paired(rows: Mapping[int, RowLabels], texts: Mapping[int, str], lists: Lists | None) -> dict[str, str] | None:
    """What a column of lists shows of each class; None where not each row has a part a label."""
    if lists is None:
        return None
    seen: dict[str, str] = {}
    for number, row in rows.items():
        if not row.listed:
            continue
        parts = lists.parts(texts[number])
        if parts is None or len(parts) != len(row.listed):
            return None
        if any(seen.setdefault(code, part) != part for code, part in zip(row.listed, parts, strict=True)):
            return None
    return seen or None


def _flag(code: str, rows: Mapping[int, RowLabels], texts: Mapping[int, str]) -> tuple[str, str] | None:
    """How a column of zeros and ones that says whether ``code`` is a label writes no and yes; None where it is none."""
    yes: Counter[str] = Counter()
    no: Counter[str] = Counter()
    for number, row in rows.items():
        text = texts[number].strip()
        if text not in (TRUE if code in row.labels else FALSE):
            return None
        (yes if code in row.labels else no)[text] += 1
    usual_no = no.most_common(1)[0][0] if no else "0"
    return usual_no, yes.most_common(1)[0][0] if yes else _FLAGS[usual_no]
