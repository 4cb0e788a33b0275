"""labeling/journal/rules.py: what counts in a cell that several people decided."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.errors import DataError
from labeling.folding import fold_cell
from labeling.journal import versions
from labeling.journal.exporting import export_labels
from labeling.journal.rules import RULES, LabelRule, fold_by_rule, rule_of
from labeling.records import Decision, LabelVersion, Region, Shown
from labeling.workspace import Workspace
from tests.support.examples import examples
from tests.support.workspaces.deciding import says

SETTLES = Shown(adjudication=True)
WEIGHTS = {"ann": (3.0, 3.0), "bob": (1.0, 1.0), "cleo": (1.0, 1.0)}


def fold(rule: str, *said: tuple[str, str], **weights: tuple[float, float]) -> str:
    """The verdict of (reviewer, verdict) after each other; "zoe" settles."""
    decisions = [
        Decision(f"e{at}", who, 1, "amecro", verdict, position=at, shown=SETTLES if who == "zoe" else Shown())
        for at, (who, verdict) in enumerate(said, 1)
    ]
    return fold_by_rule(1, "amecro", "", decisions, LabelRule(rule, weights)).verdict


A, B, C = ("ann", "present"), ("bob", "absent"), ("cleo", "unsure")


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ([A], ["present"] * 5),
        ([A, ("bob", "present")], ["present"] * 5),
        ([A, B], ["absent", "present", "unsure", "unsure", "unsure"]),
        ([B, A], ["present", "present", "unsure", "unsure", "unsure"]),
        ([A, C], ["unsure", "present", "present", "present", "unsure"]),
        ([B, C], ["unsure", "absent", "absent", "absent", "unsure"]),
        ([A, B, ("cleo", "absent")], ["absent", "present", "absent", "absent", "unsure"]),
        ([A, B, ("ann", "absent")], ["absent"] * 5),
        ([A, B, ("zoe", "absent")], ["absent"] * 5),
        ([A, B, ("zoe", "unsure")], ["unsure"] * 5),
        ([A, B, ("zoe", "absent"), ("dan", "present")], ["present", "absent", "absent", "absent", "absent"]),
        ([A, B, ("zoe", "absent"), ("zoe", "present")], ["present"] * 5),
        ([C, ("bob", "unsure")], ["unsure"] * 5),
    ],
)
def test_each_rule_of_some_votes(said: list[tuple[str, str]], expected: list[str]) -> None:
    assert [fold(rule, *said) for rule in RULES] == expected


def test_votes_weigh_as_their_reviewers_err() -> None:
    against = [A, B, ("cleo", "absent")]
    assert fold("weighted", *against, **WEIGHTS) == "present"
    assert fold("majority", *against, **WEIGHTS) == "absent"
    assert fold("weighted", *against, ann=(2.0, 9.0), bob=(9.0, 1.0), cleo=(9.0, 1.0)) == "unsure", "2 to 1 + 1"
    assert fold("weighted", *against, ("dan", "absent"), **WEIGHTS) == "absent", "unknown dan weighs the mean: 5 / 3"
    assert fold("weighted", A, B, ann=(-1.0, 1.0), bob=(1.0, 1.0)) == "absent", "who is wrong more often than right"


def test_boxes_are_those_of_who_said_what_counts() -> None:
    box = Region(1.0, 2.0)
    said = [
        Decision("e1", "ann", 1, "amecro", "present", region=box, position=1),
        Decision("e2", "bob", 1, "amecro", "absent", position=2),
        Decision("e3", "cleo", 1, "amecro", "present", position=3),
    ]
    by_majority = fold_by_rule(1, "amecro", "", said, LabelRule("majority"))
    assert (by_majority.events, by_majority.position, by_majority.role) == ((box,), 3, "secondary")
    assert fold_by_rule(1, "amecro", "", said, LabelRule()).events == (), "bob's absent cleared them"
    tie = fold_by_rule(1, "amecro", "primary", said[:2], LabelRule("majority"))
    assert (tie.verdict, tie.unsure, tie.present, tie.events) == ("unsure", True, False, ())


def test_what_was_taken_back_has_no_vote() -> None:
    said = [
        Decision("e1", "ann", 1, "amecro", "present", position=1),
        Decision("e2", "bob", 1, "amecro", "absent", position=2),
        Decision("e3", "zoe", 1, "amecro", "absent", position=3, shown=SETTLES),
        Decision("e4", "zoe", 1, "amecro", "undo", undoes=3, position=4),
    ]
    assert fold_by_rule(1, "amecro", "", said, LabelRule("adjudicated")).verdict == "unsure"
    assert fold_by_rule(1, "amecro", "", said[:3], LabelRule("adjudicated")).verdict == "absent"


votes = st.lists(
    st.tuples(st.sampled_from(["ann", "bob", "auto:stage1"]), st.sampled_from(["present", "absent"])), max_size=8
)


@examples(60)
@given(votes, st.sampled_from(["", "primary"]))
def test_one_person_is_folded_alike_by_every_rule(said: list[tuple[str, str]], role: str) -> None:
    decisions = [
        Decision(f"e{at}", who, 1, "amecro", verdict, position=at) for at, (who, verdict) in enumerate(said, 1)
    ]
    alone = [replace(one, reviewer="ann") if one.reviewer == "bob" else one for one in decisions]
    states = {fold_by_rule(1, "amecro", role, alone, LabelRule(rule)) for rule in RULES}
    assert states == {fold_cell(1, "amecro", role, alone)}
    assert fold_by_rule(1, "amecro", role, decisions, LabelRule()) == fold_cell(1, "amecro", role, decisions)


def test_an_unknown_rule_is_refused_by_name() -> None:
    with pytest.raises(DataError, match="unknown rule 'most'; choose from latest, any, majority"):
        LabelRule("most")


def test_a_version_keeps_its_rule_in_its_hash_its_diff_and_its_export(
    any_collection: Workspace, tmp_path: Path
) -> None:
    says(any_collection, "ann", "present", 2, "daejun")
    says(any_collection, "bob", "absent", 2, "daejun")
    latest = versions.freeze(any_collection, "ann")
    assert (latest.rule, rule_of(latest)) == ("latest", LabelRule())
    anyone = versions.freeze(any_collection, "ann", rule=LabelRule("any"))
    assert anyone.number == 2
    assert versions.freeze(any_collection, "bob", rule=LabelRule("any")) == anyone, "nothing changed since"
    with any_collection.read() as connection:
        stored: LabelVersion = versions.get_version(connection, 2)
        assert (stored.rule, stored.content_hash) == ("any", anyone.content_hash)
        column = versions.labels_at(connection).classes.index("daejun")
        present = [versions.labels_of_version(connection, n).present[1, column] for n in (1, 2)]
        changes = versions.diff(connection, latest.position, anyone.position, (rule_of(latest), rule_of(anyone)))
    assert present == [False, True]
    assert [(one.class_code, one.before, one.after) for one in changes] == [("daejun", "absent", "secondary")]
    report = export_labels(any_collection, tmp_path / "out", version=2)
    assert '"rule": "any"' in (tmp_path / "out" / "label_version.json").read_text()
    assert report.changed_clips == 1
    assert export_labels(any_collection, tmp_path / "latest", version=1).changed_clips == 0


def test_the_same_labels_by_another_rule_are_another_version(any_collection: Workspace) -> None:
    hashes = {rule: versions.freeze(any_collection, "ann", rule=LabelRule(rule)).content_hash for rule in RULES}
    assert len(set(hashes.values())) == len(RULES)
    with any_collection.read() as connection:
        assert hashes["latest"] == versions.labels_at(connection, 0).content_hash
