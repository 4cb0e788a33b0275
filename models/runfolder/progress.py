"""How a run says where it stands: the progress of its screen, history.csv, and the trackers."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from models.runfolder.folder import RunFolder, by_fold
from models.runfolder.processes import ProcessGroup
from models.runfolder.trackers import Tracker

READING_SHARE = 0.08
"""Share of the progress bar for reading audio."""
CURVES = ("lr", "train_loss", "valid_loss", "valid_macro_ap")


class Progress:
    """What one process tells of its networks; the first process tells of all. ``history`` is by network's name."""

    def __init__(
        self,
        folder: RunFolder,
        processes: ProcessGroup,
        folds: int,
        members: int,
        report: Callable[[Mapping[str, Any]], None],
    ) -> None:
        self.folder, self.processes, self.report = folder, processes, report
        self.folds, self.members, self.networks = folds, members, 1
        self.before = READING_SHARE
        """How far the bar is when the first network begins."""
        self.history: dict[str, list[dict[str, Any]]] = {}
        self.tracker: Tracker | None = None
        self._tracked: set[tuple[str, int]] = set()
        self._fraction_before, self._said_at = -1.0, time.monotonic()

    def reading(self, done: int, total: int) -> None:
        """So many of the clips are read."""
        self.say("reading audio", self.before * done / total)

    def fraction(self, place: int, of_network: float) -> float:
        """How much of this process's work is done: networks before ``place``, and a share of that one."""
        return self.before + (0.99 - self.before) * (place + of_network) / max(1, self.networks)

    def say(self, phase: str, fraction: float, now: bool = False, **more: Any) -> None:
        """Tell the screen; of several processes the first tells the mean of all their fractions."""
        self.processes.tell(fraction, self.history, now=now)
        if not self.processes.alone and phase != "done":
            others = [float(other.get("fraction", 0)) for other in self.processes.others()]
            fraction = (fraction + sum(others)) / self.processes.part.count
        moment = time.monotonic()
        if phase == "reading audio" or self._fraction_before < 0:
            self._fraction_before, self._said_at = fraction, moment
        elapsed, moved = moment - self._said_at, fraction - self._fraction_before
        eta_s = elapsed * (1 - fraction) / moved if moved > 1e-4 else None
        self.report({"phase": phase, "fraction": round(fraction, 4), "eta_s": eta_s, "folds": self.folds, **more})

    def training(self, name: str, place: int, progress: Mapping[str, Any], history: list[dict[str, Any]]) -> None:
        """Pass on what a network's trainer tells; after an epoch the curves are written."""
        self.history[name] = history
        ended = "valid_loss" in progress
        if ended:
            self.write_history()
        share = 0.97 * progress["step"] / max(1, progress["steps"])
        rest = {key: value for key, value in progress.items() if key != "phase"}
        self.say("training", self.fraction(place, share), now=ended, **rest, members=self.members)

    def write_history(self) -> None:
        """All networks' curves to history.csv, and what is new of them to the trackers; the first process does it."""
        self.processes.tell(self.processes.mine["fraction"], self.history, now=True)
        if not self.processes.leads:
            return
        every = dict(self.history)
        for state in self.processes.others():
            every |= state.get("history", {})
        for name in sorted(every, key=by_fold):
            for row in every[name]:
                if (name, row["epoch"]) not in self._tracked:
                    self._tracked.add((name, row["epoch"]))
                    self._track(row)
        self.folder.write_history(every)

    def _track(self, row: Mapping[str, Any]) -> None:
        if self.tracker is None:
            return
        member = f"member{row['member']}/" if self.members > 1 else ""
        self.tracker.log(row["fold"], row["step"], {member + name: row[name] for name in CURVES})

    def close(self) -> None:
        """Let the trackers write what they hold."""
        if self.tracker is not None:
            self.tracker.close()
            self.tracker = None
