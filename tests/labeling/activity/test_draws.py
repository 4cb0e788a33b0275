"""Windows drawn at random within bands: who is in a band, and that chance alone chooses."""

import numpy as np
import pytest
from scipy import stats

from labeling.activity.draws import band_of, checked_edges, draw, read_edges
from labeling.errors import DataError
from tests.support.workspaces.field import windows_of_names


def test_a_band_holds_its_lower_edge_and_the_last_one_its_upper_too() -> None:
    scores = np.array([0.05, 0.1, 0.29, 0.3, 0.9, 1.0], np.float32)
    assert band_of(scores, (0.1, 0.3, 0.9, 1.0)).tolist() == [-1, 0, 0, 1, 2, 2]
    assert band_of(np.array([0.5, 0.6], np.float32), (0.0, 0.5)).tolist() == [0, -1]


def test_a_larger_draw_goes_on_and_another_seed_draws_others() -> None:
    windows = windows_of_names(["a/20240612_050000.WAV", "b/20240612_050000.WAV"], 3000.0)
    scores = windows.of("frog")
    few, many = draw(windows, scores, each=5), draw(windows, scores, each=20)
    for first, more, low, high in zip(few.places, many.places, few.edges, few.edges[1:], strict=False):
        assert more[:5].tolist() == first.tolist()
        assert ((scores[more] >= np.float32(low)) & (scores[more] < high)).all()
    other = draw(windows, scores, each=20, seed=1)
    assert all(set(a.tolist()) != set(b.tolist()) for a, b in zip(many.places, other.places, strict=True))
    assert sum(many.windows) == (scores >= np.float32(0.1)).sum()


def test_the_order_does_not_change_with_other_recordings() -> None:
    names = ["a/20240612_050000.WAV", "b/20240612_050000.WAV"]
    both = windows_of_names(names, 300.0, scores=np.full(200, 0.95))
    alone = windows_of_names(names[1:], 300.0, scores=np.full(100, 0.95))
    whole = draw(both, both.of("frog"), each=200).places[-1]
    part = draw(alone, alone.of("frog"), each=200).places[-1]
    assert (whole[whole >= 100] - 100).tolist() == part.tolist()


def test_every_window_is_drawn_as_often() -> None:
    windows = windows_of_names(["20240612_050000.WAV"], 150.0, scores=np.full(50, 0.95))
    drawn = np.concatenate([draw(windows, windows.of("frog"), each=10, seed=seed).places[-1] for seed in range(400)])
    assert stats.chisquare(np.bincount(drawn, minlength=50)).pvalue > 1e-4


def test_only_what_can_be_listened_to_is_drawn() -> None:
    windows = windows_of_names(["20240612_050000.WAV"], 30.0, scores=np.full(10, 0.95))
    among = np.arange(10) < 3
    found = draw(windows, windows.of("frog"), among)
    assert found.windows[-1] == 3
    assert sorted(found.places[-1].tolist()) == [0, 1, 2]


@pytest.mark.parametrize(
    "edges", ["", "0.5", "0.5,0.5", "0.9,0.1", "-0.1,1", "0,2", "a,b", "nan,1", ",".join("0" * 40)]
)
def test_edges_that_make_no_band_are_refused(edges: str) -> None:
    with pytest.raises(DataError, match="edges of bands"):
        read_edges(edges)


def test_so_many_of_a_band() -> None:
    windows = windows_of_names(["20240612_050000.WAV"])
    for each in (0, 501):
        with pytest.raises(DataError, match="give 1 to 500"):
            draw(windows, windows.of("frog"), each=each)
    assert checked_edges([0, 1]) == (0, 1)
