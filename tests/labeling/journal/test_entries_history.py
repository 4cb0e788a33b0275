"""Entries and versions of the journal: any history, against a model that knows nothing of their code."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from labeling import journal
from labeling.errors import StaleDecision
from labeling.journal import versions
from labeling.journal.boxes import change_box
from labeling.records import Decision, Labels, Region
from labeling.storage import tables
from labeling.workspace import Workspace
from tests.support.examples import examples
from tests.support.workspaces.making import CLIPS, add_clips, copy_of, undo_at

CODES = ("amecro", "balori", "cangoo", "daejun")
REGIONS = (Region(0.0, 1.0), Region(2.0, 5.5, 500.0, 8000.0))


def decide(clip_id: int, code: str, verdict: str, **more: object) -> Decision:
    """A decision by ann."""
    return Decision(reviewer="ann", clip_id=clip_id, class_code=code, verdict=verdict, **more)  # type: ignore[arg-type]


class Model:
    """The journal as a plain list, folded by the rules as they are written down."""

    def __init__(self) -> None:
        self.entries: list[Decision] = []

    def counts(self, index: int) -> bool:
        """Whether the entry stands: no later entry that itself stands takes it back."""
        position = index + 1
        return not any(
            later.undoes == position and self.counts(place) for place, later in enumerate(self.entries) if place > index
        )

    def cell(self, clip_id: int, code: str, upto: int | None = None) -> tuple[object, ...]:
        """(present, unsure, verdict, events, quiet) of a cell at a position."""
        model = Model()
        model.entries = self.entries[:upto]
        listed = code in CLIPS[clip_id - 1][1]
        verdict, events, quiet = "", [], []
        for index, one in enumerate(model.entries):
            if (one.clip_id, one.class_code) != (clip_id, code) or one.undoes or not model.counts(index):
                continue
            if one.region and one.verdict == "present":
                events.append(one.region)
                verdict = "present"
            elif one.region and one.verdict == "absent":
                quiet.append(one.region)
            elif one.region is None:
                verdict = one.verdict
                if verdict != "present":
                    events, quiet = [], []
        present = listed if verdict == "" else verdict == "present"
        return present, verdict == "unsure", verdict, tuple(events), tuple(quiet)

    def last_change(self, clip_id: int, code: str) -> int:
        mine = [i + 1 for i, one in enumerate(self.entries) if (one.clip_id, one.class_code) == (clip_id, code)]
        return max(mine, default=0)


CELLS = [(clip_id, code) for clip_id in (1, 2) for code in CODES[:3]]
STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.just("decide"),
            st.sampled_from(CELLS),
            st.sampled_from(["present", "absent", "unsure"]),
            st.sampled_from([None, None, *REGIONS]),
            st.sampled_from([None, 0, 1, 2]),  # how old the screen was
        ),
        st.tuples(st.just("box"), st.sampled_from(CELLS), st.sampled_from([None, *REGIONS]), st.integers(0, 4)),
        st.tuples(st.just("undo"), st.integers(0, 40)),
        st.tuples(st.just("undo last")),
        st.tuples(st.just("repeat"), st.integers(0, 40)),
        st.tuples(st.just("freeze")),
        st.tuples(st.just("import")),
    ),
    max_size=14,
)


def same_labels(one: Labels, other: Labels) -> bool:
    """What a training sees, compared by class code."""

    def cells(labels: Labels) -> object:
        named = []
        for row, filename in enumerate(labels.filenames):
            marks = [
                (code, bool(labels.present[row, c]), bool(labels.unsure[row, c]), bool(labels.reviewed[row, c]))
                for c, code in enumerate(labels.classes)
            ]
            # of a present class it makes no difference whether a person confirmed it
            marks = [(code, p, u, r and not p) for code, p, u, r in marks if p or u or r]
            primary = labels.classes[labels.primary[row]] if labels.primary[row] >= 0 else ""
            events = sorted(
                repr((labels.classes[e.class_index], e.region, e.present)) for e in labels.events if e.clip_index == row
            )
            named.append((filename, primary, marks, events))
        return named

    return cells(one) == cells(other)


@examples(30)
@given(steps=STEPS)
def test_any_history_folds_as_written_down(blank: Path, steps: list[tuple]) -> None:
    with copy_of(blank) as workspace:
        _run_history(workspace, steps)


def _run_history(workspace: Workspace, steps: Sequence[tuple]) -> None:
    model = Model()
    seen: list[tuple[int, int, Labels]] = []  # (position, import, labels then)
    frozen: list[tuple[int, Labels]] = []
    imports = 1
    for number, step in enumerate(steps):
        if step[0] == "decide":
            _, (clip_id, code), verdict, region, age = step
            saw = None if age is None else max(0, len(model.entries) - age)
            one = decide(clip_id, code, verdict, region=region, seen_position=saw, event_id=f"e{number}")
            if saw is not None and model.last_change(clip_id, code) > saw:
                with pytest.raises(StaleDecision):
                    journal.append(workspace, [one])
                with workspace.read() as connection:
                    now = journal.cell_state(connection, clip_id, code)
                assert now.position == model.last_change(clip_id, code)
            else:
                stored = journal.append(workspace, [one])[0]
                model.entries.append(one)
                assert stored.position == len(model.entries)
        elif step[0] == "box":  # draws, moves or takes away
            _, cell, region, index = step
            with workspace.read() as connection:
                boxes = journal.cell_state(connection, *cell).boxes
            replaces = boxes[index].position if index < len(boxes) else None
            if region or replaces:
                drawn = decide(*cell, "present", region=region, event_id="") if region else None
                change = change_box(workspace, drawn, replaces, reviewer="ann", event_id=f"e{number}")
                model.entries += change.entries
                assert change.left == len(model.cell(*cell)[3])
        elif step[0] == "undo last":
            with workspace.read() as connection:
                last = journal.last_undoable(connection, "ann")
            model.entries += journal.undo_all(workspace, last, "ann", f"e{number}")
        elif step[0] == "undo" and model.entries:
            target = step[1] % len(model.entries) + 1
            model.entries.append(undo_at(workspace, target, "bob", f"e{number}"))
        elif step[0] == "repeat" and model.entries:
            known = model.entries[step[1] % len(model.entries)]
            assert journal.append(workspace, [known])[0].event_id == known.event_id
        elif step[0] == "freeze":
            version = versions.freeze(workspace, "ann")
            with workspace.read() as connection:
                frozen.append((version.number, versions.labels_of_version(connection, version.number)))
        elif step[0] == "import":
            imports = add_clips(workspace, ((f"new/{number}.ogg", ("daejun", f"class{number}")),), names={})
        with workspace.read() as connection:
            assert journal.position(connection) == len(model.entries)
            labels = versions.labels_at(connection)
            seen.append((len(model.entries), imports, labels))

    with workspace.read() as connection:
        found = {}
        for clip_id, code in CELLS:
            state = journal.cell_state(connection, clip_id, code)
            wanted = model.cell(clip_id, code)
            assert (state.present, state.unsure, state.verdict, state.events, state.quiet) == wanted
            assert state.position == model.last_change(clip_id, code)
            if wanted[2]:
                found[clip_id, code] = wanted[2]
        query = sa.select(tables.cells.c.clip_id, tables.classes.c.code, tables.cells.c.verdict).join(
            tables.classes, tables.classes.c.id == tables.cells.c.class_id
        )
        assert {(row.clip_id, row.code): row.verdict for row in connection.execute(query)} == found

        for position, import_id, labels in seen:  # later entries and imports change nothing that was
            now = versions.labels_at(connection, position, import_id)
            assert same_labels(now, labels)
            assert now.content_hash == labels.content_hash
            for clip_id, code in CELLS:
                present, unsure, verdict, *_ = model.cell(clip_id, code, position)
                cell = clip_id - 1, now.classes.index(code)
                assert (now.present[cell], now.unsure[cell], now.reviewed[cell]) == (present, unsure, verdict != "")
        for number, labels in frozen:
            now = versions.labels_of_version(connection, number)
            assert now.filenames == labels.filenames
            assert now.content_hash == labels.content_hash == versions.get_version(connection, number).content_hash
            assert same_labels(now, labels)
        for one in seen:
            for other in seen:
                assert (one[2].content_hash == other[2].content_hash) == same_labels(one[2], other[2])
