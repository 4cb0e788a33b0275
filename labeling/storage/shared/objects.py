"""The objects of a store: bytes by name below its URL, each there whole or not at all, as S3 has them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from labeling.errors import RemoteError, WorkspaceError, WorkspaceUnreachable
from labeling.storage import remote

SCHEMES = ("s3", "gs", "az", "abfs", "memory")
LARGE_BYTES = 8 << 20  # a file that is larger goes up in parts and comes down in pieces


def check_store(url: str) -> str:
    """The URL of a store, without a slash at its end. Raises WorkspaceError for one that can be none."""
    scheme, _, rest = url.partition("://")
    try:
        remote.check(url)
    except RemoteError as error:
        raise WorkspaceError(f"store: {error}") from None
    if scheme not in SCHEMES or not rest.strip("/") or "?" in rest or "#" in rest:
        raise WorkspaceError(f"store {remote.told(url)!r} is no place for a workspace; give s3://BUCKET/FOLDER")
    return url.rstrip("/")


class Objects:
    """What lies below a URL. Every error is a WorkspaceUnreachable that says what was done and what helps."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")

    def path(self, name: str) -> tuple[Any, str]:
        """The file system, and the name's path in it."""
        return remote.filesystem(f"{self.url}/{name}")

    def get(self, name: str) -> tuple[bytes, str] | None:
        """An object's bytes and its tag, None where there is none."""
        at = self.state(name)
        if at is None:
            return None
        with self._told("read", name):
            return (remote.read(at, 0, at.size) if at.size else b""), at.tag

    def state(self, name: str) -> remote.State | None:
        """An object's size and tag, None where there is none."""
        try:
            return remote.state(f"{self.url}/{name}")
        except RemoteError as error:
            if error.kind == "missing":
                return None
            raise self._problem("read", name, error) from None

    def download(self, name: str, size: int, target: Path) -> None:
        """Write an object of a known size to a file; a part of it that came is not asked for again."""
        with self._told("read", name), target.open("wb") as file:
            remote.copy(remote.State(f"{self.url}/{name}", size, ""), file, LARGE_BYTES)

    def put(self, name: str, data: bytes, *, instead_of: str | None = None) -> bool:
        """Write an object. With ``instead_of`` only in the place of one of that tag ("" for none): else False."""
        system, path = self.path(name)

        def write() -> bool:
            if instead_of is None or not hasattr(system, "call_s3"):
                system.pipe_file(path, data)
                return True
            bucket, key, _ = system.split_path(path)
            only: dict[str, Any] = {"IfMatch": instead_of} if instead_of else {"IfNoneMatch": "*"}
            system.call_s3("put_object", Bucket=bucket, Key=key, Body=data, **only)
            return True

        try:
            return remote.patiently(f"{self.url}/{name}", write)
        except RemoteError as error:
            if error.kind == "changed" and instead_of is not None:
                return False
            raise self._problem("write", name, error) from None

    def upload(self, name: str, source: Path) -> None:
        """Write a file's bytes to an object."""
        system, path = self.path(name)
        with self._told("write", name):
            if source.stat().st_size <= LARGE_BYTES:
                data = source.read_bytes()
                remote.patiently(f"{self.url}/{name}", lambda: system.pipe_file(path, data))
            else:
                remote.patiently(f"{self.url}/{name}", lambda: system.put_file(str(source), path))

    def sizes(self, folder: str) -> dict[str, tuple[int, float]]:
        """Size and time of change (seconds since 1970) of the objects in a folder, by their names in it."""
        system, path = self.path(folder)

        def ask() -> dict[str, tuple[int, float]]:
            found: dict[str, Any] = system.find(path, detail=True)
            return {name[len(path) + 1 :]: (int(info["size"]), _time(info)) for name, info in found.items()}

        with self._told("list", folder):
            return remote.patiently(f"{self.url}/{folder}", ask)

    def folders(self, folder: str) -> list[str]:
        """The names of the folders in a folder."""
        system, path = self.path(folder)

        def ask() -> list[str]:
            try:
                found = system.ls(path, detail=True)
            except FileNotFoundError:
                return []
            return sorted(str(one["name"]).rsplit("/", 1)[-1] for one in found if one["type"] == "directory")

        with self._told("list", folder):
            return remote.patiently(f"{self.url}/{folder}", ask)

    def remove(self, names: list[str]) -> None:
        """Take objects away; one that is not there is no error."""
        for name in names:
            self._remove(name)

    def _remove(self, name: str) -> None:
        system, path = self.path(name)
        with self._told("remove", name):
            try:
                remote.patiently(f"{self.url}/{name}", lambda: system.rm_file(path))
            except RemoteError as error:
                if error.kind != "missing":
                    raise

    @contextlib.contextmanager
    def _told(self, what: str, name: str) -> Iterator[None]:
        try:
            yield
        except RemoteError as error:
            raise self._problem(what, name, error) from None

    def _problem(self, what: str, name: str, error: RemoteError) -> WorkspaceUnreachable:
        return WorkspaceUnreachable(f"the shared store could not {what} {name}: {error}")


def _time(info: Any) -> float:
    when = info.get("LastModified") or info.get("created") or info.get("mtime") or 0.0
    return float(when.timestamp() if hasattr(when, "timestamp") else when)
