from pathlib import Path

import pytest

from labeling.collection.annotation.base import Correction
from labeling.collection.formats.events.base import TableEvent
from labeling.collection.formats.events.raven import FORMAT, is_one, parse, raven_bytes
from labeling.errors import FormatError
from labeling.records import Region

EVENTS = (
    TableEvent(0.5, 2.25, "dog", 0.875, 100.0, 4000.0),
    TableEvent(3.0, 3.5, "=1+2", 0.25),
    TableEvent(4.0, 4.5, "a\tb\nc\x07"),
)
HEADER = "Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\tLow Freq (Hz)\tHigh Freq (Hz)\t"
TWO_VIEWS = (
    HEADER + "Species\tdistance\t\r\n"
    "1\tWaveform 1\t1\t1.5\t2\t0\t12000\tEATO\t3\r\n"
    "1\tSpectrogram 1\t1\t1.5\t2\t2878.2\t4049\tEATO\t3\r\n"
    "2\tWaveform 1\t1\t3\t4.25\t0\t12000\tLOWA\t3\r\n"
    "2\tSpectrogram 1\t1\t3\t4.25\t100\t200\tLOWA\t3\r\n"
    "3\tSpectrogram 1\t1\t5\t6\t100\t200\t\t9\r\n"
).encode()
SEVERAL = (
    HEADER + "Begin Path\tFile Offset (s)\tCommon Name\tConfidence\n"
    "1\tSpectrogram 1\t1\t3.0\t6.0\t0\t15000\tC:\\rec\\site1\\a.wav\t3.0\tWren\t0.9261\n"
    "2\tSpectrogram 1\t1\t60.0\t63.0\t0\t15000\tC:\\rec\\site1\\b.wav\t0.0\tWren\t0.5\n"
    "3\tSpectrogram 1\t1\t63.0\t66.0\t0\t15000\tC:\\rec\\site1\\b.wav\t3.0\tnocall\t1.0\n"
)


def test_a_table_has_ravens_columns():
    lines = raven_bytes(EVENTS, "x.wav", (50, 14000)).decode().split("\n")
    assert lines[0] == (
        "Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\tLow Freq (Hz)\tHigh Freq (Hz)"
        "\tAnnotation\tScore\tBegin File"
    )
    assert lines[1] == "1\tSpectrogram 1\t1\t0.500000\t2.250000\t100.0\t4000.0\tdog\t0.8750\tx.wav"
    assert lines[2] == "2\tSpectrogram 1\t1\t3.000000\t3.500000\t50.0\t14000.0\t=1+2\t0.2500\tx.wav"
    assert lines[3] == "3\tSpectrogram 1\t1\t4.000000\t4.500000\t50.0\t14000.0\ta\\tb\\nc\t\tx.wav"
    assert lines[4:] == [""]


def test_a_selection_in_two_views_is_one_event():
    its = parse(TWO_VIEWS, "a.txt", {})
    assert [(event.place, event.code, event.region()) for event in its.events] == [
        ((3,), "EATO", Region(1.5, 2.0, 2878.2, 4049.0)),
        ((5,), "LOWA", Region(3.0, 4.25, 100.0, 200.0)),
    ]
    assert [(problem.row, problem.reason) for problem in its.problems] == [(6, "an event without a label; skipped")]


def test_selections_of_one_number_in_one_view_are_several():
    rows = "1\tSpectrogram 1\t1\t1\t2\t0\t9\tdog\n1\tSpectrogram 1\t1\t3\t4\t0\t9\tdog\n"
    assert len(parse((HEADER + "Species\n" + rows).encode(), "a.txt", {}).events) == 2


@pytest.mark.parametrize(
    ("columns", "row", "options", "wanted"),
    [
        ("Annotation", "dog", {}, "dog"),
        ("distance\tMy Birds", "3\tdog", {}, "dog"),
        ("Delta Time (s)\tanimal\tBegin File", "1\tdog\ta.wav", {}, "dog"),
        ("Species\tsong", "EATO\tdog", {"label_column": "Song"}, "dog"),
        ('"Species"', '"dog"', {}, "dog"),
    ],
)
def test_the_column_of_labels_is_found_or_named(columns: str, row: str, options: dict[str, str], wanted: str) -> None:
    data = f"{HEADER}{columns}\n1\tSpectrogram 1\t1\t1\t2\t0\t9\t{row}\n".encode()
    assert [event.code for event in parse(data, "a.txt", options).events] == [wanted]


def test_what_cannot_be_told_is_asked():
    data = f"{HEADER}animal\tsong\n1\tSpectrogram 1\t1\t1\t2\t0\t9\tdog\tbark\n".encode()
    with pytest.raises(FormatError, match=r"several may have the labels .*animal, song; name the one with --label-col"):
        parse(data, "a.txt", {})
    with pytest.raises(FormatError, match="has no column 'x'"):
        parse(data, "a.txt", {"label_column": "x"})
    with pytest.raises(FormatError, match="is empty: not even a header"):
        parse(b"\n", "a.txt", {})
    assert is_one("a.txt", TWO_VIEWS)
    assert not is_one("a.txt", b"Selection\tView\n")
    assert not is_one("a.txt", b"")


def test_rows_that_name_their_recording_count_from_its_start(tmp_path: Path):
    for name in ("site1/a.wav", "site1/b.wav", "site1/c.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "BirdNET_SelectionTable.txt").write_text(SEVERAL)
    table = FORMAT.read(tmp_path, None, {})
    assert [(clip.filename, clip.regions, clip.partial) for clip in table.clips] == [
        ("site1/a.wav", (("Wren", Region(3.0, 6.0, 0.0, 15000.0)),), False),
        ("site1/b.wav", (("Wren", Region(0.0, 3.0, 0.0, 15000.0)),), False),
        ("site1/c.wav", (), True),
    ]
    assert FORMAT.write is not None
    region = Region(1.0, 2.0, 10.0, 20.0)
    correction = Correction("site1/b.wav", "", ("Robin",), ("Wren",), ("Robin",), (("Robin", region),), (), 9.0, 30000)
    FORMAT.write(table.table_bytes, table.options, {"site1/b.wav": correction}, tmp_path / "out")
    lines = SEVERAL.splitlines()
    new = "4\tSpectrogram 1\t1\t61.000000\t62.000000\t10.0\t20.0\tC:\\rec\\site1\\b.wav\t1.000000\tRobin\t"
    assert (tmp_path / "out" / "BirdNET_SelectionTable.txt").read_text().splitlines() == [*lines[:2], lines[3], new]
    without_offset = SEVERAL.replace("File Offset (s)", "Peak (s)")
    problem = "Begin Time runs on from file to file"
    events = parse(without_offset.encode(), "x.txt", {}).events
    assert [event.doubt[: len(problem)] for event in events] == ["", problem]


def test_only_what_changed_changes(tmp_path: Path):
    (tmp_path / "a.Table.1.selections.txt").write_bytes(TWO_VIEWS)
    (tmp_path / "b.Table.1.selections.txt").write_text(HEADER + "Species\t\n")
    for name in ("a.wav", "b.wav"):
        (tmp_path / name).write_bytes(b"")
    table = FORMAT.read(tmp_path, None, {})
    assert [(clip.filename, clip.labels, clip.partial) for clip in table.clips] == [
        ("a.wav", ("EATO", "LOWA"), False),
        ("b.wav", (), False),
    ]
    assert FORMAT.write is not None
    unchanged = FORMAT.write(table.table_bytes, table.options, {}, tmp_path / "same")
    assert [path.read_bytes() for path in unchanged.files] == [TWO_VIEWS, (HEADER + "Species\t\n").encode()]
    swapped = Correction("a.wav", "", ("WOTH",), ("EATO", "LOWA"), ("WOTH",), (), (("EATO", "WOTH"),), 9.0, 24000)
    new = Correction("b.wav", "OVEN", ("OVEN", "WREN"), (), ("OVEN", "WREN"), (), (), 9.0, 24000)
    written = FORMAT.write(table.table_bytes, table.options, {"a.wav": swapped, "b.wav": new}, tmp_path / "out")
    lines = TWO_VIEWS.splitlines(keepends=True)
    assert written.files[0].read_bytes() == b"".join(
        [lines[0], *(line.replace(b"EATO", b"WOTH") for line in lines[1:3]), lines[5]]
    )
    assert written.files[1].read_text() == HEADER + (
        "Species\t\n"
        "1\tSpectrogram 1\t1\t0.000000\t9.000000\t0.0\t12000.0\tOVEN\t\n"
        "2\tSpectrogram 1\t1\t0.000000\t9.000000\t0.0\t12000.0\tWREN\t\n"
    )
    assert [(held.class_code, held.now) for held in written.not_held] == [("OVEN", "primary")]
    with pytest.raises(FormatError, match="was imported, which is never changed"):
        FORMAT.write(table.table_bytes, table.options, {}, tmp_path)
