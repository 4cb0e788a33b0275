"""labeling/gain/measurement.py"""

from __future__ import annotations

import json

import pytest
from sklearn.metrics import brier_score_loss

from labeling import runs
from labeling.__main__ import main as labeling
from labeling.errors import DataError
from labeling.gain import measurement
from labeling.gain.measurement import COLLECTION, DECIDED, measure, pair_of
from labeling.workspace import Workspace
from tests.support.workspaces.gain_case import (
    FALSE,
    GAP_S,
    MISSING,
    SAID,
    add_run,
    collect,
    corrected,
    say,
)

#: squared errors of a cell that is corrected from unlisted, corrected from listed, and of a listed one confirmed
ADDED, REMOVED = 0.9**2 - 0.2**2, 0.8**2 - 0.1**2


def test_decided_cells_by_hand(any_workspace: Workspace) -> None:
    before, after = corrected(any_workspace)
    found = measure(any_workspace, before, after)
    assert (found.scope, found.decided, found.drawn, found.clips, found.clusters) == (DECIDED, 13, 0, 12, 12)
    assert not found.by_group, "three recordists are too few to resample"
    total = 4 * ADDED + 3 * REMOVED + (REMOVED + ADDED)
    assert found.headline is not None
    assert found.headline.metric == "brier"
    assert found.headline.gain == pytest.approx(total / 13, abs=1e-6)
    truth = [verdict == "present" for *_, verdict in SAID]
    then = [0.1] * 4 + [0.8] * 3 + [0.8, 0.1] + [0.8] * 4
    now = [0.8] * 4 + [0.1] * 3 + [0.1, 0.8] + [0.8] * 4
    assert found.headline.before == pytest.approx(brier_score_loss(truth, then), abs=1e-6)
    assert found.headline.after == pytest.approx(brier_score_loss(truth, now), abs=1e-6)
    assert found.outcome == "helped"
    assert found.differences == found.cautions == ()
    kinds = {one.kind: one for one in found.kinds}
    # balori: four added, two confirmed; cangoo: three removed; daejun and amecro: the swap, and amecro twice confirmed
    assert {name: (one.corrections, one.classes) for name, one in kinds.items()} == {
        "missing": (4, 1), "false": (3, 1), "swapped": (2, 2),
    }  # fmt: skip
    gains = {name: (one.gain.gain, one.gain.cells) for name, one in kinds.items() if one.gain}
    assert gains["missing"] == (pytest.approx(4 * ADDED / 6, abs=1e-6), 6)
    assert gains["false"] == (pytest.approx(REMOVED, abs=1e-6), 3)
    assert gains["swapped"] == (pytest.approx((REMOVED + ADDED) / 4, abs=1e-6), 4)
    assert [one.gain.low for one in found.kinds if one.gain] == [None] * 3, "six clips give no range"
    # an hour: the first of 13 presses has no gap before it
    assert found.hours == pytest.approx(12 * GAP_S / 3600)
    assert found.per_hour is not None
    assert found.per_hour.gain == pytest.approx(found.headline.gain / found.hours)
    assert found.per_hour.low == pytest.approx((found.headline.low or 0) / found.hours)


def test_cells_drawn_at_random_stand_for_all_that_nobody_decided(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measurement, "LEAST_DRAWN", 2)
    collect(workspace)
    before = add_run(workspace)
    say(workspace, MISSING + FALSE)
    listed = [(2, "balori", "present"), (6, "balori", "absent")]
    unlisted = [(2, "amecro", "absent"), (10, "cangoo", "absent"), (14, "daejun", "present")]
    say(workspace, listed + unlisted, drawn=True)
    after = add_run(workspace, like=before)
    found = measure(workspace, before, after)
    assert (found.scope, found.decided, found.drawn) == (COLLECTION, 12, 5)
    # 24 listed cells, of which 3 were decided otherwise: each of 2 drawn stands for 10.5; 72 unlisted, 4: 3 for 22.67
    total = 4 * ADDED + 3 * REMOVED + (21 / 2) * REMOVED + (68 / 3) * ADDED
    assert found.headline is not None
    assert found.headline.gain == pytest.approx(total / 96, abs=1e-6)
    alone = measure(workspace, before, after, scope=DECIDED)
    assert alone.scope == DECIDED
    assert alone.headline is not None
    assert alone.headline.gain == pytest.approx((4 * ADDED + 3 * REMOVED + REMOVED + ADDED) / 12, abs=1e-6)


def test_without_enough_draws_nothing_is_said_of_the_collection(workspace: Workspace) -> None:
    before, after = corrected(workspace, drawn=True)
    assert measure(workspace, before, after).scope == DECIDED
    with pytest.raises(DataError, match=r"8 listed and 5 unlisted cells were drawn at random, 20 of each"):
        measure(workspace, before, after, scope=COLLECTION)
    with pytest.raises(DataError, match="unknown scope 'all'"):
        measure(workspace, before, after, scope="all")


def test_a_run_gains_exactly_nothing_over_itself(workspace: Workspace) -> None:
    before, _ = corrected(workspace)
    found = measure(workspace, before, before)
    assert found.outcome == "same"
    assert [(one.gain, one.low, one.high) for one in found.metrics] == [(0, 0, 0)] * len(found.metrics)
    assert found.per_hour is None


def test_nothing_decided_and_unsure_cells_measure_nothing(workspace: Workspace) -> None:
    collect(workspace)
    before = add_run(workspace)
    say(workspace, [(1, "balori", "unsure")])
    after = add_run(workspace)
    found = measure(workspace, before, after)
    assert (found.outcome, found.metrics, found.decided) == ("none", (), 0)


def test_the_newest_pair_that_was_trained_alike(workspace: Workspace) -> None:
    def pair() -> tuple[str, ...]:
        with workspace.read() as connection:
            return tuple(run.id for run in pair_of(runs.all_runs(connection)) or ())

    collect(workspace)
    first = add_run(workspace)
    add_run(workspace, like=first)
    assert pair() == (), "both on one label version"
    say(workspace, SAID)
    after = add_run(workspace, like=first)
    add_run(workspace)
    add_run(workspace, like="999-gone")
    assert pair() == (first, after)


def test_the_command(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    before, after = corrected(workspace)
    assert labeling(["gain", "-w", str(workspace.root)]) == 0
    shown = capsys.readouterr().out
    assert "Retraining on label version 2 instead of 1 helped." in shown
    assert "In 1 class where mostly false labels were removed" in shown
    words = ["gain", "-w", str(workspace.root), "--before", before, "--after", after]
    assert labeling([*words, "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["before"], facts["after"], facts["outcome"]) == (before, after, "helped")
    assert facts["metrics"][0]["metric"] == "brier"
    for more, message in (
        (["--after", after], "--before and --after go together"),
        (["--before", before, "--after", "nope"], "no run 'nope'"),
        (["--before", before, "--after", after, "--cells", "collection"], "20 of each are needed"),
        (["--before", before, "--after", after, "--seed", "-1"], "--seed -1 must be at least 0"),
    ):
        assert labeling(["gain", "-w", str(workspace.root), *more]) == 1
        assert message in capsys.readouterr().err


def test_queued_runs_and_none_alike_are_refused(collection: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    first = add_run(collection)
    queued = runs.enqueue(collection, "demo", 1)
    with pytest.raises(DataError, match="is queued; only finished runs"):
        measure(collection, first, queued.id)
    assert labeling(["gain", "-w", str(collection.root)]) == 1
    assert "train one (`python -m models train --like RUN`)" in capsys.readouterr().err
