"""In what two finished runs differ beside their labels: recipe, folds, clips, classes, device, and networks at all."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from labeling.predictions.oof import Oof
from labeling.runs import run_folder

#: what changes no prediction, or is told apart otherwise (the folds themselves are compared)
WITHOUT_EFFECT = ("name", "title", "source", "description", "cpu_hours_per_hour", "track", "folds.like", "iterate")


def differences(before: Path, after: Path, oof_before: Oof, oof_after: Oof) -> list[str]:
    """Each difference of two runs' folders and predictions in a few words; [] where only their labels can differ.

    A setting that one recipe does not know, since an older Earmark wrote it, is passed over.
    """
    recipes = [_settings(folder) for folder in (before, after)]
    if any(not recipe for recipe in recipes):
        lacking = " and ".join(
            folder.name for folder, recipe in zip((before, after), recipes, strict=True) if not recipe
        )
        differing = [f"no recipe is kept of {lacking}"]
    else:
        old, new = recipes
        keys = [key for key in old if key in new and old[key] != new[key] and not _is_without_effect(key)]
        differing = [f"{key} {_shown(old[key])} and {_shown(new[key])}" for key in keys]
    differing += _of_predictions(oof_before, oof_after)
    return differing + _of_surroundings(run_folder.facts(before), run_folder.facts(after))


def _of_surroundings(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Device, libraries and code, where both runs say what theirs were."""
    differing = []
    devices = [str(facts.get("device", "")).partition(":")[0] for facts in (before, after)]
    if all(devices) and devices[0] != devices[1]:
        differing.append(f"trained on {devices[0]} and {devices[1]}")
    then, now = (facts.get("versions") or {} for facts in (before, after))
    differing += [f"{name} {then[name]} and {now[name]}" for name in then if name in now and then[name] != now[name]]
    if "git_commit" in before and "git_commit" in after and before["git_commit"] != after["git_commit"]:
        commits = [str(facts["git_commit"])[:8] or "unknown" for facts in (before, after)]
        differing.append(f"trained by other code of Earmark (commit {commits[0]} and {commits[1]})")
    return differing


def _of_predictions(before: Oof, after: Oof) -> list[str]:
    differing = []
    then = dict(zip(before.clip_ids.tolist(), before.fold.tolist(), strict=True))
    now = dict(zip(after.clip_ids.tolist(), after.fold.tolist(), strict=True))
    both = then.keys() & now.keys()
    moved = sum(then[clip] != now[clip] for clip in both)
    if moved:
        differing.append(f"{moved:,} of {len(both):,} clips lie in other folds")
    alone = len(then) + len(now) - 2 * len(both)
    if alone:
        differing.append(f"{alone:,} clip{'s' * (alone > 1)} in one of them alone")
    if set(before.classes) != set(after.classes):
        differing.append(f"{len(set(before.classes) ^ set(after.classes)):,} classes in one of them alone")
    return differing


def _settings(folder: Path) -> dict[str, Any]:
    """recipe.toml by full keys; {} where there is none that can be read."""
    try:
        return dict(_flat(tomllib.loads((folder / "recipe.toml").read_text(encoding="utf-8"))))
    except (OSError, ValueError):
        return {}


def _flat(table: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    pairs: list[tuple[str, Any]] = []
    for key, value in table.items():
        pairs += _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else [(f"{prefix}{key}", value)]
    return pairs


def _is_without_effect(key: str) -> bool:
    return any(key == prefix or key.startswith(f"{prefix}.") for prefix in WITHOUT_EFFECT)


def _shown(value: Any) -> str:
    return value or "(empty)" if isinstance(value, str) else json.dumps(value)
