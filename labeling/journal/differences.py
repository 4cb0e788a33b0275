"""What differs between a table that came in and the labels of a version, clip by clip."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from sqlalchemy.engine import Connection

from labeling import journal
from labeling.collection import store
from labeling.collection.annotation.base import Correction, Format, Holds, NotHeld, TableLabels
from labeling.journal import versions
from labeling.journal.rules import rule_of
from labeling.journal.stated import stated_positions
from labeling.records import LabelVersion


def corrections_of(
    connection: Connection,
    version: LabelVersion,
    ids: Mapping[str, int],
    said: Mapping[str, TableLabels] | None = None,
    *,
    stated: bool = False,
    doubts: Collection[tuple[int, str]] = (),
) -> dict[str, Correction]:
    """Clips that decisions made differ from what a table ``said`` of them, by name; without it, from the import.

    ``stated``: also where no label differs, but a class was found absent that had not been listened for, or somebody
    could not tell of one, unless the collection came with that word. ``doubts`` are cells (clip id, class) that what
    came in says are unsure: of these it is told too that a class was found absent. ``ids`` are the clips by the names
    that the table gives them. Two tables may say different things of one clip: each is corrected where people decided,
    and keeps the rest.
    """
    names = {clip_id: filename for filename, clip_id in ids.items()}
    sound_of = store.lengths_and_rates(connection)
    roles = None
    if said is not None:
        roles = {
            (ids[filename], code): "primary" if code == labels.primary else "secondary"
            for filename, labels in said.items()
            if filename in ids
            for code in labels.labels
        }
        names = {ids[filename]: filename for filename in said if filename in ids}
    known_absent = _known_absent(connection) if stated else {}
    came_with_it = stated_positions(connection) if stated else frozenset()
    corrections = {}
    for clip_id, states in versions.corrected_clips(connection, version.position, roles, rule_of(version)):
        if clip_id not in names:
            continue
        primary, labels = journal.resolve(states)
        imported = [state.class_code for state in states if state.listed]
        was_primary = next((state.class_code for state in states if state.imported_role == "primary"), "")
        relabelled = set(labels) != set(imported) or primary != was_primary
        by_people = [state for state in states if state.verdict and state.position not in came_with_it] * stated
        unsure = [state.class_code for state in by_people if state.verdict == "unsure"]
        absent = [state.class_code for state in by_people if state.verdict == "absent" and not state.listed]
        absent = [
            code
            for code in absent
            if (clip_id, code) in doubts or (clip_id in known_absent and code not in known_absent[clip_id])
        ]
        if not (relabelled or unsure or absent):
            continue
        added = [code for code in labels if code not in imported]
        removed = [code for code in imported if code not in labels]
        swapped = [state.class_code for state in states if state.swapped]
        gone, instead = ([code for code in swapped if code in side] for side in (removed, added))
        corrections[names[clip_id]] = Correction(
            filename=names[clip_id],
            primary=primary,
            labels=labels,
            removed=tuple(removed),
            added=tuple(added),
            regions=tuple(
                (cell.class_code, region) for cell in states if cell.class_code in added for region in cell.events
            ),
            swapped=((gone[0], instead[0]),) if len(gone) == len(instead) == 1 else (),
            duration_s=sound_of[clip_id][0],
            sample_rate=sound_of[clip_id][1],
            absent=tuple(absent),
            unsure=tuple(unsure),
            relabelled=relabelled,
        )
    return corrections


def _known_absent(connection: Connection) -> dict[int, set[str]]:
    """Of clips of which not all classes were listened for: those that what came in says are not there."""
    codes = {known.id: known.code for known in store.all_classes(connection)}
    return {clip_id: {codes[own] for own in ids} for clip_id, ids in store.partial_clips(connection).items()}


def sayable(table_format: Format, corrections: Mapping[str, Correction]) -> tuple[dict[str, Correction], list[NotHeld]]:
    """Corrections with what a format can put into what came in, and of absent and unsure what it cannot."""
    kept: dict[str, Correction] = {}
    not_held: list[NotHeld] = []
    for name, correction in corrections.items():
        for what, codes in ((Holds.ABSENT, correction.absent), (Holds.UNSURE, correction.unsure)):
            if what not in table_format.states:
                why = f"{table_format.name} cannot say {what.value} of what came in"
                not_held += [NotHeld(name, code, what.value, why) for code in codes]
        own = replace(
            correction,
            absent=correction.absent if Holds.ABSENT in table_format.states else (),
            unsure=correction.unsure if Holds.UNSURE in table_format.states else (),
        )
        if own.relabelled or own.absent or own.unsure:
            kept[name] = own
    return kept, not_held


def all_of(correction: Correction, why: str) -> list[NotHeld]:
    """Every label that a clip has now, and those that were taken away."""
    now = {code: "primary" if code == correction.primary else "secondary" for code in correction.labels}
    now |= dict.fromkeys((*correction.removed, *correction.absent), "absent") | dict.fromkeys(
        correction.unsure, "unsure"
    )
    return [NotHeld(correction.filename, code, label, why) for code, label in now.items()]
