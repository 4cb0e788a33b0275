"""labeling/team/leases.py: a clip is one person's at a time, for all servers, and comes back by itself."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from labeling.errors import DataError
from labeling.team import leases
from labeling.workspace import Workspace, open_workspace
from tests.support.examples import examples
from tests.support.workspaces.making import add_clips, copy_of

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
CLIPS = (1, 2, 3, 4)
NAMES = st.sampled_from(["ann", "bob", "cem"])


def take(workspace: Workspace, name: str, *clip_ids: int, holder: str = "", after_s: float = 0.0) -> int | None:
    with workspace.write() as connection:
        now = NOON + timedelta(seconds=after_s)
        return leases.take_first(connection, clip_ids, name, holder or f"{name}'s", now=now)


def held(workspace: Workspace, after_s: float = 0.0) -> dict[int, str]:
    with workspace.read() as connection:
        now = NOON + timedelta(seconds=after_s)
        return {clip_id: lease.reviewer for clip_id, lease in leases.of_clips(connection, CLIPS, now=now).items()}


def test_it_is_one_persons_until_they_go_on_give_it_back_or_stay_away(any_collection: Workspace) -> None:
    life_s = leases.LIFE.total_seconds()
    assert take(any_collection, "ann", 1, 2) == 1
    assert take(any_collection, "bob", 1, 2) == 2
    assert take(any_collection, "cem", 1, 2) is None
    assert held(any_collection) == {1: "ann", 2: "bob"}
    assert take(any_collection, "ann", 3) == 3  # she goes on
    assert held(any_collection) == {2: "bob", 3: "ann"}
    assert take(any_collection, "ann", 4, holder="her other window") == 4
    assert held(any_collection) == {2: "bob", 3: "ann", 4: "ann"}
    with any_collection.write() as connection:
        leases.give_back(connection, "bob", "ann's")  # which is not his
        leases.give_back(connection, "bob", "bob's")
    assert held(any_collection) == {3: "ann", 4: "ann"}
    assert take(any_collection, "ann", 3, after_s=life_s / 2) == 3  # renewed
    assert held(any_collection, life_s + 1) == {3: "ann"}
    assert take(any_collection, "bob", 3, after_s=life_s + 1) is None
    assert take(any_collection, "bob", 3, after_s=life_s * 1.5 + 1) == 3
    with any_collection.read() as connection:
        assert [lease.reviewer for lease in leases.all_leases(connection, now=NOON + 1.6 * leases.LIFE)] == ["bob"]


def test_what_is_no_lease_is_refused_in_words(collection: Workspace) -> None:
    with pytest.raises(DataError, match="no reviewer's name"):
        take(collection, " ", 1)
    with pytest.raises(DataError, match="window's name"):
        take(collection, "ann", 1, holder="x" * 101)
    with collection.read() as connection, pytest.raises(DataError, match="1 to 2147483647"):
        leases.of_clips(connection, [0])


def test_of_many_who_want_one_at_once_one_gets_it(any_collection: Workspace) -> None:
    names = [f"r{number}" for number in range(12)]
    with ThreadPoolExecutor(len(names)) as pool:
        for wanted in ((1,), (2, 3), (4, 3, 2, 1)):
            taken = [pool.submit(take, any_collection, name, *wanted) for name in names]
            got = [clip_id for one in taken if (clip_id := one.result())]
            assert len(got) == len(set(got))
            assert sorted(held(any_collection)) == sorted({*got, *held(any_collection)})


@pytest.fixture(scope="module")
def machine(blank: Path) -> type[RuleBasedStateMachine]:
    """Any order of taking, giving back and waiting, against a model of it."""

    class Leases(RuleBasedStateMachine):
        @initialize()
        def begin(self) -> None:
            self.copy = copy_of(blank)
            self.workspace = self.copy.__enter__()
            self.now_s = 0.0
            self.model: dict[int, tuple[str, str, float]] = {}  # clip -> reviewer, window, until

        @rule(name=NAMES, window=st.sampled_from(["a", "b"]), wanted=st.lists(st.sampled_from(CLIPS), min_size=1))
        def take(self, name: str, window: str, wanted: list[int]) -> None:
            holder = f"{name} {window}"
            got = take(self.workspace, name, *wanted, holder=holder, after_s=self.now_s)
            free = [one for one in wanted if self.owner(one) in ("", name)]
            assert got == (free[0] if free else None)
            if got is not None:
                self.model = {clip_id: own for clip_id, own in self.model.items() if own[1] != holder}
                self.model[got] = (name, holder, self.now_s + leases.LIFE.total_seconds())

        @rule(name=NAMES, window=st.sampled_from(["a", "b"]))
        def give_back(self, name: str, window: str) -> None:
            with self.workspace.write() as connection:
                leases.give_back(connection, name, f"{name} {window}")
            self.model = {clip_id: own for clip_id, own in self.model.items() if own[1] != f"{name} {window}"}

        @rule(seconds=st.sampled_from([1.0, 150.0, 300.0]))
        def wait(self, seconds: float) -> None:
            self.now_s += seconds

        @invariant()
        def holds(self) -> None:
            if hasattr(self, "workspace"):
                expected = {clip_id: owner for clip_id in CLIPS if (owner := self.owner(clip_id))}
                assert held(self.workspace, self.now_s) == expected

        def owner(self, clip_id: int) -> str:
            name, _, until_s = self.model.get(clip_id, ("", "", 0.0))
            return name if until_s > self.now_s else ""

        def teardown(self) -> None:
            self.copy.__exit__(None, None, None)

    return Leases


def test_any_order_of_taking_giving_back_and_waiting(machine: type[RuleBasedStateMachine]) -> None:
    case = machine.TestCase
    case.settings = examples(12, stateful_step_count=12)
    case("runTest").runTest()


def test_it_holds_for_another_server_too(tmp_path: Path) -> None:
    first = open_workspace(tmp_path / "w", create=True)
    add_clips(first)
    other = open_workspace(tmp_path / "w")
    assert take(first, "ann", 1) == 1
    assert take(other, "bob", 1) is None
    first.close()
    other.close()
