import json
from pathlib import Path

import pytest

from labeling.collection.annotation.base import Attribution, Correction
from labeling.collection.formats.events.avianz import FORMAT, is_one, parse
from labeling.errors import FormatError
from labeling.records import Region

DATA = (
    '[{"Operator": "Stephen",  "Reviewer": "Nirosha", "Duration": 10.0},\n [0.2, 0.5, 815, 8250, [{"species": "Cat", '
    '"certainty": 100, "filter": "M", "calltype": "Cluster_0"}]],\n [2, 3.5, 0, 0, [{"species": "Kiwi \\u0101", '
    '"certainty": 50}, {"species": "Cat", "certainty": 80}]],\n [4, 5, 0, 0, [{"species": "Don\'t Know", '
    '"certainty": 0}]]]'
)
OLD = '[[-1, "2016-01-01", "Virginia", "", -1], [1.0, 2.0, 0, 0, ["Kiwi", "Morepork?"]]]'


def test_segments_have_bands_certainties_and_several_species():
    its = parse(DATA.encode(), "a.wav.data", {})
    assert [(event.place, event.code, event.region(), event.who, event.confidence) for event in its.events] == [
        ((1, 0), "Cat", Region(0.2, 0.5, 815, 8250), "Nirosha", 1.0),
        ((2, 0), "Kiwi ā", Region(2, 3.5), "Nirosha", 0.5),
        ((2, 1), "Cat", Region(2, 3.5), "Nirosha", 0.8),
    ]
    assert [(problem.row, problem.reason) for problem in its.problems] == [(3, "an event without a label; skipped")]
    assert [(event.code, event.confidence) for event in parse(OLD.encode(), "a", {}).events] == [
        ("Kiwi", None),
        ("Morepork", 0.5),
    ]


@pytest.mark.parametrize("text", ["{}", "[{", "[" * 100_000, "\x00", "[1, 2] x", '"a"'])
def test_what_is_no_list_is_named(text: str) -> None:
    with pytest.raises(FormatError, match=r"no JSON|no list|NUL"):
        parse(text.encode(), "a.wav.data", {})


@pytest.mark.parametrize("segment", ["1", "[]", "[1, 2, 3]", '[1, 2, 0, 0, "Cat"]', '["a", null, {}, [], [{}, 3]]'])
def test_odd_segments_end_in_no_traceback(segment: str) -> None:
    its = parse(f'[{{"Operator": 3}}, {segment}]'.encode(), "a.wav.data", {})
    assert its.problems or its.events


def test_only_what_changed_changes(tmp_path: Path):
    assert is_one("a.wav.data", DATA.encode())
    assert not is_one("a.data", b'{"a": [1]}')
    (tmp_path / "a.wav.data").write_text(DATA)
    (tmp_path / "b.wav.data").write_text('[{"Operator": "V", "Reviewer": "", "Duration": 60.0}]')
    for name in ("a.wav", "b.wav", "c.wav"):
        (tmp_path / name).write_bytes(b"")
    table = FORMAT.read(tmp_path, None, {})
    assert [(clip.filename, clip.labels, clip.partial) for clip in table.clips] == [
        ("a.wav", ("Cat", "Kiwi ā"), False),
        ("b.wav", (), False),
        ("c.wav", (), True),
    ]
    assert table.clips[0].said_by["Kiwi ā", Region(2, 3.5)] == Attribution("Nirosha", 0.5)
    assert FORMAT.write is not None
    region = Region(6.0, 7.0, 100.0, 200.0)
    corrections = {
        "a.wav": Correction("a.wav", "", ("Tui", "Hen"), ("Cat", "Kiwi ā"), ("Tui", "Hen"), (("Hen", region),),
                            (("Kiwi ā", "Tui"),), 10.0, 16000),
        "b.wav": Correction("b.wav", "", ("Tui",), (), ("Tui",), (), (), 60.0, 16000),
        "c.wav": Correction("c.wav", "", ("Tui",), (), ("Tui",), (), (), 5.0, 16000),
    }  # fmt: skip
    written = FORMAT.write(table.table_bytes, table.options, corrections, tmp_path / "out")
    assert (tmp_path / "out" / "a.wav.data").read_text() == (
        DATA.replace(DATA[DATA.index(" [0.2") : DATA.index(" [2, 3.5")], "")
        .replace("Kiwi \\u0101", "Tui").replace(', {"species": "Cat", "certainty": 80}', "")[:-1]
        + ', [6.0, 7.0, 100.0, 200.0, [{"species": "Hen", "certainty": 100, "filter": "M"}]]]'
    )  # fmt: skip
    new = json.loads((tmp_path / "out" / "b.wav.data").read_text())
    assert new[1:] == [[0.0, 60.0, 0, 0, [{"species": "Tui", "certainty": 100, "filter": "M"}]]]
    assert json.loads((tmp_path / "out" / "c.wav.data").read_text())[1][4][0]["species"] == "Tui"
    assert [(held.filename, held.now) for held in written.not_held] == [("c.wav", "not listened for")]
