"""A table of one JSON object a line, of which a few values change; lines that stay keep every byte.

A list is shown as a Python list, other nested values as JSON, a missing value as nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from labeling.collection.tabular.base import Changes, NewRow
from labeling.collection.tabular.json_text import JsonFile
from labeling.collection.tabular.lists import parse_list
from labeling.errors import FormatError
from labeling.storage.delimited import decoded

SUFFIXES = (".jsonl", ".ndjson")


class JsonlTable:
    """The lines of a file as rows; its columns are all keys, in the order in which they first occur."""

    def __init__(self, data: bytes, name: str, header_only: bool = False) -> None:
        read = decoded(data, name)
        self.name, self._read = name, read
        self.warnings = [read.guessed] if read.guessed else []
        self._lines: dict[int, str] = {}
        self.values: dict[int, dict[str, Any]] = {}
        self._parts = re.split(r"(\r?\n)", read.text)
        for at in range(0, len(self._parts), 2):
            line = self._parts[at]
            if not line.strip():
                continue
            row = at // 2 + 2
            try:
                value = json.loads(line)
            except (ValueError, RecursionError) as problem:
                if header_only and self.values:
                    break  # what is cut off
                raise FormatError(f"{name}: line {row - 1} is no JSON object ({str(problem)[:80]})") from None
            if not isinstance(value, dict):
                raise FormatError(f"{name}: line {row - 1} is no JSON object but {line.strip()[:40]!r}")
            self.values[row] = value
        if not self.values and not header_only:
            raise FormatError(f"{name}: the table is empty; it needs a JSON object a line")
        self.columns = list(dict.fromkeys(key for value in self.values.values() for key in value))
        self.rows = {row: [_text(value.get(key)) for key in self.columns] for row, value in self.values.items()}
        self._kinds = [self._kind(key) for key in self.columns]

    def _kind(self, key: str) -> type:
        """The type of a column's values; of several kinds it is text."""
        kinds = {type(value[key]) for value in self.values.values() if value.get(key) is not None}
        if kinds <= {int, float} and kinds:
            return float
        return kinds.pop() if len(kinds) == 1 else str

    def refusal(self, column: int, text: str, *, number: bool = False) -> str:
        """Why a column cannot hold a text; "" where it can."""
        try:
            shown = _text(self._typed(column, text))
        except (ValueError, KeyError):
            return f"the column {self.columns[column]!r} cannot hold {text!r}"
        alike = parse_list(shown) == parse_list(text) if self._kinds[column] is list else shown == text
        if number and text and shown:
            alike = alike or float(shown) == float(text)
        return "" if alike else f"the column {self.columns[column]!r} cannot hold {text!r}"

    def changed(self, changes: Changes, removed: Collection[int] = (), added: Sequence[NewRow] = ()) -> bytes:
        """As `Table` has it."""
        values = {row: self._with(row, cells) for row, cells in changes.items() if row in self.values}
        new: dict[int, list[dict[str, Any]]] = {}
        for own in added:
            new.setdefault(own.after, []).append(self._with(own.like, own.cells))
        return self.rewritten(values, removed, new)

    def rewritten(
        self,
        values: dict[int, dict[str, Any]],
        removed: Collection[int] = (),
        new: dict[int, list[dict[str, Any]]] | None = None,
    ) -> bytes:
        """The file with other values in some rows, by their numbers."""
        pieces: list[str] = []
        ending = next(iter(self._parts[1::2]), "\n")
        for at in range(0, len(self._parts), 2):
            row, line = at // 2 + 2, self._parts[at]
            after = "".join(self._parts[at + 1 : at + 2])
            if row in values:
                file = JsonFile(b"", self._read.encoding, line, self.values[row])
                line = file.changed(values[row]).decode(self._read.encoding)
            if row not in removed:
                pieces += [line, after]
            for value in (new or {}).get(row, ()):
                if pieces and not pieces[-1] and len(pieces) > 1:
                    pieces.append(ending)
                pieces += [json.dumps(value, ensure_ascii=line.isascii() and "\\u" in line), ending]
        return self._read.bom + "".join(pieces).encode(self._read.encoding)

    def _with(self, row: int, cells: Mapping[int, str]) -> dict[str, Any]:
        for at, text in cells.items():
            if why := self.refusal(at, text):
                raise FormatError(f"{self.name}, row {row}: {why}")
        return self.values[row] | {self.columns[at]: self._typed(at, text) for at, text in cells.items()}

    def _typed(self, column: int, text: str) -> Any:
        kind = self._kinds[column]
        if kind is list:
            codes = parse_list(text)
            if codes is None:
                raise ValueError(text)
            return codes
        if kind is bool:
            return {"True": True, "False": False, "": None}[text]
        if kind is float:
            return None if not text else int(text) if re.fullmatch(r"-?\d+", text) else float(text)
        if kind is dict:
            return json.loads(text) if text else None
        return text


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list) and not any(isinstance(item, dict | list) for item in value):
        return repr([_text(item) for item in value])
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else str(value)
