r"""Events as tables that Raven and Audacity open: Raven's selection table, Audacity's label track.

Raven: tab-separated, a header, one selection a row: ``Selection``, ``View``, ``Channel``, ``Begin Time (s)``,
``End Time (s)``, ``Low Freq (Hz)``, ``High Freq (Hz)``, then any columns (here ``Annotation``, ``Score``,
``Begin File``). Audacity: ``start<TAB>end<TAB>label`` without a header, and after it, where a band is known, a line
``\<TAB>low<TAB>high``. Neither can quote a tab or a line break: such signs are written as ``\t``, ``\n``, ``\r``.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from labeling.errors import FormatError

RAVEN_COLUMNS = (
    "Selection",
    "View",
    "Channel",
    "Begin Time (s)",
    "End Time (s)",
    "Low Freq (Hz)",
    "High Freq (Hz)",
)
LABEL_COLUMNS = ("Annotation", "Species", "Label", "Species Code", "Common Name", "Class", "Type")
SCORE_COLUMNS = ("Score", "Confidence")
UNWRITABLE = ("Cc", "Cs", "Zl", "Zp")
"""Unicode's categories of control characters, halves of characters, and line and paragraph separators."""


@dataclass(frozen=True)
class TableEvent:
    """A named stretch of a recording in seconds, with a score in 0..1 and a band in Hz where they are known.

    A point has its offset at its onset.
    """

    onset_s: float
    offset_s: float
    label: str
    score: float | None = None
    low_hz: float | None = None
    high_hz: float | None = None


def raven_bytes(events: Iterable[TableEvent], filename: str, band_hz: tuple[float, float]) -> bytes:
    """A Raven selection table of ``events``; one without a band of its own gets ``band_hz``."""
    lines = ["\t".join((*RAVEN_COLUMNS, "Annotation", "Score", "Begin File"))]
    for number, event in enumerate(events, 1):
        low, high = band_hz if event.low_hz is None or event.high_hz is None else (event.low_hz, event.high_hz)
        cells = [str(number), "Spectrogram 1", "1", f"{event.onset_s:.6f}", f"{event.offset_s:.6f}"]
        cells += [f"{low:.1f}", f"{high:.1f}", one_line(event.label)]
        cells += ["" if event.score is None else f"{event.score:.4f}", one_line(filename)]
        lines.append("\t".join(cells))
    return ("\n".join(lines) + "\n").encode()


def audacity_bytes(events: Iterable[TableEvent]) -> bytes:
    """An Audacity label track of ``events``."""
    lines = []
    for event in events:
        lines.append(f"{event.onset_s:.6f}\t{event.offset_s:.6f}\t{one_line(event.label)}")
        if event.low_hz is not None and event.high_hz is not None:
            lines.append(f"\\\t{event.low_hz:.6f}\t{event.high_hz:.6f}")
    return "".join(f"{line}\n" for line in lines).encode()


def read_raven(path: Path, label_column: str = "") -> list[TableEvent]:
    """Read a selection table; the label is in ``label_column``, else in the first usual one that there is.

    Raven repeats a selection for each view: one row of a selection counts, that of the spectrogram where there is
    one. Raises FormatError.
    """
    lines = _lines(path)
    if not lines:
        raise FormatError(f"{path.name} is empty; a selection table has at least a header")
    columns = [name.strip() for name in lines[0].split("\t")]
    needed = RAVEN_COLUMNS[3:5]
    missing = [name for name in needed if name not in columns]
    if missing:
        raise FormatError(f"{path.name} has no column {', '.join(missing)}; it has {', '.join(columns)}")
    at = {name: k for k, name in enumerate(columns)}
    label = label_column or _first(columns, LABEL_COLUMNS)
    if label not in at:
        wanted = f"column {label_column!r}" if label_column else f"column {', '.join(LABEL_COLUMNS)} for the label"
        raise FormatError(f"{path.name} has no {wanted}; it has {', '.join(columns)}")
    score = _first(columns, SCORE_COLUMNS)
    found: dict[str, tuple[bool, TableEvent]] = {}
    for number, line in enumerate(lines[1:], 2):
        if not line.strip():
            continue
        cells = line.split("\t")
        cells += [""] * (len(columns) - len(cells))

        def seconds(name: str, cells: list[str] = cells, number: int = number) -> float:
            return _number(cells[at[name]], path, number, name)

        def optional(name: str, cells: list[str] = cells, number: int = number) -> float | None:
            return _number(cells[at[name]], path, number, name) if name in at and cells[at[name]].strip() else None

        low, high = optional(RAVEN_COLUMNS[5]), optional(RAVEN_COLUMNS[6])
        event = TableEvent(
            *_span(seconds(needed[0]), seconds(needed[1]), path, number),
            cells[at[label]].strip(),
            optional(score),
            low,
            high,
        )
        spectrogram = "View" not in at or cells[at["View"]].startswith("Spectrogram")
        key = cells[at["Selection"]].strip() if "Selection" in at else ""
        key = key or f"line {number}"
        if key not in found or (spectrogram and not found[key][0]):
            found[key] = (spectrogram, event)
    return [event for _, event in found.values()]


def read_audacity(path: Path) -> list[TableEvent]:
    """Read a label track, with or without bands; raises FormatError with the line that is none."""
    events: list[TableEvent] = []
    for number, line in enumerate(_lines(path), 1):
        if not line.strip():
            continue
        cells = line.split("\t")
        if cells[0] == "\\":
            if not events or len(cells) < 3:
                raise FormatError(f"{path.name} line {number}: a band must read \\, low, high after its label")
            low, high = (_number(cell, path, number, "frequency") for cell in cells[1:3])
            last = events[-1]
            known = low >= 0 and high >= 0  # Audacity writes -1 where an end of the band is open
            events[-1] = TableEvent(
                last.onset_s, last.offset_s, last.label, None, low if known else None, high if known else None
            )
            continue
        if len(cells) < 2:
            raise FormatError(f"{path.name} line {number}: {line[:60]!r} must read start, end, label with tabs between")
        onset_s, offset_s = (_number(cell, path, number, "time") for cell in cells[:2])
        events.append(TableEvent(*_span(onset_s, offset_s, path, number), "\t".join(cells[2:])))
    return events


def one_line(text: str) -> str:
    """``text`` without what would break a table of lines and tabs; other control characters are dropped."""
    for sign, written in (("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r")):
        text = text.replace(sign, written)
    return "".join(sign for sign in text if unicodedata.category(sign) not in UNWRITABLE)


def _lines(path: Path) -> list[str]:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as problem:
        raise FormatError(f"cannot read {path}: {problem.strerror}") from problem
    except UnicodeDecodeError as problem:
        raise FormatError(f"{path} is not UTF-8 at byte {problem.start}; save it as UTF-8") from problem
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n") if text else []


def _first(columns: Sequence[str], wanted: Sequence[str]) -> str:
    lower = {name.lower(): name for name in reversed(columns)}
    return next((lower[name.lower()] for name in wanted if name.lower() in lower), "")


def _number(cell: str, path: Path, number: int, what: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise FormatError(f"{path.name} line {number}: {what} is {cell!r}, not a number")
    return value


def _span(onset_s: float, offset_s: float, path: Path, number: int) -> tuple[float, float]:
    if not 0 <= onset_s <= offset_s:
        raise FormatError(f"{path.name} line {number}: {onset_s:g} to {offset_s:g} s; a start from 0, then its end")
    return onset_s, offset_s
