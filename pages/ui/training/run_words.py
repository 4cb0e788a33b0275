"""A run in words: its recipe's name, what it was for, and the settings that are the user's own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePath

from labeling import runs
from labeling.errors import EarmarkError
from labeling.records import Run
from labeling.runs import out_of_fold
from models.combining import request
from models.config import parse_override
from models.correcting import rounds

COMBINED = {"equal": "average of", "fitted": "fitted average of"}
OF_STAGES = ("targets.rule", "targets.teacher", "targets.thresholds", "train.members", "train.all_data")


def recipe_name(run: Run) -> str:
    """The recipe's name; of one kept as a file, the file's."""
    return PurePath(run.recipe).stem if run.recipe.endswith(".toml") else run.recipe


def purpose(run: Run, every_run: Iterable[Run]) -> str:
    """What a run was for: a training, a stage of label correction, a round, or a combination of others."""
    if run.recipe in request.KINDS:
        return _combination(run)[0]
    if run.recipe == runs.IMPORTED:
        return _imported(run)[0]
    given = _given(run)
    words = _stage(run, given)[0]
    left, first = given.get(rounds.ROUNDS, ""), given.get(rounds.FIRST, "")
    total = (
        next((_given(candidate).get(rounds.ROUNDS, "") for candidate in every_run if candidate.id == first), "")
        if first
        else ""
    )
    if first and total.isdecimal() and left.isdecimal():
        return f"round {int(total) - int(left)} of {total} from {first}"
    if first:
        return f"a round from {first}"
    return f"start of up to {left} rounds" if left not in ("", "0") else words


def settings(run: Run) -> str:
    """The settings that differ from the recipe and that `purpose` does not tell: ``epochs 3, mixup.probability 0``."""
    if run.recipe in request.KINDS:
        return _combination(run)[1]
    if run.recipe == runs.IMPORTED:
        return _imported(run)[1]
    given = _given(run)
    told = {*_stage(run, given)[1], rounds.ROUNDS, rounds.FIRST}
    return ", ".join(f"{_short(key)} {value}" for key, value in given.items() if key not in told)


def _given(run: Run) -> dict[str, str]:
    """A run's settings by their full key."""
    given = {}
    for setting in run.settings:
        try:
            key, value = parse_override(setting)
        except EarmarkError:  # of an older Earmark
            key, _, value = setting.partition("=")
        given[key] = value
    return given


def _stage(run: Run, given: Mapping[str, str]) -> tuple[str, Sequence[str]]:
    """Which stage of label correction a run is, and the keys of its settings that say so."""
    if run.request.get("stage") == 2:
        return f"stage 2 after {run.request.get('after')}", OF_STAGES[:1]
    teacher = given.get("targets.teacher", "")
    if given.get("targets.rule") != "and" or not teacher:
        return "training", ()
    whole = given.get("train.all_data") == "true" and given.get("train.members")
    heard = given.get("targets.thresholds", "").strip("[]")
    words = f"stage 3 on {teacher}" if whole else f"labels where {teacher} hears them"
    words += f", threshold{'s' * (',' in heard)} {heard}" if heard else ""
    return words, OF_STAGES if whole else OF_STAGES[:3]


def _short(key: str) -> str:
    """A setting's key without its section, where the rest says enough."""
    table, _, rest = key.partition(".")
    return rest if table in ("train", "augment", "folds") and rest else key


def _imported(run: Run) -> tuple[str, str]:
    given = {key: value for key, _, value in (setting.partition("=") for setting in run.settings)}
    words = f"brought: {given.get('name') or given.get('source', '')}"
    told = f"{given.get('reader', '')} reader, out-of-fold: {given.get(out_of_fold.KEY, out_of_fold.UNKNOWN)}"
    return words, told + (f", from {given['unit']}" if "unit" in given else "")


def _combination(run: Run) -> tuple[str, str]:
    try:
        asked = request.combination_of(run)
    except EarmarkError:
        return run.recipe, ", ".join(run.settings)
    members = " + ".join(asked.members)
    told = {"members"}
    if run.recipe == request.STACK:
        words = f"stack of {members}"
    elif asked.vote:
        words = f"vote of {asked.vote} above {asked.threshold:g}: {members}"
        told |= {"vote", "threshold"}
    elif asked.weights in COMBINED:
        words = f"{COMBINED[asked.weights]} {members}"
        told.add("weights")
    else:
        words = f"weighted average of {members}"
    others = [setting.partition("=") for setting in run.settings]
    return words, ", ".join(f"{key} {value}" for key, _, value in others if key not in told)
