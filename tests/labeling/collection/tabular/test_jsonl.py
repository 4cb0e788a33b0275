"""labeling/collection/tabular/jsonl.py"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.collection.tabular.base import NewRow
from labeling.collection.tabular.jsonl import JsonlTable
from labeling.collection.tabular.lists import parse_list
from labeling.errors import FormatError
from tests.support.examples import examples

scalars = st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=4)
rows = st.dictionaries(st.sampled_from("abc"), scalars | st.lists(st.text(max_size=3), max_size=2), min_size=1)


@examples(40)
@given(st.lists(rows, min_size=1, max_size=4), st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_any_lines_keep_their_bytes(values: list[dict[str, Any]], ending: str, last: bool) -> None:
    raw = (ending.join(map(json.dumps, values)) + ending * last).encode()
    table = JsonlTable(raw, "a.jsonl")
    assert list(table.values.values()) == values
    assert table.changed({}) == raw
    for row, cells in table.rows.items():
        for at, text in enumerate(cells):
            if not table.refusal(at, text):
                again = JsonlTable(table.changed({row: {at: text}}), "a.jsonl")
                assert again.rows[row][again.columns.index(table.columns[at])] == text or parse_list(text) is not None


def test_values_keep_their_types_and_rows_come_and_go() -> None:
    raw = b'{"f": "a", "l": ["x"], "n": 1, "b": true}\n\n{"f": "b","l":[],"n":null,"b":false}'
    table = JsonlTable(raw, "a.jsonl")
    assert table.rows == {2: ["a", "['x']", "1", "True"], 4: ["b", "[]", "", "False"]}
    assert table.refusal(2, "two")
    assert table.refusal(3, "yes")
    changed = table.changed({4: {1: "['y', 'z']", 2: "2", 3: "True"}})
    assert changed == raw.replace(b'"l":[],"n":null,"b":false', b'"l":["y", "z"],"n":2,"b":true')
    with pytest.raises(FormatError, match=r"row 4: the column 'n' cannot hold 'two'"):
        table.changed({4: {2: "two"}})
    less = JsonlTable(table.changed({}, [2], [NewRow(4, 4, {0: "c"})]), "a.jsonl")
    assert [cells[0] for cells in less.rows.values()] == ["b", "c"]


@pytest.mark.parametrize("raw", [b"", b"\n", b"[1]\n", b'{"a": 1}\n{"a"', b"{" * 99_999])
def test_what_is_none_is_a_clear_error(raw: bytes) -> None:
    with pytest.raises(FormatError, match=r"a\.jsonl"):
        JsonlTable(raw, "a.jsonl")
