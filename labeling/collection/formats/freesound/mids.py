"""AudioSet's ids of classes (mids), and which of them the classes of any collection have.

A class is known by its id where it is called so, by a vocabulary (FSD50K's, or class_labels_indices.csv), or by its
name in AudioSet's ontology.json. FSD50K writes `Chicken, rooster` as `Chicken_and_rooster`: names are compared without
that.
"""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from labeling.collection.tabular.reading import load
from labeling.errors import FormatError
from labeling.storage.delimited import decoded

_MID = re.compile(r"/[a-z]{1,2}/[\w]+")


def is_mid(text: str) -> bool:
    """Whether a text has the form of one.

    >>> is_mid("/m/0342h"), is_mid("/t/dd00130"), is_mid("Guitar")
    (True, True, False)
    """
    return _MID.fullmatch(text) is not None


def spelling(name: str) -> str:
    """A name without what FSD50K and AudioSet write in different ways.

    >>> spelling("Chicken_and_rooster") == spelling("Chicken, rooster")
    True
    """
    return " ".join(word for word in re.findall(r"[^\W_]+", name.casefold()) if word != "and")


def vocabulary(path: Path) -> dict[str, str]:
    """Class to mid, of a vocabulary whose rows are a number, and a class and its mid in either order."""
    found = {}
    for row in csv.reader(decoded(load(path), path.name).text.splitlines()):
        cells = [cell.strip() for cell in row]
        if len(cells) == 3 and is_mid(cells[1]) != is_mid(cells[2]):
            mid, code = (cells[1], cells[2]) if is_mid(cells[1]) else (cells[2], cells[1])
            found[code] = mid
    return found


def named(path: Path) -> dict[str, str]:
    """Names to mids, of an ontology (.json) or a vocabulary (.csv). Raises FormatError where it is neither."""
    if path.suffix.lower() != ".json":
        found = vocabulary(path)
    else:
        try:
            pairs = [(str(own["name"]), str(own["id"])) for own in json.loads(load(path))]
        except (ValueError, TypeError, KeyError, RecursionError) as problem:
            what = f"{path} is no ontology of AudioSet ({str(problem)[:60]})"
            raise FormatError(f"{what}; give its ontology.json") from None
        times = Counter(name for name, _ in pairs)
        found = {name: mid for name, mid in pairs if times[name] == 1}
    if not found:
        raise FormatError(
            f"{path} names no mid; give AudioSet's ontology.json or class_labels_indices.csv, or the vocabulary.csv of "
            "FSD50K"
        )
    return found


def mids_of(classes: Mapping[str, str], known: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """The mid of each class (code to the name that is shown) that has one; of what is ``known`` the first counts."""
    found = {code: code for code in classes if is_mid(code)}
    for names in known:
        spelled: dict[str, set[str]] = {}
        for name, mid in names.items():
            spelled.setdefault(spelling(name), set()).add(mid)
        for code, shown in classes.items():
            for name in (code, shown):
                if code not in found and name in names:
                    found[code] = names[name]
                if code not in found and len(mids := spelled.get(spelling(name), set())) == 1:
                    found[code] = next(iter(mids))
    return found
