from pathlib import Path

import pytest

from labeling.collection.annotation.base import Correction
from labeling.collection.annotation.whole import OPEN_HZ
from labeling.collection.formats.events.audacity import FORMAT, audacity_bytes, edited, is_one, parse
from labeling.collection.formats.events.base import Edit, TableEvent
from labeling.errors import FormatError

EVENTS = (
    TableEvent(0.5, 2.25, "dog", 0.875, 100.0, 4000.0),
    TableEvent(3.0, 3.5, "=1+2", 0.25),
    TableEvent(4.0, 4.5, "a\tb\nc\x07"),
)
MIXED = (
    b"0.5\t1.5\tCRER\r\n\\\t2500.5\t8000.0\r\n2.0\t2.5\tSP\r\n3.0\t3.0\t\r\n"
    b"4.0\t5.0\tSP\r\n\\\t-1.0\t3000.0\r\n6.0\t6.0\tSP"
)


def edit(**changes: object) -> Edit:
    fields: dict[str, object] = {
        "removed": frozenset(), "renamed": {}, "added": (), "recording": "", "filename": "a.wav", "duration_s": 9.0,
        "band_hz": (0.0, 4000.0),
    }  # fmt: skip
    return Edit(**(fields | changes))  # type: ignore[arg-type]


def test_a_track_has_a_band_where_one_is_known():
    assert audacity_bytes(EVENTS).decode() == (
        "0.500000\t2.250000\tdog\n\\\t100.000000\t4000.000000\n3.000000\t3.500000\t=1+2\n4.000000\t4.500000\ta\\tb\\nc\n"
    )
    assert audacity_bytes(()) == b""


def test_lines_with_and_without_a_band_are_mixed():
    its = parse(MIXED, "a.txt", {})
    assert [(event.place, event.code, event.onset_s, event.low_hz, event.high_hz) for event in its.events] == [
        ((1,), "CRER", 0.5, 2500.5, 8000.0),
        ((3,), "SP", 2.0, None, None),
        ((5,), "SP", 4.0, 0.0, 3000.0),
        ((7,), "SP", 6.0, None, None),
    ]
    assert [(problem.row, problem.reason) for problem in its.problems] == [(4, "an event without a label; skipped")]
    assert its.events[-1].is_point


def test_open_bands_commas_confidence_and_what_is_no_line():
    its = parse("0,5\t1,25\tdog\n\\\t100,5\t-1\n1,0\t2,0\tcat\t0,75\nremark\n\\\t1\t2\n".encode("utf-16"), "a.txt", {})
    first, second = its.events
    assert (first.onset_s, first.offset_s, first.low_hz, first.high_hz) == (0.5, 1.25, 100.5, OPEN_HZ)
    assert (second.code, second.confidence) == ("cat", 0.75)
    assert [problem.row for problem in its.problems] == [4, 5]
    both_open = parse(b"1\t2\tdog\n\\\t-1\t-1\n", "a.txt", {}).events[0]
    assert (both_open.low_hz, both_open.high_hz) == (None, None)


def test_what_is_a_track_is_known_by_its_first_lines():
    assert is_one("a.txt", MIXED)
    assert is_one("a.txt", b"0.0\t1.0\n")
    assert is_one("a.txt", MIXED * 3000)
    for other in (b"", b"\\\t1\t2\n", b"0.0\t1.0\tdog\nhello\n", b"a\tb\tc\n", b"1,2,3\n", b"PK\x03\x04"):
        assert not is_one("a.txt", other)
    with pytest.raises(FormatError, match="many recordings and names none"):
        parse(b"0\t3\tdog\t0.9\n", "BirdNET_AudacityLabels.txt", {})


def test_only_what_changed_changes():
    assert edited(MIXED, "a.txt", edit(removed=frozenset({(1,), (7,)})), {}) == MIXED.removeprefix(
        b"0.5\t1.5\tCRER\r\n\\\t2500.5\t8000.0\r\n"
    ).removesuffix(b"6.0\t6.0\tSP")
    assert edited(MIXED, "a.txt", edit(renamed={(3,): "owl"}), {}) == MIXED.replace(b"2.5\tSP", b"2.5\towl")
    added = edit(added=(TableEvent(7.0, 8.5, "owl", None, 10.0, 20.0),))
    assert edited(MIXED, "a.txt", added, {}) == MIXED + b"\r\n7.000000\t8.500000\towl\r\n\\\t10.000000\t20.000000"
    comma = edited(b"0,5\t1,0\tdog 1.5\n", "a.txt", added, {})
    assert comma == b"0,5\t1,0\tdog 1.5\n7,000000\t8,500000\towl\n\\\t10,000000\t20,000000\n"
    latin = "0.5\t1.0\tKäuz\n".encode("latin-1")
    assert edited(latin, "a.txt", edit(added=(TableEvent(0, 1, "猫"),)), {}) == latin


def test_an_empty_track_says_that_nothing_was_heard(tmp_path: Path):
    (tmp_path / "a.txt").write_bytes(MIXED)
    for name in ("b.txt", "a.wav", "b.wav", "c.wav"):
        (tmp_path / name).write_bytes(b"")
    table = FORMAT.read(tmp_path, None, {})
    assert [(clip.filename, clip.labels, clip.partial) for clip in table.clips] == [
        ("a.wav", ("CRER", "SP"), False),
        ("b.wav", (), False),
        ("c.wav", (), True),
    ]
    assert FORMAT.write is not None
    corrections = {"b.wav": Correction("b.wav", "", ("owl",), added=("owl",), duration_s=2.0, sample_rate=8000)}
    written = FORMAT.write(table.table_bytes, table.options, corrections, tmp_path / "out")
    assert written.not_held == ()
    assert (tmp_path / "out" / "a.txt").read_bytes() == MIXED
    assert (tmp_path / "out" / "b.txt").read_text() == "0.000000\t2.000000\towl\n"
