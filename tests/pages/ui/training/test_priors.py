"""pages/ui/training/priors.py: what priors would change, as the command says it."""

from __future__ import annotations

from pathlib import Path

import pytest

from labeling.workspace import open_workspace
from models.combining.evaluation import evaluate_run
from tests.support.app.pages import errors, show


def test_what_priors_change_is_what_the_evaluation_says(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = show(trained, "runs", monkeypatch)
    assert app.button(key="priors:measure").disabled
    app.multiselect(key="priors:post").set_value(["cooccurrence"]).run()
    app.number_input(key="priors:strength").set_value(2.0).run()
    app.button(key="priors:measure").click().run()
    assert errors(app) == ""
    table = next(one.value for one in app.dataframe if "with priors" in one.value).set_index("measure")
    measured = evaluate_run(open_workspace(trained), "001-demo", post=("cooccurrence",), strength=2.0)
    before, after = (measured[kind]["overall"]["macro_ap"] for kind in ("labels", "labels_post"))
    assert list(table.loc["macro-AP"]) == pytest.approx([before, after, after - before])
    assert before != after
