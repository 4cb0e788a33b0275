"""labeling/agreement/report.py: all that is said of a team, from its entries."""

from __future__ import annotations

import numpy as np
import pytest

from labeling import journal
from labeling.agreement.looks import Looks
from labeling.agreement.report import agreement_of, read_agreement
from labeling.quality.intervals import Share
from labeling.records import Decision, Shown
from labeling.workspace import Workspace
from tests.support.workspaces.deciding import says

CODES = {1: "amecro", 2: "balori"}


def team(errs: list[float], cells: int = 400, seed: int = 0, missing: float = 0.2) -> Looks:
    """Reviewers who err on a share of cells each, and judge most of them; two cells a clip."""
    random = np.random.default_rng(seed)
    truth = random.integers(0, 2, cells)
    said = np.stack([np.where(random.random(cells) < err, 1 - truth, truth) for err in errs], axis=1)
    said[:, 2:][random.random((cells, len(errs) - 2)) < missing] = -1
    names = tuple(f"reviewer {number}" for number in range(len(errs)))
    numbers = np.arange(cells)
    return Looks(names, numbers // 2 + 1, numbers % 2 + 1, said.astype(np.int8), numbers + 1)


def test_in_all_by_class_by_pair_and_by_person() -> None:
    looks = team([0.05, 0.1, 0.4])
    found = agreement_of(looks, CODES, {}, {})
    assert (found.cells, found.looks) == (400, int((looks.said >= 0).sum()))
    assert found.alpha.value is not None
    assert found.kappa.value is not None
    assert abs(found.alpha.value - found.kappa.value) < 0.05
    assert [(one.code, one.agreed.of) for one in found.classes] == [("amecro", 200), ("balori", 200)]
    assert sum(one.agreed.count for one in found.classes) == found.agreed.count
    good, bad = found.pair("reviewer 1", "reviewer 0"), found.pair("reviewer 0", "reviewer 2")
    assert good is not None
    assert bad is not None
    assert good.agreed.of == 400 > bad.agreed.of
    assert good.kappa.value is not None
    assert bad.kappa.value is not None
    assert good.kappa.value > 0.6 > bad.kappa.value
    careless = found.errors[2]
    assert careless.reviewer == "reviewer 2"
    assert careless.cells == int((looks.said[:, 2] >= 0).sum())
    assert careless.misses.low < 0.4 < careless.misses.high
    assert careless.misses.of + careless.imagines.of == pytest.approx(careless.cells)
    assert all(
        weight > 3 * other for weight, other in zip(found.weights()["reviewer 0"], careless.weights, strict=True)
    )


def test_drift_is_by_blocks_of_cells_in_time() -> None:
    early, late = team([0.02, 0.02], 200), team([0.35, 0.35], 200, seed=1)
    looks = Looks(
        early.reviewers,
        np.concatenate([early.clip_id, late.clip_id + 200]),
        np.concatenate([early.class_id, late.class_id]),
        np.concatenate([early.said, late.said]),
        np.arange(400) + 1,
    )
    found = agreement_of(looks, CODES, {}, {1: "2026-03-01", 400: "2026-05-01"})
    values = [block.alpha.value for block in found.blocks]
    assert len(values) == 10
    assert sum(block.agreed.of for block in found.blocks) == 400
    assert min(value for value in values[:5] if value is not None) > max(v for v in values[5:] if v is not None)
    assert (found.blocks[0].first_day, found.blocks[-1].last_day) == ("2026-03-01", "2026-05-01")
    assert agreement_of(team([0.1, 0.1], 30), CODES, {}, {}).blocks == (), "too few to part"


def test_of_two_alone_nobody_can_tell_who_errs_but_by_adjudications() -> None:
    looks = team([0.02, 0.35])
    assert agreement_of(looks, CODES, {}, {}).errors == ()
    truth = np.random.default_rng(0).integers(0, 2, 400)
    settled = {cell: ("present", "absent")[truth[row]] for row, cell in enumerate(looks.cells) if row % 4 == 0}
    found = agreement_of(looks, CODES, settled, {})
    assert found.adjudicated == 100
    assert found.errors[0].misses.high < found.errors[1].misses.low


def test_from_the_journal_and_anew_with_each_entry(any_collection: Workspace) -> None:
    def read() -> tuple[Share, dict[str, tuple[float, float]]]:
        with any_collection.read() as connection:
            found = read_agreement(connection)
            return found.agreed, found.weights()

    assert read() == (Share(0, 0), {})
    says(any_collection, "ann", "present")
    says(any_collection, "bob", "absent")
    assert read() == (Share(0, 1), {})
    settles = Decision(journal.new_event_id(), "zoe", 1, "amecro", "absent", shown=Shown(adjudication=True))
    journal.append(any_collection, [settles])
    agreed, weights = read()
    assert agreed == Share(0, 1), "what settles is no independent verdict"
    assert weights["bob"] > weights["ann"]
