"""What lies at a place: read as one of the formats, and looked at before anything of it is stored."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labeling.collection import allowed, probing
from labeling.collection.annotation.base import UNPACKED_TO
from labeling.collection.formats import ImportedClip, ImportedTable, detect_format, find_table, formats, taking
from labeling.collection.probing import Probed
from labeling.errors import AudioError
from labeling.records import USABLE
from labeling.sound.decoding import read_window

MOST_PREVIEWED = 10
HEARD_S = 10.0
COLUMN_OPTIONS = ("path_column", "label_column", "labels_column")


def read_collection(
    path: str | Path,
    *,
    format: str | None = None,
    audio: str | None = None,
    options: Mapping[str, Any] | None = None,
    below: Sequence[str] | None = None,
) -> tuple[ImportedTable, Mapping[str, str]]:
    """A collection as its format reads it, and the paths that may not be read with the reasons.

    The parameters are those of `importing.import_collection`. Raises FormatError.
    """
    name = _format_of(path, format, options)
    table = formats.get(name).read(find_table(path, name), audio, dict(options or {}))
    return allowed.links_followed(table, str(path), below)


def _format_of(path: str | Path, format: str | None, options: Mapping[str, Any] | None) -> str:
    asked = {key for key in COLUMN_OPTIONS if (options or {}).get(key)}
    return format or (taking(path, asked) if asked else detect_format(path))


@dataclass(frozen=True)
class Looked:
    """A clip that was looked at: what its file is, and its first seconds (mono; none where they cannot be read)."""

    clip: ImportedClip
    status: str
    reason: str
    duration_s: float = 0.0
    sample_rate: int = 0
    samples: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))


@dataclass(frozen=True)
class Preview:
    """What an import would bring. ``clips`` are a few of the table's, spread over it, with what their files are.

    ``labels`` counts the clips of each class, the commonest first.
    """

    table: ImportedTable
    clips: tuple[Looked, ...]
    labels: Mapping[str, int]

    @property
    def found(self) -> int:
        """How many of the clips that were looked at can be used."""
        return sum(looked.status in USABLE for looked in self.clips)

    @property
    def unpacked_to(self) -> str:
        """The folder into which the import would put the sound, "" where the sound stays where it is."""
        return str(self.table.options.get(UNPACKED_TO, ""))


def preview(
    path: str | Path,
    *,
    format: str | None = None,
    audio: str | None = None,
    options: Mapping[str, Any] | None = None,
    below: Sequence[str] | None = None,
    most: int = MOST_PREVIEWED,
) -> Preview:
    """Look at a collection, and listen to the first seconds of a few clips, without writing anything that stays.

    Sound that is packed in the table is unpacked into a temporary folder, for those few clips alone. The parameters
    are those of `importing.import_collection`; raises FormatError.

    Examples
    --------
    >>> from labeling.collection.source import preview
    >>> from labeling.example import example_collection
    >>> seen = preview(example_collection())
    >>> len(seen.table.clips), seen.found, dict(seen.labels)
    (12, 10, {'balori': 5, 'cangoo': 5, 'amecro': 4})
    """
    name = _format_of(path, format, options)
    look = formats.get(name).look
    if look is None:
        table, refused = read_collection(path, format=name, audio=audio, options=options, below=below)
        return _preview(table, _spread(table.clips, most), refused)
    with tempfile.TemporaryDirectory(prefix="earmark-look-") as folder:
        scratch = os.path.realpath(folder)
        table = look(find_table(path, name), audio, dict(options or {}), Path(scratch), most)
        table, refused = allowed.links_followed(table, str(path), None if below is None else (*below, scratch))
        unpacked = [clip for clip in table.clips if not clip.path.startswith(scratch) or os.path.exists(clip.path)]
        return _preview(table, _spread(unpacked or table.clips, most), refused)


def _spread(clips: Sequence[ImportedClip], most: int) -> list[ImportedClip]:
    """A few clips, from the first to the last."""
    places = np.unique(np.linspace(0, len(clips) - 1, min(most, len(clips))).astype(int)).tolist()
    return [clips[place] for place in places]


def _preview(table: ImportedTable, chosen: Sequence[ImportedClip], refused: Mapping[str, str]) -> Preview:
    readable = [clip for clip in chosen if clip.path not in refused]
    probed = dict(zip(map(id, readable), probing.probe_all([clip.path for clip in readable]), strict=True))
    barred = {
        id(clip): Probed(status="unreadable", reason=refused[clip.path]) for clip in chosen if clip not in readable
    }
    counts = Counter(code for clip in table.clips for code in clip.labels)
    looked = tuple(_looked(clip, (probed | barred)[id(clip)]) for clip in chosen)
    return Preview(table, looked, dict(counts.most_common()))


def _looked(clip: ImportedClip, probed: Probed) -> Looked:
    if probed.status not in USABLE:
        return Looked(clip, probed.status, probed.reason)
    try:
        samples, rate = read_window(clip.path, 0.0, HEARD_S, channel=probed.channel)
    except AudioError as problem:
        return Looked(clip, problem.status, str(problem))
    return Looked(clip, probed.status, probed.reason, probed.duration_s, rate, samples)
