"""Python-list cells such as ``['houspa', 'redava']``: parse them without eval, write them in the file's own style."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from labeling.collection.formats.base import MISSING_WORDS

LONGEST_CELL = 100_000  # characters; a longer cell is no list of labels
_BARE = re.compile(r"""[\[(]([^\[\]()'"]*)[\])]""")


def parse_list(cell: str) -> list[str] | None:
    """The texts of a list cell; [] for ``[]``, ``['']`` and missing words; None where it is no list.

    Numbers stay as they are written (``[0123]`` is "0123"). A cell without brackets is cut at ``;`` and ``,``.
    """
    text = cell.strip()
    if text in MISSING_WORDS:
        return []
    if len(text) > LONGEST_CELL:
        return None
    if bare := _BARE.fullmatch(text):
        return _clean(bare[1].split(","))
    if text[0] not in "[(":
        return _clean(re.split("[;,]", text))
    try:
        values = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
    if not isinstance(values, list | tuple) or not all(isinstance(value, str | int | float) for value in values):
        return None
    return _clean(str(value) for value in values)


def _clean(texts: Iterable[str]) -> list[str]:
    return [text for item in texts if (text := item.strip()) not in MISSING_WORDS]


@dataclass(frozen=True)
class ListStyle:
    """How a file writes its lists: the empty one, the quote, what stands between two."""

    empty: str = "[]"
    quote: str = "'"
    between: str = ", "
    brackets: bool = True

    def write(self, texts: Sequence[str]) -> str:
        """A list cell of ``texts``."""
        if not texts:
            return self.empty
        if not self.brackets:
            return self.between.join(texts)
        return "[" + self.between.join(_literal(text, self.quote) for text in texts) + "]"


def style_of(cells: Iterable[str]) -> ListStyle:
    """The commonest style of a column's cells."""
    empty: Counter[str] = Counter()
    full: Counter[tuple[str, str, bool]] = Counter()
    for cell in cells:
        text = cell.strip()
        if parse_list(text) == []:
            empty[cell] += 1
        elif text.startswith("["):
            quote = text[1] if text[1:2] in ("'", '"') else "" if _BARE.fullmatch(text) else "'"
            between = re.search(r",\s*", text) if not quote else re.search(rf"(?<={quote}),\s*(?=['\"])", text)
            if between:
                full[quote, between[0], True] += 1
            elif not full:
                full[quote, ", ", True] += 0
        elif between := re.search(r"\s*[;,]\s*", text):
            full["", between[0], False] += 1
    quote, between_, brackets = full.most_common(1)[0][0] if full else ("'", ", ", True)
    return ListStyle(empty.most_common(1)[0][0] if empty else "[]", quote, between_, brackets)


def _literal(text: str, quote: str) -> str:
    if not quote:
        return text
    literal = repr(text)
    if quote == '"' and literal[0] == "'" and '"' not in text:
        return '"' + literal[1:-1] + '"'
    return literal
