"""The last step of every export: only the cells that changed, beside the original, whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar

from labeling.collection.formats.base import Correction
from labeling.collection.formats.tables import Table
from labeling.errors import FormatError
from labeling.storage.files import write_atomically


class _Numbered(Protocol):
    @property
    def number(self) -> int: ...


R = TypeVar("R", bound=_Numbered)


def write_corrected(
    table: Table,
    rows: Mapping[str, R],
    cells: Callable[[R, Correction], dict[int, str]],
    corrections: Mapping[str, Correction],
    options: Mapping[str, Any],
    data: bytes,
    out_dir: Path,
) -> list[Path]:
    """Write ``table`` with what ``cells`` says of each corrected row; cells that keep their text stay untouched.

    Corrections of clips that this table lacks are left to the other tables of the workspace. Raises FormatError where
    the original would be overwritten, WorkspaceFull and WorkspaceReadOnly where the folder cannot be written.
    """
    name = Path(str(options.get("table", "table.csv"))).name
    target = Path(out_dir) / name
    if options.get("source") and target.resolve() == Path(str(options["source"])).resolve():
        raise FormatError(
            f"{target} is the table that was imported, which is never changed; choose another folder (--out)"
        )
    changes: dict[int, dict[int, str]] = {}
    for filename, correction in corrections.items():
        row = rows.get(filename)
        if row is None:
            continue
        before = table.rows[row.number]
        changed = {at: text for at, text in cells(row, correction).items() if at >= len(before) or before[at] != text}
        if changed:
            changes[row.number] = changed
    return [write_atomically(target, table.changed(changes) if changes else data)]
