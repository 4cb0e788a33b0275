"""Signed URLs of clips' media, and the signed token by which the player's requests name their reviewer.

Routes beside Streamlit's pages are not behind its sign-in; a token made with the workspace's secret is. Where people
sign in it is made with a key of each one's own (`key_of`), so that a link is of no use to anybody else. Tokens hold
for one to two hours and are the same for a whole hour, so that a browser's cache recognises a URL.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import hmac
import math
import os
import secrets
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

SECRET_FILE = "media.key"
TOKEN_LIFE_S = 3600
RENEW_S = TOKEN_LIFE_S // 2
"""How often a page that stays open is given new links: each holds for an hour at least."""


def media_secret(folder: Path) -> bytes:
    """The key that signs URLs, kept in the workspace (mode 0600) so that all server processes agree.

    Where the folder cannot be written a key of this process alone is used.
    """
    path = folder / SECRET_FILE
    try:
        return _read_secret(path)
    except (OSError, ValueError):
        pass
    key = secrets.token_hex(32)
    try:
        handle, name = tempfile.mkstemp(dir=folder, prefix=f".{SECRET_FILE}.")
        try:
            os.write(handle, key.encode())
            os.close(handle)
            with contextlib.suppress(FileExistsError):
                os.link(name, path)  # the first process wins; mkstemp's mode is 0600
        finally:
            os.unlink(name)
        return _read_secret(path)
    except (OSError, ValueError):
        return bytes.fromhex(key)


def _read_secret(path: Path) -> bytes:
    key = bytes.fromhex(path.read_text().strip())
    if len(key) < 32:
        raise ValueError("too short")
    return key


def key_of(secret: bytes, person: str) -> bytes:
    """The key of one who has signed in (signin.name_of), with which all of their tokens are made; "" for no sign-in."""
    if not person:
        return secret
    return hmac.new(secret, f"person {person}".encode("utf-8", "surrogatepass"), hashlib.sha256).digest()


def signed_url(secret: bytes, path: str, params: dict[str, Any] | None = None, now_s: float | None = None) -> str:
    """``path`` with its parameters and a token that holds for one to two hours; relative to the app's root.

    The token is the same for a whole hour, so that a browser's cache recognises the URL.
    """
    expires = _expiry(now_s)
    query = {**(params or {}), "expires": str(expires), "token": _token(secret, path, expires)}
    return f"{path.removeprefix('/')}?{urlencode(query)}"


def audio_url(secret: bytes, clip_id: int, channel: int = 0) -> str:
    """Signed URL of a clip's sound: all channels, or one (from 1 on)."""
    return signed_url(secret, f"/clips/{clip_id}/audio", _channel(channel))


def _channel(channel: int) -> dict[str, Any]:
    return {"channel": channel} if channel else {}


def tile_url(secret: bytes, clip_id: int, channel: int = 0) -> str:
    """Signed URL of a clip's spectrogram tiles; level, index and settings are added with "&"."""
    return signed_url(secret, f"/clips/{clip_id}/tile", _channel(channel))


def peaks_url(secret: bytes, clip_id: int, channel: int = 0) -> str:
    """Signed URL of a clip's waveform peaks; level and index are added with "&"."""
    return signed_url(secret, f"/clips/{clip_id}/peaks", _channel(channel))


def vocabulary_url(secret: bytes, tag: str) -> str:
    """Signed URL of the classes; ``tag`` changes when they do, so that a cached list is not kept."""
    return signed_url(secret, "/clips/vocabulary", {"tag": tag})


def token_holds(secret: bytes, path: str, expires: str, token: str, now_s: float | None = None) -> bool:
    """Whether ``token`` was made for this path and has not run out."""
    if not (_in_future(expires, now_s) and token.isascii()):
        return False
    return hmac.compare_digest(token, _token(secret, path, int(expires)))


def api_token(secret: bytes, reviewer: str, now_s: float | None = None) -> str:
    """A token (ASCII, fit for a header) that carries a reviewer's name and holds as long as a signed URL."""
    expires = _expiry(now_s)
    name = base64.urlsafe_b64encode(reviewer.encode("utf-8", "surrogatepass")).decode()
    return f"{expires}.{name}.{_token(secret, _api_scope(name), expires)}"


def reviewer_of(secret: bytes, token: str, now_s: float | None = None) -> str | None:
    """The reviewer whom an api_token names; None for a token that has run out or was not made with this secret."""
    expires, _, rest = token.partition(".")
    name, _, mark = rest.rpartition(".")
    if not (token.isascii() and _in_future(expires, now_s)):
        return None
    if not hmac.compare_digest(mark, _token(secret, _api_scope(name), int(expires))):
        return None
    try:
        return base64.urlsafe_b64decode(name).decode("utf-8", "surrogatepass")
    except (binascii.Error, UnicodeDecodeError):
        return None


def look_token(secret: bytes, reviewer: str, clip_id: int, mode: str, class_code: str) -> str:
    """A token for the URL that leads ``reviewer``, and nobody else, back to a second look; it does not run out."""
    words = f"{mode}\n{clip_id}\n{class_code}".encode("utf-8", "surrogatepass")
    place = base64.urlsafe_b64encode(words).decode().rstrip("=")
    return f"{place}.{_token(secret, _look_scope(reviewer, place), 0)}"


def look_of(secret: bytes, reviewer: str, token: str) -> tuple[int, str, str] | None:
    """Clip id, mode and class of a look_token; None for one that was not made for this reviewer with this secret."""
    place, _, mark = token.partition(".")
    if not token.isascii() or not hmac.compare_digest(mark, _token(secret, _look_scope(reviewer, place), 0)):
        return None
    words = base64.urlsafe_b64decode(place + "=" * (-len(place) % 4)).decode("utf-8", "surrogatepass")
    mode, clip_id, class_code = words.split("\n", 2)
    return int(clip_id), mode, class_code


def _look_scope(reviewer: str, place: str) -> str:
    return f"look {place} {reviewer}"


def _api_scope(name: str) -> str:
    return f"reviewer {name}"  # no path begins so: a URL's token never passes for a reviewer's


def _expiry(now_s: float | None) -> int:
    return (math.floor((time.time() if now_s is None else now_s) / TOKEN_LIFE_S) + 2) * TOKEN_LIFE_S


def _in_future(expires: str, now_s: float | None) -> bool:
    if not (expires.isascii() and expires.isdigit() and len(expires) <= 12):
        return False
    return int(expires) >= (time.time() if now_s is None else now_s)


def _token(secret: bytes, scope: str, expires: int) -> str:
    return hmac.new(secret, f"{scope}\n{expires}".encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:40]
