"""labeling/review/overview.py"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from labeling import journal
from labeling.journal import versions
from labeling.quality.intervals import Share
from labeling.records import Decision, Shown
from labeling.review.overview import of_reviewer, overview
from labeling.reviewer import marks
from labeling.workspace import Workspace, open_workspace
from tests.support.app.pages import errors, show
from tests.support.workspaces.making import add_clips


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


def test_what_concerns_one_reviewer(collection: Workspace) -> None:
    empty = of_reviewer(collection, "ann", 0)
    assert (empty.today.decisions, empty.looks.consistent.of, empty.flagged) == (0, 0, 0)
    first = journal.append(collection, [Decision("e1", "ann", 1, "amecro", "absent")])[0]
    again = Decision("e2", "ann", 1, "amecro", "absent", shown=Shown(second_look=first.position))
    journal.append(collection, [again, Decision("e3", "bob", 2, "amecro", "absent")])
    marks.add(collection, marks.Mark("m1", "bob", 3, "flag"))
    marks.add(collection, marks.Mark("m2", "bob", 4, "skip"))
    found = of_reviewer(collection, "ann", 0)
    assert (found.today.decisions, found.looks.consistent, found.flagged) == (1, Share(1, 1), 1)


def test_the_page_says_what_there_is_to_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = open_workspace(tmp_path / "w", create=True)
    add_clips(workspace, tuple((f"{number}.ogg", ("amecro",)) for number in range(20)))
    workspace.close()

    def texts() -> str:
        app = show(tmp_path / "w", "overview", monkeypatch)
        assert errors(app) == ""
        return " ".join([*(one.value for one in app.markdown), *(f"{one.label} {one.value}" for one in app.metric)])

    assert "Your decisions" not in texts()
    workspace = open_workspace(tmp_path / "w")
    for number in range(1, 13):  # all that were seen follow the model, of those asked blind none
        shown = Shown(kind="false", blind=number > 6)
        one = Decision(f"e{number}", "rita", number, "amecro", "present" if number > 6 else "absent", shown=shown)
        journal.append(workspace, [one])
    journal.append(workspace, [Decision("again", "rita", 1, "amecro", "absent", shown=Shown(second_look=1))])
    workspace.close()
    said = texts()
    assert "Decided today 12" in said
    assert "Same verdict again 1 of 1" in said
    assert "the same verdict to 100 %; likely between 21 % and 100 %" in said
    assert "Pull of what is shown +100 points" in said
    assert "6 of 6 suspects that you saw and on 0 of 6 asked blind" in said
    assert "chance" not in said
