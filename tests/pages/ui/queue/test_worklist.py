"""pages/ui/queue/worklist.py"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.records import KINDS, WORTH_HEARING
from labeling.review.second_looks import Look
from labeling.reviewer.marks import KINDS as MARKS
from labeling.suspects.filter import ORDERS, STATUSES, TAUGHT, QueueFilter
from pages.ui.queue.worklist import Worklist, filter_from, is_number, narrows, params_of

PARAMS = ("kind", "class", "fold", "status", "p", "rating", "meta", "q", "rule", "order", "mark", "rare", "variety")
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.text("|=%+&25 7C", max_size=6)
WORD = TEXT.filter(bool)
FILTERS = st.builds(
    QueueFilter,
    kinds=st.lists(st.sampled_from(list(KINDS)), unique=True).map(tuple),
    classes=st.lists(WORD, max_size=3).map(tuple),
    folds=st.lists(st.integers(0, 10**15 - 1), max_size=3).map(tuple),
    status=st.sampled_from(list(STATUSES)),
    min_p_wrong=st.integers(0, 20).map(lambda step: step / 20),
    min_rating=st.none() | st.integers(0, 10).map(lambda step: step / 2),
    metadata=st.lists(st.tuples(WORD, TEXT), max_size=2).map(tuple),
    search=TEXT,
    missing_rule=st.booleans(),
    order=st.sampled_from(list(ORDERS)),
    marks=st.lists(st.sampled_from(list(MARKS)), unique=True).map(tuple),
    rarity=st.integers(0, 20).map(lambda step: step / 20),
    variety=st.booleans(),
    batches=st.booleans(),
    chosen=st.sampled_from(["", "0123456789abcdef"]),
    space=TEXT,
    taught=st.sampled_from(list(TAUGHT)),
)


@given(FILTERS)
def test_a_filter_and_back(wanted: QueueFilter) -> None:
    assert filter_from(params_of(wanted)) == wanted


def test_defaults_are_left_out_of_the_url() -> None:
    assert params_of(QueueFilter(min_p_wrong=WORTH_HEARING)) == {}
    assert filter_from({}) == QueueFilter(min_p_wrong=WORTH_HEARING)


@pytest.mark.parametrize(
    "params",
    [
        {"kind": "<script>alert(1)</script>"},
        {"mark": "flagg"},
        {"status": "'; drop table clips"},
        {"order": "../.."},
        {"p": "nan"},
        {"p": "inf"},
        {"p": "-1"},
        {"p": "1e999"},
        {"rating": "nan"},
        {"rating": "6"},
        {"rare": "nan"},
        {"rare": "1.01"},
        {"variety": "<b>"},
        {"batches": "yes"},
        {"fold": "-1"},
        {"fold": "²|٣|1.5|x"},
        {"fold": "9" * 400},
        {"meta": "no pair||"},
    ],
)
def test_a_hostile_parameter_is_passed_over(params: dict[str, str]) -> None:
    assert filter_from(params) == QueueFilter(min_p_wrong=WORTH_HEARING)


@given(st.dictionaries(st.sampled_from(PARAMS), TEXT))
def test_nothing_in_a_url_raises(params: dict[str, str]) -> None:
    filter_from(params)


def test_a_second_look_is_found_again_or_put_before_the_clip_that_followed() -> None:
    items = [Look(1), Look(2, "blind", "a"), Look(2), Look(2, "again", "b"), Look(3)]
    todo = Worklist(None, QueueFilter(), items.copy())
    todo.go_back_to(Look(2, "again", "b"), None)
    assert (todo.at, todo.items) == (3, items)
    todo.go_back_to(Look(9, "audit", "c"), 2)
    assert (todo.at, todo.items[1:4]) == (2, [items[1], Look(9, "audit", "c"), items[2]])
    short = Worklist(None, QueueFilter(), [Look(1)])
    before = short.id
    short.go_back_to(Look(9, "audit", "c"), 7)  # that one was decided meanwhile
    assert (short.at, short.items) == (0, [Look(9, "audit", "c"), Look(1)])
    assert short.id != before


def test_whole_numbers() -> None:
    assert [text for text in ("0", "12", "9" * 15, "9" * 16, "", "-1", "1.0", "²", "٣") if is_number(text)] == [
        *("0", "12", "9" * 15)
    ]


def items(*clip_ids: int) -> list[Look]:
    return [Look(clip_id) for clip_id in clip_ids]


def test_the_list_stands_still_while_one_goes_through_it() -> None:
    todo = Worklist(None, QueueFilter(), items(5, 6, 7, 6))
    name = todo.id
    todo.go_to(6)
    assert (todo.at, todo.clip_id, todo.id) == (1, 6, name)
    todo.at = 2
    todo.go_to(6)
    assert todo.at == 3, "the next place that holds the clip"
    todo.go_to(5)
    assert (todo.at, todo.id) == (0, name)
    todo.at = 4  # past the end: all done
    assert todo.clip_id is None


def test_a_clip_from_elsewhere_is_put_in_and_makes_another_list() -> None:
    todo = Worklist(None, QueueFilter(), items(5, 6))
    name = todo.id
    todo.at = 2
    todo.go_to(9)
    assert [item.clip_id for item in todo.items] == [5, 6, 9]
    assert (todo.at, todo.id != name) == (2, True)
    empty = Worklist(None, QueueFilter(), [])
    assert empty.clip_id is None
    empty.go_to(1)
    assert empty.clip_id == 1


@pytest.mark.parametrize(
    ("wanted", "narrowed"),
    [
        ({}, False),
        ({"kinds": ("false",), "order": "audit", "min_p_wrong": 0.9}, False),
        ({"classes": ("amecro",)}, True),
        ({"folds": (0,)}, True),
        ({"min_rating": 0.0}, True),
        ({"metadata": (("country", "Peru"),)}, True),
        ({"search": "a"}, True),
        ({"missing_rule": True}, True),
        ({"marks": ("flag",)}, True),
    ],
)
def test_a_filter_by_clip_or_class_narrows_and_one_by_kind_or_likelihood_does_not(
    wanted: dict[str, object], narrowed: bool
) -> None:
    assert narrows(QueueFilter(**wanted)) == narrowed  # type: ignore[arg-type]
