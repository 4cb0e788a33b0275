"""labeling/runs/run_folder.py"""

from __future__ import annotations

from pathlib import Path

import pytest

from labeling.runs import run_folder


def test_an_empty_folder_tells_nothing(tmp_path: Path) -> None:
    assert run_folder.history(tmp_path) == []
    assert run_folder.log_tail(tmp_path) == ""
    assert run_folder.metrics(tmp_path) == {} == run_folder.facts(tmp_path)


def test_history_passes_over_a_row_cut_short(tmp_path: Path) -> None:
    (tmp_path / "history.csv").write_text("fold,epoch,loss,macro_ap\n0,1,0.5,\n0,2,0.25,0.75\n0,3,0.\n0,4,nope,1\n")
    assert run_folder.history(tmp_path) == [
        {"fold": 0, "epoch": 1, "loss": 0.5},
        {"fold": 0, "epoch": 2, "loss": 0.25, "macro_ap": 0.75},
        {"fold": 0, "epoch": 3, "loss": 0},
    ]
    (tmp_path / "history.csv").write_text("fold,loss\n0,1,2,3\n")
    assert run_folder.history(tmp_path) == [{"fold": 0, "loss": 1}]


@pytest.mark.parametrize("content", [b"", b"{", b"[1, 2]", b"\xff\xfe", b"null"])
def test_damaged_json_is_empty(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "run.json").write_bytes(content)
    (tmp_path / "metrics.json").write_bytes(content)
    assert run_folder.facts(tmp_path) == {} == run_folder.metrics(tmp_path)


def test_json_as_written(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text('{"seed": 3}')
    assert run_folder.facts(tmp_path) == {"seed": 3}


def test_the_end_of_a_long_log_begins_with_a_whole_line(tmp_path: Path) -> None:
    lines = [f"line {number} é" for number in range(5000)]
    (tmp_path / "log.txt").write_text("\n".join(lines), encoding="utf-8")
    tail = run_folder.log_tail(tmp_path).split("\n")
    assert tail == lines[-len(tail) :]
    assert 1000 < len(tail) < 5000
