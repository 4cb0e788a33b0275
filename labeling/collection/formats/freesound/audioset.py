"""AudioSet's segment lists: comments, then ``YTID, start_seconds, end_seconds, "mid,mid"`` with a blank after commas.

Classes are called by their mids, and shown by the names of ``class_labels_indices.csv`` where that lies around. Sound
is found by the id, however a downloader wrote it: ``<id>.wav``, ``Y<id>.wav``, ``<id>_30000.flac``, ``<id>_30.0.wav``.
"""

from __future__ import annotations

import csv
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labeling.collection.annotation.base import (
    Correction,
    Format,
    Holds,
    ImportedClip,
    ImportedTable,
    Labelling,
    NotHeld,
    Problem,
    TableLabels,
    Written,
    label,
)
from labeling.collection.annotation.paths import Finder, choose_root, found_table, join
from labeling.collection.tabular.reading import load
from labeling.collection.tabular.writing import target_of
from labeling.errors import FormatError
from labeling.file_names import AUDIO_SUFFIXES, without_suffix
from labeling.storage.delimited import decoded
from labeling.storage.files import write_atomically
from labeling.storage.remote import is_url

NEEDS = 'a CSV with lines YTID, start_seconds, end_seconds, "mid,mid" under comments that begin with #'
HEADING = "# YTID, start_seconds, end_seconds, positive_labels"
_LINE = re.compile(r'\s*([^,#"\s][^,"]*?)\s*,\s*(\d+\.?\d*)\s*,\s*(\d+\.?\d*)\s*,\s*("[^"]*"|[^",\s]*)\s*')
_ID = re.compile(r"[\w-]{11}")


@dataclass(frozen=True)
class _Segment:
    number: int
    filename: str
    ytid: str
    start_s: float
    cells: tuple[str, str, str]
    mids: tuple[str, ...]
    span: tuple[int, int]  # of the cell of mids in the line


def find(path: Path) -> Path | None:
    """The list at a folder or file, or None. Raises FormatError where a folder holds several."""
    if path.is_file():
        return path if _fits(path) else None
    tables = [file for file in sorted(path.glob("*.csv"))[:50] if _fits(file)]
    if len(tables) > 1:
        shown = ", ".join(file.name for file in tables[:8])
        raise FormatError(f"{path} holds {len(tables)} lists of AudioSet ({shown}); give the full path of one")
    return tables[0] if tables else None


def read(path: Path, audio: str | None, options: Mapping[str, Any]) -> ImportedTable:
    """Read a list of segments."""
    data = load(path)
    segments, problems = _segments(_lines(data, path.name))
    if not segments:
        raise FormatError(f"{path.name} has no segment; an audioset list needs {NEEDS}")
    root = choose_root(path, audio, [])
    finder = Finder(root)
    places = _Places(finder, Counter(segment.ytid for segment in segments))
    clips = tuple(
        ImportedClip(
            filename=segment.filename,
            path=places.of(segment),
            labels=segment.mids,
            primary="",
            row=segment.number,
            group=segment.ytid,
            metadata={"start_seconds": segment.cells[1], "end_seconds": segment.cells[2]},
            rows=(segment.number,),
        )
        for segment in segments
    )
    names = _names(path.parent)
    shown = {code: names.get(code, "") for clip in clips for code in clip.labels}
    return found_table("audioset", path, data, finder, clips, problems, options, shown)


def labels(data: bytes, options: Mapping[str, Any]) -> dict[str, TableLabels]:
    """What the list says of each segment."""
    segments, _ = _segments(_lines(data, str(options.get("table", "segments.csv"))))
    return {segment.filename: TableLabels("", segment.mids) for segment in segments}


def write(data: bytes, options: Mapping[str, Any], corrections: Mapping[str, Correction], out_dir: Path) -> Written:
    """The same list with corrected mids; every other byte stays."""
    target = target_of(options, out_dir)
    lines = _lines(data, target.name)
    not_held: list[NotHeld] = []
    for segment in _segments(lines)[0]:
        correction = corrections.get(segment.filename)
        if correction is None or set(correction.labels) == set(segment.mids):
            continue
        after = [code for code in segment.mids if code in correction.labels]
        for code in correction.labels:
            if code not in after and (why := _refusal(code)):
                not_held.append(NotHeld(segment.filename, code, "secondary", why))
            elif code not in after:
                after.append(code)
        line = lines[segment.number - 1]
        start, end = segment.span
        lines[segment.number - 1] = f'{line[:start]}"{",".join(after)}"{line[end:]}'
    text = decoded(data, target.name)
    content = text.bom + "".join(lines).encode(text.encoding, "replace")
    return Written((write_atomically(target, content),), tuple(not_held))


def export(labelling: Labelling, out_dir: Path, options: Mapping[str, Any]) -> Written:
    """segments.csv of any labels: the ids are the files' names, the times those of the whole file."""
    not_held: list[NotHeld] = []
    lines = []
    for clip in labelling.clips:
        ytid = without_suffix(clip.filename)
        codes = [code for code in clip.labels if not _refusal(code)]
        line = f'{ytid}, {0:.3f}, {clip.duration_s:.3f}, "{",".join(codes)}"'
        match = _LINE.fullmatch(line)
        if match is None or match[1] != ytid:
            why = "an audioset list cannot hold the name of its file"
            not_held += [NotHeld(clip.filename, code, "present", why) for code in clip.labels or ("",)]
            continue
        not_held += [NotHeld(clip.filename, code, "present", why) for code in clip.labels if (why := _refusal(code))]
        lines.append(line)
    positive = sum(len(clip.labels) for clip in labelling.clips)
    heading = f"# num_ytids={len(lines)}, num_segs={len(lines)}, num_positive_labels={positive}"
    text = "\n".join([f"# {labelling.name}, label version {labelling.version}", heading, HEADING, *lines]) + "\n"
    content = text.replace("\r", " ").encode(errors="backslashreplace")
    return Written((write_atomically(out_dir / "segments.csv", content),), tuple(not_held))


def _refusal(code: str) -> str:
    return "mids are parted by commas within quotes" if any(sign in code for sign in ',"\r\n') else ""


def _fits(path: Path) -> bool:
    try:
        with path.open("rb") as handle:
            head = handle.read(1 << 12)
        return head.lstrip(b"\xef\xbb\xbf")[:1] == b"#" and b"YTID" in head and b"positive_labels" in head
    except OSError:
        return False


def _lines(data: bytes, name: str) -> list[str]:
    """The lines of a list with their ends."""
    return re.findall(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+", decoded(data, name).text)


def _segments(lines: Iterable[str]) -> tuple[list[_Segment], list[Problem]]:
    found: list[_Segment] = []
    problems: list[Problem] = []
    taken: set[str] = set()
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            problems.append(Problem(number, line.split(",")[0].strip()[:80], f"is no segment: {line.strip()[:80]!r}"))
            continue
        ytid, start, end = match[1], match[2], match[3]
        filename = ytid if ytid not in taken else f"{ytid}_{start}"
        if filename in taken:
            problems.append(Problem(number, filename, "is listed twice; the first counts"))
            continue
        taken.add(filename)
        mids = tuple(dict.fromkeys(code for part in match[4].strip('"').split(",") if (code := label(part))))
        found.append(_Segment(number, filename, ytid, float(start), (ytid, start, end), mids, match.span(4)))
    return found, problems


class _Places:
    """Where the sound of segments lies below a folder, by their ids."""

    def __init__(self, finder: Finder, times: Mapping[str, int]) -> None:
        self.finder, self.times = finder, times
        self._by_id: dict[str, list[str]] = {}
        for path in [] if is_url(finder.root) else sorted(finder.files()):
            stem, suffix = os.path.splitext(os.path.basename(path))
            if suffix.lower() in AUDIO_SUFFIXES:
                for ytid in dict.fromkeys(_ids(stem)):
                    self._by_id.setdefault(ytid, []).append(path)

    def of(self, segment: _Segment) -> str:
        """The file of a segment, or the place where it should be."""
        paths = self._by_id.get(segment.ytid, [])
        starts = {f"{segment.start_s:g}", f"{segment.start_s:.3f}", f"{segment.start_s * 1000:.0f}"}
        for path in paths:
            rest = os.path.splitext(os.path.basename(path))[0].partition(segment.ytid)[2]
            if starts & set(rest.split("_")):
                return self.finder.taken(segment.filename, path)
        if paths and self.times[segment.ytid] == 1:
            return self.finder.taken(segment.filename, paths[0])
        return join(self.finder.root, re.sub(r"[/\\]|\.\.", "_", segment.filename) + ".wav")


def _ids(stem: str) -> Iterator[str]:
    """The ids that a file's name may be of."""
    yield stem
    for start in (0, 1) if stem[:1] == "Y" else (0,):
        rest = stem[start:]
        if _ID.fullmatch(rest[:11]) and rest[11:12] in ("", "_", "."):
            yield rest[:11]


def _names(folder: Path) -> dict[str, str]:
    """The names of classes by their mids, from class_labels_indices.csv; {} where there is none."""
    for file in (folder / "class_labels_indices.csv", folder.parent / "class_labels_indices.csv"):
        if file.is_file():
            rows = csv.reader(decoded(load(file), file.name).text.splitlines())
            return {row[1].strip(): row[2].strip() for row in rows if len(row) == 3}
    return {}


FORMAT = Format(
    "audioset",
    NEEDS,
    find,
    read,
    labels,
    write,
    rank=12,
    export=export,
    holds=frozenset({Holds.SEVERAL, Holds.TIMELESS, Holds.NOTHING}),
    about="AudioSet's lists of segments (Gemmeke 2017): several mids a clip of ten seconds.",
)
