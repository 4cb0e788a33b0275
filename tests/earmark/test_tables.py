"""earmark/tables.py"""

from __future__ import annotations

from pathlib import Path

import pytest

import earmark
from labeling import journal
from labeling.errors import DataError
from labeling.example import example_workspace
from labeling.records import Decision


def test_labels_and_exports_go_by_the_rule_that_is_asked_for(tmp_path: Path) -> None:
    w = earmark.open(example_workspace().root)
    votes = (("ann", "present"), ("bob", "present"), ("cleo", "absent"))
    for number, (name, verdict) in enumerate(votes):
        journal.append(w.store, [Decision(f"e{number}", name, 3, "cangoo", verdict)])

    def says(rule: str) -> str:
        table = w.labels(rule=rule)
        rows = table[(table["filename"] == "amecro/3.wav") & (table["class"] == "cangoo")]
        return rows["state"].item()

    assert [says(rule) for rule in ("latest", "any", "majority", "adjudicated")] == [
        "absent", "present", "present", "unsure",
    ]  # fmt: skip
    report = w.export(tmp_path / "majority", rule="majority")
    assert report.version.rule == "majority"
    assert "amecro cangoo" in (tmp_path / "majority/train.csv").read_text()
    w.export(tmp_path / "latest")
    assert "cangoo" not in (tmp_path / "latest/train.csv").read_text().splitlines()[3]

    again = w.labels(report.version.number)
    assert again.equals(w.labels(rule="majority"))
    for refused in (lambda: w.labels(1, rule="any"), lambda: w.export(tmp_path / "no", version=1, rule="any")):
        with pytest.raises(DataError, match="version 1 was made by a rule of its own"):
            refused()
    with pytest.raises(DataError, match="unknown rule 'most'"):
        w.labels(rule="most")
