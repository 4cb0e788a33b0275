"""benchmarks/format_readers/correcting.py: odd files come back corrected; other programs' readers are asked there."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.format_readers.correcting import correct
from benchmarks.format_readers.samples import MADE

BY_NAME = {collection.name: collection for collection in MADE}


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("table: BOM, CRLF, semicolons, decimal commas", 1),
        ("table: sep=; on top, blanks around, carriage returns", 1),
        ("Raven: CRLF, decimal commas, two views, offsets, blank lines", 1),
        ("JSON lines: BOM, CRLF, a blank line", 1),
    ],
)
def test_one_label_changes_one_line(name: str, lines: int, tmp_path: Path) -> None:
    made = correct(BY_NAME[name], tmp_path / "one", None, ())
    assert made.faults == []
    assert made.changed
    assert sum(line[0] == "+" for line in made.diff) == lines
