"""A folder of clips and a table -> the workspace, with a report of all that is wrong with them.

Only headers are read, except for two questions: whether a file is silent (decoding stops at the first sound) and
whether two files are the same (those of one size and one beginning are hashed).
"""

from __future__ import annotations

import hashlib
import os
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from labeling.collection import store
from labeling.collection.formats import ImportedClip, ImportedTable, Problem, detect_format, find_table, formats
from labeling.collection.store import NewClip
from labeling.collection.vocabulary import odd_classes
from labeling.errors import AudioError
from labeling.sound import decoding as sound
from labeling.sound.channels import channel_to_use
from labeling.sound.files import file_name, is_url
from labeling.storage.text import printable
from labeling.workspace import Workspace

MOST_SHOWN = 10
_BATCH = 20_000
MOST_STORED = 2000  # problems kept with an import; the counts are always whole


@dataclass(frozen=True)
class ImportReport:
    """What an import found. Counts are of the clips that it added, except ``already_there``.

    ``problems`` has a reason for each file and row with something wrong; ``skipped`` counts the rows that gave no clip.
    """

    format: str
    table: str
    audio_root: str
    clips: int
    classes: int
    without_secondary: int
    without_group: int
    added: int
    already_there: int
    duplicates: int
    missing: int
    unreadable: int
    silent: int
    too_short: int
    skipped: int
    hours: float
    seconds: float
    problems: tuple[Problem, ...] = ()

    def text(self) -> str:
        """The report for a terminal."""
        lines = [
            f"{self.clips} clips in {self.table} ({self.format}), {self.classes} classes",
            f"  added              {self.added} ({self.hours:.1f} hours)",
            f"  already there      {self.already_there}",
            f"  without secondary  {self.without_secondary}",
            f"  without a group    {self.without_group}",
            f"  duplicates         {self.duplicates}",
            f"  missing            {self.missing}",
            f"  unreadable         {self.unreadable}",
            f"  silent             {self.silent}",
            f"  too short          {self.too_short}",
            f"  rows skipped       {self.skipped}",
            f"  time               {self.seconds:.1f} s",
        ]
        for problem in self.problems[:MOST_SHOWN]:
            where = ", ".join(part for part in (f"row {problem.row}" if problem.row else "", problem.filename) if part)
            lines.append(printable(f"  ! {where}: {problem.reason}"))
        if len(self.problems) > MOST_SHOWN:
            lines.append(f"  ! and {len(self.problems) - MOST_SHOWN} more, kept with the import")
        return "\n".join(lines)

    def as_dict(self) -> dict[str, Any]:
        """The report as JSON-able values, with at most MOST_STORED problems."""
        fields = asdict(replace(self, problems=self.problems[:MOST_STORED]))
        return {**fields, "problem_count": len(self.problems)}


@dataclass(frozen=True)
class _Probed:
    duration_s: float = 0.0
    sample_rate: int = 0
    channels: int = 0
    size_bytes: int = 0
    status: str = "ok"
    reason: str = ""
    channel: int = 0


def import_collection(
    workspace: Workspace,
    path: str | Path,
    *,
    format: str | None = None,
    audio: str | None = None,
    options: Mapping[str, Any] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> ImportReport:
    """Read a collection into a workspace: what is there already stays as it is, what is new is added.

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
    mapped = any((options or {}).get(key) for key in ("path_column", "label_column", "labels_column"))
    name = format or ("table" if mapped else detect_format(path))
    collection_format = formats.get(name)
    table = collection_format.read(find_table(path, name), audio, dict(options or {}))
    with workspace.read() as connection:
        known = store.known_filenames(connection)
        there = {clip.path: clip.filename for clip in store.usable_clips(connection)}
    fresh = [clip for clip in table.clips if clip.filename not in known]
    probed = _probe_all([clip.path for clip in fresh], progress)
    new = [_new_clip(clip, info) for clip, info in zip(fresh, probed, strict=True)]
    new = _mark_duplicates(new, there)
    report = _report(table, new, time.monotonic() - began)
    if new:
        with workspace.write() as connection:
            store.add_collection(
                connection,
                format=table.format,
                source=str(Path(path).resolve()),
                audio_root=table.audio_root,
                options=table.options,
                table_name=table.table_name,
                table_bytes=table.table_bytes,
                clips=new,
                class_names=table.class_names,
                report=report.as_dict(),
            )
    return replace(report, seconds=time.monotonic() - began)


def _probe_all(paths: Sequence[str], progress: Callable[[int, int], None] | None) -> list[_Probed]:
    """What each file's header says, in order. libsndfile works outside Python's lock, so threads are enough."""
    results: list[_Probed] = []
    with ThreadPoolExecutor(max_workers=min(16, (os.cpu_count() or 1) + 2)) as pool:
        try:
            for start in range(0, len(paths), _BATCH):  # a million waiting tasks would fill the memory
                for info in pool.map(_probe, paths[start : start + _BATCH]):
                    results.append(info)
                    if progress is not None:
                        progress(len(results), len(paths))
        except BaseException:  # Ctrl-C: do not look at the other 20,000 files first
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return results


def _probe(path: str) -> _Probed:
    size = 0
    try:
        if not is_url(path) and os.path.isfile(path):
            size = os.path.getsize(path)
        info = sound.probe(path, shortest_s=0)
        probed = _Probed(info.duration_s, info.sample_rate, info.channels, size, "ok", info.note)
        if info.duration_s < sound.SHORTEST_S:
            reason = f"{info.duration_s:.3f} s long; at least {sound.SHORTEST_S:g} s are needed"
            return replace(probed, status="too_short", reason="; ".join(filter(None, (reason, info.note))))
        if sound.is_silent(path):
            reason = f"nothing above {sound.SILENT_DB:g} dBFS"
            return replace(probed, status="silent", reason="; ".join(filter(None, (reason, info.note))))
        if info.channels > 1:
            channel, why = channel_to_use(path)
            reason = "; ".join(filter(None, (info.note, why)))
            return replace(probed, channel=channel, reason=reason)
        return probed
    except AudioError as error:
        return _Probed(size_bytes=size, status=error.status, reason=str(error).removeprefix(f"{file_name(path)}: "))
    except Exception as error:  # a decoder's own surprise must not stop the other files
        return _Probed(size_bytes=size, status="unreadable", reason=f"{type(error).__name__}: {error}")


def _new_clip(clip: ImportedClip, info: _Probed) -> NewClip:
    labels = tuple((code, "primary" if code == clip.primary else "secondary") for code in clip.labels)
    return NewClip(
        filename=clip.filename,
        path=clip.path,
        row=clip.row,
        labels=labels,
        group=clip.group,
        fold=clip.fold,
        duration_s=info.duration_s,
        sample_rate=info.sample_rate,
        channels=info.channels,
        size_bytes=info.size_bytes,
        status=info.status,
        reason=info.reason,
        metadata=clip.metadata,
        channel=info.channel,
    )


def _mark_duplicates(clips: Sequence[NewClip], there: Mapping[str, str]) -> list[NewClip]:
    """Of files with the same bytes the first stays ``ok``. ``there``: path to filename of the clips stored so far."""
    sizes = {clip.path: clip.size_bytes for clip in clips if clip.size_bytes and clip.status in ("ok", "silent")}
    new_sizes = set(sizes.values())
    for path in there if new_sizes else ():
        if not is_url(path) and os.path.isfile(path) and (size := os.path.getsize(path)) in new_sizes:
            sizes[path] = size
    hashes = _shared_hashes(sizes)
    first: dict[str, str] = {}
    for path, filename in there.items():
        if path in hashes:
            first.setdefault(hashes[path], filename)
    result: list[NewClip] = []
    by_path = dict(there)
    for clip in clips:
        content_hash = hashes.get(clip.path, "")
        clip = replace(clip, content_hash=content_hash)
        if clip.status in ("ok", "silent") and by_path.setdefault(clip.path, clip.filename) != clip.filename:
            clip = replace(clip, status="duplicate", reason=f"the same file as {by_path[clip.path]}")
        elif content_hash and content_hash in first:
            clip = replace(clip, status="duplicate", reason=f"the same bytes as {first[content_hash]}")
        elif content_hash:
            first[content_hash] = clip.filename
        result.append(clip)
    return result


def _shared_hashes(sizes: Mapping[str, int]) -> dict[str, str]:
    """Path to hash of the content, for files that may have a twin: same size, then the same first 64 KiB."""
    alike: dict[str, str] = _repeated({path: str(size) for path, size in sizes.items()})
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        for most in (1 << 16, None):
            digests = pool.map(partial(_hash, most=most), alike)
            digest_of = {path: digest for path, digest in zip(alike, digests, strict=True) if digest}
            alike = digest_of if most is None else _repeated(digest_of)
    return alike


def _repeated(keys: Mapping[str, str]) -> dict[str, str]:
    counts = Counter(keys.values())
    return {path: key for path, key in keys.items() if counts[key] > 1}


def _hash(path: str, most: int | None) -> str:
    """blake2b of a file, or of its first ``most`` bytes; "" where it cannot be read."""
    digest = hashlib.blake2b(digest_size=20)
    try:
        with open(path, "rb") as handle:
            if most is not None:
                digest.update(os.fstat(handle.fileno()).st_size.to_bytes(8, "big") + handle.read(most))
                return digest.hexdigest()
            while block := handle.read(1 << 20):
                digest.update(block)
    except OSError:
        return ""
    return digest.hexdigest()


def _report(table: ImportedTable, new: Sequence[NewClip], seconds: float) -> ImportReport:
    counts = Counter(clip.status for clip in new)
    named = {(problem.row, problem.filename) for problem in table.problems}
    rows = {clip.row for clip in table.clips}
    bad = [
        Problem(clip.row, clip.filename, clip.reason if clip.status == "ok" else f"{clip.status}: {clip.reason}")
        for clip in new
        if clip.reason
    ]
    return ImportReport(
        format=table.format,
        table=table.table_name,
        audio_root=table.audio_root,
        clips=len(table.clips),
        classes=len({code for clip in table.clips for code in clip.labels}),
        without_secondary=sum(not set(clip.labels) - {clip.primary} for clip in table.clips),
        without_group=sum(not clip.group for clip in table.clips),
        added=len(new),
        already_there=len(table.clips) - len(new),
        duplicates=counts["duplicate"],
        missing=counts["missing"],
        unreadable=counts["unreadable"],
        silent=counts["silent"],
        too_short=counts["too_short"],
        skipped=len({row for row, _ in named if row > 1 and row not in rows}),
        hours=sum(clip.duration_s for clip in new) / 3600,
        seconds=seconds,
        problems=(*table.problems, *odd_classes(table.clips), *bad),
    )
