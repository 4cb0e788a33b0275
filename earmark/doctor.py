"""``earmark doctor``: what is wrong with a set-up, and what to do about it.

Each check is a function of `Place` that yields findings; a new one is added to ``CHECKS``.
"""

from __future__ import annotations

import importlib
import os
import shutil
import stat
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from earmark import reachable
from labeling.errors import EarmarkError
from labeling.workspace import DATABASE, PASSWORD_VARIABLE, SETTINGS, Workspace, open_workspace

MOUNTS = Path("/proc/mounts")
Level = Literal["good", "odd", "bad"]
SIGNS: dict[Level, str] = {"good": "ok  ", "odd": "odd ", "bad": "BAD "}
KEY = "media.key"
FEW_GB = 5.0
SLOW_MS = 50.0
SKEW_S = 5.0
LISTENED = 200
"""So many clips are looked at, spread over all of them: more would take minutes on a network disk."""
OF_A_NETWORK = ("nfs", "cifs", "smb", "fuse.sshfs", "9p", "afs", "lustre", "glusterfs")
"""Kinds of file systems on which SQLite's locks do not hold between machines (https://sqlite.org/wal.html)."""


@dataclass(frozen=True)
class Finding:
    """What one check found: ``odd`` works and will not do what one expects, ``bad`` does not work."""

    check: str
    level: Level
    said: str
    remedy: str = ""


@dataclass(frozen=True)
class Place:
    """What is looked at: this installation, and a workspace where one was named and could be opened."""

    root: Path | None
    workspace: Workspace | None


def look(root: Path | None, url: str = "") -> list[Finding]:
    """All findings, good ones too.

    Parameters
    ----------
    root : Path, optional
        A workspace's folder; without it only the installation is looked at.
    url : str
        The address by which people open the app, where it is served: TLS and the proxy are looked at, too.

    Returns
    -------
    list of Finding
        In the order of ``CHECKS``. A check that fails by itself is a finding, too.

    Examples
    --------
    >>> from earmark.doctor import look
    >>> from labeling.example import example_workspace
    >>> [finding.level for finding in look(example_workspace().root) if finding.check == "database"]
    ['good']
    """
    workspace, findings = None, []
    if root is not None:
        try:
            workspace = open_workspace(root)
        except EarmarkError as error:
            findings.append(Finding("workspace", "bad", str(error)))
    place = Place(root, workspace)
    try:
        for name, check in CHECKS.items():
            try:
                findings += [Finding(name, *found) for found in check(place)]
            except (EarmarkError, OSError) as error:
                findings.append(Finding(name, "bad", str(error)))
    finally:
        if workspace is not None:
            workspace.close()
    if url:
        findings += [Finding("address", *found) for found in reachable.look(url)]
    return findings


Found = tuple[Level, str] | tuple[Level, str, str]


def _packages(place: Place) -> Iterator[Found]:
    for name in ("torch", "torchvision", "timm", "streamlit", "soundfile"):
        try:
            importlib.import_module(name)
        except Exception as error:  # a broken build fails in many ways
            why = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
            known = _version(name)
            pair = " (torch and torchvision must be of one build)" if name == "torchvision" and known else ""
            yield "bad", f"{name} {known or 'is not installed'}: {why}{pair}", "pip install -r requirements.txt"
    versions = ", ".join(f"{name} {_version(name)}" for name in ("torch", "timm", "streamlit") if _version(name))
    yield "good", f"Python {sys.version.split()[0]}, {versions}"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _gpu(place: Place) -> Iterator[Found]:
    try:
        torch = importlib.import_module("torch")
    except Exception:  # told among the packages
        return
    if torch.cuda.is_available():
        names = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
        yield "good", ", ".join(names)
    elif shutil.which("nvidia-smi"):
        yield (
            "bad",
            f"there is an NVIDIA driver, but PyTorch {torch.__version__} cannot use it",
            "install a build of PyTorch for the driver's CUDA (nvidia-smi says which), or train with --device cpu",
        )
    else:
        yield "good", "none: trainings run on the CPU; recipe linear takes minutes there"


def _workspace_disk(place: Place) -> Iterator[Found]:
    folders = {"the temporary folder": Path(tempfile.gettempdir())}
    if place.root is not None and place.root.is_dir():
        folders = {"the workspace": place.root, **folders}
    for what, folder in folders.items():
        free_gb = shutil.disk_usage(folder).free / 1e9
        level: Level = "good" if free_gb >= FEW_GB else "odd"
        yield level, f"{free_gb:,.1f} GB free for {what} ({folder})", "free some" if level == "odd" else ""
    if place.workspace is None:
        return
    root = place.workspace.root
    kind = file_system(root, MOUNTS.read_text(encoding="utf-8", errors="replace") if MOUNTS.exists() else "")
    if kind.startswith(OF_A_NETWORK) and place.workspace.engine.dialect.name == "sqlite":
        yield (
            "bad",
            f"the database lies on a network disk ({kind}), where SQLite's locks do not hold between machines",
            "keep the workspace on a local disk, or move it: database move --to postgresql+psycopg://…",
        )
    try:
        with tempfile.TemporaryFile(dir=root) as file:
            file.write(b"doctor")
    except OSError as problem:
        yield "bad", f"{root} takes no file: {problem.strerror}", "give this user the right to write there"


def _secrets(place: Place) -> Iterator[Found]:
    """Files that open something, and that others on this machine can read."""
    from earmark.app import home

    files = {folder / ".streamlit/secrets.toml": "the sign-in's secrets" for folder in (Path.home(), home())}
    if named := os.environ.get(PASSWORD_VARIABLE):
        files[Path(named)] = "the database's password"
    if place.root is not None:
        files[place.root / KEY] = "the key that signs links"
        if (settings := place.root / SETTINGS).is_file() and ":" in _secret_of(settings):
            files[settings] = "a password"
        if _has_accounts(place):
            files[place.root / DATABASE] = "the hashes of passwords"
    odd = [(path, what) for path, what in files.items() if _others_read(path)]
    for path, what in odd:
        yield "odd", f"{path} holds {what} that others on this machine can read", f"chmod 600 {path}"
    if not odd:
        yield "good", "no file with a secret is open to others on this machine"


def _has_accounts(place: Place) -> bool:
    from labeling.people import users

    if place.workspace is None:
        return False
    with place.workspace.read() as connection:
        return users.has_accounts(connection)


def _others_read(path: Path) -> bool:
    """Whether any user of this machine can read a file. What Docker mounts as a secret is in a machine of its own."""
    if not path.is_file() or path.is_relative_to("/run/secrets"):
        return False
    closed = any(not stat.S_IMODE(folder.stat().st_mode) & 0o011 for folder in path.resolve().parents)
    return not closed and bool(stat.S_IMODE(path.stat().st_mode) & 0o044)


def _secret_of(settings: Path) -> str:
    """The user and password that a settings file names, without what stands before and after."""
    text = settings.read_text(encoding="utf-8", errors="replace")
    return text.partition("://")[2].partition("@")[0] if "@" in text else ""


def file_system(path: Path, mounts: str) -> str:
    """The kind of file system that holds a path, by the lines of ``/proc/mounts``; "" where none does."""
    best, kind = "", ""
    for line in mounts.splitlines():
        _, point, found, *_ = line.split(" ")
        point = point.replace("\\040", " ")  # as it writes a space
        if len(point) > len(best) and path.is_relative_to(point):
            best, kind = point, found
    return kind


def _database(place: Place) -> Iterator[Found]:
    if place.workspace is None:
        return
    engine = place.workspace.engine
    times_ms = []
    for _ in range(5):
        began = time.perf_counter()
        with place.workspace.read() as connection:
            connection.exec_driver_sql("SELECT 1")
        times_ms.append(1000 * (time.perf_counter() - began))
    took_ms = statistics.median(times_ms)
    where = engine.url.render_as_string()
    yield (
        ("good", f"{where}: {took_ms:.1f} ms a question")
        if took_ms < SLOW_MS
        else ("odd", f"{where}: {took_ms:.0f} ms a question", "run the app nearer to the database")
    )
    if engine.dialect.name == "postgresql":
        with place.workspace.read() as connection:
            there: datetime = connection.exec_driver_sql("SELECT clock_timestamp()").scalar_one()
        off_s = abs((datetime.now(UTC) - there).total_seconds())
        if off_s > SKEW_S:
            yield "odd", f"the clocks of this machine and the database differ by {off_s:.0f} s", "run NTP on both"
        if (place.workspace.root / DATABASE).exists():
            yield (
                "odd",
                f"{place.workspace.root / DATABASE} lies beside a workspace that is on PostgreSQL",
                "it is not read; delete it once you know that it is from before the move",
            )


def _store(place: Place) -> Iterator[Found]:
    """Whether a store that machines share can be written to and read from."""
    from labeling.storage.shared.moving import try_store

    if place.workspace is None:
        return
    shared = place.workspace.shared
    if shared is None:
        yield "good", "none is shared: runs lie in the workspace's folder alone"
        return
    try_store(shared.url)
    unsent = [tree for tree in shared.local_trees() if shared.unpublished(tree)]
    if unsent:
        yield (
            "odd",
            f"{len(unsent)} folders are not sent as they are here, as {unsent[0]}",
            "store push, once nothing runs",
        )
    yield "good", f"{shared.url} can be written to and read from"


def _sound(place: Place) -> Iterator[Found]:
    from labeling.collection import store
    from labeling.storage.remote import is_url

    if place.workspace is None:
        return
    with place.workspace.read() as connection:
        clips = store.usable_clips(connection)
        skipped = store.skipped_clips(connection, limit=1)
        imports = store.all_imports(connection)
    if not clips:
        yield "odd", "no clips yet" if not imports else "no clip can be used", "import a collection"
        return
    some = clips[:: max(1, len(clips) // LISTENED)]
    local = [clip.path for clip in some if not is_url(clip.path)]
    lost = [path for path in local if not os.path.exists(path)]
    shut = [path for path in local if path not in lost and not os.access(path, os.R_OK)]
    looked = f"of {len(local)} files looked at, spread over {len(clips)} clips"
    if lost:
        yield "bad", f"{looked}, {len(lost)} are gone, the first of them {lost[0]}", "relink --audio DIR -w W"
    if shut:
        yield "bad", f"{looked}, {len(shut)} cannot be read, the first of them {shut[0]}", "give this user the right to"
    if not lost and not shut:
        yield "good", f"{looked}, all are there"
    if skipped:
        yield "odd", f"clips were skipped, as {skipped[0].filename}: {skipped[0].reason}", "see the Overview page"


def _jobs(place: Place) -> Iterator[Found]:
    from labeling.operation.readiness import heard_of
    from labeling.runs import jobs

    if place.workspace is None:
        return
    with place.workspace.read() as connection:
        everything, workers = jobs.all_jobs(connection), jobs.live_workers(connection)
        ages = heard_of(connection)
    silent = [job.id for job in everything if job.status == "running" and not jobs.is_alive(job)]
    waiting = [job.id for job in everything if job.status == "queued"]
    if silent:
        yield "odd", f"run {silent[0]} is under way, and its worker is silent", "start a worker: models work -w W"
    if waiting and not workers and not any(jobs.is_alive(job) for job in everything):
        yield "odd", f"{len(waiting)} jobs wait, and no worker runs", "start one: models work -w W"
    if not silent and not (waiting and not workers):
        heard = f", heard of {min(ages.values()):.0f} s ago" if ages and workers else ""
        yield "good", f"{len(waiting)} wait; workers: {', '.join(sorted(workers.values())) or 'none'}{heard}"


CHECKS: dict[str, Callable[[Place], Iterator[Found]]] = {
    "packages": _packages,
    "gpu": _gpu,
    "disk": _workspace_disk,
    "secrets": _secrets,
    "database": _database,
    "store": _store,
    "sound": _sound,
    "jobs": _jobs,
}


def report(findings: list[Finding]) -> str:
    """A line a finding, and what to do below it."""
    lines = []
    for finding in findings:
        lines.append(f"{SIGNS[finding.level]} {finding.check:10} {finding.said}")
        if finding.remedy:
            lines.append(f"                -> {finding.remedy}")
    return "\n".join(lines)


def as_rows(findings: list[Finding]) -> list[dict[str, str]]:
    """The findings for programs."""
    return [asdict(finding) for finding in findings]
