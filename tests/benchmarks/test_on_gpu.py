from __future__ import annotations

import json
from pathlib import Path

from benchmarks import on_gpu


def test_on_a_cpu_it_agrees_with_itself_resumes_to_the_same_bits_and_says_what_it_left_out(tmp_path: Path) -> None:
    parts = ["agreement", "resume", "memory", "networks", "training"]
    assert (
        on_gpu.main(
            ["--device", "cpu", "--tiny", "--recipes", "quick", "--only", *parts, "--json", str(tmp_path / "f")]
        )
        == 0
    )
    found = json.loads((tmp_path / "f").read_text())
    rows = {(row["part"], row["name"]): row for row in found["rows"]}
    assert rows["agreement", "quick, 2 folds"]["largest_difference"] == 0
    assert rows["resume", "killed after its first epoch"]["largest_difference"] == 0
    assert "no bound" in rows["memory", "not tried"]["why"]
    assert rows["networks", "quick"]["step_ms"] > 0
    assert rows["networks", "quick"]["logits_off_cpu"] == 0
    assert rows["training", "quick, read as they come"]["audio_s_per_s"] > 0
    assert (found["failed"], found["left_out"]) == ([], [])


def test_a_part_that_fails_fails_alone_and_late_ones_are_named(tmp_path: Path, capsys) -> None:  # type: ignore[no-untyped-def]
    asked = ["--device", "cpu", "--tiny", "--only", "networks", "memory"]
    assert on_gpu.main([*asked, "--recipes", "nothing", "demo"]) == 1
    said = capsys.readouterr().out
    assert "failed: networks: nothing" in said
    assert "networks   demo" in said
    assert on_gpu.main([*asked, "--recipes", "quick", "--limit-s", "0"]) == 0
    assert "left out, as the time was up: memory; networks: quick" in capsys.readouterr().out
