from pathlib import Path

import pytest
from praatio import textgrid as praat

from labeling.collection.annotation.base import Correction
from labeling.collection.formats.events.base import TableEvent
from labeling.collection.formats.events.textgrid import FORMAT, is_one, parse, textgrid_bytes
from labeling.errors import FormatError
from labeling.records import Region

LONG = """File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = 4.5
tiers? <exists>
size = 2
item []:
    item [1]:
        class = "TextTier"
        name = "tones 1 "
        xmin = 0
        xmax = 4.5
        points: size = 1
        points [1]:
            number = 0.5
            mark = "H ""hi"" x"
    item [2]:
        class = "IntervalTier"
        name = "species"
        xmin = 0
        xmax = 4.5
        intervals: size = 3
        intervals [1]:
            xmin = 0
            xmax = 1.25
            text = ""
        intervals [2]:
            xmin = 1.25
            xmax = 2
            text = "Käuz 2"
        intervals [3]:
            xmin = 2
            xmax = 4.5
            text = "dog"
"""
SHORT = (
    'File type = "ooTextFile"\nObject class = "TextGrid"\n\n0\n4.5\n<exists>\n2\n"TextTier"\n"tones 1 "\n'
    '0\n4.5\n1\n0.5\n"H ""hi"" x"\n'
    '"IntervalTier"\n"species"\n0\n4.5\n3\n0\n1.25\n""\n1.25\n2\n"Käuz 2"\n2\n4.5\n"dog"\n'
)
SAID = [((1, 1), 'H "hi" x', 0.5, 0.5), ((2, 2), "Käuz 2", 1.25, 2.0), ((3, 2), "dog", 2.0, 4.5)]


def said(data: bytes) -> list[tuple[object, ...]]:
    events = parse(data, "a.TextGrid", {}).events
    return [(event.place, event.code, event.onset_s, event.offset_s) for event in events]


def by_praatio(path: Path) -> set[tuple[float, float, str]]:
    """What praatio reads of the tiers of intervals."""
    grid = praat.openTextgrid(str(path), includeEmptyIntervals=False)
    tiers = [grid.getTier(name) for name in grid.tierNames]
    return {tuple(entry) for tier in tiers if isinstance(tier, praat.IntervalTier) for entry in tier.entries}


@pytest.mark.parametrize("text", [LONG, SHORT])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_both_forms_in_any_encoding_say_the_same(text: str, encoding: str) -> None:
    data = text.encode(encoding)
    assert said(data) == SAID
    assert is_one("a.TextGrid", data)
    assert [event.code for event in parse(data, "a", {"label_column": "species"}).events] == ["Käuz 2", "dog"]


def test_what_is_no_grid_is_named():
    assert not is_one("a.TextGrid", b"File type")
    for wrong, why in (
        (LONG[: LONG.index("text = ")], "no whole TextGrid: a text is missing, it ends there"),
        (LONG.replace('"TextTier"', '"Tier"'), "tier 1 is a 'Tier'"),
        ("hello", "a text is missing"),
        ("ooBinaryFile\x08TextGrid", "binary TextGrid; save it as a text file"),
    ):
        with pytest.raises(FormatError, match=why):
            parse(wrong.encode(), "a.TextGrid", {})
    with pytest.raises(FormatError, match=r"has no tier 'x' .*; it has tones 1 , species"):
        parse(LONG.encode(), "a.TextGrid", {"label_column": "x"})
    huge = LONG.replace("points: size = 1", "points: size = 999999999999")
    with pytest.raises(FormatError, match="no whole TextGrid"):
        parse(huge.encode(), "a.TextGrid", {})


def test_praatio_reads_what_is_written_anew(tmp_path: Path):
    path = tmp_path / "a.TextGrid"
    events = [TableEvent(0.5, 2.0, 'a "b"'), TableEvent(1.0, 1.5, "猫"), TableEvent(2.0, 3.0, "dog")]
    path.write_bytes(textgrid_bytes(events, 3.0))
    assert by_praatio(path) == {(event.onset_s, event.offset_s, event.label) for event in events}
    path.write_bytes(textgrid_bytes([], 3.0))
    assert by_praatio(path) == set()


@pytest.mark.parametrize(
    ("text", "encoding"), [(LONG, "utf-8"), (SHORT, "utf-16"), (LONG.replace("\n", "\r\n"), "utf-8")]
)
def test_only_what_changed_changes_and_praatio_reads_it(tmp_path: Path, text: str, encoding: str) -> None:
    (tmp_path / "a.TextGrid").write_bytes(text.encode(encoding))
    (tmp_path / "a.wav").write_bytes(b"")
    table = FORMAT.read(tmp_path, None, {})
    assert table.clips[0].labels == ('H "hi" x', "Käuz 2", "dog")
    assert FORMAT.write is not None
    same = FORMAT.write(table.table_bytes, table.options, {}, tmp_path / "same")
    assert same.files[0].read_bytes() == text.encode(encoding)
    labels, region = ("owl", "fox", "cat"), Region(1.0, 3.0)
    correction = Correction("a.wav", "", labels, ('H "hi" x', "Käuz 2", "dog"), labels, (("fox", region),),
                            (("dog", "owl"),), 4.5, 8000)  # fmt: skip
    written = FORMAT.write(table.table_bytes, table.options, {"a.wav": correction}, tmp_path / "out")
    assert written.not_held == ()
    new = written.files[0].read_bytes()
    assert said(new)[0] == ((3, 2), "owl", 2.0, 4.5)
    assert by_praatio(written.files[0]) == {(2.0, 4.5, "owl"), (1.0, 3.0, "fox"), (0.0, 4.5, "cat")}
    kept = text.replace('"H ""hi"" x"', '""').replace('"Käuz 2"', '""').replace('"dog"', '"owl"')
    kept = kept.replace("size = 2", "size = 4") if "size" in text else kept.replace('\n2\n"TextTier', '\n4\n"TextTier')
    assert new.startswith(kept.encode(encoding))
