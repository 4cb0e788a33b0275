"""Files that lie on other servers, by fsspec URL: which may be reached, what state one is in, and parts of it.

Who may be reached is the owner's word (EARMARK_ALLOW, ``--allow``). By HTTP no request leaves the host that a URL
names, and none goes to a private address unless that host is named: a table of clips could else make the server ask
its own network. Passwords and keys come from the environment only (AWS_ACCESS_KEY_ID, FSSPEC_S3, ...), never from a
URL, and no message shows the part of a URL that may hold one.
"""

from __future__ import annotations

import ipaddress
import os
import re
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, BinaryIO, TypeVar
from urllib.parse import urlsplit

from labeling.errors import RemoteError

ALLOW = "EARMARK_ALLOW"
SCHEMES = ("s3", "s3a", "http", "https", "gs", "gcs", "az", "abfs", "abfss", "hf", "sftp", "memory")
"""Schemes of URLs that can be read; of others (``file``, chains as ``zip::http``) nothing is."""
TRIES, PAUSE_S = 4, 0.25  # a server that stumbles is asked again, after a pause that doubles
CONNECT_S, SILENT_S = 10.0, 60.0  # after so long without an answer it is given up
_PRIVATE, _AWAY = "an address of a private network", "it sends us on to another host"
T = TypeVar("T")


@dataclass(frozen=True)
class State:
    """A remote file as it was: its size in bytes, and ``tag``, another one once its content is (an ETag, mostly; "" of
    a file whose content never changes)."""

    url: str
    size: int
    tag: str
    by_range: bool = True
    """False where the server said that it gives no parts."""


def is_url(path: str) -> bool:
    """Whether a path is an fsspec URL (``s3://...``) and not a local file."""
    return "://" in path


def told(url: str) -> str:
    """A URL as messages show it: without what may be a secret, such as the signature of a link."""
    shown = re.sub(r"(?<=://)[^/?#]*@", "", url)
    return re.sub(r"[?#].*", "?…", shown, flags=re.DOTALL)[:300]


def named(text: str | None = None) -> tuple[str, ...]:
    """Folders and URLs that the owner named in EARMARK_ALLOW. A ``:`` parts them, but not that of a URL or its port."""
    text = os.environ.get(ALLOW, "") if text is None else text
    url = r"[A-Za-z][A-Za-z0-9+.-]*://(?:\[[^\]]*\]|[^:/]*)(?::\d+(?![^:/]))?(?:/[^:]*)?"
    return tuple(part for part in re.findall(rf"{url}|[^{re.escape(os.pathsep)}]+", text) if part.strip())


def check(url: str) -> None:
    """Raise RemoteError for a URL that nothing is read from: its scheme is none of `SCHEMES`, or it has a password."""
    scheme, _, rest = url.partition("://")
    if re.search(r"::[A-Za-z0-9+.-]*://", url) or scheme.lower() not in SCHEMES:
        raise RemoteError(
            f"{told(url)}: URLs of {scheme[:30]!r} are not read; give a folder, or one of {', '.join(SCHEMES)}",
            "denied",
        )
    if "@" in re.split(r"[/?#]", rest, maxsplit=1)[0]:
        raise RemoteError(
            f"{told(url)}: a URL must not hold a name or password; give it without, and set them in the environment "
            "(AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY for S3)",
            "denied",
        )


_systems: dict[tuple[int, str, str], Any] = {}
_guard = threading.Lock()


def filesystem(url: str) -> tuple[Any, str]:
    """The fsspec file system of a URL, and the URL's path in it. Raises RemoteError where it may not be read.

    One serves all URLs of a host. A process that was forked has its own.
    """
    import fsspec

    check(url)
    scheme = url.partition("://")[0].lower()
    host = _host(url) if scheme in ("http", "https") else ""
    key = os.getpid(), scheme, f"{host} {is_named(url)}" if host else ""
    with _guard:
        system = _systems.get(key)
        if system is None:
            try:
                system = _systems[key] = fsspec.filesystem(scheme, **_options(scheme, url, host))
                if scheme in ("s3", "s3a"):
                    system.retries = 1  # `patiently` asks again
            except ImportError as error:
                extra = {"s3": "s3", "s3a": "s3", "http": "http", "https": "http"}.get(scheme, "")
                remedy = (
                    f'install it: pip install "earmark[{extra}]"' if extra else f"install what fsspec asks for: {error}"
                )
                raise RemoteError(f"{told(url)}: the package for {scheme}:// is missing; {remedy}", "denied") from error
    return system, system._strip_protocol(url)


def is_named(url: str) -> bool:
    """Whether the owner named this URL's host, or a folder of it, in EARMARK_ALLOW."""
    return any(is_url(place) and _host(place) == _host(url) for place in named())


def _host(url: str) -> str:
    """Host and port."""
    try:
        parts = urlsplit(url)
        return f"{parts.hostname}:{parts.port or {'https': 443}.get(parts.scheme.lower(), 80)}"
    except ValueError:
        raise RemoteError(f"{told(url)}: not a URL; check its host and port", "denied") from None


def _options(scheme: str, url: str, host: str) -> dict[str, Any]:
    if scheme in ("s3", "s3a"):
        # `patiently` asks again
        limits = {"connect_timeout": CONNECT_S, "read_timeout": SILENT_S, "retries": {"max_attempts": 0}}
        # what was listed once must not stand for what is there now
        return {"config_kwargs": limits, "use_listings_cache": False, "skip_instance_cache": True}
    if not host:
        return {}
    import aiohttp

    own = is_named(url)

    async def client(loop: Any = None, **kwargs: Any) -> Any:
        def connect(address: Any) -> socket.socket:
            where = ipaddress.ip_address(address[4][0].partition("%")[0])
            if not own and not (getattr(where, "ipv4_mapped", None) or where).is_global:
                raise PermissionError(
                    f"it is at {where}, {_PRIVATE}; if that is meant, name it: "
                    f"{ALLOW}={url.partition('://')[0]}://{host}"
                )
            return socket.socket(family=address[0], type=address[1], proto=address[2])

        async def stay(request: Any, handler: Any) -> Any:
            response = await handler(request)
            target = response.headers.get("Location", "") if 300 <= response.status < 400 else ""
            if target and _host(str(request.url.join(type(request.url)(target)))) != host:
                response.close()
                raise PermissionError(f"{_AWAY} ({told(target)}); give the URL that it leads to")
            return response

        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(socket_factory=connect, loop=loop),
            middlewares=(stay,),
            timeout=aiohttp.ClientTimeout(total=None, connect=None, sock_connect=CONNECT_S, sock_read=SILENT_S),
        )

    return {"get_client": client, "skip_instance_cache": True}


# ------------------------------------------------------------------------------------------------- reading


def state(url: str) -> State:
    """A remote file's size and tag, asked for now. Raises RemoteError."""
    system, path = filesystem(url)

    def ask() -> State:
        info = system.info(path)
        if info.get("type") == "directory":
            raise FileNotFoundError(path)
        tag: Any = info.get("ETag") or info.get("etag") or info.get("Last-Modified") or info.get("LastModified")
        size = info.get("size")
        return State(url, int(size or 0), str(tag or system.ukey(path)), info.get("partial", True) and size is not None)

    return patiently(url, ask)


def read(at: State, start: int, stop: int) -> bytes:
    """Bytes of a file as it was in a state. Raises RemoteError, of kind ``changed`` where it is another one by now."""
    system, path = filesystem(at.url)
    protocol = at.url.partition("://")[0].lower()

    def ask() -> bytes:
        if protocol in ("http", "https"):
            strong = at.tag.startswith('"')  # a weak tag equals none
            headers = {"If-Match": at.tag} if strong else {}
            with system.open(
                path, size=at.size, block_size=max(1, stop - start), cache_type="none", headers=headers
            ) as file:
                file.seek(start)
                data = file.read(stop - start)
        elif protocol in ("s3", "s3a"):
            bucket, key, _ = system.split_path(path)
            asked = {"Bucket": bucket, "Key": key, "Range": f"bytes={start}-{stop - 1}"}
            asked |= {"IfMatch": at.tag} if at.tag else {}
            answer = system.call_s3("get_object", **asked)
            data = _body(system, answer)
        else:
            data = system.cat_file(path, start=start, end=stop)
        if len(data) != stop - start:
            raise ConnectionError(f"{len(data)} bytes came where {stop - start} were asked for")
        return bytes(data)

    return patiently(at.url, ask)


def _body(system: Any, answer: Any) -> bytes:
    from fsspec.asyn import sync

    return bytes(sync(system.loop, answer["Body"].read))


def copy(at: State, file: BinaryIO, block_bytes: int = 8 << 20) -> None:
    """Write all of a file, as it was in a state, to an open one. Raises RemoteError."""
    if at.by_range:
        for start in range(0, at.size, block_bytes):
            file.write(read(at, start, min(at.size, start + block_bytes)))
        return
    system, path = filesystem(at.url)
    file.write(patiently(at.url, lambda: bytes(system.cat_file(path))))


def patiently(url: str, ask: Callable[[], T]) -> T:
    """What ``ask`` gives, asked again where a server stumbles. Raises RemoteError, in words without secrets."""
    for turn in range(TRIES):
        try:
            return ask()
        except RemoteError:
            raise
        except Exception as error:  # each fsspec backend has its own exceptions
            problem = _problem(url, error)
            if problem.kind != "unreachable" or turn + 1 == TRIES:
                raise problem from None  # a traceback of the client's may hold a key
        time.sleep(PAUSE_S * 2**turn)
    raise AssertionError


def _problem(url: str, error: BaseException) -> RemoteError:
    """An error of any backend, as one of ours."""
    causes: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in causes:
        causes.append(cause)
        cause = getattr(cause, "os_error", None) or cause.__cause__ or cause.__context__
    status = next((code for each in causes if (code := _status(each))), 0)
    denial = any(isinstance(each, PermissionError) or "Credentials" in type(each).__name__ for each in causes)
    ours = next((str(each) for each in causes if any(sign in str(each) for sign in (_PRIVATE, _AWAY))), "")
    words = " ".join(str(causes[-1]).split())
    shown = told(url)
    if status in (409, 412) or any(type(each).__name__ == "FileExpired" for each in causes):
        return RemoteError(f"{shown} was changed while it was read; read it again", "changed")
    if ours:
        return RemoteError(f"{shown} is not read: {ours}", "denied")
    if status in (401, 403) or (denial and not status):
        return RemoteError(
            f"{shown}: access is denied ({status or _plain(words)}); check that it may be read with the keys in the "
            "environment (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, for S3)",
            "denied",
        )
    if status in (404, 410) or (isinstance(error, FileNotFoundError) and status < 500 and _is_plain(causes)):
        return RemoteError(f"{shown}: no such file; check its name, or relink the collection", "missing")
    reason = f"status {status}" if status else _plain(words) or type(error).__name__
    return RemoteError(
        f"{shown} cannot be fetched ({reason}); check the URL and the network, and try again", "unreachable"
    )


def _is_plain(causes: list[BaseException]) -> bool:
    """Whether a file is missing by a server's word, and not for the client's trouble to reach one."""
    broken = (ConnectionError, TimeoutError, socket.gaierror)
    return not any(
        isinstance(each, broken) or ("Client" in type(each).__name__ and not _status(each)) for each in causes
    )


def _status(error: BaseException) -> int:
    """The HTTP status that an error tells of, 0 for none."""
    status = getattr(error, "status", None)
    if status is None:
        answer = getattr(error, "response", None)
        if isinstance(answer, dict):
            status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode")
    return int(status) if isinstance(status, int) else 0


def _plain(words: str) -> str:
    """What a client says, without the URLs in it."""
    return re.sub(r"\S+://\S+", "…", words)[:200].rstrip(".")
