"""labeling/overview.py"""

from __future__ import annotations

import json
from pathlib import Path

from labeling import journal, versions
from labeling.overview import overview
from labeling.records import Decision
from labeling.workspace import Workspace, open_workspace


def test_an_empty_workspace(workspace: Workspace) -> None:
    facts = overview(workspace)
    assert (facts["clips"], facts["decisions"], facts["label_version"], facts["scored_run"]) == (0, 0, 0, "")
    json.dumps(facts)


def test_decisions_since_the_version(collection: Workspace) -> None:
    for number, verdict in enumerate(("present", "absent", "absent")):
        if number == 1:
            versions.freeze(collection, "ann")
        code = ("amecro", "balori", "cangoo")[number]
        journal.append(collection, [Decision(journal.new_event_id(), "ann", 1, code, verdict)])
    facts = overview(collection)
    assert (facts["clips"], facts["classes"], facts["labels"]) == (4, 4, 7)
    assert (facts["decisions"], facts["decisions_since_version"], facts["label_version"]) == (3, 2, 1)
    assert facts["decided_cells"] == {"present": 1, "absent": 2}


def test_a_trained_one(trained: Path) -> None:
    facts = overview(open_workspace(trained))
    assert facts["runs"] == {"done": 1}
    assert facts["scored_run"] == "001-demo"
    assert set(facts["suspects"]) <= {"missing", "false", "swapped"}
    assert sum(facts["suspects"].values()) > 0
