"""Pieces of work done by a Ray cluster, from the machine that leads: what it asks for, hears, stops and takes up again.

Where the cluster breaks off, or its head is started anew, what is not done is handed out again as soon as the address
answers.
"""

from __future__ import annotations

import importlib.util
import multiprocessing
import pickle
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress

from labeling.errors import ClusterError, ConfigError, Stopped
from models.cluster.bridge import bridge
from models.cluster.work import Connected, Died, Done, Failed, Lost, Piece, Told, Work

PROBE_S = 5.0
AGAIN_S = 2.0
PATIENCE_S = 900.0
"""So long a cluster that broke off may be away."""
FIRST_S = 30.0
"""So long a cluster may take to answer at first: it may have been started this moment."""
IN_VAIN = 10
"""So often a cluster may break off in a row before any piece is done."""
ENDING_S = 60.0


def check_cluster(address: str, must_answer: bool = True) -> None:
    """Raise ConfigError where Ray is not installed or ``address`` is none, and ClusterError where nobody answers
    there, if somebody must."""
    if importlib.util.find_spec("ray") is None:
        raise ConfigError('--cluster needs Ray, which is not installed here: pip install "earmark[cluster]"')
    host, port = _parts(address)
    if must_answer and (problem := _unreachable(host, port)):
        raise ClusterError(problem)


def _parts(address: str) -> tuple[str, int]:
    host, colon, port = address.rpartition(":")
    if "://" in address or not colon or not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ConfigError(
            f"--cluster {address!r} is no address; give HOST:PORT of the cluster's head, as `ray start --head` says it "
            "(6379 is the usual port)"
        )
    return host.strip("[]"), int(port)


def _unreachable(host: str, port: int) -> str:
    """Why nobody can be reached at an address, "" where somebody answers."""
    try:
        socket.create_connection((host, port), timeout=PROBE_S).close()
    except OSError as problem:
        return (
            f"no Ray cluster answers at {host}:{port} ({problem}); start its head with `ray start --head "
            f"--port={port}`, and look whether a firewall is between"
        )
    return ""


def spread(
    address: str,
    work: Work,
    pieces: Sequence[Piece],
    should_stop: Callable[[], bool],
    told: Callable[[Told], None] = lambda message: None,
    note: Callable[[str], None] = lambda line: None,
) -> Iterator[Done | Died]:
    """Have all pieces done by the cluster; gives each one's result as it comes, in any order.

    Parameters
    ----------
    address : str
        HOST:PORT of the cluster's head.
    work : Work
    pieces : sequence of Piece
        What they hold is pickled.
    should_stop : callable
        Is asked several times a second.
    told, note : callable
        Hear what nodes tell of a piece, and, in a line each, what happened to the cluster.

    Raises
    ------
    Stopped
        ``should_stop`` said so; the pieces were told to stop.
    ConfigError, ClusterError
        Ray is not installed; the address does not answer, or no more; a node cannot be used.
    EarmarkError
        What a piece raised; the others were stopped.
    """
    check_cluster(address)
    left = {piece.name: piece for piece in pieces}
    away_since: float | None = None
    known, in_vain, begun = False, 0, time.monotonic()
    while left:
        lost = ""
        for event in _once(address, work, list(left.values()), should_stop):
            if isinstance(event, Lost):
                lost = event.why
                break
            if isinstance(event, Connected):
                if away_since is not None:
                    note("the cluster answers again")
                known, away_since, in_vain = True, None, in_vain + 1
            elif isinstance(event, Told):
                told(event)
            else:
                in_vain = 0
                del left[event.name]
                yield event
        if not left:
            return
        if in_vain > IN_VAIN or (not known and time.monotonic() - begun > FIRST_S):
            raise ClusterError(lost)
        if away_since is None and known:
            away_since = time.monotonic()
            note(f"the cluster broke off: {lost}; what is not done is handed out again when it answers")
        _wait(address, lost, begun if away_since is None else away_since, should_stop)


def _wait(address: str, lost: str, since: float, should_stop: Callable[[], bool]) -> None:
    """Until somebody answers at the address again. Raises Stopped, ClusterError where it takes too long."""
    while True:
        until = time.monotonic() + AGAIN_S
        while time.monotonic() < until:
            if should_stop():
                raise Stopped("stopped while the cluster was away")
            time.sleep(0.1)
        if time.monotonic() - since > PATIENCE_S:
            raise ClusterError(
                f"{lost}; waited {PATIENCE_S / 60:.0f} minutes for it. What is finished is kept: start the cluster "
                "again, and resume"
            )
        if not _unreachable(*_parts(address)):
            return


def _once(
    address: str, work: Work, pieces: list[Piece], should_stop: Callable[[], bool]
) -> Iterator[Connected | Told | Done | Died | Lost]:
    """By one process that speaks with Ray, until all is done or the cluster is lost."""
    spawning = multiprocessing.get_context("spawn")  # a fork of a process with threads may hang
    pipe, other = spawning.Pipe()
    process = spawning.Process(target=bridge, args=(other, address, work, pieces), name="speaks with Ray")
    process.start()
    other.close()
    stopping_since: float | None = None
    try:
        while True:
            if stopping_since is None and should_stop():
                stopping_since = time.monotonic()
                with suppress(OSError):  # it has just ended
                    pipe.send("stop")
            if stopping_since is not None and time.monotonic() - stopping_since > ENDING_S:
                raise Stopped("stopped")
            if not pipe.poll(0.2):
                continue
            try:
                event = pipe.recv()
            except (EOFError, OSError):  # Ray ends a process whose cluster is gone
                event = Lost(f"the process that speaks with {address} ended")
            if event is None:
                return
            if isinstance(event, Stopped) or (stopping_since is not None and isinstance(event, Lost)):
                raise Stopped("stopped")
            if isinstance(event, Failed):
                raise _error(event)
            yield Done(event.name, pickle.loads(event.value)) if isinstance(event, Done) else event
            if isinstance(event, Lost):
                return
    finally:
        pipe.close()
        process.join(timeout=10.0)
        if process.is_alive():
            process.kill()
            process.join()


def _error(failed: Failed) -> Exception:
    error = failed.error()
    if failed.trace:
        error.add_note(failed.trace)
    return error
