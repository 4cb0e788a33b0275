"""Whether predictions made elsewhere are out-of-fold, as far as that can be shown, and what to tell people of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from labeling.errors import DataError
from labeling.records import Clip, Run
from labeling.runs.jobs import IMPORTED

SHOWN, ELSEWHERE, CLAIMED, UNKNOWN = "shown", "elsewhere", "claimed", "unknown"
CLAIMS = (ELSEWHERE, CLAIMED, UNKNOWN)
KEY = "out_of_fold"
WARNING = (
    "These predictions cannot be shown to be out-of-fold: a model that has seen a label agrees with it, and its errors "
    "stay hidden."
)
WORDS = {
    SHOWN: "shown by the file: each clip has a fold, and no group and no copy of a recording lies in two",
    ELSEWHERE: "as good as that: the model never saw these labels, says whoever brought them",
    CLAIMED: "said by whoever brought them; the file does not show it",
    UNKNOWN: "not known",
}


@dataclass(frozen=True)
class OutOfFold:
    """``state``: shown, elsewhere, claimed or unknown; ``why`` says what keeps it from being shown, "" if nothing."""

    state: str
    why: str = ""

    @property
    def warning(self) -> str:
        """What to warn of, "" where there is nothing."""
        return "" if self.state in (SHOWN, ELSEWHERE) else " ".join(filter(None, (WARNING, self.why)))


def judge(fold: Sequence[str] | None, clips: Sequence[Clip], claim: str = UNKNOWN) -> OutOfFold:
    """What the folds (N,) of these clips show, "" where a clip's is not known; None: the file has none.

    ``claim`` is what their owner says: `ELSEWHERE`, `CLAIMED` or `UNKNOWN`; DataError for any other.

    They show it where every clip has one, there are two or more, and neither a group nor one recording's content lies
    in several.
    """
    if claim not in CLAIMS:
        raise DataError(f"claim {claim!r} is unknown; choose from {', '.join(CLAIMS)}")
    if claim == ELSEWHERE:
        return OutOfFold(ELSEWHERE)
    why = "" if fold is None else _against(fold, clips)
    if fold is not None and not why:
        return OutOfFold(SHOWN)
    return OutOfFold(claim, why)


def _against(fold: Sequence[str], clips: Sequence[Clip]) -> str:
    lacking = sum(not fold_name for fold_name in fold)
    if lacking:
        return f"{lacking} of {len(fold)} clips have no fold."
    if len(set(fold)) < 2:
        return f"All clips are in fold {fold[0]!r}." if fold else ""
    for what, keys in (
        ("group", [clip.group for clip in clips]),
        ("recording (the same sound under two names)", [clip.content_hash for clip in clips]),
    ):
        folds_of: dict[str, set[str]] = defaultdict(set)
        for key, fold_name in zip(keys, fold, strict=True):
            if key:
                folds_of[key].add(fold_name)
        split = sorted(key for key, folds in folds_of.items() if len(folds) > 1)
        if split:
            example = next(clip.filename for clip, key in zip(clips, keys, strict=True) if key == split[0])
            named = f"{split[0]!r}, as of {example!r}" if what == "group" else f"as {example!r}"
            return f"{len(split)} {what}{'s' * (len(split) > 1)} lie in several folds ({named})."
    return ""


def state_of(run: Run) -> str:
    """What the row of a run of imported predictions keeps of it; "" for a run that was trained here."""
    if run.recipe != IMPORTED:
        return ""
    kept = (setting.removeprefix(f"{KEY}=") for setting in run.settings if setting.startswith(f"{KEY}="))
    return next(kept, UNKNOWN)


def warning_of(run: Run, every_run: Sequence[Run] = ()) -> str:
    """What to warn of where a run's suspects are shown, "" for nothing; a combination is as good as its members."""
    if run.recipe == IMPORTED:
        return OutOfFold(state_of(run)).warning
    members = next(
        (setting.removeprefix("members=").split(",") for setting in run.settings if setting.startswith("members=")), []
    )
    return next((text for member in every_run if member.id in members and (text := warning_of(member))), "")
