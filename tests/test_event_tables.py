from pathlib import Path

import pytest

from labeling.errors import FormatError
from labeling.event_tables import TableEvent, audacity_bytes, one_line, raven_bytes, read_audacity, read_raven

EVENTS = (
    TableEvent(0.5, 2.25, "dog", 0.875, 100.0, 4000.0),
    TableEvent(3.0, 3.5, "=1+2", 0.25),
    TableEvent(4.0, 4.5, "a\tb\nc\x07"),
)


def test_a_raven_table_has_ravens_columns():
    lines = raven_bytes(EVENTS, "x.wav", (50, 14000)).decode().split("\n")
    assert lines[0] == (
        "Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\tLow Freq (Hz)\tHigh Freq (Hz)"
        "\tAnnotation\tScore\tBegin File"
    )
    assert lines[1] == "1\tSpectrogram 1\t1\t0.500000\t2.250000\t100.0\t4000.0\tdog\t0.8750\tx.wav"
    assert lines[2] == "2\tSpectrogram 1\t1\t3.000000\t3.500000\t50.0\t14000.0\t=1+2\t0.2500\tx.wav"
    assert lines[3] == "3\tSpectrogram 1\t1\t4.000000\t4.500000\t50.0\t14000.0\ta\\tb\\nc\t\tx.wav"
    assert lines[4:] == [""]


def test_an_audacity_track_has_a_band_where_one_is_known():
    assert audacity_bytes(EVENTS).decode() == (
        "0.500000\t2.250000\tdog\n\\\t100.000000\t4000.000000\n3.000000\t3.500000\t=1+2\n4.000000\t4.500000\ta\\tb\\nc\n"
    )
    assert audacity_bytes(()) == b""


def test_what_is_written_is_read(tmp_path):
    plain = EVENTS[:2]
    raven, audacity = tmp_path / "a.selections.txt", tmp_path / "a.txt"
    raven.write_bytes(raven_bytes(plain, "x.wav", (50, 14000)))
    audacity.write_bytes(audacity_bytes(plain))
    assert read_raven(raven) == [plain[0], TableEvent(3.0, 3.5, "=1+2", 0.25, 50, 14000)]
    assert read_audacity(audacity) == [TableEvent(0.5, 2.25, "dog", None, 100, 4000), TableEvent(3.0, 3.5, "=1+2")]


def test_names_keep_every_letter_but_what_breaks_a_table():
    assert one_line("Großer Brachvogel\u00a0(Numenius) 鳥 \\n") == "Großer Brachvogel\u00a0(Numenius) 鳥 \\n"
    assert one_line("a\r\nb\u2028c") == "a\\r\\nbc"


def test_tables_of_raven_itself(tmp_path):
    """As Raven writes them: CRLF, a row for each view, a column of the user's own."""
    table = tmp_path / "t.Table.1.selections.txt"
    head = (
        "Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\tLow Freq (Hz)\tHigh Freq (Hz)\tSpecies\tdistance\r\n"
    )
    table.write_bytes(
        head.encode() + b"1\tWaveform 1\t1\t1.897648165999982\t4.11\t\t\tWOTH\t5\r\n"
        b"1\tSpectrogram 1\t1\t1.897648165999982\t4.11\t1326.3\t3266.5\tWOTH\t5\r\n"
        b"2\tSpectrogram 1\t1\t6.4\t6.8\t1145.0\t2694.0\tEATO\r\n"
    )
    assert read_raven(table) == [
        TableEvent(1.897648165999982, 4.11, "WOTH", None, 1326.3, 3266.5),
        TableEvent(6.4, 6.8, "EATO", None, 1145.0, 2694.0),
    ]
    assert [event.label for event in read_raven(table, "distance")] == ["5", ""]
    table.write_bytes(head.encode())
    assert read_raven(table) == []


def test_tracks_of_audacity_itself(tmp_path):
    track = tmp_path / "labels.txt"
    track.write_text("0.1\t0.3\tSP\n\\\t6441.064453\t12296.577148\n0.5\t0.5\t\n\\\t-1.0\t-1.0\n")
    assert read_audacity(track) == [
        TableEvent(0.1, 0.3, "SP", None, 6441.064453, 12296.577148),
        TableEvent(0.5, 0.5, ""),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("Selection\tView\n", "no column Begin Time (s), End Time (s)"),
        ("Begin Time (s)\tEnd Time (s)\n", "for the label"),
        ("Begin Time (s)\tEnd Time (s)\tSpecies\n1\tx\tA\n", "line 2: End Time (s) is 'x'"),
        ("Begin Time (s)\tEnd Time (s)\tSpecies\n5\t4\tA\n", "5 to 4 s"),
    ],
)
def test_raven_mistakes_are_named(tmp_path, text, message):
    file = tmp_path / "t.txt"
    file.write_text(text)
    with pytest.raises(FormatError) as caught:
        read_raven(file)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"hello", "must read start, end, label"),
        (b"1\tlate\tx", "time is 'late'"),
        (b"\\\t1\t2\n", "after its label"),
        (b"\xff\xfe", "not UTF-8"),
    ],
)
def test_audacity_mistakes_are_named(tmp_path, content, message):
    file = tmp_path / "t.txt"
    file.write_bytes(content)
    with pytest.raises(FormatError) as caught:
        read_audacity(file)
    assert message in str(caught.value)
    with pytest.raises(FormatError, match="cannot read"):
        read_audacity(Path(tmp_path / "none.txt"))
