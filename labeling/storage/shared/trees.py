"""Trees of files (``runs/003-quick``, ``embeddings/birds.zarr``) on a store, and the copies of them on this machine.

All code reads and writes local folders. A tree that was written is *published*: its files go up under their SHA-256,
those that are there already are not sent again, and last a manifest that names them, in one step: who reads sees the
tree before or the tree after, and a program that is killed in between changed nothing. A tree that is asked for is
*brought*: where the store's manifest is another one, what differs comes down, is checked by its hash, and a folder
made of it takes the place of the one before.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from labeling.errors import WorkspaceCorrupt, WorkspaceError, WorkspaceFull, WorkspaceUnreachable
from labeling.storage.arrays import replace_folder
from labeling.storage.shared.objects import Objects
from labeling.storage.shared.records import OWN, Files, Manifest, Record, digest_of, files_of

try:
    import fcntl
except ImportError:  # Windows: one program at a time
    fcntl = None  # type: ignore[assignment]

KINDS = ("runs", "embeddings", "predictions", "exports")
MERGED = ("embeddings", "exports")
"""Trees to which several machines add files; a run and a prediction have one writer at a time."""
MANIFEST = "manifest.json"
AT_ONCE = 8  # transfers
FRESH_S = 5.0  # so long what the store said is taken to hold
DOWN_S = 20.0  # so long a store that did not answer is not asked again, where there is a copy to go on with
KEPT_S = 24 * 3600.0  # objects that no manifest names stay so long: somebody may be reading, or about to name them
IN_USE_S = 600.0  # a copy that was used so lately is not removed for room
Progress = Callable[[int, int], None]
"""Is told how many bytes of how many are done."""
Wanted = Callable[[str], bool]


def everything(name: str) -> bool:
    """All files of a tree."""
    return True


class Shared:
    """The trees of a workspace on a store.

    ``root`` is the workspace's folder on this machine, ``url`` the store's; copies that are as the store has them are
    removed, the least recently used first, beyond ``most_bytes`` of them.
    """

    def __init__(self, root: Path, url: str, most_bytes: float) -> None:
        self.root, self.most_bytes = root, most_bytes
        self.objects = Objects(url)
        self._asked: dict[str, float] = {}
        self._down: tuple[float, WorkspaceUnreachable] | None = None
        self._lock = threading.RLock()

    @property
    def url(self) -> str:
        """The store's URL."""
        return self.objects.url

    # ---------------------------------------------------------------------------------------------- bringing

    def bring(self, tree: str, wanted: Wanted = everything, *, take_over: bool = False) -> Path:
        """The folder of a tree on this machine, as the store has it now.

        A folder with changes that were not published is left as it is, unless ``take_over``: who claimed a run goes on
        with what the store has of it. Where the store does not answer, a copy that is here does.

        Parameters
        ----------
        tree : str
        wanted : callable
            Which of its files are needed.
        take_over : bool

        Raises
        ------
        WorkspaceUnreachable
            The store does not answer, and there is no copy.
        WorkspaceCorrupt, WorkspaceFull
        """
        folder, now = self.root / tree, time.monotonic()
        key = f"{tree}\n{wanted.__qualname__}"
        if not take_over and now - self._asked.get(key, -FRESH_S) < FRESH_S:
            return folder
        if self._down is not None and now < self._down[0] and not take_over:
            if folder.exists():
                return folder
            raise self._down[1]
        try:
            with self._held(tree):
                came = self._bring(tree, folder, wanted, take_over)
            if came:
                self.make_room(tree)
        except WorkspaceUnreachable as problem:
            self._down = time.monotonic() + DOWN_S, problem
            if take_over or not folder.exists():
                raise
            return folder
        self._asked[key], self._down = time.monotonic(), None
        return folder

    def bring_each(self, kind: str, wanted: Wanted) -> None:
        """Bring what is needed of all trees of a kind; where the store does not answer, those that are here do."""
        now = time.monotonic()
        if now - self._asked.get(kind, -FRESH_S) < FRESH_S or (self._down is not None and now < self._down[0]):
            return
        try:
            for tree in self.trees(kind):
                self.bring(tree, wanted)
        except WorkspaceUnreachable as problem:
            self._down = time.monotonic() + DOWN_S, problem
        self._asked[kind] = time.monotonic()

    def _bring(self, tree: str, folder: Path, wanted: Wanted, take_over: bool) -> bool:
        """Whether another folder is in the place of the one before."""
        at = self.objects.state(f"{tree}/{MANIFEST}")
        if at is None:
            return False
        record = self._record(tree)
        if record is None or record.manifest.tag != at.tag:
            manifest = self._manifest(tree)
        else:
            manifest = record.manifest
        here = record.here if record else {}
        there = files_of(folder)
        own = {name for name, state in there.items() if here.get(name, ())[:2] != state}
        if record is None and own:  # what was known is lost: a copy tells by its hash what it is
            here = self._recognised(folder, there, manifest.files)
            own = set(there) - set(here)
        if own and not take_over:
            return False
        have = {name for name in here if name in there and name not in own}
        needed = {name for name in manifest.files if wanted(name) or name in have}
        same = {name for name in needed & have if here[name][2] == manifest.files[name][0]}
        if same == needed == set(there) and record is not None and manifest is record.manifest:
            os.utime(self._place(tree))
            return False
        self._replace(tree, folder, manifest, needed, same)
        return True

    def _replace(
        self,
        tree: str,
        folder: Path,
        manifest: Manifest,
        needed: set[str],
        same: set[str],
    ) -> None:
        """Make a folder beside of what is here and what comes, and put it in the place of the one that is there."""
        beside = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}.partial")
        try:
            for name in sorted(needed):
                (beside / name).parent.mkdir(parents=True, exist_ok=True)
            beside.mkdir(parents=True, exist_ok=True)
            for name in same:
                _link(folder / name, beside / name)

            def fetch(name: str) -> None:
                digest, size = manifest.files[name]
                self.objects.download(f"{tree}/files/{digest}", size, beside / name)
                if digest_of(beside / name) != digest:
                    raise WorkspaceCorrupt(
                        f"{self.url}/{tree}/files/{digest} is damaged: it is not what its name says; remove it there, "
                        "and publish the tree again from a machine that has it: earmark store push"
                    )

            with _pool() as pool:
                list(pool.map(fetch, sorted(needed - same)))
            folder.parent.mkdir(parents=True, exist_ok=True)
            for name in OWN.get(folder.parent.name, ()):
                if (folder / name).is_dir():
                    (folder / name).rename(beside / name)
            replace_folder(beside, folder)
        except OSError as problem:
            raise WorkspaceFull(
                f"{tree} cannot be brought to {folder.parent} ({problem.strerror}); free some space, or lower "
                "store_cache_gb in the workspace's settings"
            ) from problem
        finally:
            shutil.rmtree(beside, ignore_errors=True)
        known = {
            name: (*state, manifest.files[name][0])
            for name, state in files_of(folder).items()
            if name in manifest.files
        }
        Record(manifest, known).write(self._place(tree))

    # ---------------------------------------------------------------------------------------------- publishing

    def publish(self, tree: str, progress: Progress = lambda done, of: None) -> int:
        """Put a tree on the store as it is here; returns how many bytes were sent.

        What is there already is not sent again: one that was cut short goes on where it was.

        Raises
        ------
        WorkspaceError
            Another machine published the same tree since this one brought it, and it has one writer at a time.
        WorkspaceUnreachable
        """
        with self._held(tree):
            for _ in range(5):
                sent = self._publish(tree, progress)
                if sent is not None:
                    return sent
        raise WorkspaceError(f"{tree} changed each time that it was published; end what writes to it, and try again")

    def _publish(self, tree: str, progress: Progress) -> int | None:
        """Once; None where another manifest came in between."""
        folder, record = self.root / tree, self._record(tree)
        known = self._manifest(tree)
        here = self._hashed(folder, record)
        files: dict[str, tuple[str, int]] = {name: (digest, size) for name, (size, _, digest) in here.items()}
        merged = self._merged(tree, record, known, files)
        if merged == dict(known.files) and known.tag:
            Record(known, {name: state for name, state in here.items() if name in merged}).write(self._place(tree))
            return 0
        stored = {name: size for name, (size, _) in self.objects.sizes(f"{tree}/files").items()}
        source = {digest: (name, size) for name, (digest, size) in files.items() if merged.get(name) == (digest, size)}
        missing = {digest: one for digest, one in source.items() if stored.get(digest) != one[1]}
        total, done, lock = sum(size for _, size in missing.values()), 0, threading.Lock()
        progress(0, total)

        def send(digest: str) -> None:
            nonlocal done
            name, size = missing[digest]
            self.objects.upload(f"{tree}/files/{digest}", folder / name)
            with lock:
                done += size
                progress(done, total)

        try:
            with _pool() as pool:
                list(pool.map(send, sorted(missing)))
        except FileNotFoundError:  # a run removed it meanwhile
            return None
        after = files_of(folder)
        if any(after.get(name) != here[name][:2] for name, _ in missing.values()):
            return None  # what went up under a hash may be another content
        if not self.objects.put(f"{tree}/{MANIFEST}", Manifest(merged).as_bytes(), instead_of=known.tag):
            return None
        published = self._manifest(tree)
        Record(published, {name: state for name, state in here.items() if name in merged}).write(self._place(tree))
        self._forget_old(tree, published.files, known.files)
        return total

    def _merged(self, tree: str, record: Record | None, known: Manifest, files: Files) -> dict[str, tuple[str, int]]:
        """What the store is to hold: what is here, and what of the store's was never brought here."""
        before = record.manifest.files if record else {}
        brought = record.here if record else {}
        if known.tag and (record is None or record.manifest.tag != known.tag):
            changed = [name for name, one in known.files.items() if files.get(name) != one]
            if tree.partition("/")[0] not in MERGED and changed and record is not None:
                raise WorkspaceError(
                    f"{tree} was published by another machine since this one brought it ({changed[0]}); "
                    "bring it again: earmark store pull"
                )
            if record is None and changed and tree.partition("/")[0] not in MERGED:
                raise WorkspaceError(
                    f"{self.url} holds another {tree} ({changed[0]} differs); is this the store of this workspace? "
                    "Name another with earmark store set, or bring what it has: earmark store pull"
                )
        merged = {name: one for name, one in known.files.items() if name not in before or name not in brought}
        for name, one in known.files.items():  # changed there, and here not
            if name in brought and before.get(name) != one and files.get(name) == before.get(name):
                merged[name] = one
        return merged | {name: one for name, one in files.items() if name not in merged or before.get(name) != one}

    def _hashed(self, folder: Path, record: Record | None) -> dict[str, tuple[int, int, str]]:
        """Size, time and SHA-256 of each file here; one that is as it was when it was hashed is not read again."""
        here = record.here if record else {}
        found: dict[str, tuple[int, int, str]] = {}
        for name, state in files_of(folder).items():
            known = here.get(name)
            with contextlib.suppress(FileNotFoundError):
                digest = known[2] if known and known[:2] == state else digest_of(folder / name)
                found[name] = (*state, digest)
        return found

    def _forget_old(self, tree: str, files: Files, before: Files) -> None:
        """Remove objects that neither this manifest nor the one before names, a day after they came."""
        named = {digest for one in (files, before) for digest, _ in one.values()}
        stored = self.objects.sizes(f"{tree}/files")
        old = [name for name, (_, at) in stored.items() if name not in named and time.time() - at > KEPT_S]
        self.objects.remove([f"{tree}/files/{name}" for name in old])

    def remove(self, tree: str) -> None:
        """Take a tree off the store; what is here stays."""
        with self._held(tree):
            self.objects.remove([f"{tree}/{MANIFEST}"])
            self.objects.remove([f"{tree}/files/{name}" for name in self.objects.sizes(f"{tree}/files")])
            self._place(tree).unlink(missing_ok=True)
            self._asked.clear()

    # ---------------------------------------------------------------------------------------------- what there is

    def trees(self, kind: str = "") -> list[str]:
        """The trees that the store holds, of one kind or of all."""
        return [
            f"{one}/{name}"
            for one in ([kind] if kind else KINDS)
            for name in self.objects.folders(one)
            if self.objects.state(f"{one}/{name}/{MANIFEST}") is not None
        ]

    def held(self, tree: str) -> Files:
        """The files of a tree on the store; raises WorkspaceError where it has none of that name."""
        manifest = self._manifest(tree)
        if not manifest.tag:
            raise WorkspaceError(f"{self.url} has no {tree}; `store show` lists what it has")
        return manifest.files

    def local_trees(self) -> list[str]:
        """The trees that lie on this machine."""
        found = []
        for kind in KINDS:
            for path in sorted((self.root / kind).glob("*")):
                if path.is_dir() and not path.name.startswith(".") and not path.is_symlink():
                    found.append(f"{kind}/{path.name}")
        return found

    def unpublished(self, tree: str) -> list[str]:
        """The files of a tree that are here and not, or not so, on the store; told from this machine's record."""
        record = self._record(tree)
        here = record.here if record else {}
        return [name for name, state in files_of(self.root / tree).items() if here.get(name, ())[:2] != state]

    def held_bytes(self) -> dict[str, int]:
        """The bytes of each tree on this machine that is as the store has it."""
        sizes = {}
        for tree in self.local_trees():
            own = OWN.get(tree.partition("/")[0], ())
            if any((self.root / tree / name).exists() for name in own):
                continue  # it would go with the copy
            if self._place(tree).exists() and not self.unpublished(tree):
                sizes[tree] = sum(size for size, _ in files_of(self.root / tree).values())
        return sizes

    def make_room(self, but: str = "") -> list[str]:
        """Remove the copies that were used least recently, beyond the bound; returns which."""
        held = self.held_bytes()
        total, removed = sum(held.values()), []
        for tree in sorted(held, key=self._used_at):
            if total <= self.most_bytes:
                break
            if tree == but or time.time() - self._used_at(tree) < IN_USE_S:
                continue
            with self._held(tree):
                if self.unpublished(tree):
                    continue
                trash = (self.root / tree).with_name(f".{Path(tree).name}.{uuid.uuid4().hex[:8]}.old")
                (self.root / tree).rename(trash)
                self._place(tree).unlink(missing_ok=True)
                shutil.rmtree(trash, ignore_errors=True)
            total -= held[tree]
            removed.append(tree)
        return removed

    def _used_at(self, tree: str) -> float:
        try:
            return self._place(tree).stat().st_mtime
        except OSError:
            return 0.0

    # ---------------------------------------------------------------------------------------------- records

    def _place(self, tree: str) -> Path:
        """Where this machine's record of a tree lies."""
        return self.root / "cache" / "shared" / f"{tree}.json"

    def _record(self, tree: str) -> Record | None:
        return Record.read(self._place(tree))

    def _manifest(self, tree: str) -> Manifest:
        found = self.objects.get(f"{tree}/{MANIFEST}")
        return Manifest({}) if found is None else Manifest.of(*found, f"{self.url}/{tree}/{MANIFEST}")

    def _recognised(
        self, folder: Path, there: dict[str, tuple[int, int]], files: Files
    ) -> dict[str, tuple[int, int, str]]:
        """Those of the files here that are as the store has them."""
        found: dict[str, tuple[int, int, str]] = {}
        for name, state in there.items():
            if name in files and files[name][1] == state[0] and digest_of(folder / name) == files[name][0]:
                found[name] = (*state, files[name][0])
        return found

    @contextlib.contextmanager
    def _held(self, tree: str) -> Iterator[None]:
        """One thread of one program of this machine at a time works on a tree."""
        place = self._place(tree).with_suffix(".lock")
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(place, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as problem:
            raise WorkspaceFull(f"{place} cannot be written ({problem.strerror}); see to that") from problem
        try:
            if fcntl is not None:
                fcntl.flock(handle, fcntl.LOCK_EX)
            with contextlib.nullcontext() if fcntl is not None else self._lock:
                yield
        finally:
            os.close(handle)


def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=AT_ONCE, thread_name_prefix="store")


def _link(source: Path, target: Path) -> None:
    """The same file under another name, or a copy where a disk has no such thing."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
