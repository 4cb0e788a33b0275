"""models/commands/combining.py: the commands, as a user gives them."""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path

import pytest

from labeling import runs
from labeling.workspace import open_workspace
from models import worker
from models.__main__ import main
from models.commands.combining import add_evaluate_flags, words
from tests.support.workspaces.two_runs import FIRST, add_run


@pytest.fixture
def root(own_copy: Path) -> Path:
    """The trained workspace with a second run."""
    add_run(open_workspace(own_copy))
    return own_copy


def test_fitted_weights_are_told_with_their_honest_gain(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ensemble", FIRST, "002-demo", "--weights", "fitted", "-w", str(root)]) == 0
    told = capsys.readouterr().out
    metrics = json.loads((root / "runs/003-ensemble/metrics.json").read_text())
    gain = metrics["weights"]
    assert (
        f"log_loss (lower is better): equal weights {gain['equal']:.4f}, fitted {gain['fitted']:.4f} on folds not "
        f"fitted on, {gain['fitted_in_sample']:.4f} in sample"
    ) in told
    weights = [float(found) for found in re.findall(r"weight (\d\.\d{3}),", told)]
    assert sum(weights) == pytest.approx(1, abs=2e-3)
    assert (
        told.rstrip()
        .splitlines()[-1]
        .startswith(f"run 003-ensemble done: macro-AP {metrics['overall']['macro_ap']:.3f}")
    )


def test_a_vote_and_priors_are_told(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["--vote", "2", "--threshold", "0.3", "--frame-threshold", "0.3", "--post", "cooccurrence, place_date"]
    assert main(["ensemble", FIRST, "002-demo", *asked, "-w", str(root)]) == 0
    told = capsys.readouterr().out
    assert "present where 2 or more agree: precision 0." in told
    assert "before post-processing: macro-AP" in told
    with open_workspace(root).read() as connection:
        run = runs.get_run(connection, "003-ensemble")
    assert run.settings == (
        f"members={FIRST},002-demo", "vote=2", "threshold=0.3", "frame_threshold=0.3", "post=cooccurrence,place_date",
    )  # fmt: skip


def test_a_warning_is_said_once(own_copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    add_run(open_workspace(own_copy), shift_folds=True)
    assert main(["ensemble", FIRST, "002-demo", "-w", str(own_copy)]) == 0
    assert capsys.readouterr().err.count("warning: the runs part the clips into different folds") == 1


def test_a_queued_stack_is_made_by_a_worker(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["stack", FIRST, "002-demo", "--per-class", "--queue", "-w", str(root)]) == 0
    assert capsys.readouterr().out == "run 003-stack waits for a worker\n"
    workspace = open_workspace(root)
    claimed = runs.claim(workspace, "w")
    assert claimed is not None
    assert worker.run_job(workspace, claimed, "w").status == "done"
    facts = json.loads((root / "runs/003-stack/run.json").read_text())
    assert set(facts["stack"]["classes_of_their_own"]) <= set(facts["classes"])


MISTAKES = (
    (["ensemble", FIRST], "error: 1 run to combine; name two or more, or one with --post"),
    (["ensemble", FIRST, "001-dmo"], "error: no run '001-dmo'; choose from 001-demo, 002-demo"),
    (["ensemble", FIRST, "002-demo", "--weights", "a"], "error: weights 'a' are not numbers"),
    (["stack", FIRST, "002-demo", "--noisy"], "error: the noise classifier needs 50 decided cells"),
    (["stack", FIRST, "002-demo", "--version", "8"], "error: no label version 8"),
    (["ensemble", FIRST, "002-demo", "--post", "place"], "error: unknown post-processor 'place'"),
    (["noise", "--run", "nope"], "error: no run 'nope'"),
    (["ensemble", FIRST, "002-demo", "--threshold", "0.3"], "error: --threshold and --frame-threshold are for"),
    (["ensemble", FIRST, "002-demo", "--objective", "macro_ap"], "error: --objective macro_ap is what"),
    (["stack", FIRST, "002-demo", "--strength", "2"], "error: --strength 2 scales post-processors; add --post"),
    (["evaluate", "--run", FIRST, "--strength", "2"], "error: --strength 2 scales post-processors; add --post"),
)


def test_a_mistake_is_one_line(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for asked, said in MISTAKES:
        assert main([*asked, "-w", str(root)]) == 1, asked
        found = capsys.readouterr().err
        assert found.startswith(said), asked
        assert found.count("\n") == 1, asked
        assert sorted(path.name for path in (root / "runs").iterdir()) == [FIRST, "002-demo"], asked


def test_noise_says_what_the_source_found(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["noise", "--run", FIRST, "-w", str(root)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "there are 0, 0 wrong and 0 right" in lines[0]
    assert len(lines) == 2 + 7 + 1
    assert "0.8924 to 0.8335" in lines[-1]
    assert main(["noise", "--run", FIRST, "-w", str(root), "--json"]) == 0
    assert set(json.loads(capsys.readouterr().out)) == {"classifier", "per_class", "verdict"}


@pytest.mark.parametrize(("command", "figures"), [("stack", ["0.8991", "0.8997"]), ("noise", ["22 %", "0.8335"])])
def test_help_gives_the_sources_own_figures(
    capsys: pytest.CaptureFixture[str], command: str, figures: list[str]
) -> None:
    with pytest.raises(SystemExit):
        main([command, "--help"])
    told = capsys.readouterr().out
    assert all(figure in told for figure in figures)
    assert "%%" not in told


def test_the_list_of_commands_has_a_line_or_two_each(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit):
        main(["--help"])
    told = capsys.readouterr().out.partition("COMMAND\n")[2].partition("\n\n")[0]
    commands = re.split(r"\n    (?=\S)", told)
    assert len(commands) == 19
    assert max(one.count("\n") + 1 for one in commands) == 2
    assert max(map(len, told.splitlines())) <= 80


def test_the_flags_of_evaluate() -> None:
    parser = argparse.ArgumentParser()
    add_evaluate_flags(parser)
    found = parser.parse_args(["--post", "place_date,,cooccurrence", "--strength", "0.5", "--errors"])
    assert (words(found.post), found.strength, found.errors) == (("place_date", "cooccurrence"), 0.5, True)
    assert words(parser.parse_args([]).post) == ()
