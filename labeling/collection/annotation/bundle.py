"""The source files of a collection that has many, kept as one: a tar, so that each comes back byte for byte."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping

from labeling.errors import FormatError

MOST_BYTES = 2 << 30


def pack(files: Mapping[str, bytes]) -> bytes:
    """Files by their relative paths, as one. The same files give the same bytes, whenever and wherever."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name in sorted(files):
            member = tarfile.TarInfo(name)
            member.size = len(files[name])
            archive.addfile(member, io.BytesIO(files[name]))
    if buffer.tell() > MOST_BYTES:
        raise FormatError(
            f"the {len(files):,} annotation files hold {buffer.tell() / 2**30:.1f} GiB, at most {MOST_BYTES >> 30} GiB "
            "at once; import one folder after another"
        )
    return buffer.getvalue()


def unpack(data: bytes) -> dict[str, bytes]:
    """What `pack` was given. Raises FormatError for other bytes."""
    files: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
            for member in archive:
                content = archive.extractfile(member)
                if content is not None:
                    files[member.name] = content.read()
    except tarfile.TarError as problem:
        raise FormatError(f"the annotation files that were kept cannot be read: {problem}; import them again") from None
    return files
