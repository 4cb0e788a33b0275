"""What a run's folder tells the screens: its history, its log, its metrics. Torch-free and forgiving."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

LOG_BYTES = 20_000
WORDS = {"stage"}
"""Columns of ``history.csv`` that hold no number."""


def history(run_dir: Path) -> list[dict[str, float]]:
    """Rows of ``history.csv``, numbers only; [] before the first epoch. A row cut short is passed over."""
    try:
        text = (run_dir / "history.csv").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return []
    rows = []
    for row in csv.DictReader(io.StringIO(text)):
        try:
            rows.append({key: float(value) for key, value in row.items() if key and value and key not in WORDS})
        except (TypeError, ValueError):
            continue
    return rows


def log_tail(run_dir: Path) -> str:
    """The end of ``log.txt``."""
    try:
        with open(run_dir / "log.txt", "rb") as file:
            file.seek(0, 2)
            size = file.tell()
            file.seek(max(0, size - LOG_BYTES))
            text = file.read().decode("utf-8", errors="replace")
    except OSError:
        return ""
    return text if size <= LOG_BYTES else text.partition("\n")[2]


def metrics(run_dir: Path) -> dict[str, Any]:
    """``metrics.json`` as it was written; {} where there is none or it is damaged."""
    return _json(run_dir / "metrics.json")


def facts(run_dir: Path) -> dict[str, Any]:
    """``run.json``: label version, seeds, library versions, device; {} where there is none."""
    return _json(run_dir / "run.json")


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
