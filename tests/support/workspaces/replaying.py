"""A reviewer without mistakes, and a file of the truth about the clips of ranked.py."""

from __future__ import annotations

from pathlib import Path

from labeling.replay.reviewer import SimulatedReviewer

PERFECT = SimulatedReviewer(0, 0)

#: of ranked.CLIPS and its first six suspects, the 1st, 4th and 5th are right to doubt
TRUTH = "filename,labels\na/one.ogg,amecro\nb/two_50%.ogg,balori;daejun\nc/Three.ogg,cangoo;amecro\nd/four.ogg,amecro\n"


def truth_file(tmp_path: Path, text: str = TRUTH) -> Path:
    path = tmp_path / "truth.csv"
    path.write_text(text, encoding="utf-8")
    return path
