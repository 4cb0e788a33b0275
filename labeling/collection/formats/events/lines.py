"""A text of lines of which a few change, while every other byte stays: what Raven's and Audacity's files are."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

from labeling.storage.delimited import decoded

_LINE = re.compile(r"([^\r\n]*)(\r\n|\n|\r|\Z)")


def whole_lines(head: bytes) -> bytes:
    """The beginning of a file up to its last whole line; of UTF-16, where a line's end is two bytes, all of it."""
    cut = max(head.rfind(b"\n"), head.rfind(b"\r"))
    return head[: cut + 1] if cut >= 0 and not head.startswith((b"\xff\xfe", b"\xfe\xff")) else head


class Lines:
    """The lines of a file, counted from 1, and how it is encoded. Raises FormatError for what is no text."""

    def __init__(self, data: bytes, name: str) -> None:
        read = decoded(data, name)
        self.bom, self.encoding, self.warning = read.bom, read.encoding, read.guessed
        self._lines = [(match[1], match[2]) for match in _LINE.finditer(read.text) if match[0]]
        self.texts = {number: text for number, (text, _) in enumerate(self._lines, start=1)}

    def holds(self, text: str) -> bool:
        """Whether the file's encoding has all signs of a text."""
        try:
            text.encode(self.encoding)
        except UnicodeEncodeError:
            return False
        return True

    def changed(self, changes: Mapping[int, str], removed: Collection[int], added: Sequence[str]) -> bytes:
        """The file with some lines set anew, taken out, and added at its end, before blank lines there."""
        usual = next((ending for _, ending in self._lines if ending), "\n")
        kept = [(changes.get(number, text), end) for number, (text, end) in enumerate(self._lines, 1)
                if number not in removed]  # fmt: skip
        blank = len(kept)
        while blank and not kept[blank - 1][0].strip():
            blank -= 1
        head, tail = kept[:blank], kept[blank:]
        if added:
            had_end = not head or bool(head[-1][1])
            head = [(text, end or usual) for text, end in head] + [(text, usual) for text in added]
            if not had_end and not tail:
                head[-1] = (head[-1][0], "")
        return self.bom + "".join(text + end for text, end in head + tail).encode(self.encoding)
