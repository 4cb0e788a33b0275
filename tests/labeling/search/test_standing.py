"""standing.py: what stands is what the fold of the journal says, of clips and of stretches."""

from __future__ import annotations

from labeling import journal
from labeling.records import Decision, Region
from labeling.search.standing import standing
from labeling.workspace import Workspace
from tests.support.workspaces.planted import plant


def test_verdicts_stretches_and_what_was_taken_back(workspace: Workspace) -> None:
    plant(workspace, clips=6)
    here = Region(1, 3)
    journal.append(workspace, [
        Decision("a", "ann", 1, "rare", "present"),
        Decision("b", "ann", 2, "rare", "absent"),
        Decision("c", "ann", 3, "rare", "present", region=here),
        Decision("d", "ann", 4, "rare", "absent", region=here),
        Decision("e", "ann", 5, "rare", "unsure", region=here),
        Decision("f", "ann", 6, "rare", "present", region=here),
        Decision("g", "ann", 6, "rare", "absent"),
        Decision("h", "ann", 1, "common", "absent"),
    ])  # fmt: skip
    with workspace.read() as connection:
        said = standing(connection, "rare")
    assert said.clips == {1: "present", 2: "absent", 6: "absent"}
    assert [one.clip_id.tolist() for one in (said.present, said.absent, said.unsure)] == [[3], [4], [5]]
    assert said.decided == 6
    with workspace.read() as connection:
        newest = journal.decisions_where(connection)[6]
    journal.append(workspace, [journal.undo_of(newest, "ann", "u", None)])
    with workspace.read() as connection:
        assert standing(connection, "rare").present.clip_id.tolist() == [3, 6]
        assert standing(connection, "").decided == 0
