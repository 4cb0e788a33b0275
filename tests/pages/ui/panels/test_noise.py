"""pages/ui/panels/noise.py: the noise report, as the command gives it."""

from __future__ import annotations

from pathlib import Path

import pytest

from labeling.workspace import open_workspace
from models.combining.noise_report import noise_report
from pages.ui.panels import noise
from tests.support.app.pages import errors, show


def test_the_page_has_the_numbers_of_the_report(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = show(trained, "quality", monkeypatch)
    assert not any("spurious" in str(one.value.columns) for one in app.dataframe), "it is read when it is asked for"
    app.session_state["noise"] = True
    app.run()
    assert errors(app) == ""
    report = noise_report(open_workspace(trained), "001-demo")
    table = next(one.value for one in app.dataframe if noise.COLUMNS["miss"] in one.value).set_index("class")
    assert set(table.index) == set(report["per_class"])
    for code, row in report["per_class"].items():
        assert list(table.loc[code, list(noise.COLUMNS.values())]) == [row["miss"], row["spurious"], row["decided"]]
    errors_of = table[noise.COLUMNS["miss"]] + table[noise.COLUMNS["spurious"]]
    assert list(errors_of) == sorted(errors_of, reverse=True)
    said = " ".join(one.value for one in app.markdown).replace("\\", "")
    assert f"No classifier of wrong labels yet: {report['classifier']['refused']}" in said


def test_a_classifier_that_was_learned_is_told_with_its_figures() -> None:
    words = noise._classifier({
        "decisions": 60, "wrong": 20, "precision": 0.5, "recall": None, "average_precision": 0.625,
        "precision_of_the_source": 0.22,
    })  # fmt: skip
    assert "learned from 60 decisions, 20 of which found a label wrong: precision 0.50, recall unknown" in words
