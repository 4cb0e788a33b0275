"""labeling/quality/found_beside.py"""

from __future__ import annotations

import numpy as np

from labeling.quality.found_beside import found_wrong


def test_of_two_kinds_of_doubt_in_a_clip_what_was_found_wrong_of_one_tells_of_the_other() -> None:
    clip_id, given = np.array([4, 4, 5, 4, 6]), np.array([False, True, True, False, True])
    wrong = np.array([True, True, False, True, True])
    found = found_wrong(clip_id, given, wrong)
    # the first of clip 4 knew nothing, the second and fourth know of the first and second, clip 5 and 6 of none
    assert found.beside(clip_id, given, np.arange(5)).tolist() == [0, 3, 0, 3, 0]
    open_clips, open_given = np.array([4, 4, 5, 6, 6, 99]), np.array([True, False, False, True, False, True])
    assert found.beside(open_clips, open_given).tolist() == [3, 3, 0, 0, 3, 0]
    nothing = found_wrong(clip_id[:0], given[:0], wrong[:0])
    assert nothing.beside(open_clips, open_given).tolist() == [0] * 6
