"""labeling/disagreement/priors.py"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.disagreement import priors
from labeling.disagreement.cooccurrence import elevation_of
from labeling.disagreement.priors import (
    FREE,
    Collection,
    PostContext,
    apply_postprocess,
    collection_of,
    context_for_clips,
    context_for_sound,
    group_folds,
    parts_of,
    postprocess_shift,
    scene,
    shifted,
)
from labeling.errors import ConfigError, DataError, UnknownName
from labeling.records import Clip, Labels

BOTH = ("cooccurrence", "place_date")
NOWHERE: dict[str, str] = {}


def collection(present: np.ndarray, fold: Any = None, metadata: Any = None, known: Any = None) -> Collection:
    n = len(present)
    return Collection(
        tuple("abcdefgh"[: present.shape[1]]),
        present.astype(bool),
        np.ones(present.shape, bool) if known is None else known,
        np.zeros(n, np.int32) if fold is None else np.asarray(fold, np.int32),
        scene(metadata or [NOWHERE] * n),
        {row: row for row in range(n)},
    )


def random_collection(seed: int = 0, n: int = 60) -> Collection:
    rng = np.random.default_rng(seed)
    present = rng.random((n, 4)) < [0.5, 0.3, 0.2, 0.1]
    present[:, 1] |= present[:, 0] & (rng.random(n) < 0.8)
    where = [
        {
            "lat": str(40 + rng.normal()),
            "lon": str(-70 + rng.normal()),
            "date": f"2020-{rng.integers(1, 13):02d}-01",
            "elevation": f"{rng.integers(0, 1000)} m",
        }
        for _ in range(n)
    ]
    return collection(present, np.arange(n) % 5, where)


def test_what_is_listed_together_lifts_each_other_by_hand() -> None:
    # of 40 clips 10 list a, 10 list b, 8 both; 20 list c, none of them with a
    present = np.zeros((40, 3))
    present[:10, 0] = present[2:12, 1] = present[20:, 2] = 1
    context = context_for_sound(collection(present), [NOWHERE])
    shift = postprocess_shift(["cooccurrence"], np.array([[1.0, 0.25, 0.5]]), context)[0]
    # a is certain (weight 1), b and c as usual (weight 0); 2.5 clips with a and b are expected, 5 with a and c
    assert shift == pytest.approx([0.0, math.log((8 + 5) / (2.5 + 5)), math.log((0 + 5) / (5 + 5))], abs=1e-6)
    half = postprocess_shift(["cooccurrence"], np.array([[0.625, 0.25, 0.5]]), context)[0]
    assert half == pytest.approx(shift / 2, abs=1e-6)  # halfway from the usual 0.25 to 1


def test_a_floor_of_small_probabilities_says_nothing() -> None:
    source = random_collection()
    low = np.full((1, 4), 0.05)
    assert np.array_equal(postprocess_shift(["cooccurrence"], low, context_for_sound(source, [NOWHERE])), low * 0)


def test_cells_that_are_unsure_count_for_nothing() -> None:
    source = random_collection()
    known = np.random.default_rng(1).random(source.present.shape) < 0.7
    p = np.random.default_rng(2).random((3, 4))
    where = [{"lat": "40", "lon": "-70", "month": "5"}] * 3

    def of(present: np.ndarray) -> np.ndarray:
        source_now = Collection(**{**source.__dict__, "present": present, "known": known})
        return postprocess_shift(BOTH, p, context_for_sound(source_now, where))

    assert np.array_equal(of(source.present), of(source.present ^ ~known))
    assert not np.array_equal(of(source.present), of(source.present ^ known))


def km(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Haversine, with the Earth's mean radius."""
    (lat_a, lon_a), (lat_b, lon_b) = np.radians(a), np.radians(b)
    h = math.sin((lat_b - lat_a) / 2) ** 2 + math.cos(lat_a) * math.cos(lat_b) * math.sin((lon_b - lon_a) / 2) ** 2
    return 2 * 6371.0 * math.asin(math.sqrt(h))


def test_place_and_season_by_hand() -> None:
    places = [(42.0, -76.0)] * 6 + [(42.9, -76.4)] * 4 + [(10.0, 20.0)] * 10
    months = [5] * 10 + [12] * 10
    metadata = [
        {"latitude": str(a), "longitude": str(o), "month": str(m)} for (a, o), m in zip(places, months, strict=True)
    ]
    present = np.zeros((20, 2))
    present[:10, 0] = 1  # only in the north
    present[10:, 1] = 1
    here = (42.2, -76.0)
    context = context_for_sound(
        collection(present, metadata=metadata), [{"lat": str(here[0]), "lon": str(here[1]), "date": "2019-06-30"}]
    )
    weights = [
        math.exp(-0.5 * (km(here, place) / 100) ** 2) * math.exp(-0.5 * min(abs(m - 6), 12 - abs(m - 6)) ** 2)
        for place, m in zip(places, months, strict=True)
    ]
    expected = 0.5 * sum(weights)  # either class is in half of all clips
    wanted = [math.log((sum(weights[:10]) + 5) / (expected + 5)), math.log((sum(weights[10:]) + 5) / (expected + 5))]
    found = postprocess_shift(["place_date"], np.full((1, 2), 0.5), context)[0]
    assert found == pytest.approx(wanted, abs=1e-4)
    assert found[0] > 0.2
    assert found[1] < -0.2


def test_many_places_count_as_if_each_were_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """Against every pair of row and clip; in blocks, and where place or month is not told."""
    monkeypatch.setattr(priors, "_BLOCK_ROWS", 7)
    rng = np.random.default_rng(3)
    n = 900
    lat, lon, month = rng.uniform(44, 50, n), rng.uniform(-4, 8, n), rng.integers(0, 13, n)
    lat[::9] = np.nan
    metadata = [
        ({} if np.isnan(a) else {"lat": str(a), "lon": str(o)}) | ({"month": str(m)} if m else {})
        for a, o, m in zip(lat.tolist(), lon.tolist(), month.tolist(), strict=True)
    ]
    present = rng.random((n, 3)) < np.stack([0.05 + 0.6 * (lat > 47), 0.1 + 0.5 * (month < 6), np.full(n, 0.01)], 1)
    known = rng.random((n, 3)) < 0.8
    found = postprocess_shift(
        ["place_date"],
        np.full((60, 3), 0.5),
        context_for_sound(collection(present, None, metadata, known), metadata[:60]),
    )
    share = (present & known).sum(0) / known.sum(0)
    for row in range(60):
        weight = np.ones(n)
        if not np.isnan(lat[row]):
            away = [km((lat[row], lon[row]), (a, o)) for a, o in zip(lat, lon, strict=True)]
            weight *= np.nan_to_num(np.exp(-0.5 * (np.array(away) / 100) ** 2))
        if month[row]:
            apart = np.abs(month - month[row])
            weight *= np.where(month > 0, np.exp(-0.5 * np.minimum(apart, 12 - apart) ** 2), 0)
        expected = (weight[:, None] * known).sum(0) * share
        wanted = np.log(((weight[:, None] * (present & known)).sum(0) + 5) / (expected + 5))
        if np.isnan(lat[row]) and not month[row]:
            wanted = np.zeros(3)
        assert found[row] == pytest.approx(wanted, abs=0.02), row


def test_december_is_next_to_january() -> None:
    present = np.array([[1, 0]] * 10 + [[0, 1]] * 10)
    metadata = [{"month": "12"}] * 10 + [{"month": "6"}] * 10
    context = context_for_sound(collection(present, metadata=metadata), [{"month": "1"}, {"month": "7"}, NOWHERE])
    shift = postprocess_shift(["place_date"], np.full((3, 2), 0.5), context)
    assert shift[0] == pytest.approx(shift[1][::-1])
    assert shift[0, 0] > 0.1
    assert shift[2].tolist() == [0, 0]  # neither place nor month


def test_a_rare_class_is_not_spoken_against() -> None:
    source = random_collection(n=400)
    present = source.present.copy()
    present[:, 3] = False
    present[0, 3] = True
    rare = Collection(**{**source.__dict__, "present": present})
    p = np.array([[0.99, 0.99, 0.99, 0.5]])
    shift = postprocess_shift(BOTH, p, context_for_sound(rare, [{"lat": "40", "lon": "-70"}]))
    assert abs(shift[0, 3]) < 0.3
    assert apply_postprocess(BOTH, p, context_for_sound(rare, [{"lat": "40", "lon": "-70"}]))[0, 3] > 0.4


@pytest.mark.parametrize("name", [*BOTH, "elevation"])
def test_a_clips_own_labels_and_its_folds_do_not_reach_its_prior(name: str) -> None:
    source = random_collection()
    p = np.random.default_rng(5).random((60, 4))
    before = postprocess_shift([name], p, context_for_clips(source, range(60)))
    present = source.present.copy()
    inside = source.fold == 2
    present[inside] = ~present[inside]
    changed = Collection(**{**source.__dict__, "present": present})
    after = postprocess_shift([name], p, context_for_clips(changed, range(60)))
    assert np.array_equal(after[inside], before[inside])
    assert (np.abs(after[~inside] - before[~inside]).max(axis=1) > 1e-3).mean() > 0.9


@given(st.lists(st.floats(0, 1, width=32), min_size=4, max_size=4), st.integers(0, 3), st.floats(0, 1, width=32))
def test_a_higher_probability_never_comes_out_lower(row: list[float], column: int, other: float) -> None:
    context = context_for_clips(SOURCE, [0, 0], 2.0)
    p = np.array([row, row], np.float32)
    p[1, column] = other
    found = apply_postprocess(BOTH, p, context)
    assert ((found >= 0) & (found <= 1)).all()
    low, high = sorted((0, 1), key=lambda i: p[i, column])
    assert found[low, column] <= found[high, column]


SOURCE = random_collection()


def test_certainty_stays_and_no_strength_changes_nothing() -> None:
    p = np.array([[0.0, 1.0, 0.3, 0.7]], np.float32)
    where = [{"lat": "40", "lon": "-70", "month": "3"}]
    assert apply_postprocess(BOTH, p, context_for_sound(SOURCE, where, 0.0)) == pytest.approx(p)
    found = apply_postprocess(BOTH, p, context_for_sound(SOURCE, where, 10.0))
    assert found[0, :2].tolist() == [0.0, 1.0]
    single = sum(postprocess_shift([name], p, context_for_sound(SOURCE, where)) for name in BOTH)
    assert postprocess_shift(BOTH[::-1], p, context_for_sound(SOURCE, where, 2.0)) == pytest.approx(2 * single)
    assert np.abs(single).max() <= 2 * priors.LIMIT


def test_a_shift_moves_the_log_odds() -> None:
    assert shifted(np.array([0.5, 0.2]), np.array([math.log(3), -1.0])) == pytest.approx(
        [0.75, 1 / (1 + math.exp(-(math.log(0.25) - 1)))]
    )


def test_a_collection_is_parted_by_folds_and_groups() -> None:
    clips = [Clip(i, f"{i}.ogg", "", 1.0, 1, 1, group=group) for i, group in enumerate(["x", "x", "y", "z", "z"])]
    labels = Labels(
        np.arange(5), tuple("01234"), ("a", "b"), np.eye(5, 2, dtype=bool), np.eye(5, 2, k=1, dtype=bool),
        np.zeros((5, 2), bool), np.zeros(5, np.int32),
    )  # fmt: skip
    found = collection_of(labels, clips, {0: 1, 3: 0, 4: 0}, ("b", "new", "a"))
    assert found.fold.tolist() == [1, 1, FREE, 0, 0]  # the second is of the first one's group
    assert found.present.tolist() == [[False, False, True], [True, False, False], *[[False] * 3] * 3]
    assert found.known[0].tolist() == [False, False, True]
    parts = group_folds(clips, [0, 1, 2, 3, 4], 1000)
    assert parts[0] == parts[1]
    assert parts[3] == parts[4]
    assert len(set(parts.tolist())) == 3
    with pytest.raises(DataError, match="1 clips are not in the label version"):
        context_for_clips(found, [0, 99])


def test_clips_that_no_fold_held_out_stay_with_their_group() -> None:
    groups = ["x", "x", "y", "y", "y", "", "", "z"]
    clips = [Clip(i, f"{i}.ogg", "", 1.0, 1, 1, group=group) for i, group in enumerate(groups)]
    parts = parts_of(clips, list(range(8)), np.array([2, -1, -1, -1, -1, -1, -1, 0])).tolist()
    assert parts[:2] == [2, 2]  # the second is of the first one's group
    assert len(set(parts[2:5])) == 1
    assert min(parts[2:7]) > 2  # of no fold's part
    assert parts[7] == 0


def test_what_cannot_be_used_is_said() -> None:
    context = context_for_sound(SOURCE, [NOWHERE])
    with pytest.raises(UnknownName, match="Did you mean 'cooccurrence'"):
        apply_postprocess(["cooccurence"], np.zeros((1, 4)), context)
    with pytest.raises(DataError, match=r"\(2, 4\) where the context has \(1, 4\)"):
        apply_postprocess(BOTH, np.zeros((2, 4)), context)
    with pytest.raises(ConfigError, match="strength -1 must be from 0 to 10"):
        context_for_sound(SOURCE, [NOWHERE], -1)
    with pytest.raises(DataError, match="2 folds for 1 rows"):
        PostContext(SOURCE, np.zeros(2, np.int32), scene([NOWHERE]))


def test_a_prior_is_weighed_only_where_it_tells_what_the_sound_does_not() -> None:
    random = np.random.default_rng(0)
    true = random.random((400, 5)) < 0.3
    known = random.random(true.shape) < 0.95
    p = np.clip(np.where(true, 0.7, 0.2) + random.normal(0, 0.15, true.shape), 0.01, 0.99).astype(np.float32)
    noise = random.normal(0, 1, (40, *true.shape)).astype(np.float32)
    assert sum(priors.tells_more(one, true, known, p) for one in noise) <= 1
    telling = (noise[0] + true).astype(np.float32)
    assert priors.tells_more(telling, true, known, p)
    assert not priors.tells_more(-telling, true, known, p), "what speaks against the labels gets no weight"
    assert not priors.tells_more(np.zeros_like(p), true, known, p)
    assert not priors.tells_more(telling, true, known & False, p)


def test_elevation_by_hand() -> None:
    present = np.zeros((20, 2))
    present[:10, 0] = 1  # only in the valley
    present[10:, 1] = 1
    metadata = [{"elevation": "100 m"}] * 6 + [{"Altitude": "~300"}] * 4 + [{"elevation_m": "1500"}] * 9
    metadata += [{"elevation": "Unknown"}]  # counts nowhere, but in what is usual
    rows = [{"elevation": "200"}, {"elevation": ""}, {"elevation": "1500 m"}]
    found = postprocess_shift(
        ["elevation"], np.full((3, 2), 0.5), context_for_sound(collection(present, metadata=metadata), rows)
    )
    near, high = 10 * math.exp(-0.5 * (100 / 200) ** 2), 9 * math.exp(-0.5 * (1300 / 200) ** 2)
    usual = 0.5 * (near + high)
    assert found[0] == pytest.approx([math.log((near + 5) / (usual + 5)), math.log((high + 5) / (usual + 5))], abs=1e-4)
    assert found[1].tolist() == [0, 0]
    assert found[2, 0] < -0.2 < 0.2 < found[2, 1]


@pytest.mark.parametrize(
    ("text", "metres"),
    [("1200", 1200), (" ~30 m", 30), ("10-50m", 10), ("-3", -3), ("12.5 m a.s.l.", 12.5), ("3000 ft", None), ("", None),
     ("99999", None), ("?", None)],
)  # fmt: skip
def test_an_elevation_is_read_as_people_write_it(text: str, metres: float | None) -> None:
    found = elevation_of({"Elevation": text})
    assert math.isnan(found) if metres is None else found == metres
