"""Settings that no training can have, and what shows that asking for one left nothing behind."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
import pandas as pd
from streamlit.testing.v1 import AppTest

from labeling import runs
from labeling.journal import versions
from labeling.workspace import Workspace
from tests.support.workspaces.gain_case import write_recipe
from tests.support.workspaces.synthetic_oof import finished_run

TEACHER = ("targets.rule=mix", "targets.teacher=009-none"), "unknown teacher run '009-none'"
WEIGHTS = ("network.weights=/none/w.safetensors",), "network.weights: no file /none/w.safetensors"
TRACKER = ("track.mlflow=true",), "track.mlflow = true needs mlflow, which is not installed"
REFUSED = (TEACHER, WEIGHTS, TRACKER)


def run_to_be_like(workspace: Workspace, settings: Sequence[str] = ()) -> str:
    """A finished run of recipe demo with these settings, whose folder holds what another one is to keep."""
    run_id = finished_run(workspace, {})
    write_recipe(workspace.run_dir(run_id), settings)
    with workspace.read() as connection:
        clip_ids = versions.labels_at(connection).clip_ids
    folds = io.BytesIO()
    pd.DataFrame({"clip_id": clip_ids, "fold": np.arange(len(clip_ids)) % 3}).to_parquet(folds)
    (workspace.run_dir(run_id) / "folds.parquet").write_bytes(folds.getvalue())
    return run_id


def change_recipe(app: AppTest, recipe: str, settings: Sequence[str]) -> AppTest:
    """The Retrain page with a recipe's settings changed, as if the user had come back to it."""
    app.session_state["recipe_changes"] = {recipe: dict(setting.split("=", 1) for setting in settings)}
    number = app.session_state["recipe_form"] if "recipe_form" in app.session_state else 0  # noqa: SIM401  it has no get
    app.session_state["recipe_form"] = number + 1  # a new form begins with what is kept
    return app.run()


def stored(workspace: Workspace) -> tuple[list[str], list[int]]:
    """Ids of all runs, numbers of all label versions."""
    with workspace.read() as connection:
        return (
            [run.id for run in runs.all_runs(connection)],
            [version.number for version in versions.all_versions(connection)],
        )
