"""Label versions: the labels at one position of the journal, frozen, compared, gone back to."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling import journal
from labeling.collection import store
from labeling.errors import DataError
from labeling.journal.rules import LATEST, LabelRule, fold_by_rule, rule_of
from labeling.records import USABLE, CellState, Decision, Event, Labels, LabelVersion, is_machine
from labeling.storage import database as db
from labeling.storage import tables
from labeling.workspace import Workspace

BY_LATEST = LabelRule()


@dataclass(frozen=True)
class Change:
    """A cell that differs between two positions. ``before`` and ``after``: absent, secondary, primary, unsure."""

    filename: str
    class_code: str
    before: str
    after: str
    reviewer: str
    created_at: str
    run_id: str


def freeze(workspace: Workspace, created_by: str, note: str = "", rule: LabelRule = BY_LATEST) -> LabelVersion:
    """Name the labels as they are now, and as a rule makes them where several people decided.

    A label that a person confirmed changes no label and not the hash, yet makes a version: neither a machine nor a
    teacher overrides it any more.

    Parameters
    ----------
    workspace : Workspace
    created_by : str
    note : str
    rule : LabelRule
        By default the last verdict counts. `agreement.weights.rule_named` makes one that weighs votes.

    Returns
    -------
    LabelVersion
        The newest one where nothing changed since.

    Raises
    ------
    DataError
        The workspace holds no clips.

    Examples
    --------
    >>> from labeling import journal
    >>> from labeling.example import example_workspace
    >>> from labeling.journal import versions
    >>> from labeling.records import Decision
    >>> workspace = example_workspace()
    >>> versions.freeze(workspace, "ann").number
    1
    >>> stored = journal.append(workspace, [Decision("e1", "ann", 3, "cangoo", "present")])
    >>> version = versions.freeze(workspace, "ann", "heard the goose")
    >>> version.number, version.position
    (2, 1)
    """
    with workspace.write() as connection:
        db.lock_journal(connection)
        position, import_id = journal.position(connection), _newest_import(connection)
        if import_id == 0:
            raise DataError("the workspace holds no clips; import some before freezing their labels")
        labels = labels_at(connection, position, import_id, rule=rule)
        content_hash = labels.content_hash
        newest = all_versions(connection)[-1:]
        if newest and newest[0].content_hash == content_hash:
            before = labels_at(connection, newest[0].position, newest[0].import_id, rule=rule)
            if _reviewed_cells(before) == _reviewed_cells(labels):
                return newest[0]
        version = LabelVersion(
            number=newest[0].number + 1 if newest else 1,
            position=position,
            import_id=import_id,
            content_hash=content_hash,
            note=note.strip(),
            created_by=created_by.strip() or "unknown",
            created_at=db.now(),
            rule=rule.name,
            weights={name: list(weights) for name, weights in sorted(rule.weights.items())},
        )
        connection.execute(sa.insert(tables.label_versions).values(**version.__dict__))
        return version


def _reviewed_cells(labels: Labels) -> set[tuple[str, str]]:
    return {(labels.filenames[row], labels.classes[column]) for row, column in np.argwhere(labels.reviewed).tolist()}


def all_versions(connection: Connection) -> list[LabelVersion]:
    """Every label version, oldest first."""
    rows = connection.execute(sa.select(tables.label_versions).order_by(tables.label_versions.c.number))
    return [LabelVersion(**row._mapping) for row in rows]


def get_version(connection: Connection, number: int) -> LabelVersion:
    """One version; raises DataError with the numbers that exist."""
    known = all_versions(connection)
    for version in known:
        if version.number == number:
            return version
    shown = f"choose from 1 to {known[-1].number}" if known else "freeze one first"
    raise DataError(f"no label version {number}; {shown}")


def labels_at(
    connection: Connection,
    position: int | None = None,
    import_id: int | None = None,
    *,
    without: str = "",
    rule: LabelRule = BY_LATEST,
) -> Labels:
    """Read the labels of all usable clips at a position of the journal.

    Parameters
    ----------
    connection : Connection
    position : int, optional
        0 gives the labels as imported; by default the journal's end.
    import_id : int, optional
        The last import whose clips count; by default the newest.
    without : str
        A reviewer whose entries are passed over: what a machine said must not bind what it says next.
    rule : LabelRule
        What counts in a cell that several people decided.

    Returns
    -------
    Labels
        ``present``, ``unsure``, ``reviewed`` are bool (N, C); ``primary`` is int32 (N,), -1 for none.

    Examples
    --------
    >>> from labeling import journal
    >>> from labeling.example import example_workspace
    >>> from labeling.journal import versions
    >>> from labeling.records import Decision
    >>> workspace = example_workspace()
    >>> stored = journal.append(workspace, [Decision("e1", "ann", 3, "cangoo", "present")])
    >>> with workspace.read() as connection:
    ...     now, imported = versions.labels_at(connection), versions.labels_at(connection, 0)
    >>> now.present.shape, int(now.present.sum()), int(imported.present.sum()), int(now.reviewed.sum())
    ((12, 3), 15, 14, 1)
    """
    position = journal.position(connection) if position is None else position
    import_id = _newest_import(connection) if import_id is None else import_id
    classes = store.all_classes(connection)
    column = {known_class.code: index for index, known_class in enumerate(classes)}
    query = (
        sa.select(tables.clips.c.id, tables.clips.c.filename)
        .where(tables.clips.c.import_id <= import_id, tables.clips.c.status.in_(USABLE))
        .order_by(tables.clips.c.id)
    )
    rows = db.fetch(connection, query)
    row_of = {clip_id: index for index, (clip_id, _) in enumerate(rows)}
    shape = (len(rows), len(classes))
    present, unsure, reviewed = np.zeros(shape, bool), np.zeros(shape, bool), np.zeros(shape, bool)
    primary = np.full(len(rows), -1, np.int32)
    events: list[Event] = []
    roles = {}
    for clip_id, ids in store.partial_clips(connection).items():  # what nobody listened for is neither there nor not
        if clip_id in row_of:
            unsure[row_of[clip_id]] = [known_class.id not in ids for known_class in classes]
    for clip_id, code, role in _imported(connection):
        if clip_id in row_of:
            unsure[row_of[clip_id], column[code]] = False
            present[row_of[clip_id], column[code]] = True
            roles[clip_id, code] = role
            if role == "primary" and primary[row_of[clip_id]] < 0:
                primary[row_of[clip_id]] = column[code]
    for clip_id, states in _decided(connection, position, roles, without=without, rule=rule):
        if clip_id not in row_of:
            continue
        row = row_of[clip_id]
        for state in states:
            cell = row, column[state.class_code]
            present[cell] = state.present
            unsure[cell] = state.unsure or (unsure[cell] and not (state.verdict or state.machine))
            reviewed[cell] = state.verdict != ""
            events += [Event(*cell, region, True) for region in state.events]
            events += [Event(*cell, region, False) for region in state.quiet]
        code, _ = journal.resolve(states)
        primary[row] = column[code] if code else -1
    labels = Labels(
        clip_ids=np.array([clip_id for clip_id, _ in rows], np.int64),
        filenames=tuple(filename for _, filename in rows),
        classes=tuple(label_class.code for label_class in classes),
        present=present,
        unsure=unsure,
        reviewed=reviewed,
        primary=primary,
        events=tuple(events),
        position=position,
    )
    return Labels(**{**labels.__dict__, "content_hash": _content_hash(labels, rule)})


def labels_of_version(connection: Connection, number: int) -> Labels:
    """The labels of a version; raises DataError for one that does not exist."""
    version = get_version(connection, number)
    return labels_at(connection, version.position, version.import_id, rule=rule_of(version))


def corrected_clips(
    connection: Connection,
    position: int,
    roles: Mapping[tuple[int, str], str] | None = None,
    rule: LabelRule = BY_LATEST,
) -> Iterator[tuple[int, list[CellState]]]:
    """Every clip with a decision up to ``position``: its id and the state of all its cells, in the row's order.

    ``roles``, by clip id and class code, are the labels that decisions correct; by default those that were imported.
    """
    if roles is None:
        roles = {(clip_id, code): role for clip_id, code, role in _imported(connection)}
    yield from _decided(connection, position, roles, rule=rule)


def diff(
    connection: Connection, older: int, newer: int, rules: tuple[LabelRule, LabelRule] = (BY_LATEST, BY_LATEST)
) -> list[Change]:
    """List the cells whose state differs between two positions of the journal.

    Parameters
    ----------
    connection : Connection
    older, newer : int
        Positions; of a version, its ``position``.
    rules : (LabelRule, LabelRule)
        Of the older and of the newer, where versions were made by rules (`rule_of`).

    Returns
    -------
    list of Change
        Each with the decision that changed it last. A class that became primary because another was taken away
        changed by the decision on that other.

    Examples
    --------
    >>> from labeling import journal
    >>> from labeling.example import example_workspace
    >>> from labeling.journal import versions
    >>> from labeling.records import Decision
    >>> workspace = example_workspace()
    >>> stored = journal.append(workspace, [Decision("e1", "ann", 3, "cangoo", "present")])
    >>> with workspace.read() as connection:
    ...     changes = versions.diff(connection, 0, 1)
    >>> [(one.filename, one.class_code, one.before, one.after, one.reviewer) for one in changes]
    [('amecro/3.wav', 'cangoo', 'absent', 'secondary', 'ann')]
    """
    low, high = sorted((older, newer))
    low = low if rules[0] == rules[1] else 0  # two rules may differ on any cell
    last: dict[tuple[int, str], Decision] = {}
    last_of_people: dict[tuple[int, str], Decision] = {}
    last_of_clip: dict[int, Decision] = {}
    for decision in journal.decisions_where(
        connection, tables.decisions.c.position > low, tables.decisions.c.position <= high
    ):
        last[decision.clip_id, decision.class_code] = last_of_clip[decision.clip_id] = decision
        if not is_machine(decision.reviewer):
            last_of_people[decision.clip_id, decision.class_code] = decision
    names = {clip_id: filename for filename, clip_id in store.clip_ids_by_filename(connection).items()}
    roles = {(clip_id, code): role for clip_id, code, role in _imported(connection) if clip_id in last_of_clip}
    before = dict(_decided(connection, older, roles, last_of_clip, rule=rules[0]))
    after = dict(_decided(connection, newer, roles, last_of_clip, rule=rules[1]))
    changes = []
    for clip_id, latest in last_of_clip.items():
        for code in dict.fromkeys(cell.class_code for cell in before[clip_id] + after[clip_id]):
            was, now = _word(before[clip_id], code), _word(after[clip_id], code)
            if was != now:
                changed_by = last.get((clip_id, code), latest)
                if any(state.class_code == code and state.verdict for state in after[clip_id]):  # people win
                    changed_by = last_of_people.get((clip_id, code), changed_by)
                changes.append(
                    Change(
                        names[clip_id], code, was, now, changed_by.reviewer, changed_by.created_at, changed_by.run_id
                    )
                )
    return changes


def _word(states: list[CellState], code: str) -> str:
    """absent, secondary, primary or unsure."""
    state = next((state for state in states if state.class_code == code), None)
    if state is None or not (state.present or state.unsure):
        return "absent"
    if state.unsure:
        return "unsure"
    primary, _ = journal.resolve(states)
    return "primary" if code == primary else "secondary"


def revert(workspace: Workspace, number: int, reviewer: str) -> list[Decision]:
    """Take back every decision made after a version, as one batch of undo entries.

    Parameters
    ----------
    workspace : Workspace
    number : int
        Of the version.
    reviewer : str
        Who takes them back.

    Returns
    -------
    list of Decision
        The entries that take back; [] where there is nothing to.

    Raises
    ------
    DataError
        There is no such version.

    Examples
    --------
    >>> from labeling import journal
    >>> from labeling.example import example_workspace
    >>> from labeling.journal import versions
    >>> from labeling.records import Decision
    >>> workspace = example_workspace()
    >>> stored = journal.append(workspace, [Decision("e1", "ann", 3, "cangoo", "present")])
    >>> [one.undoes for one in versions.revert(workspace, 1, "ann")]
    [1]
    """
    with workspace.read() as connection:
        version = get_version(connection, number)
        later = journal.decisions_where(connection, tables.decisions.c.position > version.position)
    undone_positions = journal.undone(later)
    # an undo of something later stays: taking it back would bring that something back
    standing = [
        decision
        for decision in later
        if decision.position not in undone_positions
        and (decision.undoes is None or decision.undoes <= version.position)
    ]
    return journal.undo_all(workspace, standing, reviewer, journal.new_event_id()) if standing else []


def _newest_import(connection: Connection) -> int:
    return connection.scalar(sa.select(sa.func.coalesce(sa.func.max(tables.imports.c.id), 0))) or 0


def _imported(connection: Connection) -> Iterator[tuple[int, str, str]]:
    labels, classes = tables.imported_labels, tables.classes
    query = sa.select(labels.c.clip_id, classes.c.code, labels.c.role).join(classes, classes.c.id == labels.c.class_id)
    yield from db.fetch(connection, query.order_by(labels.c.clip_id, labels.c.place))


def _decided(
    connection: Connection,
    position: int,
    roles: Mapping[tuple[int, str], str],
    clips: Collection[int] | None = None,
    *,
    without: str = "",
    rule: LabelRule = BY_LATEST,
) -> Iterator[tuple[int, list[CellState]]]:
    """Each clip with decisions up to ``position``, or each of ``clips``, with the state of all its cells."""
    by_clip: dict[int, dict[str, list[Decision]]] = {clip_id: {} for clip_id in clips or ()}
    for decision in journal.decisions_where(connection, tables.decisions.c.position <= position):
        if decision.reviewer != without and (clips is None or decision.clip_id in by_clip):
            by_clip.setdefault(decision.clip_id, {}).setdefault(decision.class_code, []).append(decision)
    listed: dict[int, list[str]] = defaultdict(list)
    for clip_id, code in roles:
        if clip_id in by_clip:
            listed[clip_id].append(code)
    for clip_id, by_class in by_clip.items():
        codes = listed[clip_id] + [code for code in by_class if code not in listed[clip_id]]
        yield (
            clip_id,
            [
                fold_by_rule(clip_id, code, roles.get((clip_id, code), ""), by_class.get(code, []), rule)
                for code in codes
            ],
        )


def _content_hash(labels: Labels, rule: LabelRule = BY_LATEST) -> str:
    """Of what a training sees, and of the rule that made it so: the same labels reached by other entries hash the same.

    The rule ``latest`` adds nothing, so that versions of before there were others keep their hash.
    """
    digest = hashlib.sha256()
    if rule.name != LATEST:
        weights = {name: list(weights) for name, weights in sorted(rule.weights.items())}
        digest.update(json.dumps(["rule", rule.name, weights]).encode() + b"\n")
    regions = defaultdict(list)
    for event in labels.events:
        regions[event.clip_index].append((labels.classes[event.class_index], event.present, event.region))
    absent = labels.reviewed & ~labels.present & ~labels.unsure
    marked = defaultdict(list)
    for mark, cells in (("+", labels.present), ("?", labels.unsure), ("-", absent)):
        for row, column in np.argwhere(cells).tolist():
            marked[row].append(mark + labels.classes[column])
    for row, filename in enumerate(labels.filenames):
        words = [filename, labels.classes[labels.primary[row]] if labels.primary[row] >= 0 else "", *marked[row]]
        words += sorted(repr(region) for region in regions[row])
        digest.update(json.dumps(words).encode() + b"\n")  # JSON: no label can pass for two
    return digest.hexdigest()
