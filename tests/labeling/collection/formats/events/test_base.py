import pytest

from labeling.collection.formats.events.base import POINT_S, FileEvent, fraction, number, one_line, writable
from labeling.errors import DataError
from labeling.records import Region


def test_names_keep_every_letter_but_what_breaks_a_table():
    assert one_line("Großer Brachvogel\u00a0(Numenius) 鳥 \\n") == "Großer Brachvogel\u00a0(Numenius) 鳥 \\n"
    assert one_line("a\r\nb\u2028c") == "a\\r\\nbc"
    assert writable("Dog, barking")
    assert not writable("a\x07b")
    assert not writable("")


def test_a_point_and_half_a_band_become_regions_that_are_some():
    assert FileEvent((1,), "a", 2.0, 2.0).region() == Region(2.0, 2.0 + POINT_S)
    assert FileEvent((1,), "a", 2.0, 3.0, 100.0, None).region() == Region(2.0, 3.0)
    assert FileEvent((1,), "a", 2.0, 3.0, 200.0, 100.0).region() == Region(2.0, 3.0)
    assert FileEvent((1,), "a").region() is None
    assert FileEvent((1,), "a", 2.0, 3.0, whole=True).region() is None
    with pytest.raises(DataError, match="onset must be at least 0"):
        FileEvent((1,), "a", -1.0, 3.0).region()


def test_numbers_with_a_comma():
    assert number("0,5") == 0.5
    assert number(" 1e3") == 1000.0
    assert number("1,000.5") is None
    assert number("inf") is None
    assert fraction("0.25") == 0.25
    assert fraction("25") is None
