from labeling.collection.formats.events import TableEvent, audacity_bytes, one_line, raven_bytes

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


def test_names_keep_every_letter_but_what_breaks_a_table():
    assert one_line("Großer Brachvogel\u00a0(Numenius) 鳥 \\n") == "Großer Brachvogel\u00a0(Numenius) 鳥 \\n"
    assert one_line("a\r\nb\u2028c") == "a\\r\\nbc"
