import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.records import Clip
from labeling.runs.outings import DAY, PLACE, day_of, outing_of, outings


def clip(i, group="", **metadata):
    return Clip(i, f"{i}.wav", f"/{i}.wav", 5.0, 16000, 1, group=group, metadata=metadata)


@pytest.mark.parametrize(
    "text",
    ["2021-05-03", "2021-5-3", "2021/05/03", "2021.05.03", "20210503", "2021-05-03T06:12:00Z", "2021-05-03 06:12",
     "20210503_061200", "03.05.2021", "3. 5. 2021", "3 May 2021", "03-May-2021", "May 3, 2021", "May 3rd 2021",
     "Mon, 3 May 2021 06:12:00", "1620022320", "1620022320000"],
)  # fmt: skip
def test_one_day_however_it_is_written(text):
    assert day_of(text) == "2021-05-03"


@pytest.mark.parametrize("text", ["", "2021", "2021-05", "2021-05-00", "2021-00-00", "unknown", "?", "0000-00-00",
                                  "2021-13-45", "May 2021", "5.3", "0/0/2021", "12 xyz 2021"])  # fmt: skip
def test_no_day(text):
    assert day_of(text) == ""


def test_slashes_are_one_day_to_themselves_and_certain_where_one_number_is_above_twelve():
    assert day_of("23/5/2021") == day_of("5/23/2021") == "2021-05-23"
    assert day_of("3/5/2021") == day_of("03/05/2021") != day_of("5/3/2021")


@given(st.text(max_size=40))
def test_any_text_is_read_without_an_error(text):
    day_of(text)
    outing_of({"author": text, "date": text, "latitude": text, "longitude": text})


def test_a_recordist_and_a_day_make_an_outing():
    clips = [
        clip(0, author="Ann B", date="2021-05-03"),
        clip(1, Recordist=" ann  b", Date="3 May 2021"),
        clip(2, author="Ann B", date="2021-05-04"),
        clip(3, author="Cy", date="2021-05-03"),
    ]
    assert outings(clips) == [(DAY, (0, 1))]


def test_without_a_day_the_place_counts_and_the_recordist_alone_never():
    clips = [
        clip(0, author="Ann", latitude="10.12341", longitude="-20.5"),
        clip(1, author="Ann", latitude="10.12339", longitude="-20.5"),
        clip(2, author="Ann", latitude="10.2", longitude="-20.5"),
        clip(3, author="Ann"),
        clip(4, author="Ann", latitude="", longitude="nan"),
        clip(5, author="Cy", latitude="10.1234", longitude="-20.5"),
        clip(6, author="Ann", date="2021-00-00", lat="10.1234", lon="-20.5"),
    ]
    assert outings(clips) == [(PLACE, (0, 1, 6))]


def test_no_place_no_name_no_outing():
    assert outing_of({"author": "Ann", "latitude": "0", "longitude": "0"}) is None
    assert outing_of({"author": "Ann", "latitude": "95", "longitude": "10"}) is None
    assert outing_of({"author": "Unknown", "date": "2021-05-03"}) is None
    assert outing_of({"date": "2021-05-03"}) is None


def test_a_group_that_came_with_the_table_wins():
    both = {"author": "Ann", "date": "2021-05-03"}
    assert outings([clip(0, "site1", **both), clip(1, "site2", **both), clip(2, **both)]) == []
