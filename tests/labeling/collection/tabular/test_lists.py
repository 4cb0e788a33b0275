"""Cells that hold several labels."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.collection.tabular.lists import NOTHING, ListStyle, parse_list, style_of

text = st.text(st.characters(codec="utf-8", exclude_characters="\0\ufeff"), max_size=12)


@pytest.mark.parametrize(
    ("cell", "wanted"),
    [
        ("[]", []),
        ("['']", []),
        ("", []),
        ("nan", []),
        ("None", []),
        ("['houspa', 'redava']", ["houspa", "redava"]),
        ('["Hammond\'s Flycatcher"]', ["Hammond's Flycatcher"]),
        ("['a, b', 'c']", ["a, b", "c"]),
        ("('a',)", ["a"]),
        ("[65448, 0123]", ["65448", "0123"]),
        ("[amecro, houspa]", ["amecro", "houspa"]),
        ("houspa;redava", ["houspa", "redava"]),
        ("houspa", ["houspa"]),
        ("['=cmd()', '<b>x</b>', '🐦']", ["=cmd()", "<b>x</b>", "🐦"]),
        ("['../../etc/passwd']", ["../../etc/passwd"]),
        # as numpy and pandas print arrays
        ("['houspa' 'redava']", ["houspa", "redava"]),
        ("['houspa' 'redava'\n 'apapan']", ["houspa", "redava", "apapan"]),
        ("['houspa'\r\n 'redava']", ["houspa", "redava"]),
        ("[\"Hammond's Flycatcher\" 'Crow']", ["Hammond's Flycatcher", "Crow"]),
        ("[b'a' b'c']", ["a", "c"]),
        ("[65448 0123]", ["65448", "0123"]),
        ("[1. 2.]", ["1.", "2."]),
        ("[American Crow]", ["American Crow"]),
        ("array(['a', 'b'], dtype=object)", ["a", "b"]),
        ("array(['a', 'b'], dtype='<U6')", ["a", "b"]),
        ("np.array(['a'])", ["a"]),
        ("array([], dtype=object)", []),
        ("Index(['a', 'b'], dtype='object', name='x')", ["a", "b"]),
        ("[np.str_('a'), np.str_('b')]", ["a", "b"]),
        ("[np.int64(3), np.float64(nan)]", ["3"]),
        ("['a' 'b', 'c']", None),
        ("['it''s']", None),
        ("['a' ... 'z']", None),
        ("[1 2 ... 9]", None),
        ("array(['a', 'b'], dtype=object) + 1", None),
        # sets, tuples, JSON
        ("{'a', 'b'}", ["a", "b"]),
        ("set()", []),
        ("frozenset({'a'})", ["a"]),
        ("('a', 'b')", ["a", "b"]),
        ("()", []),
        ("{}", []),
        ("(unknown bird)", ["(unknown bird)"]),
        ("{amecro,houspa}", ["amecro", "houspa"]),
        ('{"a b",c}', ["a b", "c"]),
        ('["a", "b"]', ["a", "b"]),
        ('["a", null]', ["a"]),
        ('["caf\\u00e9", "a\\/b", "say \\"hi\\""]', ["café", "a/b", 'say "hi"']),
        ('{"a": true, "b": false, "c": true}', ["a", "c"]),
        ("{'a': True, 'b': False}", ["a"]),
        ('{"choices": ["a", "b"]}', ["a", "b"]),
        ('{"a": 1, "b": 0}', None),
        ("{'a': 0.9}", None),
        ("{a: 1}", None),
        ('[{"label": "a"}]', None),
        ("[['a', 'b']]", None),
        # nothing in a list, and quotes that a spreadsheet made
        ("['a', nan]", ["a"]),
        ("[nan]", []),
        ("['a', None, NaN, np.nan, <NA>]", ["a"]),
        ("['a', '']", ["a"]),
        ("['a',]", ["a"]),
        ("['a',, 'b']", None),
        ("""\"['a', 'b']\" """, ["a", "b"]),
        ('[""a"", ""b, c""]', ["a", "b, c"]),
        ("[‘a’, ‘b’]", ["a", "b"]),
        ("[“a”, “b”]", ["a", "b"]),
        ("'a', 'b'", ["a", "b"]),
        ("'a'", ["a"]),
        ("'Akikiki", ["'Akikiki"]),
        ("a|b", ["a", "b"]),
        ("a, b]", None),
        ("['a)", None),
        ("[a, b", None),
        ("[__import__('os').system('x')]", None),
        ("['a' + 'b']", None),
        ("[['a'], {'b': 1}]", None),
        ("['a'", None),
        ("[" * 50_000, None),
        ("['" + "x" * 200_000 + "']", None),
    ],
)
def test_list_cells(cell: str, wanted: list[str] | None) -> None:
    assert parse_list(cell) == wanted


@given(st.lists(text.map(str.strip).filter(lambda one: one and one not in NOTHING)))
def test_a_written_list_reads_back(labels: list[str]) -> None:
    for quote in ("'", '"'):
        assert parse_list(ListStyle(quote=quote).write(labels)) == labels


def test_styles() -> None:
    assert style_of(["['']", "['']", "[]", "['a', 'b']"]) == ListStyle("['']", "'", ", ")
    assert style_of(["[]", '["a","b"]']).write(["x", "y"]) == '["x","y"]'
    assert style_of(["", "a;b"]).write(["x", "y"]) == "x;y"
    assert style_of(["[1, 2]"]).write(["3", "4"]) == "[3, 4]"
    assert style_of([]) == ListStyle()


@pytest.mark.parametrize(
    ("cells", "empty", "single", "several"),
    [
        (["['a' 'b']", "['c']"], "[]", "['x']", "['x' \"y's\"]"),
        (["['a'\n 'b']"], "[]", "['x']", "['x' \"y's\"]"),
        (["array(['a', 'b'], dtype='<U1')"], "[]", "array(['x'], dtype=object)", "array(['x', \"y's\"], dtype=object)"),
        (["{'a', 'b'}", "set()"], "set()", "{'x'}", "{'x', \"y's\"}"),
        (["('a', 'b')", "()"], "()", "('x',)", "('x', \"y's\")"),
        (["{a,b}", "{}"], "{}", "['x']", "['x', \"y's\"]"),
        (["[a, b]"], "[]", "[x]", "['x', \"y's\"]"),
        (["[1 2]"], "[]", "['x']", "['x', \"y's\"]"),
        (["a|b", ""], "", "x", "x|y's"),
    ],
)
def test_a_list_is_written_as_the_column_has_it(cells: list[str], empty: str, single: str, several: str) -> None:
    style = style_of(cells)
    assert [style.write([]), style.write(["x"]), style.write(["x", "y's"])] == [empty, single, several]
    assert parse_list(single) == ["x"]
    assert parse_list(several) == ["x", "y's"]


@given(st.text("['\"(){}, |:array)nbs\n1.\\", max_size=30))
def test_no_cell_ends_in_a_traceback(cell: str) -> None:
    assert parse_list(cell) is None or all(parse_list(cell) or ["x"])
