"""Replays as a workspace keeps them: ``replays/<name>.json`` while one runs and after, its curves also as a CSV.

A replay runs as a process of its own (`start` for the app, else the command line itself), which says every few seconds
that it lives. Whoever looks, reads the file.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from labeling.errors import DataError, EarmarkError, WorkspaceError
from labeling.replay.curves import as_json, curves_csv
from labeling.replay.simulation import Outcome, Plan, Tell, replay
from labeling.storage import database as db
from labeling.storage.files import write_atomically
from labeling.workspace import Workspace

FOLDER = "replays"
BEAT_S = 3.0
SILENT_S = 30.0  # ten beats: whoever says nothing for so long is no more
TRUTH_NAMES = ("truth_labels.csv", "truth_noise.csv")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,60}")


class ReplayStopped(DataError):
    """Somebody asked the replay to end."""


@dataclass(frozen=True)
class StoredReplay:
    """A replay as its file says. ``status``: running, done, stopped, failed.

    ``asked`` is what was to be replayed, ``curves`` as `replay_curves.as_json` gives them, references last; ``facts``
    the rest of `replay.Outcome`.
    """

    name: str
    status: str
    created_at: str
    beat_at: str = ""
    done: int = 0
    total: int = 0
    text: str = ""
    error: str = ""
    asked: Mapping[str, Any] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    curves: Sequence[Mapping[str, Any]] = ()

    @property
    def lives(self) -> bool:
        """Whether it runs and was heard of lately."""
        if self.status != "running":
            return False
        with suppress(ValueError):
            return (datetime.now(UTC) - datetime.fromisoformat(self.beat_at)).total_seconds() < SILENT_S
        return False


def run(
    workspace: Workspace, plan: Plan, name: str = "", tell: Tell = lambda done, total, text: None
) -> tuple[StoredReplay, Outcome]:
    """Replay, keep what came of it under a name (the next free number), and say meanwhile how far it is.

    Raises what `replay.replay` raises, after keeping it; ReplayStopped where `stop` asked for it.
    """
    chosen, name = bool(name), name or next_name(workspace)
    _path(workspace, name, "stop").unlink(missing_ok=True)
    keeper = _Keeper(workspace, StoredReplay(name, "running", db.now(), asked=_asked(plan)))
    keeper.start()

    def told(done: int, total: int, text: str) -> None:
        keeper.tell(done, total, text)
        tell(done, total, text)

    try:
        outcome = replay(workspace, plan, told)
    except BaseException as problem:
        status = "stopped" if isinstance(problem, ReplayStopped | KeyboardInterrupt) else "failed"
        text = str(problem) if isinstance(problem, EarmarkError) else f"{type(problem).__name__}: {problem}"
        last = keeper.end(status=status, error="" if status == "stopped" else text)
        if not chosen and not last.done:  # a flag was wrong: whoever typed it sees so, and nothing is worth keeping
            _path(workspace, name, "json").unlink(missing_ok=True)
        raise
    curves = [as_json(curve, outcome.errors, outcome.horizon) for curve in outcome.curves]
    facts = {key: value for key, value in outcome.__dict__.items() if key != "curves"}
    write_atomically(_path(workspace, name, "csv"), curves_csv(outcome.curves, outcome.errors))
    return keeper.end(status="done", facts=facts, curves=curves, text=""), outcome


def start(workspace: Workspace, name: str, flags: Sequence[str]) -> None:
    """Start ``python -m labeling replay`` with these flags as a process of its own; its words go to ``<name>.log``.

    Raises WorkspaceError where it cannot be started.
    """
    log = _path(workspace, name, "log")
    begun = StoredReplay(name, "running", db.now(), db.now(), text="starting")
    _write(workspace, begun)
    words = [sys.executable, "-m", "labeling", "replay", "--workspace", str(workspace.root), "--name", name, *flags]
    try:
        with open(log, "wb") as log_file:
            process = subprocess.Popen(
                words,
                cwd=Path(__file__).parents[2],
                stdin=subprocess.DEVNULL,
                stdout=log_file,
                stderr=log_file,
                start_new_session=True,
            )
    except OSError as problem:
        raise WorkspaceError(f"the replay was not started: {problem.strerror}; see to {log}") from problem
    threading.Thread(target=process.wait, daemon=True, name=f"replay {name}").start()  # leaves no zombie


def stop(workspace: Workspace, name: str) -> None:
    """Ask a replay to end; it does within some seconds."""
    write_atomically(_path(workspace, name, "stop"), b"")


def kept(workspace: Workspace) -> list[StoredReplay]:
    """All replays, newest first; a file that cannot be read is passed over."""
    replays = []
    for path in sorted((workspace.root / FOLDER).glob("*.json"), reverse=True):
        with suppress(OSError, ValueError, TypeError):
            replays.append(StoredReplay(**json.loads(path.read_text(encoding="utf-8"))))
    return sorted(replays, key=lambda stored_replay: stored_replay.created_at, reverse=True)


def get(workspace: Workspace, name: str) -> StoredReplay | None:
    """One replay, None where it is not there."""
    return next((stored_replay for stored_replay in kept(workspace) if stored_replay.name == name), None)


def csv_of(workspace: Workspace, name: str) -> bytes:
    """The curves of one that is done, as CSV; b"" where there are none."""
    try:
        return _path(workspace, name, "csv").read_bytes()
    except OSError:
        return b""


def last_words(workspace: Workspace, name: str) -> str:
    """The last line that a replay started by `start` said; "" where there is none."""
    try:
        lines = _path(workspace, name, "log").read_text(encoding="utf-8", errors="replace").strip().splitlines()
    except OSError:
        return ""
    return lines[-1] if lines else ""


def next_name(workspace: Workspace) -> str:
    """The number after the highest: ``001`` first."""
    numbers = [int(path.stem) for path in (workspace.root / FOLDER).glob("*.json") if path.stem.isdecimal()]
    return f"{max(numbers, default=0) + 1:03d}"


def truth_files(workspace: Workspace) -> list[Path]:
    """The truth files that lie with the workspace: in ``truth/``, or ``demo/truth/`` of a synthesised collection."""
    folders = (workspace.root / "truth", workspace.root / "demo" / "truth")
    return [path for folder in folders for name in TRUTH_NAMES if (path := folder / name).is_file()]


def _path(workspace: Workspace, name: str, suffix: str) -> Path:
    if not _NAME.fullmatch(name):
        raise DataError(f"--name {name!r} is not a plain name; use up to 60 letters, digits, '-' and '_'")
    return workspace.root / FOLDER / f"{name}.{suffix}"


def _asked(plan: Plan) -> dict[str, Any]:
    training = None
    if plan.retraining:
        training = {key: value for key, value in asdict(plan.retraining).items() if key != "command"}
    return {
        "truth": str(plan.truth),
        "run": plan.run_id,
        "scorers": list(plan.scorers),
        "orders": list(plan.orders),
        "reviewer": asdict(plan.reviewer),
        "decisions": plan.decisions,
        "every": plan.every,
        "retraining": training,
    }


def _write(workspace: Workspace, state: StoredReplay) -> None:
    write_atomically(_path(workspace, state.name, "json"), json.dumps(state.__dict__, indent=1).encode())


class _Keeper(threading.Thread):
    """Writes how far a replay is, every few seconds, until its end."""

    def __init__(self, workspace: Workspace, state: StoredReplay) -> None:
        super().__init__(daemon=True, name="replay")
        self.workspace, self.state = workspace, state
        self.lock, self.ended = threading.Lock(), threading.Event()
        self._change()

    def run(self) -> None:
        while not self.ended.wait(BEAT_S):
            with suppress(EarmarkError):  # a full disk for a moment ends no replay
                self._change()

    def tell(self, done: int, total: int, text: str) -> None:
        """Keep for the next beat; raises ReplayStopped where somebody asked for it."""
        if _path(self.workspace, self.state.name, "stop").exists():
            raise ReplayStopped(f"replay {self.state.name} was stopped")
        with self.lock:
            self.state = StoredReplay(**self.state.__dict__ | {"done": done, "total": total, "text": text})

    def end(self, **values: Any) -> StoredReplay:
        """The last word."""
        self.ended.set()
        self.join()
        self._change(**values)
        _path(self.workspace, self.state.name, "stop").unlink(missing_ok=True)
        return self.state

    def _change(self, **values: Any) -> None:
        with self.lock:
            if self.state.status != "running":
                return
            self.state = StoredReplay(**self.state.__dict__ | {"beat_at": db.now()} | values)
            _write(self.workspace, self.state)
