"""Near-copies of a clip that sat in training: where they are, a prediction is not out-of-fold, whatever its fold says.

Clips belong together where they have one group or one content, come from one outing (outings.py), or hold the same
recording (landmarks.py). A training keeps them in one fold; `find_leaks` tells of any run what it did not keep.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from numpy.typing import NDArray

from labeling.collection import store
from labeling.errors import AudioError, Stopped
from labeling.predictions.oof import read_oof
from labeling.records import Clip
from labeling.runs.landmarks import Copy, Landmarks, find_copies, landmarks
from labeling.runs.outings import DAY, PLACE, outings
from labeling.sound.decoding import read_window
from labeling.storage.files import write_atomically
from labeling.workspace import CACHE, Workspace

GROUP, FILE, SOUND = "same group", "same file", "same sound"
WORDS = {
    FILE: "the same file twice",
    SOUND: "the same recording, cut or encoded anew",
    DAY: "the same recordist on the same day",
    PLACE: "the same recordist at the same place",
    GROUP: "the same group of the table",
}
"""Each reason in words, the surest first."""
COPIES_FILE = "copies.json"
SAMPLE_RATE = 16_000  # of the sound that is compared: its half is landmarks.HIGH_HZ
MOST_PAIRS = 10_000  # pairs kept in a report; the counts are always whole


class LinkedClips(NamedTuple):
    """Clips (places in a list) that must not be parted, and why."""

    reason: str
    members: tuple[int, ...]


@dataclass(frozen=True)
class Leak:
    """Two clips that belong together, and lie in two folds. ``detail`` says where they overlap, or ""."""

    filename: str
    other_filename: str
    reason: str
    detail: str = ""


@dataclass(frozen=True)
class LeakReport:
    """What was found of a run's ``clips`` in ``folds`` folds.

    ``dishonest``: clips whose prediction comes from a network that had a near-copy to learn from; ``by_reason`` counts
    them for each reason (a clip may have several). ``pairs``: two clips of each leak, at most MOST_PAIRS. ``heard``:
    how many of the clips had their sound compared; of the others only the columns were.
    """

    run_id: str
    clips: int
    folds: int
    dishonest: int
    by_reason: dict[str, int]
    pairs: tuple[Leak, ...]
    heard: int

    @property
    def sentence(self) -> str:
        """The outcome in one or two plain sentences."""
        if self.folds < 2:
            return "The folds of this run are not known, so nobody can tell whether its predictions are honest."
        unheard = self.clips - self.heard
        whose = f"The sound of {unheard:,} clip{'s' * (unheard != 1)}" if self.heard else "Their sound"
        rest = f" {whose} was not compared yet." if unheard else ""
        if not self.dishonest:
            return f"No near-copy of any of the {self.clips:,} clips was found among those that its network saw.{rest}"
        reasons = "; ".join(f"{WORDS[reason]}: {count:,}" for reason, count in self.by_reason.items())
        return (
            f"The predictions of {self.dishonest:,} of {self.clips:,} clips are not honest: the network had a "
            f"near-copy to learn from ({reasons}). Errors in their labels may stay hidden.{rest}"
        )


# ---------------------------------------------------------------------------------------------- what belongs together


def belonging(clips: Sequence[Clip], copies: Iterable[Copy] = (), same_outing: bool = True) -> list[LinkedClips]:
    """All that must lie in one fold: groups and equal files as imported, outings, and ``copies`` (places in clips)."""
    members_of: dict[tuple[str, str], list[int]] = {}
    for at, clip in enumerate(clips):
        for reason, key in ((FILE, clip.content_hash), (GROUP, clip.group)):
            if key:
                members_of.setdefault((reason, key), []).append(at)
    together = [LinkedClips(reason, tuple(members)) for (reason, _), members in members_of.items() if len(members) > 1]
    together += [LinkedClips(SOUND, (copy.a, copy.b)) for copy in copies]
    if same_outing:
        together += [LinkedClips(reason, members) for reason, members in outings(clips)]
    return together


def across(together: Sequence[LinkedClips], fold: NDArray[Any]) -> list[LinkedClips]:
    """Those of which two lie in different folds; ``fold`` (N,), below 0 where a clip has none and does not count."""
    parted = []
    for linked in together:
        members = tuple(at for at in linked.members if fold[at] >= 0)
        if len({int(fold[at]) for at in members}) > 1:
            parted.append(LinkedClips(linked.reason, members))
    return parted


# ------------------------------------------------------------------------------------------------------ of a run


def find_leaks(workspace: Workspace, run_id: str) -> LeakReport:
    """Check the folds of a run, also of one that was brought, against all that is known to belong together.

    Sounds are compared by a training and by `listen`; here what they found is read. Raises ArtefactError where the
    run has no predictions.
    """
    oof = read_oof(workspace.run_dir(run_id) / "oof.zarr")
    with workspace.read() as connection:
        by_id = {clip.id: clip for clip in store.usable_clips(connection)}
    places = [at for at, clip_id in enumerate(oof.clip_ids.tolist()) if clip_id in by_id]
    clips = [by_id[int(oof.clip_ids[at])] for at in places]
    fold = oof.fold[places]
    row_of = {clip.id: row for row, clip in enumerate(clips)}
    heard, copies = known_copies(workspace)
    mine = [
        Copy(row_of[a], row_of[b], *rest) for a, b, *rest in copies if a in row_of and b in row_of
    ]  # fmt: skip
    parted = across(belonging(clips, mine), fold)
    parted.sort(key=lambda link: list(WORDS).index(link.reason))
    detail = {(copy.a, copy.b): _where(copy) for copy in mine}
    by_reason: dict[str, set[int]] = {}
    pairs: list[Leak] = []
    for linked in parted:
        by_reason.setdefault(linked.reason, set()).update(linked.members)
        if len(pairs) < MOST_PAIRS:
            a = linked.members[0]
            b = next(at for at in linked.members if fold[at] != fold[a])
            pairs.append(Leak(clips[a].filename, clips[b].filename, linked.reason, detail.get((a, b), "")))
    return LeakReport(
        run_id=run_id,
        clips=len(clips),
        folds=len(set(fold[fold >= 0].tolist())),
        dishonest=len(set().union(*by_reason.values())),
        by_reason={reason: len(members) for reason, members in by_reason.items()},
        pairs=tuple(pairs),
        heard=len(heard & row_of.keys()),
    )


def _where(copy: Copy) -> str:
    return f"{copy.overlap_s:.1f} s in common, {abs(copy.offset_s):.1f} s apart"


# --------------------------------------------------------------------------------------------------- what was heard


def listen(
    workspace: Workspace,
    progress: Callable[[int, int], None] | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> int:
    """Compare the sound of every usable clip and keep what was found with the workspace; returns how many pairs.

    A file that cannot be read is passed over. An hour of sound takes about half a minute on one core.
    Raises Stopped.
    """
    with workspace.read() as connection:
        clips = store.usable_clips(connection)
    marks: list[Landmarks | None] = []
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for points in pool.map(_landmarks_of, clips):
            marks.append(points)
            if should_stop():
                pool.shutdown(wait=False, cancel_futures=True)
                raise Stopped("stopped while comparing sounds")
            if progress is not None:
                progress(len(marks), len(clips))
    copies = find_copies(marks)
    read = [clip.id for clip, points in zip(clips, marks, strict=True) if points is not None]
    write_copies(workspace.root / CACHE / COPIES_FILE, clips, read, copies)
    return len(copies)


def _landmarks_of(clip: Clip) -> Landmarks | None:
    try:
        wave, rate = read_window(clip.path, sample_rate=SAMPLE_RATE, channel=clip.channel)
        return landmarks(wave, rate)
    except (AudioError, OSError, ValueError, RuntimeError):  # a decoder's own surprise must not stop the other files
        return None


def write_copies(path: Path, clips: Sequence[Clip], heard: Sequence[int], copies: Sequence[Copy]) -> None:
    """Keep which clips (ids) were compared, and the copies among ``clips``."""
    pairs = [[clips[copy.a].id, clips[copy.b].id, copy.offset_s, copy.overlap_s, copy.share] for copy in copies]
    write_atomically(path, json.dumps({"clip_ids": list(heard), "pairs": pairs}).encode())


def known_copies(workspace: Workspace) -> tuple[set[int], list[tuple[Any, ...]]]:
    """Ids of the clips whose sound was ever compared, and (id, id, offset_s, overlap_s, share) of every copy found.

    From the trainings' folders and from `listen`; a damaged file counts as none.
    """
    heard: set[int] = set()
    pairs: dict[tuple[int, int], tuple[Any, ...]] = {}
    for path in _copies_files(workspace):
        try:
            kept = json.loads(path.read_text(encoding="utf-8"))
            ids = {int(clip_id) for clip_id in kept["clip_ids"]}
            rows = [(int(a), int(b), float(offset), float(s), float(share)) for a, b, offset, s, share in kept["pairs"]]
        except (OSError, ValueError, KeyError, TypeError):
            continue
        heard |= ids
        pairs |= {row[:2]: row for row in rows}
    return heard, [pairs[key] for key in sorted(pairs)]


def known_position(workspace: Workspace) -> tuple[int, ...]:
    """Changes when more sounds were compared: for whoever keeps a report."""
    return tuple(path.stat().st_mtime_ns for path in _copies_files(workspace) if path.exists())


def _copies_files(workspace: Workspace) -> tuple[Path, ...]:
    return (*sorted(workspace.runs.glob(f"*/{COPIES_FILE}")), workspace.root / CACHE / COPIES_FILE)


def pairs_of(together: Sequence[LinkedClips]) -> list[tuple[int, int]]:
    """Each set as a chain of pairs, which is what joins it."""
    return [(a, b) for linked in together for a, b in zip(linked.members, linked.members[1:], strict=False)]


def pairs_to_tell(together: Sequence[LinkedClips], clips: Sequence[Clip], most: int = 1000) -> list[list[str]]:
    """[file, file, reason] of the near-copies among ``clips``, for run.json; groups, equal files are in the table."""
    told = (linked for linked in together if linked.reason not in (GROUP, FILE))
    pairs = ([clips[a].filename, clips[b].filename, linked.reason] for linked in told for a, b in pairs_of([linked]))
    return list(islice(pairs, most))


def counts(together: Sequence[LinkedClips]) -> dict[str, int]:
    """How many clips each reason holds together."""
    held: dict[str, set[int]] = {}
    for linked in together:
        held.setdefault(linked.reason, set()).update(linked.members)
    return {reason: len(held[reason]) for reason in WORDS if reason in held}
