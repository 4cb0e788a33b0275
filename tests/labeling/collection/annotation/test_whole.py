import pytest

from labeling.collection.annotation.base import Attribution, ImportedClip
from labeling.collection.annotation.whole import OPEN_HZ, within_sound
from labeling.records import Region


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (Region(0, 10), None),
        (Region(0.001, 9.999), None),
        (Region(0, 10, 0, 4000), None),
        (Region(0, 10, 0, OPEN_HZ), None),
        (Region(0, 10, 10, 4000), Region(0, 10, 10, 4000)),
        (Region(0, 9.9), Region(0, 9.9)),
        (Region(1, 2, 0, 4000), Region(1, 2)),
        (Region(1, 2, 100, 5000), Region(1, 2, 100, 4000)),
        (Region(1, 2, 4500, 5000), Region(1, 2)),
        (Region(9, 12), Region(9, 10)),
        (Region(11, 12), Region(11, 12)),
    ],
)
def test_the_whole_clip_is_no_time_and_the_whole_band_none(given: Region, wanted: Region | None) -> None:
    said = Attribution("ann", 0.5)
    clip = ImportedClip("a.wav", "/a.wav", ("dog",), "", 2, regions=(("dog", given),), said_by={("dog", given): said})
    after, cut = within_sound(clip, 10.0, 8000)
    assert after.regions == ((("dog", wanted),) if wanted else ())
    assert after.said_by == {("dog", wanted): said}
    assert len(cut) == (given == Region(9, 12))


def test_without_a_length_nothing_is_whole():
    clip = ImportedClip("a.wav", "/a.wav", ("dog",), "", 2, regions=(("dog", Region(0, 10, 5, OPEN_HZ)),))
    assert within_sound(clip, 0.0, 0)[0].regions == (("dog", Region(0, 10)),)
