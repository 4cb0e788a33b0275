"""Scripts that a browser keeps: each under an address that holds its hash, so that it is fetched once a version."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass

PLACE = "assets"


@dataclass(frozen=True)
class Asset:
    """A script, and the same compressed. ``path`` is its address below the app's root, without a slash before it."""

    path: str
    script: bytes
    packed: bytes


_published: dict[str, Asset] = {}


def publish(name: str, script: str) -> Asset:
    """Let a script be fetched from now on; published again it is the same asset."""
    data = script.encode()
    path = f"{PLACE}/{hashlib.sha256(data).hexdigest()[:20]}/{name}"
    if path not in _published:
        _published[path] = Asset(path, data, gzip.compress(data, 9, mtime=0))
    return _published[path]


def published(path: str) -> Asset | None:
    """The asset at an address, None where there is none."""
    return _published.get(path)


def loader(asset: Asset) -> str:
    """A module that stands in for an asset, for Streamlit, which sends a component's script anew in each session."""
    return (  # in two lines, as Streamlit takes one for the path of a file
        f'const asset = await import(new URL("{asset.path}", document.baseURI).href);\nexport default asset.default;\n'
    )
