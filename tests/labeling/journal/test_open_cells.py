"""labeling/journal/open_cells.py: in all of a workspace the same as looks.py says of one clip."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from labeling import journal
from labeling.collection import store
from labeling.journal import looks, open_cells
from labeling.records import Decision, Shown
from tests.support.examples import examples
from tests.support.workspaces.making import copy_of

CODES = ("amecro", "balori", "cangoo")
ENTRIES = st.lists(
    st.tuples(
        st.sampled_from(["ann", "bob", "cem"]), st.integers(1, 3), st.sampled_from(CODES),
        st.sampled_from(["present", "absent", "unsure", "undo"]), st.booleans(), st.booleans(),
        st.integers(0, 5),
    ),
    max_size=12,
)  # fmt: skip
NEEDED = st.builds(looks.Needed, *[st.integers(1, 3)] * 3)


@given(entries=ENTRIES, wanted=NEEDED)
@examples(10)
def test_each_cell_is_open_to_whom_its_clip_hides_it_from(blank, entries, wanted) -> None:  # type: ignore[no-untyped-def]
    with copy_of(blank) as workspace:
        with workspace.write() as connection:
            for kind in looks.KINDS:
                looks.set_needed(connection, kind, getattr(wanted, kind))
        for name, clip_id, code, verdict, asked, drawn, settles in entries:
            event_id = journal.new_event_id()
            with workspace.read() as connection:
                last = journal.last_undoable(connection, name)
            if verdict != "undo":
                shown = Shown(kind="missing" if asked else "", asked=asked, audit=drawn, adjudication=settles == 0)
                journal.append(workspace, [Decision(event_id, name, clip_id, code, verdict, shown=shown)])
            elif last:
                journal.undo_all(workspace, last, name, event_id)
        with workspace.read() as connection:
            ids = store.class_ids(connection)
            listed = store.listed_cells(connection, [1, 2, 3])
            for name in ("ann", "bob", "dan", ""):
                still_open = open_cells.open_to(connection, name)
                alone = open_cells.judged_alone(connection, name, itertools.product((1, 2, 3), CODES))
                for clip_id in (1, 2, 3):
                    history = journal.clip_history(connection, clip_id)
                    codes = [code for clip, code in listed if clip == clip_id]
                    hidden = looks.hidden_from(history, codes, wanted, name)
                    assert still_open.hides(clip_id) == hidden.beside
                    for code in CODES:
                        own = [entry for entry in history if entry.class_code == code]
                        is_open = looks.is_open_cell(own, is_listed=code in codes, wanted=wanted, reviewer=name)
                        there = journal.fold_cell(clip_id, code, "", own).verdict != ""
                        assert still_open.holds(clip_id, ids[code]) == (is_open and there)
                        assert is_open == looks.is_open_to(connection, clip_id, code, name)
                        assert ((clip_id, code) in alone) == is_open
                keys = np.array([(1 << 24) | ids["amecro"]], np.int64)
                lacking = int(open_cells.looks_lacking(connection, keys, np.array([True]))[0])
                assert 0 <= lacking <= looks.MOST_LOOKS
