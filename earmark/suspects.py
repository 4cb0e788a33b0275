"""Suspects as a notebook has them, and the cells that a table names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from earmark.audit import LOOK
from labeling.errors import DataError
from labeling.records import Shown
from labeling.registry import some_of

if TYPE_CHECKING:
    import pandas as pd

    from labeling.suspects.queue import QueueRow

COLUMNS = ("filename", "class", "kind", "p_wrong", "onset_s", "offset_s", "why", "verdict", "rank", "run", "scorer")


@dataclass(frozen=True)
class Suspects:
    """Suspects of one run, best first; ``len`` says how many."""

    rows: Sequence[QueueRow]
    scorer: str

    def __len__(self) -> int:
        return len(self.rows)

    def to_pandas(self) -> pd.DataFrame:
        """One row a suspect.

        ``p_wrong`` is the calibrated probability that the label is wrong, ``why`` the reason in a line, ``verdict``
        what was decided ("" = nothing yet).
        """
        import pandas as pd

        return pd.DataFrame(
            [
                (
                    row.suspect.filename,
                    row.suspect.class_code,
                    row.suspect.kind,
                    row.probability,
                    row.suspect.onset_s,
                    row.suspect.offset_s,
                    row.why,
                    row.verdict,
                    row.suspect.rank,
                    row.suspect.run_id,
                    self.scorer,
                )
                for row in self.rows
            ],
            columns=list(COLUMNS),
        )

    def _repr_html_(self) -> str:
        return str(self.to_pandas()[list(COLUMNS[:8])].to_html(max_rows=20, float_format="{:.3f}".format))


def cells_of(cells: Any) -> list[tuple[str, str, Shown, str]]:
    """Filename, class, what was shown and of which run, of each cell."""
    if hasattr(cells, "columns"):
        records = cells.to_dict("records")
    elif hasattr(cells, "to_dict"):
        records = [cells.to_dict()]
    else:
        records = [{"filename": filename, "class": code} for filename, code in cells]
    for record in records[:1]:
        lacking = [name for name in ("filename", "class") if name not in record]
        if lacking:
            raise DataError(f"cells lack {' and '.join(lacking)}; they have {some_of(list(record))}")
    return [
        (str(record["filename"]), str(record["class"]), _shown(record), str(record.get("run", "")))
        for record in records
    ]


def _shown(record: dict[str, Any]) -> Shown:
    if record.get("look") == LOOK:
        return Shown(asked=True, audit=True)
    if "scorer" not in record:
        return Shown(asked=False)
    return replace(
        Shown(asked=False),
        kind=str(record.get("kind", "")),
        rank=int(record["rank"]) if record.get("rank") else None,
        scorer=str(record["scorer"]),
        likely_wrong=round(float(record["p_wrong"]), 4) if "p_wrong" in record else None,
    )
