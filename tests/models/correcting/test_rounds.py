"""models/correcting/rounds.py"""

from __future__ import annotations

import pytest

from labeling import journal, machine_labels, runs
from labeling.errors import ArtefactError, ConfigError, EarmarkError
from labeling.journal import versions
from labeling.records import Decision, Run
from labeling.workspace import Workspace
from models.config import Recipe, load_recipe
from models.correcting import rounds
from tests.support.training.refused import REFUSED, WEIGHTS, stored
from tests.support.workspaces.synthetic_oof import finish

FIRST = {(2, "balori"): 0.95, (4, "balori"): 0.92}
SECOND = {(2, "balori"): 0.95, (4, "balori"): 0.3, (4, "daejun"): 0.99}


def recipe_of(run: Run) -> Recipe:
    return load_recipe(run.recipe, run.settings)


def get(workspace: Workspace, run_id: str) -> Run:
    with workspace.read() as connection:
        return runs.get_run(connection, run_id)


def present(workspace: Workspace, version: int) -> set[tuple[int, str]]:
    with workspace.read() as connection:
        labels = versions.labels_of_version(connection, version)
    return {(row + 1, labels.classes[column]) for row, column in zip(*labels.present.nonzero(), strict=True)}


def entries(workspace: Workspace) -> int:
    with workspace.read() as connection:
        return journal.position(connection)


def test_each_round_corrects_the_labels_and_the_next_trains_on_them(any_collection: Workspace) -> None:
    first = rounds.iterate(any_collection, "demo", 2, settings=["epochs=3", "rounds=7"], reviewer="ann", folds=2)
    assert first.settings == ("epochs=3", "iterate.rounds=2")
    listed = present(any_collection, first.label_version)
    assert len(listed) == 7
    assert rounds.next_round(any_collection, first, recipe_of(first)) is None  # not done yet
    finish(any_collection, first.id, FIRST, macro_ap=0.4)
    second = rounds.next_round(any_collection, first, recipe_of(first))
    assert second is not None
    assert (second.status, second.label_version, second.folds) == ("queued", 2, 2)
    assert second.settings == ("epochs=3", "iterate.rounds=1", f"iterate.first_run={first.id}")
    assert present(any_collection, 2) == listed | {(2, "balori"), (4, "balori")}
    journal.append(any_collection, [Decision("e1", "ann", 1, "daejun", "present")])
    finish(any_collection, second.id, SECOND, macro_ap=0.5)
    third = rounds.next_round(any_collection, second, recipe_of(second))
    assert third is not None
    assert third.settings[1:] == ("iterate.rounds=0", f"iterate.first_run={first.id}")
    assert present(any_collection, 3) == listed | {(2, "balori"), (4, "daejun"), (1, "daejun")}
    finish(any_collection, third.id, {}, macro_ap=0.6)
    assert rounds.next_round(any_collection, third, recipe_of(third)) is None
    found = rounds.rounds_of(any_collection, second.id)
    assert [(one.number, one.run_id, one.label_version, one.macro_ap) for one in found] == [
        (0, first.id, 1, 0.4),
        (1, second.id, 2, 0.5),
        (2, third.id, 3, 0.6),
    ]
    assert [(one.added, one.removed, one.taken_back, one.next_version) for one in found] == [
        (2, 0, 0, 2),
        (1, 0, 1, 3),
        (0, 0, 0, None),
    ]
    assert [one.share for one in found] == [pytest.approx(2 / 7), pytest.approx(2 / 9), None]
    assert not any(one.settled for one in found)


def test_rounds_end_where_little_changes(collection: Workspace) -> None:
    first = rounds.iterate(collection, "demo", 5, settings=["iterate.settled_below=0.3"])
    finish(collection, first.id, FIRST)
    assert rounds.next_round(collection, first, recipe_of(first)) is None
    (only,) = rounds.rounds_of(collection, first.id)
    assert (only.settled, only.added, only.next_version) == (True, 2, 2)  # two of seven: the labels are kept
    assert rounds.next_round(collection, first, recipe_of(first)) is None
    assert rounds.resume_rounds(collection) == []
    assert entries(collection) == 2


def test_secondary_labels_are_taken_off_where_asked(collection: Workspace) -> None:
    first = rounds.iterate(collection, "demo", 1, settings=["iterate.remove_below=0.05"])
    finish(collection, first.id, {(1, "balori"): 0.01, (1, "amecro"): 0.01})
    rounds.next_round(collection, first, recipe_of(first))
    assert [one.removed for one in rounds.rounds_of(collection, first.id)] == [1, 0]
    assert (1, "balori") not in present(collection, 2)


@pytest.mark.parametrize("killed_at", ["apply", "freeze", "set_metrics", "enqueue"])
def test_a_worker_that_dies_anywhere_in_between_is_followed_by_one_that_ends_the_same(
    collection: Workspace, killed_at: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = rounds.iterate(collection, "demo", 1)
    finish(collection, first.id, FIRST)
    where = {"apply": (machine_labels, "apply_machine_labels"), "freeze": (versions, "freeze")}
    with monkeypatch.context() as patch:

        def die(*_: object, **__: object) -> None:
            raise KeyboardInterrupt

        patch.setattr(*where.get(killed_at, (runs, killed_at)), die)
        with pytest.raises(KeyboardInterrupt):
            rounds.next_round(collection, first, recipe_of(first))
    (second,) = rounds.resume_rounds(collection)
    assert rounds.resume_rounds(collection) == []
    assert rounds.next_round(collection, first, recipe_of(first)) == second
    assert (entries(collection), second.label_version) == (2, 2)
    assert [(one.added, one.next_version) for one in rounds.rounds_of(collection, first.id)] == [(2, 2), (0, None)]


def test_two_iterations_and_a_plain_run_do_not_mix(collection: Workspace) -> None:
    first = rounds.iterate(collection, "demo", 1)
    other = rounds.iterate(collection, "demo", 1)
    plain = runs.enqueue(collection, "demo", 1)
    for run in (first, other, plain):
        finish(collection, run.id, FIRST)
    assert rounds.next_round(collection, plain, recipe_of(plain)) is None
    assert len(rounds.resume_rounds(collection)) == 1  # the other's labels are the first's: nothing changed, settled
    assert [len(rounds.rounds_of(collection, run.id)) for run in (first, other, plain)] == [2, 1, 1]
    assert rounds.rounds_of(collection, other.id)[0].settled


def test_a_run_that_repeats_another_is_no_round(collection: Workspace) -> None:
    first = rounds.iterate(collection, "demo", 1)
    finish(collection, first.id, FIRST)
    copy = runs.enqueue(collection, "demo", 1, settings=first.settings)
    finish(collection, copy.id, FIRST)
    (collection.run_dir(copy.id) / "run.json").write_text(f'{{"repeats": "{first.id}"}}', encoding="utf-8")
    assert [run.settings[-1] for run in rounds.resume_rounds(collection)] == [f"iterate.first_run={first.id}"]
    assert len(rounds.rounds_of(collection, first.id)) == 2


def test_what_cannot_be_iterated(collection: Workspace) -> None:
    with pytest.raises(ConfigError, match="0 rounds iterate nothing; give at least 1"):
        rounds.iterate(collection, "demo", 0)
    with pytest.raises(ConfigError, match=r"iterate\.rounds = 101 must lie between 0 and 100"):
        rounds.iterate(collection, "demo", 101)
    first = rounds.iterate(collection, "demo", 1)
    runs.claim(collection, "w", first.id)
    runs.finish(collection, first.id, "w", "done")
    with pytest.raises(ArtefactError, match="the run has no predictions yet"):
        rounds.next_round(collection, first, recipe_of(first))
    assert rounds.first_of(get(collection, first.id)) == first.id


@pytest.mark.parametrize(("settings", "message"), REFUSED)
def test_rounds_that_cannot_be_trained_leave_nothing_behind(
    collection: Workspace, settings: tuple[str, ...], message: str
) -> None:
    with pytest.raises(EarmarkError, match=message):
        rounds.iterate(collection, "demo", 2, settings=settings)
    assert stored(collection) == ([], [])


def test_a_round_that_can_no_longer_be_trained_corrects_nothing(collection: Workspace) -> None:
    settings, message = WEIGHTS
    run = runs.enqueue(
        collection, "demo", versions.freeze(collection, "ann").number, settings=(*settings, "iterate.rounds=1")
    )
    finish(collection, run.id, FIRST)
    with pytest.raises(ConfigError, match=message):
        rounds.next_round(collection, get(collection, run.id), recipe_of(run))
    assert stored(collection) == ([run.id], [1])
    assert entries(collection) == 0
