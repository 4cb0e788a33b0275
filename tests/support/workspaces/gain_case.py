"""A workspace in which people corrected labels between two made-up runs, so that every gain is known by hand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from labeling import journal
from labeling.records import Decision, Shown
from labeling.storage import database as db
from labeling.workspace import Workspace
from models.config import load_recipe, recipe_to_toml
from tests.support.workspaces.making import CLASSES, add_clips
from tests.support.workspaces.synthetic_oof import finished_run

NAMES = tuple(CLASSES)
N = 24
MISSING = tuple((clip, "balori", "present") for clip in (1, 5, 9, 13))
FALSE = tuple((clip, "cangoo", "absent") for clip in (3, 7, 11))
SWAPPED = ((4, "daejun", "absent"), (4, "amecro", "present"))
CONFIRMED = tuple((clip, NAMES[(clip - 1) % 4], "present") for clip in (2, 6, 17, 21))
SAID = MISSING + FALSE + SWAPPED + CONFIRMED
START = datetime(2026, 5, 12, 9, 0, tzinfo=UTC)
GAP_S = 30.0


def collect(workspace: Workspace) -> None:
    """24 clips; clip i bears the class (i - 1) % 4 alone."""
    add_clips(workspace, tuple((f"c{i + 1}.ogg", (NAMES[i % 4],)) for i in range(N)))


def say(
    workspace: Workspace, cells: Iterable[tuple[int, str, str]], *, drawn: bool = False, reviewer: str = "ann"
) -> None:
    """Decide cells, one press each GAP_S seconds."""
    now = db.now
    with workspace.read() as connection:
        begun = journal.position(connection)
    try:
        for number, (clip, code, verdict) in enumerate(cells, start=begun):
            stamp = (START + timedelta(seconds=number * GAP_S)).isoformat(timespec="microseconds")
            db.now = lambda stamp=stamp: stamp  # type: ignore[misc]
            role = "primary" if (clip, code, verdict) == SWAPPED[1] else ""
            shown = Shown(asked=True, kind="missing", p_wrong=0.9, audit=drawn)
            one = Decision(f"e{number}", reviewer, clip, code, verdict, role=role, shown=shown)
            journal.append(workspace, [one])
    finally:
        db.now = now


def add_run(workspace: Workspace, like: str = "", cells: dict[tuple[int, str], float] | None = None) -> str:
    """A run on the labels now: it says 0.8 of what they list, 0.1 of the rest, but for ``cells``."""
    settings = [f"folds.like={like}"] if like else []
    name = finished_run(workspace, cells or {}, *settings)
    write_recipe(workspace.run_dir(name), settings)
    return name


def write_recipe(folder: Path, settings: Sequence[str] = ()) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "recipe.toml").write_text(recipe_to_toml(load_recipe("demo", settings)), encoding="utf-8")


def corrected(workspace: Workspace, *, drawn: bool = False) -> tuple[str, str]:
    """Both runs, with SAID between them; ids."""
    collect(workspace)
    before = add_run(workspace)
    say(workspace, SAID, drawn=drawn)
    return before, add_run(workspace, like=before)
