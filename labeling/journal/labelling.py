"""The labels of one version as formats write them: each clip with what is there and what is not, where, and by whom."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling import journal
from labeling.collection import store, table_entries
from labeling.collection.annotation.base import Attribution, LabelledClip, LabelledEvent, Labelling
from labeling.journal import versions
from labeling.journal.rules import rule_of
from labeling.journal.strong import events_of
from labeling.records import USABLE, Box, CellState, Clip, LabelVersion, is_machine
from labeling.storage import database as db
from labeling.storage import tables


def labelling_of(connection: Connection, version: LabelVersion, name: str) -> Labelling:
    """Read the labels of a version.

    Parameters
    ----------
    connection : Connection
    version : LabelVersion
    name : str
        What the collection is called, where a format names it.

    Returns
    -------
    Labelling
        Its usable clips, by id.

    Examples
    --------
    >>> from labeling import journal
    >>> from labeling.example import example_workspace
    >>> from labeling.journal import versions
    >>> from labeling.journal.labelling import labelling_of
    >>> from labeling.records import Decision
    >>> workspace = example_workspace()
    >>> stored = journal.append(workspace, [Decision("e1", "ann", 3, "cangoo", "present")])
    >>> version = versions.freeze(workspace, "ann")
    >>> with workspace.read() as connection:
    ...     clip = labelling_of(connection, version, "birds").clips[2]
    >>> clip.filename, clip.labels, clip.who
    ('amecro/3.wav', ('amecro', 'cangoo'), {'cangoo': 'ann'})
    """
    query = sa.select(tables.clips).where(_in_version(version)).order_by(tables.clips.c.id)
    rows = [store.clip_of(row) for row in connection.execute(query)]
    listed, said = _imported(connection)
    decided = dict(versions.corrected_clips(connection, version.position, rule=rule_of(version)))
    classes = store.all_classes(connection)
    partial, codes = store.partial_clips(connection), {known.id: known.code for known in classes}
    said_of_box = _said_of_boxes(connection)
    labelled = []
    for clip in rows:
        states = decided.get(clip.id)
        if states is None:
            states = [journal.fold_cell(clip.id, code, role, ()) for code, role in listed.get(clip.id, {}).items()]
        absent = [codes[class_id] for class_id in sorted(partial.get(clip.id, ()))]
        labelled.append(_labelled(clip, states, said.get(clip.id, {}), said_of_box, clip.id in partial, absent))
    return Labelling(
        name=name,
        version=version.number,
        created_at=version.created_at,
        clips=tuple(labelled),
        classes={known.code: known.name for known in classes},
    )


def clip_ids_of(connection: Connection, version: LabelVersion) -> set[int]:
    """The ids of the clips whose labels a version has, as `labelling_of` gives them."""
    return set(connection.scalars(sa.select(tables.clips.c.id).where(_in_version(version))))


def _in_version(version: LabelVersion) -> sa.ColumnElement[bool]:
    clips = tables.clips.c
    return (clips.import_id <= version.import_id) & clips.status.in_(USABLE)


def _labelled(
    clip: Clip,
    states: list[CellState],
    said: Mapping[str, Attribution],
    said_of_box: Mapping[int, Attribution],
    partial: bool,
    stated_absent: list[str],
) -> LabelledClip:
    primary, labels = journal.resolve(states)
    by_people = {state.class_code: state for state in states if state.verdict}
    found_absent = [code for code, state in by_people.items() if state.verdict == "absent"]
    spoken_of = {state.class_code for state in states if state.verdict or state.machine}
    absent = found_absent + [code for code in stated_absent if code not in spoken_of]
    return LabelledClip(
        filename=clip.filename,
        path=clip.path,
        duration_s=clip.duration_s,
        sample_rate=clip.sample_rate,
        channels=clip.channels,
        group=clip.group,
        fold=clip.fold,
        metadata=clip.metadata,
        primary=primary,
        labels=labels,
        unsure=tuple(code for code, state in by_people.items() if state.verdict == "unsure"),
        absent=tuple(absent),
        events=tuple(
            _event(state.class_code, boxes, said_of_box)
            for state in states
            if state.class_code in labels
            for boxes in events_of([box for box in state.boxes if box.present])
        ),
        who={code: state.reviewer for code, state in by_people.items()},
        imported=dict(said),
        partial=partial,
    )


def _event(code: str, boxes: list[Box], said_of_box: Mapping[int, Attribution]) -> LabelledEvent:
    said = [said_of_box.get(box.position, Attribution()) for box in boxes]
    who = [own.who if is_machine(box.reviewer) else box.reviewer for box, own in zip(boxes, said, strict=True)]
    return LabelledEvent(code, boxes[-1].region, tuple(dict.fromkeys(filter(None, who))), said[-1].confidence)


def _imported(connection: Connection) -> tuple[dict[int, dict[str, str]], dict[int, dict[str, Attribution]]]:
    """Role by class of each clip's imported labels, in the row's order, and who said them where somebody is named."""
    labels, classes = tables.imported_labels, tables.classes
    query = sa.select(labels.c.clip_id, classes.c.code, labels.c.role, labels.c.who, labels.c.confidence)
    query = query.join(classes, classes.c.id == labels.c.class_id).order_by(labels.c.clip_id, labels.c.place)
    roles: dict[int, dict[str, str]] = {}
    said: dict[int, dict[str, Attribution]] = {}
    for clip_id, code, role, who, confidence in db.fetch(connection, query):
        roles.setdefault(clip_id, {})[code] = role
        if who or confidence is not None:
            said.setdefault(clip_id, {})[code] = Attribution(who, confidence)
    return roles, said


def _said_of_boxes(connection: Connection) -> dict[int, Attribution]:
    """Who said each region that came with a table, by its position in the journal, where somebody is named."""
    entries = tables.decisions.c
    query = sa.select(entries.position, entries.shown).where(
        entries.reviewer == table_entries.TABLE, entries.onset_s.is_not(None)
    )
    return {position: table_entries.said_from_json(shown) for position, shown in db.fetch(connection, query) if shown}
