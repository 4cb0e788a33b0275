"""What a sound file is, by its header and its bytes: length, status, fingerprint, hash.

Only headers are read, except for three questions: whether a file is silent (decoding stops at the first sound), what
marks it among all others (a few of its bytes are hashed), and whether two files are the same (those that have one
fingerprint are hashed as a whole).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from labeling.errors import AudioError
from labeling.sound import decoding as sound
from labeling.sound.channels import channel_to_use
from labeling.sound.files import file_name
from labeling.storage.remote import is_url

_BATCH = 20_000
_PIECE = 16_384  # bytes at the start, in the middle and at the end that make a fingerprint

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Probed:
    """What a file's header says, and ``fingerprint``: a hash of its size and of some of its bytes ("" for a URL)."""

    duration_s: float = 0.0
    sample_rate: int = 0
    channels: int = 0
    size_bytes: int = 0
    fingerprint: str = ""
    status: str = "ok"
    reason: str = ""
    channel: int = 0


def probe_all(paths: Sequence[str], progress: Progress | None = None) -> list[Probed]:
    """What each file's header says, in order. libsndfile works outside Python's lock, so threads are enough."""
    results: list[Probed] = []
    with ThreadPoolExecutor(max_workers=min(16, (os.cpu_count() or 1) + 2)) as pool:
        try:
            for start in range(0, len(paths), _BATCH):  # a million waiting tasks would fill the memory
                for info in pool.map(probe, paths[start : start + _BATCH]):
                    results.append(info)
                    if progress is not None:
                        progress(len(results), len(paths))
        except BaseException:  # Ctrl-C: do not look at the other 20,000 files first
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return results


def probe(path: str) -> Probed:
    """One file; what is wrong with it is in ``status`` and ``reason``, and nothing is raised."""
    size, mark = 0, ""
    if not is_text(path):
        return Probed(status="unreadable", reason=f"its name is not UTF-8 ({storable(path)!r}); rename the file")
    try:
        if not is_url(path) and os.path.isfile(path):
            size, mark = fingerprint(path)
        info = sound.probe(path, shortest_s=0)
        probed = Probed(info.duration_s, info.sample_rate, info.channels, size, mark, "ok", info.note)
        if info.duration_s < sound.SHORTEST_S:
            reason = f"{info.duration_s:.3f} s long; at least {sound.SHORTEST_S:g} s are needed"
            return replace(probed, status="too_short", reason=joined(reason, info.note))
        if sound.is_silent(path):
            reason = f"nothing above {sound.SILENT_DB:g} dBFS"
            return replace(probed, status="silent", reason=joined(reason, info.note))
        if info.channels > 1:
            channel, why = channel_to_use(path)
            return replace(probed, channel=channel, reason=joined(info.note, why))
        return probed
    except AudioError as error:
        reason = str(error).removeprefix(f"{file_name(path)}: ")
        return Probed(size_bytes=size, fingerprint=mark, status=error.status, reason=reason)
    except Exception as error:  # a decoder's own surprise must not stop the other files
        reason = f"{type(error).__name__}: {error}"
        return Probed(size_bytes=size, fingerprint=mark, status="unreadable", reason=reason)


def joined(*reasons: str) -> str:
    """Several reasons as one."""
    return "; ".join(filter(None, reasons))


def is_text(path: str) -> bool:
    """Whether a path can be stored: the bytes of a file's name may be in no encoding that is known."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def storable(path: str) -> str:
    """A path as it is, or, where that is no text, with � for what is none."""
    return path if is_text(path) else path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def is_there(path: str) -> bool:
    """Whether something lies at a path; of a URL this is taken for granted."""
    return is_url(path) or os.path.exists(path)


def fingerprint(path: str) -> tuple[int, str]:
    """Size of a local file, and a hash of the size and three pieces; (0, "") where it cannot be read.

    Files that are equal have one fingerprint. Others may, and are told apart by `content_hashes`.
    """
    try:
        with open(path, "rb", buffering=0) as handle:
            size = os.fstat(handle.fileno()).st_size
            digest = hashlib.blake2b(size.to_bytes(8, "big"), digest_size=16)
            digest.update(handle.read(_PIECE))
            for at in (size // 2, size - _PIECE) if size > _PIECE else ():
                handle.seek(max(_PIECE, at))
                digest.update(handle.read(_PIECE))
    except OSError:
        return 0, ""
    return size, digest.hexdigest()


def content_hashes(paths: Iterable[str]) -> dict[str, str]:
    """Path to hash of all bytes, of those that can be read."""
    paths = list(paths)
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        digests: Mapping[str, str] = dict(zip(paths, pool.map(_content_hash, paths), strict=True))
    return {path: digest for path, digest in digests.items() if digest}


def _content_hash(path: str) -> str:
    digest = hashlib.blake2b(digest_size=20)
    try:
        with open(path, "rb") as handle:
            while block := handle.read(1 << 20):
                digest.update(block)
    except OSError:
        return ""
    return digest.hexdigest()
