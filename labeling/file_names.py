"""Which file a name means that is not written to the letter: in another folder, with another suffix or case.

The one matcher of names: an import finds sound files by it, and predictions of other programs find clips.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence

AUDIO_SUFFIXES = (".ogg", ".wav", ".flac", ".mp3", ".opus", ".m4a", ".aiff", ".aif", ".wma", ".aac")
NOBODY, SEVERAL = -1, -2


class FileNames:
    """Places in a list of names, found by a name that may leave out folders, have other ones, or another suffix.

    What has most of the path in common goes first; of equals what is written to the letter, then without suffixes, then
    both without case, Unicode form and blanks. With ``near`` a file of the same name in another folder is not
    taken: one name must be the end of the other, or two parts be the same.
    """

    def __init__(self, names: Sequence[str], *, near: bool = False) -> None:
        self.names = tuple(names)
        self.near = near
        self._exact = {name: place for place, name in enumerate(self.names)}
        self._by_tail: dict[int, dict[str, int]] = {}

    def exact(self, name: str) -> int:
        """The place of a name as it is written, NOBODY for none."""
        return self._exact.get(name, NOBODY)

    def by_part(self, name: str) -> int:
        """The place of the one name that this can mean; NOBODY for none, SEVERAL where it may mean more."""
        best, most = NOBODY, 0
        for stage, form in enumerate(_FORMS):
            own = tails(form(name))
            known = self._tails_by(stage)
            tail = next((tail for tail in own if tail in known), "")
            parts = tail.count("/") + 1 if tail else 0
            if parts > most and not (self.near and parts == 1 and self._elsewhere(tail, own[0], known[tail], form)):
                best, most = known[tail], parts  # what has more of the path in common goes before what is better spelt
        return best

    def candidates(self, name: str) -> list[str]:
        """The names of which `by_part` cannot tell which one is meant."""
        best, most = list[str](), 0
        for form in _FORMS:
            for tail in tails(form(name)):
                if tail.count("/") + 1 <= most:
                    break
                if meant := [other for other in self.names if tail in tails(form(other))]:
                    best, most = meant, tail.count("/") + 1
                    break
        return best

    def _elsewhere(self, tail: str, whole: str, place: int, form: Callable[[str], str]) -> bool:
        """Whether a name of one part is the same in two different folders."""
        return tail != whole and (place == SEVERAL or tail != tails(form(self.names[place]))[0])

    def _tails_by(self, stage: int) -> dict[str, int]:
        if stage not in self._by_tail:
            form = _FORMS[stage]
            self._by_tail[stage] = places(
                (tail, place) for place, name in enumerate(self.names) for tail in tails(form(name))
            )
        return self._by_tail[stage]


def same_file(name: str, other: str) -> bool:
    """Whether the shorter of two names is the end of the longer one, suffixes aside."""
    ends = [tails(folded(without_suffix(one))) for one in (name, other)]
    return bool(ends[0] and ends[1]) and (ends[0][0] in ends[1] or ends[1][0] in ends[0])


def without_suffix(name: str) -> str:
    """A file's name without the suffix of a sound file; other dots stay."""
    head, dot, last = name.rpartition(".")
    return head if head and dot + last.lower() in AUDIO_SUFFIXES else name


def tails(name: str) -> list[str]:
    """``a/b/c.ogg``, ``b/c.ogg``, ``c.ogg``: what is left of a path from each of its folders on, the longest first."""
    parts = [part for part in re.split(r"[/\\]+", name) if part not in ("", ".", "..")]
    return ["/".join(parts[i:]) for i in range(len(parts))]


def folded(name: str) -> str:
    """A name so that its cases, Unicode forms and blanks are equal."""
    text = unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
    return "/".join(" ".join(part.split()) for part in re.split(r"[/\\]", text))


def tidy(text: str) -> str:
    """A text in one Unicode form (NFC) and with single blanks: how a class is called, and data but for that."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def places(pairs: Iterable[tuple[str, int]]) -> dict[str, int]:
    """Key to its one place; SEVERAL where it has more."""
    place_of: dict[str, int] = {}
    for key, place in pairs:
        if place_of.setdefault(key, place) != place:
            place_of[key] = SEVERAL
    place_of.pop("", None)
    return place_of


def twins(names: Iterable[str]) -> list[tuple[str, ...]]:
    """Names that differ in case, Unicode form or blanks alone, in the order given."""
    alike: dict[str, dict[str, None]] = {}
    for name in names:
        alike.setdefault(folded(name), {})[name] = None
    return [tuple(own) for own in alike.values() if len(own) > 1]


def _as_written(name: str) -> str:
    return name


def _folded_stem(name: str) -> str:
    return folded(without_suffix(name))


_FORMS = (_as_written, without_suffix, folded, _folded_stem)
