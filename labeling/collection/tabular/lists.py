"""Cells that hold several labels, however they were printed: read without eval, written in the file's own style.

Read are the lists, tuples and sets of Python, JSON's lists, numpy's arrays as print and repr give them (``['a' 'b']``,
broken over lines too, ``array(['a'], dtype=object)``), lists without quotes (``[a, b]``), PostgreSQL's ``{a,b}``, and
cells without brackets, cut at ``;``, ``|`` and ``,``. A dict is read where it says plainly which labels are there: each
with true or false, or under ``choices`` as Label Studio exports them. All else is no list: two texts side by side among
commas, lists in lists, probabilities, an array that was printed with dots. It is never guessed at.
"""

from __future__ import annotations

import ast
import json
import re
import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from labeling.collection.annotation.base import MISSING_WORDS

LONGEST_CELL = 100_000  # characters; a longer cell is no list of labels
NOTHING = MISSING_WORDS | {"np.nan", "numpy.nan", "pd.NA", "NaT", "NONE", "NAN"}
_CLOSES = {"[": "]", "(": ")", "{": "}"}
_CALLS = (
    r"(?:np\.|numpy\.|pd\.|pandas\.)?(?:array|ndarray|set|frozenset|list|tuple|Index|Series|deque|dict_keys|asarray)"
)
_WRAPPED = re.compile(rf"{_CALLS}\s*\((.*)\)", re.DOTALL)
_ARGUMENTS = re.compile(r"(?:\s*,\s*\w+\s*=\s*(?:'[^']*'|\"[^\"]*\"|[^\s,'\"()\[\]]+))*\s*,?\s*")
_SCALAR = re.compile(r"(?:np|numpy)\.\w+\(\s*(.*?)\s*\)", re.DOTALL)  # np.str_('a'), np.int64(3)
_STRING = re.compile(r"""[uUbB]?(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")""", re.DOTALL)
_CURLY = ("‘‚‛“„‟", "’‘”“")  # what a word processor makes of quotes: those that open, and that close
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_QUOTES = "'\""


def parse_list(cell: str) -> list[str] | None:
    """The texts of a cell that holds labels; [] for an empty list and missing words; None where it is no list.

    Numbers stay as they are written (``[0123]`` is "0123").
    """
    if len(cell) > LONGEST_CELL:
        return None
    texts = _parsed(cell)
    return None if texts is None else list(texts)


@lru_cache(1 << 16)  # most cells of a column say the same few things, and each is read when it comes in and goes out
def _parsed(cell: str) -> tuple[str, ...] | None:
    text = cell.strip()
    if text in NOTHING:
        return ()
    if bracketed(text):
        texts = _sequence(text)
        if texts is None and '""' in text:  # quotes that were doubled for a CSV, and never halved
            texts = _sequence(text.replace('""', '"'))
    elif text[0] in _QUOTES and _STRING.match(text):  # 'a', 'b': a list that lost its brackets
        inner = _unquoted(text) if _STRING.fullmatch(text) else None
        texts = parse_list(inner) if inner is not None and bracketed(inner) else _sequence(f"[{text}]")
    else:
        texts = None if any(sign in text for sign in "[]{}") else _clean(re.split("[;|,]", text))
    return None if texts is None else tuple(texts)


def bracketed(cell: str) -> bool:
    """Whether a cell is meant as a list, whether or not it can be read as one.

    A text in parentheses alone is none: ``(unknown bird)`` is a label of some collections.
    """
    text = cell.strip()
    if text[:1] in ("[", "{") or _WRAPPED.fullmatch(text):
        return True
    return (
        text[:1] == "("
        and text[-1:] == ")"
        and ("," in text or text[1:].lstrip()[:1] in tuple(_QUOTES) or text == "()")
    )


def _sequence(text: str) -> list[str] | None:
    """The texts of something in brackets, or of a call around it."""
    wrapped = _WRAPPED.fullmatch(text)
    if wrapped and text[0] not in _CLOSES:
        inner = wrapped[1].strip()
        if not inner:
            return []
        end = _end(inner)
        return _sequence(inner[:end]) if end and _ARGUMENTS.fullmatch(inner, end) else None
    if text[:1] not in _CLOSES or _end(text) != len(text):
        return None
    inner = text[1:-1].strip()
    if not inner:
        return []
    if text[0] == "{" and (chosen := _chosen(text)) is not None:
        return chosen
    return _items(inner, text[0])


def _end(text: str) -> int:
    """Where the bracket that a text begins with is closed; 0 where it is not."""
    depth: list[str] = []
    at = 0
    while at < len(text):
        if (string := _STRING.match(text, at)) and not (at and (text[at - 1].isalnum())):
            at = string.end()
            continue
        if text[at] in _CLOSES:
            depth.append(_CLOSES[text[at]])
        elif text[at] in "])}":
            if not depth or depth.pop() != text[at]:
                return 0
            if not depth:
                return at + 1
        at += 1
    return 0


def _items(inner: str, bracket: str) -> list[str] | None:
    """What stands between brackets: texts and bare words, between commas or, as numpy prints them, between blanks."""
    items: list[tuple[str, bool]] = []  # text, whether it was quoted
    commas = blanks = 0
    at, open_item = 0, True
    while at < len(inner):
        if inner[at].isspace():
            at += 1
        elif inner[at] == ",":
            if open_item:
                return None  # two commas, or one at the start
            commas, open_item, at = commas + 1, True, at + 1
        else:
            if not open_item:
                if not inner[at - 1].isspace():
                    return None  # 'it''s'
                blanks += 1
            item, at = _item(inner, at, bracket)
            if item is None:
                return None
            items.append(item)
            open_item = False
    quoted = [was_quoted for _, was_quoted in items]
    if blanks and (commas or bracket != "[" or not all(quoted)):
        return None  # Python would glue such texts together; who printed them meant something else
    texts: list[str] = []
    for text, was_quoted in items:
        words = text.split()
        # numbers as numpy prints them; of words, "[American Crow]" is one label
        several = not was_quoted and len(words) > 1 and not commas and all(_NUMBER.fullmatch(word) for word in words)
        texts += words if several else [text]
    return None if "..." in texts else _clean(texts)


def _item(inner: str, at: int, bracket: str) -> tuple[tuple[str, bool] | None, int]:
    """One item, and where it ends; None where it is none."""
    if string := _STRING.match(inner, at):
        return (_unquoted(string[0]), True), string.end()
    if scalar := _SCALAR.match(inner, at):
        value = scalar[1]
        return ((_unquoted(value), True) if _STRING.fullmatch(value) else (value, False)), scalar.end()
    end = inner.find(",", at)
    end = len(inner) if end < 0 else end
    text = inner[at:end].strip()
    if any(sign in text for sign in "[]{}'\"") or "..." in text or (bracket == "{" and ":" in text):
        return None, end
    if text[0] in _CURLY[0]:
        return ((text[1:-1], True) if text[-1] in _CURLY[1] else None), end
    return (text, False), end


def _unquoted(literal: str) -> str:
    """What a quoted text says; as it stands between its quotes where that cannot be told."""
    body = literal.lstrip("uUbB")
    if "\\" not in body:
        return body[1:-1]
    try:
        if body[0] == '"':
            return str(json.loads(body))
    except ValueError:
        pass
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # '\d' is no escape, and stays as it is
            return str(ast.literal_eval(body))
    except (ValueError, SyntaxError):
        return body[1:-1]


def _chosen(text: str) -> list[str] | None:
    """The labels of a dict that says plainly which are there; None for any other, and for a set."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        try:
            value = ast.literal_eval(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
            return None
    if not isinstance(value, dict):
        return None
    if set(value) == {"choices"} and isinstance(value["choices"], list):
        chosen = value["choices"]
        return _clean(chosen) if all(isinstance(code, str) for code in chosen) else None
    if all(isinstance(there, bool) for there in value.values()):
        return _clean(str(code) for code, there in value.items() if there)
    return None


def _clean(texts: Iterable[str]) -> list[str]:
    return [text for item in texts if (text := item.strip()) not in NOTHING]


@dataclass(frozen=True)
class ListStyle:
    """How a file writes its lists: the empty one, the quote, what stands between two, the brackets ("" = none)."""

    empty: str = "[]"
    quote: str = "'"
    between: str = ", "
    opening: str = "["
    closing: str = "]"

    def write(self, texts: Sequence[str]) -> str:
        """A list cell of ``texts``."""
        if not texts:
            return self.empty
        if not self.opening:
            return self.between.join(texts)
        quote, between = self.quote, self.between
        if not quote and not all(_bare(text, between) for text in texts):
            quote, between = "'", ", "
        comma = "," if len(texts) == 1 and self.opening.endswith("(") else ""  # else it is no tuple
        return f"{self.opening}{between.join(_literal(text, quote) for text in texts)}{comma}{self.closing}"


def _bare(text: str, between: str) -> bool:
    """Whether a text can stand in a list without quotes."""
    return parse_list(f"[{text}]") == [text] and (not between.isspace() or bool(_NUMBER.fullmatch(text)))


def style_of(cells: Iterable[str]) -> ListStyle:
    """The commonest style of a column's cells."""
    empty: Counter[str] = Counter()
    full: Counter[tuple[str, str, str, str]] = Counter()
    for cell in cells:
        text = cell.strip()
        texts = parse_list(text)
        if texts == []:
            empty[cell] += 1
        elif bracketed(text):
            shape = _shape(text)
            if texts and len(texts) > 1:
                full[shape] += 1
            elif not full:
                full[shape] += 0
        elif between := re.search(r"\s*[;|,]\s*", text):
            full["", between[0], "", ""] += 1
    quote, between_, opening, closing = full.most_common(1)[0][0] if full else ("'", ", ", "[", "]")
    return ListStyle(empty.most_common(1)[0][0] if empty else "[]", quote, between_, opening, closing)


def _shape(text: str) -> tuple[str, str, str, str]:
    """Quote, what stands between two, and brackets of one list."""
    first = re.search(r"""[uUbB]?(['"])""", text)
    wrapped = _WRAPPED.fullmatch(text) if text[0] not in _CLOSES else None
    start = wrapped.start(1) + len(wrapped[1]) - len(wrapped[1].lstrip()) if wrapped else 0
    end = start + _end(text[start:])
    quote = first[1] if first and first.start() < end else ""
    gap = rf"(?<={quote})(\s*,\s*|\s+)(?=[uUbB]?['\"])" if quote else r"(\s*,\s*|\s+)"
    between = re.search(gap, text[start + 1 : max(start + 1, end - 1)].strip())
    gap_text = between[1] if between else ", "
    if "\n" in gap_text:
        gap_text = " " if gap_text.isspace() else ", "
    opening, closing = (text[: start + 1], text[end - 1 :]) if end > start else ("[", "]")
    closing = re.sub(r"""dtype=['"]<U\d+['"]""", "dtype=object", closing)  # which would cut a longer label
    if text[0] == "{" and text[1:].lstrip()[:1] not in _QUOTES:
        return "'", ", ", "[", "]"  # a dict's keys are not all that it says
    return quote, gap_text, opening, closing


def _literal(text: str, quote: str) -> str:
    if not quote:
        return text
    return json.dumps(text, ensure_ascii=False) if quote == '"' else repr(text)
