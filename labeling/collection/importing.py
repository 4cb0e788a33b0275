"""A folder of clips and a table -> the workspace, with a report of all that is wrong with them.

Clips that are there already are found by identity.py and renewed by renewing.py; labels that changed are settled by
changed_labels.py; what a file is says probing.py.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling import file_names
from labeling.collection import (
    changed_labels,
    contested,
    copies,
    identity,
    probing,
    renewing,
    store,
    table_entries,
    twins,
)
from labeling.collection.adding import NewClip, add_collection
from labeling.collection.annotation.whole import within_sound
from labeling.collection.changed_labels import CHOICES, KEEP, TAKE, Changed, NewTimes
from labeling.collection.formats import ImportedClip, ImportedTable, Problem
from labeling.collection.probing import Probed, Progress
from labeling.collection.renewing import Renewal
from labeling.collection.report import ImportReport
from labeling.collection.source import read_collection
from labeling.collection.store import KnownClip
from labeling.collection.vocabulary import odd_classes
from labeling.errors import DataError
from labeling.records import USABLE
from labeling.registry import unknown_name
from labeling.storage import tables
from labeling.workspace import Workspace

CLIP_END_TOLERANCE_S = 0.05  # a drawn region may end a frame past the sound


@dataclass(frozen=True)
class _Plan:
    """What an import will store. ``known_as``: what the table calls clips that were there, to their ids.

    ``clips`` are the table's, without times after their end.
    """

    name: str
    collection: str
    clips: tuple[ImportedClip, ...]
    new: tuple[NewClip, ...]
    renewed: tuple[Renewal, ...]
    known_as: Mapping[str, int]
    hashes: Mapping[int, str]
    replaced: tuple[KnownClip, ...]
    statuses: Counter[str]
    usable: int
    problems: tuple[Problem, ...]


def import_collection(
    workspace: Workspace,
    path: str | Path,
    *,
    format: str | None = None,
    audio: str | None = None,
    options: Mapping[str, Any] | None = None,
    name: str = "",
    collection: str = "",
    labels: str = KEEP,
    below: Sequence[str] | None = None,
    progress: Progress | None = None,
) -> ImportReport:
    """Read a collection into a workspace: what is new is added, and what is there is found again where it lies now.

    A clip is known by its collection and its name in the table, wherever its file lies, and by its file's bytes.
    Decisions are kept, whatever has moved or changed.

    Parameters
    ----------
    workspace : Workspace
        Where to.
    path : str or Path
        The collection's folder, or its table.
    format : str, optional
        A name in `formats`. By default it is detected, or ``table`` where columns are named in ``options``.
    audio : str, optional
        Folder or URL of the sound files. By default it is looked for in the conventional places.
    options : mapping, optional
        The format's own settings, such as ``path_column``, ``labels_column`` and ``separator`` of ``table``.
    name : str
        What the table is called in the metadata column ``import``; by default as its file or its folder.
    collection : str
        The collection that its clips belong to; by default it is known by its place or its files, or new.
    labels : {"keep", "take", "suspects"}
        What becomes of labels that the table says otherwise than before: they are told of and stay as they were, or
        the new ones are taken, with times that it adds (people's decisions win), or what differs is listed among the
        suspects. What the table says as people decided is no change.
    below : sequence of str, optional
        Real paths of the only folders whose files may be read. By default those of the collection, and what is named
        by ``--allow`` (allowed.py); a link that leads elsewhere is reported.
    progress : callable, optional
        Called with (files looked at, files in all).

    Returns
    -------
    ImportReport
        Counts, and a reason for each file or row with something wrong. One bad file stops nothing.

    Raises
    ------
    FormatError
        No format fits, or the table lacks a column.
    DataError
        ``labels`` is none of its choices; or another table and other files lie at the place of those that were
        imported, and no ``collection`` says whose they are.

    Examples
    --------
    >>> import tempfile
    >>> from labeling.collection.importing import import_collection
    >>> from labeling.example import example_collection
    >>> from labeling.workspace import open_workspace
    >>> workspace = open_workspace(tempfile.mkdtemp(), create=True)
    >>> collection = example_collection()
    >>> report = import_collection(workspace, collection)
    >>> report.added, report.classes, report.unreadable
    (12, 3, 0)
    >>> import_collection(workspace, collection).already_there
    12
    """
    began = time.monotonic()
    if labels not in CHOICES:
        raise DataError(unknown_name("choice for changed labels", labels, list(CHOICES)))
    table, refused = read_collection(path, format=format, audio=audio, options=options, below=below)
    with workspace.read() as connection:
        known = store.known_clips(connection)
        imports = store.all_imports(connection)
        same_bytes = [
            record.id
            for record in imports
            if record.table_name == table.table_name and store.import_table(connection, record.id) == table.table_bytes
        ]
    plan = _plan(table, refused, known, imports, same_bytes, name, collection, progress)
    by_id = {clip.id: clip for clip in known}
    of_table = {clip.filename: clip for clip in plan.clips}
    pairs = [(of_table[called], by_id[clip_id]) for called, clip_id in plan.known_as.items()]
    with workspace.read() as connection:
        changed, times = changed_labels.differences(connection, pairs)
        codes = [label_class.code for label_class in store.all_classes(connection)]
    notes = [*_twins(table, codes), *(problem for new in times for problem in new.told(labels))]
    times = [new for new in times if new.regions] if labels == TAKE else []
    report = _report(table, plan, changed, times, notes, labels, time.monotonic() - began)
    new_table = not any(record.id in same_bytes and identity.table_path(record) == _source(table) for record in imports)
    if plan.new or plan.renewed or times or (changed and labels != KEEP) or (new_table and table.clips):
        with workspace.write() as connection:
            _store(connection, path, table, plan, changed, times, labels, report)
    return replace(report, seconds=time.monotonic() - began)


def _twins(table: ImportedTable, codes: Sequence[str]) -> list[Problem]:
    """Classes and files of the table that differ from others in case, Unicode form or blanks alone."""
    row_of: dict[str, int] = {}
    for clip in table.clips:
        for code in clip.labels:
            row_of.setdefault(code, clip.row)
    name_of = {clip.filename: clip.row for clip in table.clips}
    told = []
    for own in file_names.twins(dict.fromkeys((*codes, *row_of))):
        if any(code in row_of for code in own):
            classes = " and ".join(map(repr, own))
            what = f"the classes {classes} differ in case alone and stay apart; write them alike if they are one"
            told.append(Problem(max(row_of.get(code, 0) for code in own), "", what))
    for own in file_names.twins(name_of):
        files = " and ".join(map(repr, own))
        told.append(Problem(name_of[own[-1]], own[-1], f"the files {files} differ in case alone and stay apart"))
    return told


def _source(table: ImportedTable) -> str:
    return str(table.options.get("source", ""))


def _plan(
    table: ImportedTable,
    refused: Mapping[str, str],
    known: Sequence[KnownClip],
    imports: Sequence[store.ImportRecord],
    same_bytes: Sequence[int],
    given: str,
    collection: str,
    progress: Progress | None,
) -> _Plan:
    collections = identity.Collections.of(imports, known)
    name = identity.import_name(_source(table), imports, given)
    collection = collection.strip() or collections.of_table(table, _source(table), same_bytes, name)
    name = given.strip() or next(
        (record.name for record in imports if record.id in same_bytes and record.collection == collection), name
    )
    found = identity.matched(table.clips, collection, collections)
    there = [(before, clip.path) for clip, before in zip(table.clips, found, strict=True) if before is not None]
    unchanged = renewing.as_before(there)
    stray = {place: refused[clip.path] for place, clip in enumerate(table.clips) if clip.path in refused}
    places = [
        place
        for place, before in enumerate(found)
        if place not in stray and (before is None or before.id not in unchanged)
    ]
    probed = probing.probe_all([table.clips[place].path for place in places], progress)
    state_of = dict(zip(places, probed, strict=True))
    state_of |= {place: Probed(status="unreadable", reason=reason) for place, reason in stray.items()}
    marks = {place: state.fingerprint for place, state in state_of.items() if found[place] is None}
    taken = {clip.id for clip in found if clip is not None}
    for place, moved in identity.by_bytes(marks, collections, collection, taken).items():
        found[place] = moved
    problems: list[Problem] = []
    looked_at: list[tuple[KnownClip, str, Probed]] = []
    fresh: list[tuple[ImportedClip, Probed]] = []
    rows: dict[int, int] = {}
    usable = 0
    for place, (clip, before) in enumerate(zip(table.clips, found, strict=True)):
        if before is None:
            fresh.append((clip, state_of[place]))
            usable += state_of[place].status in USABLE
        else:
            rows[before.id] = clip.row
            usable += place not in state_of or state_of[place].status in USABLE
            if place in state_of:
                looked_at.append((before, clip.path, state_of[place]))
    renewed = renewing.renewals(looked_at, rows, problems)
    named = identity.names_for([clip for clip, _ in fresh], collection, (clip.filename for clip in known))
    sound_of: dict[str, Probed | KnownClip] = {clip.filename: state for clip, state in fresh}
    sound_of |= {
        clip.filename: state_of.get(place, before)
        for place, (clip, before) in enumerate(zip(table.clips, found, strict=True))
        if before is not None
    }
    clips = [_within(clip, sound_of[clip.filename], table.events_only, problems) for clip in table.clips]
    timely = {clip.filename: clip for clip in clips}
    new = [
        _new_clip(timely[clip.filename], its_name, state) for (clip, state), its_name in zip(fresh, named, strict=True)
    ]
    replaced = identity.replaced(new, known)
    alike = twins.find_twins(new, renewed, [clip for clip in known if clip not in replaced] if replaced else known)
    problems += [
        Problem(0, clip.filename, f"missing: a file of the collection {collection!r} lies at its place now")
        for clip in replaced
    ]
    problems += [
        Problem(clip.row, clip.filename, clip.reason if clip.status == "ok" else f"{clip.status}: {clip.reason}")
        for clip in alike.new
        if clip.reason
    ]
    renewed_status = {renewal.clip.id: renewal.status for renewal in alike.renewed}
    statuses = Counter(clip.status for clip in alike.new)
    statuses.update(renewed_status.get(clip.id) or state.status for clip, _, state in looked_at)
    return _Plan(
        name=name,
        collection=collection,
        clips=tuple(clips),
        new=alike.new,
        renewed=alike.renewed,
        known_as={
            clip.filename: before.id for clip, before in zip(table.clips, found, strict=True) if before is not None
        },
        hashes=alike.hashes,
        replaced=tuple(replaced),
        statuses=statuses,
        usable=usable,
        problems=tuple(problems),
    )


def _new_clip(clip: ImportedClip, name: str, info: Probed) -> NewClip:
    return NewClip(
        filename=name,
        path=probing.storable(clip.path),
        row=clip.row,
        labels=tuple((code, "primary" if code == clip.primary else "secondary") for code in clip.labels),
        group=clip.group,
        fold=clip.fold,
        duration_s=info.duration_s,
        sample_rate=info.sample_rate,
        channels=info.channels,
        channel=info.channel,
        size_bytes=info.size_bytes,
        status=info.status,
        reason=info.reason,
        metadata=clip.metadata,
        regions=clip.regions,
        relative=clip.filename,
        fingerprint=info.fingerprint,
        said_by=clip.said_by,
        partial=clip.partial,
        absent=clip.absent,
        verdicts=clip.verdicts,
    )


def _within(clip: ImportedClip, sound: Probed | KnownClip, events_only: bool, problems: list[Problem]) -> ImportedClip:
    """A clip of a table without the times after its end, which are told in ``problems``.

    ``events_only``: events over all of it are labels without a time.
    """
    duration_s = sound.duration_s
    if events_only:
        clip, cut = within_sound(clip, duration_s, sound.sample_rate)
        problems += [Problem(clip.row, clip.filename, what) for what in cut]
    end_s = duration_s + CLIP_END_TOLERANCE_S if duration_s else math.inf
    late = [(code, region) for code, region in clip.regions if region.offset_s > end_s]
    problems += [
        Problem(
            clip.row,
            clip.filename,
            f"{code} at {region.onset_s:g} to {region.offset_s:g} s is after the end of the clip "
            f"({duration_s:.2f} s); its label is kept without this time",
        )
        for code, region in late
    ]
    return replace(clip, regions=tuple(pair for pair in clip.regions if pair not in late)) if late else clip


def _store(
    connection: Connection,
    path: str | Path,
    table: ImportedTable,
    plan: _Plan,
    changed: Sequence[Changed],
    times: Sequence[NewTimes],
    labels: str,
    report: ImportReport,
) -> None:
    taken = {code for change in changed for code in change.after} if labels != KEEP else set()
    import_id = add_collection(
        connection,
        format=table.format,
        source=probing.storable(str(Path(path).resolve())),
        audio_root=probing.storable(table.audio_root),
        options={
            key: probing.storable(value) if isinstance(value, str) else value for key, value in table.options.items()
        },
        table_name=table.table_name,
        table_bytes=table.table_bytes,
        clips=plan.new,
        class_names=dict.fromkeys(taken, "") | dict(table.class_names),
        report=report.as_dict(),
        name=plan.name,
        collection=plan.collection,
        known_as=plan.known_as,
    )
    renewing.renew(connection, plan.renewed, import_id)
    for clip_id, content_hash in plan.hashes.items():
        here = tables.clips.c.id == clip_id
        connection.execute(sa.update(tables.clips).where(here).values(content_hash=content_hash))
    for clip in plan.replaced:  # other sound lies there: it must not be heard as this clip's
        reason = f"a file of the collection {plan.collection!r} lies at its place"
        here = tables.clips.c.id == clip.id
        connection.execute(sa.update(tables.clips).where(here).values(status="missing", reason=reason))
    contested.renew_copies(connection)
    copies.repeat_decisions(connection, _looked_at(connection, plan, import_id))
    agreeing = set(plan.known_as.values()) - {change.clip_id for change in changed}
    class_ids = store.class_ids(connection)
    changed_labels.settle(connection, changed, agreeing, labels, import_id, class_ids)
    regions_of = [(new.clip_id, new.regions, new.said_by) for new in times]
    table_entries.add_regions(connection, import_id, regions_of, class_ids)


def _looked_at(connection: Connection, plan: _Plan, import_id: int) -> list[int]:
    """Ids of the clips that an import added or renewed, and that have a copy."""
    here = (tables.clips.c.import_id == import_id) & (tables.clips.c.content_hash != "")
    fresh: Iterable[int] = connection.scalars(sa.select(tables.clips.c.id).where(here))
    return sorted({*fresh, *(renewal.clip.id for renewal in plan.renewed if renewal.content_hash)})


def _report(
    table: ImportedTable,
    plan: _Plan,
    changed: Sequence[Changed],
    times: Sequence[NewTimes],
    notes: Sequence[Problem],
    labels: str,
    seconds: float,
) -> ImportReport:
    rows = {row for clip in table.clips for row in clip.rows}
    named = {(problem.row, problem.filename) for problem in table.problems}
    return ImportReport(
        format=table.format,
        table=table.table_name,
        audio_root=table.audio_root,
        clips=len(table.clips),
        classes=len({code for clip in table.clips for code in clip.labels}),
        without_secondary=sum(not set(clip.labels) - {clip.primary} for clip in table.clips),
        without_group=sum(not clip.group for clip in table.clips),
        added=len(plan.new),
        already_there=len(table.clips) - len(plan.new),
        duplicates=plan.statuses["duplicate"],
        missing=plan.statuses["missing"],
        unreadable=plan.statuses["unreadable"],
        silent=plan.statuses["silent"],
        too_short=plan.statuses["too_short"],
        skipped=len({row for row, _ in named if row > 1 and row not in rows}),
        joined=sum(max(len(clip.rows) - 1, 0) for clip in table.clips),
        regions=sum(len(clip.regions) for clip in plan.new) + sum(len(new.regions) for new in times),
        hours=sum(clip.duration_s for clip in plan.new) / 3600,
        seconds=seconds,
        usable=plan.usable,
        name=plan.name,
        collection=plan.collection,
        relinked=sum(renewal.relinked and renewal.probed.status in USABLE for renewal in plan.renewed),
        other_sound=sum(renewal.other_sound for renewal in plan.renewed),
        renamed=sum(clip.filename != clip.relative for clip in plan.new),
        by_part=table.by_part,
        labels_choice=labels,
        changed_labels=tuple(change.told for change in changed),
        problems=(*table.problems, *odd_classes(table.clips), *notes, *plan.problems),
    )
