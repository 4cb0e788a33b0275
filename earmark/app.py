"""Start the Streamlit app as a program of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path


def home() -> Path:
    """The folder of the app's own file and of its settings: of the sources, or of the installed package."""
    here = Path(__file__).resolve().parent
    return here / "server" if (here / "server").is_dir() else here.parent


def start(
    workspace: Path,
    *,
    port: int = 8501,
    allow: Iterable[str] = (),
    more: Sequence[str] = (),
    ours: Sequence[str] = (),
) -> subprocess.Popen[bytes]:
    """Start it on a workspace. ``allow`` are folders that pages may use, ``more`` options of Streamlit's, ``ours`` more
    of the app's own."""
    folders = [folder if "://" in folder else str(Path(folder).expanduser().resolve()) for folder in allow]
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port), *more]
    command += ["--", "--workspace", str(workspace.expanduser().resolve()), *ours]
    for folder in folders:
        command += ["--allow", folder]
    return subprocess.Popen(command, cwd=home())
