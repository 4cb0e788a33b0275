"""What a data set that Earmark wrote says beyond labels, in columns of its own: read, and kept in step with labels.

``events``, ``partial`` (other classes are not known), ``absent`` and ``unsure``. Other data sets have none of them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from labeling.collection.annotation.base import (
    Attribution,
    Correction,
    ImportedClip,
    NotHeld,
    Problem,
    StatedVerdict,
)
from labeling.collection.tabular.lists import parse_list
from labeling.errors import DataError
from labeling.records import Region

TIMES = ("onset_s", "offset_s", "low_hz", "high_hz")
COLUMNS = ("events", "partial", "absent", "unsure")
LISTENERS = "data set"
"""Who could not tell: the data set does not say which person."""
NO_COLUMN = {
    "absent": "the data set has no column that tells absent from what nobody listened for",
    "unsure": "the data set has no column of classes that are unsure",
}


def with_kept(clip: ImportedClip, problems: list[Problem]) -> ImportedClip:
    """A clip with what those columns say, which its metadata shows as text."""
    regions: dict[tuple[str, Region], None] = {}
    said: dict[tuple[str, Region | None], Attribution] = {}
    if text := clip.metadata.get("events", ""):
        try:
            for event in json.loads(text):
                key = (str(event["class"]), Region(*(event.get(name) for name in TIMES)))
                regions[key] = None
                if event.get("who") or event.get("confidence") is not None:
                    said[key] = Attribution(str(event.get("who") or ""), event.get("confidence"))
        except (ValueError, KeyError, TypeError, AttributeError, DataError) as problem:
            told = f"events are none that Earmark wrote ({str(problem)[:60]}); kept as metadata"
            problems.append(Problem(clip.row, clip.filename, told))
            return clip
    partial = clip.metadata.get("partial") == "True"
    absent = tuple(parse_list(clip.metadata.get("absent", "")) or ()) if partial else ()
    unsure = tuple(parse_list(clip.metadata.get("unsure", "")) or ())
    codes = dict.fromkeys((*clip.labels, *(code for code, _ in regions)))
    return replace(
        clip,
        labels=tuple(codes),
        regions=tuple(regions) or clip.regions,
        said_by=said,
        partial=partial,
        absent=absent,
        verdicts=tuple(StatedVerdict(code, "unsure", LISTENERS) for code in unsure),
        metadata={key: text for key, text in clip.metadata.items() if key not in COLUMNS},
    )


def corrected(row: Mapping[str, Any], correction: Correction) -> dict[str, Any]:
    """Those of a row's columns that a correction changes, with classes by their names.

    A class that is added is neither absent nor unsure any more. One that is taken away, or found absent, is listed as
    absent where others are not known: elsewhere all that is no label is absent.
    """
    new: dict[str, Any] = {}
    if isinstance(events := row.get("events"), list):
        new["events"] = _events(events, correction)
    decided = {*correction.added, *correction.removed, *correction.absent}
    if isinstance(absent := row.get("absent"), list):
        gone = (*correction.removed, *correction.absent) if row.get("partial") is True else ()
        new["absent"] = _listed(absent, gone, correction.labels)
    if isinstance(unsure := row.get("unsure"), list):
        new["unsure"] = _listed(unsure, correction.unsure, decided - {*correction.unsure})
    return {name: value for name, value in new.items() if value != row[name]}


def not_held(correction: Correction, rows: list[dict[str, Any]]) -> list[NotHeld]:
    """What of absent and unsure none of a clip's rows says, after they were corrected."""
    told = []
    for now, codes in (("absent", correction.absent), ("unsure", correction.unsure)):
        if now == "absent" and any(row.get("partial") is False for row in rows):
            continue  # there, all that is no label is absent
        lists = [row[now] for row in rows if isinstance(row.get(now), list)]
        lost = [code for code in codes if not any(code in own for own in lists)]
        why = "it is no class of the data set" if lists else NO_COLUMN[now]
        told += [NotHeld(correction.filename, code, now, why) for code in lost]
    return told


def _listed(codes: list[Any], more: Any, but: Any) -> list[Any]:
    return list(dict.fromkeys(code for code in (*codes, *more) if code not in but))


def _events(events: list[Any], correction: Correction) -> list[Any]:
    instead = dict(correction.swapped)
    after = []
    for event in events:
        code = event.get("class") if isinstance(event, dict) else None
        if code in correction.removed and code in instead:
            after.append({**event, "class": instead[code]})
        elif code not in correction.removed:
            after.append(event)
    return after + [{"class": code, **asdict(region)} for code, region in correction.regions]
