"""The scripts of a component, joined into the one module that Streamlit takes, and its style sheets."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

UI = Path(__file__).parents[1]
WORKER = "_worker.js"  # runs beside the page, in a thread of its own


def read_scripts(names: Iterable[str]) -> str:
    """The scripts of these paths below pages/ui, joined into one module; a worker's source goes in as a string."""

    def part(name: str) -> str:
        path = UI / name
        text = path.read_text(encoding="utf-8")
        if not name.endswith(WORKER):
            return text
        return f"const {path.stem.upper()}_SOURCE = {json.dumps(text)};\n"

    return "\n".join(part(name) for name in names)


def read_styles(names: Iterable[str]) -> str:
    """The style sheets of these paths below pages/ui, joined."""
    return "\n".join((UI / name).read_text(encoding="utf-8") for name in names)
