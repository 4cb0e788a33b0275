"""labeling/commands/agreement.py, and the rule of `freeze`."""

from __future__ import annotations

import csv
from contextlib import closing
from pathlib import Path

import pytest

from labeling.__main__ import main
from labeling.journal import versions
from labeling.people import tokens, users
from labeling.people.at_terminal import TOKEN
from labeling.records import Shown
from labeling.workspace import open_workspace
from tests.support.workspaces.deciding import says
from tests.support.workspaces.making import add_clips


@pytest.fixture
def root(tmp_path: Path) -> str:
    """Ann and bob on four cells, cleo on three: they disagree on one, which zoe settles."""
    with closing(open_workspace(tmp_path / "w", create=True)) as workspace:
        add_clips(workspace)
        for clip_id in (1, 2, 3, 4):
            says(workspace, "ann", "present" if clip_id < 3 else "absent", clip_id)
            says(workspace, "bob", "present" if clip_id < 2 else "absent", clip_id)
        for clip_id in (1, 2, 3):
            says(workspace, "=cleo", "present" if clip_id < 3 else "absent", clip_id)
        says(workspace, "zoe", "present", 2, shown=Shown(adjudication=True))
    return str(tmp_path / "w")


def test_agreement_in_words_and_as_csv(root: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["agreement", "-w", root]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "4 cells with 11 independent verdicts by 3 reviewers"
    assert lines[1] == "  all said the same  3 of 4"
    assert any(line.startswith("  ann, bob: 0.500") and line.endswith("same: 3 of 4") for line in lines)
    assert any(line.startswith("  bob: misses ") for line in lines)
    assert main(["agreement", "-w", root, "--csv", str(tmp_path / "a.csv")]) == 0
    assert capsys.readouterr().out.endswith(f" rows written to {tmp_path / 'a.csv'}\n")
    rows = list(csv.DictReader((tmp_path / "a.csv").read_text(encoding="utf-8").splitlines()))
    by = {(row["of"], row["name"], row["other"], row["measure"]): row for row in rows}
    assert by["all", "", "", "same"]["count"] == "3"
    assert float(by["pair", "ann", "bob", "cohen_kappa"]["value"]) == pytest.approx(0.5)
    assert by["class", "amecro", "", "krippendorff_alpha"]["cells"] == "4"
    assert ("reviewer", "'=cleo", "", "misses") in by, "a name that a spreadsheet would run is data"
    assert float(by["reviewer", "ann", "", "weight_present"]["value"]) > 0


def test_nobody_to_compare(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    open_workspace(tmp_path / "w", create=True).close()
    assert main(["agreement", "-w", str(tmp_path / "w")]) == 0
    assert capsys.readouterr().out.startswith("no cell has two independent verdicts yet")


def test_freeze_by_a_rule(root: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["freeze", "-w", root]) == 0
    assert "rule" not in capsys.readouterr().out
    assert main(["freeze", "-w", root, "--rule", "weighted"]) == 0
    assert capsys.readouterr().out.endswith("at journal position 12, by the rule weighted\n")
    assert main(["freeze", "-w", root, "--rule", "loudest"]) == 1
    assert "unknown rule 'loudest'; choose from latest, any, majority" in capsys.readouterr().err
    with closing(open_workspace(root)) as workspace, workspace.read() as connection:
        assert set(versions.get_version(connection, 2).weights) == {"ann", "bob", "=cleo"}


def test_digest_until_it_was_read(root: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["digest", "-w", root, "--reviewer", "bob"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "1 adjudication of a cell that you decided"
    assert lines[1] == "3 verdicts of others on cells that you decided"
    assert lines[2].endswith("zoe  amecro/XC2.ogg amecro  present; you said absent")
    assert main(["digest", "-w", root, "--reviewer", "bob", "--csv", str(tmp_path / "d.csv"), "--read"]) == 0
    assert len((tmp_path / "d.csv").read_text(encoding="utf-8").splitlines()) == 5
    capsys.readouterr()
    assert main(["digest", "-w", root, "--reviewer", "bob"]) == 0
    assert capsys.readouterr().out == "nothing changed for bob since they were last here\n"


def test_a_token_reads_no_other_persons_digest(
    root: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(open_workspace(root)) as workspace, workspace.write() as connection:
        users.add_user(connection, "bob", "viewer")
        monkeypatch.setenv(TOKEN, tokens.make(connection, "bob", "a script"))
    assert main(["digest", "-w", root, "--reviewer", "ann"]) == 1
    assert "the token is of 'bob', who cannot read 'ann'" in capsys.readouterr().err
    assert main(["digest", "-w", root]) == 0
    assert main(["freeze", "-w", root]) == 1
    assert "needs the role adjudicator" in capsys.readouterr().err
