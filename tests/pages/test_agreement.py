"""pages/agreement.py, and the rule on pages/versions.py."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from labeling.collection import store
from labeling.journal import versions
from labeling.workspace import open_workspace
from tests.support.app.pages import errors, show
from tests.support.workspaces.deciding import says
from tests.support.workspaces.making import copy_workspace


@pytest.fixture
def root(blank: Path, tmp_path: Path) -> Path:
    """Three people on some cells of the small collection."""
    root = copy_workspace(blank, tmp_path / "w")
    with closing(open_workspace(root)) as workspace:
        for clip_id in (1, 2, 3, 4):
            for code in ("amecro", "balori", "cangoo", "daejun"):
                says(workspace, "ann", "present" if code == "amecro" else "absent", clip_id, code)
                says(workspace, "<b>bob</b>", "present" if code in ("amecro", "balori") else "absent", clip_id, code)
                if clip_id > 1:
                    says(workspace, "cleo", "present" if code == "amecro" else "absent", clip_id, code)
    return root


def test_numbers_figures_and_tables(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = show(root, "agreement", monkeypatch)
    assert errors(app) == ""
    assert app.metric[0].value == "12 of 16"
    assert [len(frame.value) for frame in app.dataframe] == [4, 3]
    assert list(app.dataframe[1].value["reviewer"]) == ["<b>bob</b>", "ann", "cleo"]
    assert len(app.get("plotly_chart")) == 1, "too few cells for a course of time"


def test_a_version_is_frozen_by_the_rule_that_was_chosen(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = show(root, "versions", monkeypatch)
    app.selectbox(key="freeze_rule").set_value("weighted")
    app.button[0].click().run()
    assert errors(app) == ""
    with closing(open_workspace(root)) as workspace, workspace.read() as connection:
        (version,) = versions.all_versions(connection)
        labels = versions.labels_of_version(connection, 1)
        column = [known.code for known in store.all_classes(connection)].index("balori")
    assert version.rule == "weighted"
    assert set(version.weights) == {"ann", "<b>bob</b>", "cleo"}
    assert not labels.present[1:, column].any(), "two against bob, who hears what nobody else does"
    assert list(app.dataframe[0].value["rule"]) == ["weighted"]
