"""Whom the names in somebody else's file mean: the workspace's clips and classes, and what is left over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from labeling.errors import DataError, FormatError
from labeling.file_names import NOBODY, SEVERAL, FileNames, places, same_file
from labeling.records import Clip, LabelClass
from labeling.registry import unknown_name
from labeling.storage.csvsafe import unguard

NAME_COLUMNS = ("scientific_name", "sci_name", "scientificname", "common_name", "species_code", "ebird_code")


class Matcher:
    """Finds clips and classes by the names that a file gives them, and remembers which it could not find.

    A clip's name may lie in another folder, or have another suffix or case, where only one clip is left that it can
    mean (file_names.py). A class is known by its code, its name, and the other names that the table gives the clips
    whose primary class it is; case and underscores do not count. ``given`` maps their names to codes and goes before
    all that; "" passes a class over. Raises DataError where it names a code that is not there.
    """

    def __init__(
        self,
        clips: Sequence[Clip],
        classes: Sequence[LabelClass],
        primary: Mapping[int, str] | None = None,
        given: Mapping[str, str] | None = None,
    ) -> None:
        self.clips, self.classes = tuple(clips), tuple(classes)
        self.unknown_clips: dict[str, str] = {}
        self.unknown_classes: dict[str, str] = {}
        self.found: dict[str, str] = {}
        """Their name of a class, and our code."""
        self.by_part: dict[str, str] = {}
        """Their name of a clip that was found by a part of it alone, and ours."""
        self._name_of: dict[int, str] = {}
        self._claimed: dict[int, str] = {}
        self._files = FileNames([clip.filename for clip in self.clips])
        self._codes = {label_class.code: column for column, label_class in enumerate(self.classes)}
        self._names = places(_names_of(self.clips, self.classes, primary or {}))
        self._given = dict(given or {})
        for code in self._given.values():
            if code and code not in self._codes:
                raise DataError("--classes: " + unknown_name("class", code, sorted(self._codes)))

    def rows(self, names: Sequence[str]) -> NDArray[np.int64]:
        """Place of each clip, (N,) int64; -1 where the workspace has no such clip, or several that the name may mean.

        Raises FormatError where two names that are not one another's part mean the same clip.
        """
        return np.array([self._row(name) for name in names], np.int64)

    def _row(self, name: str) -> int:
        row = self._files.exact(name)
        if row == NOBODY:
            row = self._files.exact(unguard(name))
        if row == NOBODY:
            row = self._files.by_part(name)
        if row < 0:
            why = "several clips end so" if row == SEVERAL else "no such clip"
            self.unknown_clips.setdefault(name, why)
            return NOBODY
        before = self._name_of.setdefault(row, name)
        if before != name and not same_file(before, name):
            raise FormatError(
                f"{before!r} and {name!r} both look like the clip {self.clips[row].filename!r}; write the names as the "
                "workspace has them"
            )
        if name != self.clips[row].filename:
            self.by_part.setdefault(name, self.clips[row].filename)
        return row

    def columns(self, names: Iterable[Sequence[str]]) -> NDArray[np.int64]:
        """Column of each class, (K,) int64; -1 where it is none of the workspace's, or is passed over.

        Each is given by all names that the file has for it, the one to show first. Raises FormatError where two of
        theirs mean one of ours, unless both were given.
        """
        return np.array([self._column(tuple(name)) for name in names], np.int64)

    def _column(self, names: tuple[str, ...]) -> int:
        shown = next(filter(None, names), "")
        for name in names:
            if name in self._given:
                code = self._given[name]
                if not code:
                    self.unknown_classes.setdefault(shown, "passed over, as asked")
                    return NOBODY
                self.found[shown] = code
                return self._codes[code]
        column = next((self._codes[name] for name in names if name in self._codes), NOBODY)
        if column == NOBODY:
            parts = [part for name in names for part in of_pair(name)]
            known = [self._names[key] for name in (*names, *parts) if (key := _plain(name)) in self._names]
            column = next((place for place in known if place >= 0), known[0] if known else NOBODY)
        if column == NOBODY:
            column = self._new_column(names)
        if column < 0:
            why = "fits several classes" if column == SEVERAL else "no such class"
            self.unknown_classes.setdefault(shown, why)
            return NOBODY
        before = self._claimed.setdefault(column, shown)
        if before != shown:
            raise FormatError(
                f"{before!r} and {shown!r} both are class {self.classes[column].code!r}; say which with --classes "
                "(theirs,code; an empty code passes one over; both given: the higher counts)"
            )
        self.found[shown] = self.classes[column].code
        return column

    def _new_column(self, names: tuple[str, ...]) -> int:
        """Where a class goes that is none of the workspace's: nowhere."""
        return NOBODY

    def given_columns(self) -> list[int]:
        """The columns that the given names mean, rising: classes of which a model says that it knows them."""
        return sorted({self._codes[code] for code in self._given.values() if code in self._codes})

    def require(self, path: str, found: int, what: str) -> None:
        """Raise FormatError where nothing of the file was found, with names of both sides."""
        if found:
            return
        theirs = self.unknown_clips if what == "clips" else self.unknown_classes
        ours = (
            [clip.filename for clip in self.clips[:3]]
            if what == "clips"
            else [label_class.code for label_class in self.classes[:5]]
        )
        remedy = "name them as the workspace does" + ("" if what == "clips" else ", or map them with --classes")
        shown = ", ".join(repr(name) for name in list(theirs)[:3]) or "none"
        raise FormatError(f"{path} names none of the workspace's {what}: {shown}, here {', '.join(ours)}; {remedy}")


def _plain(name: str) -> str:
    return " ".join(name.casefold().replace("_", " ").split())


def of_pair(name: str) -> tuple[str, ...]:
    """The parts of ``Turdus merula_Eurasian Blackbird``; () where the first is no name of two words."""
    first, separator, last = name.partition("_")
    return (first, last) if separator and " " in first.strip() else ()


def _names_of(
    clips: Sequence[Clip], classes: Sequence[LabelClass], primary: Mapping[int, str]
) -> Iterable[tuple[str, int]]:
    """Every name of every class but its own code, with its column; a clip's columns speak for its primary class."""
    column_of = {label_class.code: column for column, label_class in enumerate(classes)}
    heard: dict[tuple[int, str], Counter[str]] = {}
    for clip in clips:
        column = column_of.get(primary.get(clip.id, ""), NOBODY)
        if column < 0:
            continue
        for key, value in clip.metadata.items():
            if value and key.lower().replace(" ", "_") in NAME_COLUMNS:
                heard.setdefault((column, key), Counter())[_plain(value)] += 1
    for column, label_class in enumerate(classes):
        yield _plain(label_class.code), column
        yield _plain(label_class.name), column
    for (column, _), names in heard.items():
        yield names.most_common(1)[0][0], column
