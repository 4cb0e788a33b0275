"""models/combining/noise_report.py"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from labeling import journal, runs
from labeling.disagreement import error_distribution
from labeling.errors import DataError
from labeling.journal import versions
from labeling.predictions.oof import read_oof
from labeling.records import Decision
from labeling.workspace import open_workspace
from models.combining.noise_report import noise_report
from tests.support.workspaces.two_runs import FIRST


def test_verdicts_count_as_they_are(own_copy: Path) -> None:
    """Sixty clips' primary labels get a verdict; all that say another primary class are in the distribution."""
    workspace = open_workspace(own_copy)
    before = noise_report(workspace, FIRST)
    assert "needs 50 decided cells" in before["classifier"]["refused"]
    oof = read_oof(workspace.run_dir(FIRST) / "oof.zarr")
    with workspace.read() as connection:
        labels = versions.labels_of_version(connection, 1)
    joint = error_distribution.confident_joint(labels.primary, oof.clipwise)
    share = error_distribution.given_if_true(joint)
    for c, code in enumerate(labels.classes):
        for given, value in before["per_class"][code]["given_instead"].items():
            assert value == pytest.approx(share[labels.classes.index(given), c])

    wrong, other = labels.classes[int(labels.primary[0])], ""
    said = []
    for row in range(48):
        own = labels.classes[int(labels.primary[row])]
        if row < 12:
            other = labels.classes[int((labels.primary[row] + 1) % 7)]
            said += [(row, own, "absent", ""), (row, other, "present", "primary")]
        else:
            said.append((row, own, "present", ""))
    journal.append(
        workspace,
        [
            Decision(journal.new_event_id(), "ann", int(labels.clip_ids[row]), code, verdict, role=role)
            for row, code, verdict, role in said
        ],
    )
    after = noise_report(workspace, FIRST)
    report = after["classifier"]
    contradicted = sum(
        (verdict == "present") != labels.present[row, labels.classes.index(code)] for row, code, verdict, _ in said
    )
    assert (report["decisions"], report["wrong"]) == (60, contradicted)
    assert sum(row["decided"] for row in after["per_class"].values()) == 60
    true_class = labels.classes[(labels.classes.index(wrong) + 1) % 7]
    now, given = np.array(labels.primary), np.array(labels.primary)
    now[:12] = (now[:12] + 1) % 7
    exact = error_distribution.given_if_true(np.zeros((7, 7)), given, now)
    assert after["per_class"][true_class]["given_instead"][wrong] == pytest.approx(
        exact[labels.classes.index(wrong), labels.classes.index(true_class)]
    )


def test_only_a_finished_run_is_asked(own_copy: Path) -> None:
    workspace = open_workspace(own_copy)
    queued = runs.enqueue(workspace, "demo", 1)
    with pytest.raises(DataError, match="is queued; wait until it is done"):
        noise_report(workspace, queued.id)
