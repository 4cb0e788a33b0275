"""What an export of Earmark puts beside the tables: it tells of labels, and is no collection when it is read again."""

from __future__ import annotations

from pathlib import Path

from labeling.collection.tabular.reading import header

CHANGES = ("filename", "class", "from", "to", "reviewer", "time", "run")
STRONG = ("filename", "onset_s", "offset_s", "low_hz", "high_hz", "class", "reviewer")
NOT_IN_TABLE = ("filename", "class", "label", "table", "why")
"""The columns of not_in_table.csv: ``label`` is what it is now, primary, secondary, absent or unsure."""
VERSION = "label_version.json"
COLUMNS = {"changes.csv": CHANGES, "strong_labels.csv": STRONG, "not_in_table.csv": NOT_IN_TABLE}
"""Their names and columns."""


def is_beside(path: Path) -> bool:
    """Whether a file is one of these, by its name and its columns: a table of somebody else's may be called so."""
    if path.name == VERSION:
        try:
            return b'"content_hash"' in path.read_bytes()
        except OSError:
            return False
    return path.name in COLUMNS and header(path) == list(COLUMNS[path.name])
