"""labeling/collection/tabular/json_text.py"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.collection.tabular.json_text import JsonFile
from labeling.errors import FormatError
from tests.support.examples import examples

scalars = st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3)
)


@examples(40)
@given(values, values, st.sampled_from([None, 1]), st.sampled_from(["", "\ufeff"]))
def test_a_file_says_what_it_shall_and_keeps_its_bytes(before: Any, after: Any, indent: int | None, bom: str) -> None:
    data = (bom + json.dumps(before, indent=indent)).encode()
    file = JsonFile.of(data, "a.json")
    assert file.changed(before) == data
    assert JsonFile.of(file.changed(after), "a.json").value == after


def test_only_what_differs_is_written_anew() -> None:
    raw = b'{ "a" : [ {"id":1,"x":[1, 2]},\n   {"id": 2, "x": "\\u00e9"} ],"b":1.50 }\r\n'
    file = JsonFile.of(raw, "a.json")
    first, second = file.value["a"]
    changed = file.changed({**file.value, "a": [{**second, "y": 0}, {"id": 3}]})
    assert changed == b'{ "a" : [ {"id": 2, "x": "\\u00e9", "y": 0},\n   {"id": 3} ],"b":1.50 }\r\n'
    assert file.changed({**file.value, "a": [{**first, "x": [1, 3]}, second]}) == raw.replace(b"[1, 2]", b"[1, 3]")


@pytest.mark.parametrize("raw", [b"", b"{", b'{"a":1}}', b"[" * 100_000, b"\xff\xfe\x00"])
def test_what_is_no_json_is_a_clear_error(raw: bytes) -> None:
    with pytest.raises(FormatError, match=r"a\.json"):
        JsonFile.of(raw, "a.json")
