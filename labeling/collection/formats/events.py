r"""Events as tables that Raven and Audacity open: Raven's selection table, Audacity's label track.

Raven: tab-separated, a header, one selection a row: ``Selection``, ``View``, ``Channel``, ``Begin Time (s)``,
``End Time (s)``, ``Low Freq (Hz)``, ``High Freq (Hz)``, then any columns (here ``Annotation``, ``Score``,
``Begin File``). Audacity: ``start<TAB>end<TAB>label`` without a header, and after it, where a band is known, a line
``\<TAB>low<TAB>high``. Neither can quote a tab or a line break: such signs are written as ``\t``, ``\n``, ``\r``.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

RAVEN_COLUMNS = (
    "Selection",
    "View",
    "Channel",
    "Begin Time (s)",
    "End Time (s)",
    "Low Freq (Hz)",
    "High Freq (Hz)",
)
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


def one_line(text: str) -> str:
    """``text`` without what would break a table of lines and tabs; other control characters are dropped."""
    for sign, written in (("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r")):
        text = text.replace(sign, written)
    return "".join(sign for sign in text if unicodedata.category(sign) not in UNWRITABLE)
