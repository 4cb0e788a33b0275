"""Sound and pictures of clips by URL: Starlette routes, each guarded by a short-lived signed token.

``/clips/{id}/audio`` gives what a browser can play, ``/clips/{id}/spectrogram.png`` and ``/clips/{id}/peaks`` what it
can draw, ``/clips/vocabulary`` the classes to type from. Routes beside Streamlit's pages are not behind its sign-in;
the token is. A URL names a clip by its id and never a path, so nothing but the workspace's clips can be fetched.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import math
import os
import secrets
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from labeling.errors import AudioError, ConfigError, EarmarkError
from labeling.records import Clip
from labeling.spectrogram import SpectrogramSettings
from pages.ui.playable import WavStream, playable_type, wav_response

SECRET_FILE = "media.key"
TOKEN_LIFE_S = 3600
CACHE_BYTES = 2 * 1024**3
PICTURE_VERSION = 1  # raise it when the same settings give another picture


# ------------------------------------------------------------------------------------------------ signed URLs


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


def signed_url(secret: bytes, path: str, params: dict[str, Any] | None = None, now_s: float | None = None) -> str:
    """``path`` with its parameters and a token that holds for one to two hours.

    The token is the same for a whole hour, so that a browser's cache recognises the URL.
    """
    now_s = time.time() if now_s is None else now_s
    expires = (math.floor(now_s / TOKEN_LIFE_S) + 2) * TOKEN_LIFE_S
    query = {**(params or {}), "expires": str(expires), "token": _token(secret, path, expires)}
    return f"{path}?{urlencode(query)}"


def audio_url(secret: bytes, clip_id: int) -> str:
    """Signed URL of a clip's sound."""
    return signed_url(secret, f"/clips/{clip_id}/audio")


def picture_url(
    secret: bytes,
    clip_id: int,
    settings: SpectrogramSettings | None = None,
    onset_s: float = 0.0,
    offset_s: float | None = None,
) -> str:
    """Signed URL of a clip's spectrogram, or of a stretch of it."""
    params = settings_params(settings or SpectrogramSettings())
    if onset_s or offset_s is not None:
        params |= {"onset_s": f"{onset_s:.6g}"} | ({} if offset_s is None else {"offset_s": f"{offset_s:.6g}"})
    return signed_url(secret, f"/clips/{clip_id}/spectrogram.png", params)


def peaks_url(secret: bytes, clip_id: int, width: int = 1600) -> str:
    """Signed URL of a clip's waveform peaks: int8 pairs (lowest, highest), ``width`` of them."""
    return signed_url(secret, f"/clips/{clip_id}/peaks", {"width": width})


def vocabulary_url(secret: bytes, tag: str) -> str:
    """Signed URL of the classes; ``tag`` changes when they do, so that a cached list is not kept."""
    return signed_url(secret, "/clips/vocabulary", {"tag": tag})


def token_holds(secret: bytes, path: str, expires: str, token: str, now_s: float | None = None) -> bool:
    """Whether ``token`` was made for this path and has not run out."""
    if not (expires.isascii() and expires.isdigit() and len(expires) <= 12 and token.isascii()):
        return False
    if int(expires) < (time.time() if now_s is None else now_s):
        return False
    return hmac.compare_digest(token, _token(secret, path, int(expires)))


def _token(secret: bytes, path: str, expires: int) -> str:
    return hmac.new(secret, f"{path}\n{expires}".encode(), hashlib.sha256).hexdigest()[:40]


# ------------------------------------------------------------------------------------------------ settings in a URL


def settings_params(settings: SpectrogramSettings) -> dict[str, str]:
    """The settings that differ from the defaults, as query parameters."""
    standard = SpectrogramSettings()
    return {
        field.name: f"{value:g}" if isinstance(value, float) else str(value)
        for field in fields(settings)
        if (value := getattr(settings, field.name)) != getattr(standard, field.name)
    }


def settings_of(params: dict[str, str]) -> SpectrogramSettings:
    """The inverse of settings_params.

    Raises:
        ConfigError: an unknown name, or a value out of bounds.
    """
    known = {field.name: str(field.type) for field in fields(SpectrogramSettings)}
    values: dict[str, Any] = {}
    for name, text in params.items():
        if name not in known:
            raise ConfigError(f"unknown setting {name!r}; choose from {', '.join(sorted(known))}")
        kind = known[name]
        try:
            values[name] = text if name in ("axis", "scale") else float(text) if "float" in kind else int(text)
        except ValueError:
            raise ConfigError(f"{name} {text!r} is not a number") from None
    return SpectrogramSettings(**values)


# ------------------------------------------------------------------------------------------------ disk cache


class DiskCache:
    """Files by key in one folder, the least recently used removed beyond ``max_bytes``. Safe between threads.

    A disk that is full or read-only costs the cache, never the answer.
    """

    def __init__(self, folder: Path, max_bytes: int = CACHE_BYTES) -> None:
        self.folder = folder
        self.max_bytes = max_bytes
        self._guard = threading.Lock()
        self._busy: dict[str, threading.Lock] = {}
        self._used: int | None = None

    def get(self, name: str, make: Callable[[], bytes]) -> bytes:
        """The bytes kept under ``name``, made when there are none; two requests at once make them once."""
        with self._guard:
            lock = self._busy.setdefault(name, threading.Lock())
        try:
            with lock:
                path = self.folder / name
                try:
                    data = path.read_bytes()
                    os.utime(path)
                    return data
                except OSError:
                    data = make()
                    self._keep(path, data)
                    return data
        finally:
            with self._guard:
                self._busy.pop(name, None)

    def _keep(self, path: Path, data: bytes) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=self.folder, prefix=".new-")
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(data)
                os.replace(temporary, path)
            except BaseException:
                os.unlink(temporary)
                raise
        except OSError:
            return
        with self._guard:
            if self._used is not None:
                self._used += len(data)
            if self._used is None or self._used > self.max_bytes:
                self._used = self._trim()

    def _trim(self) -> int:
        """Remove the oldest until a tenth is free; returns the bytes that are left."""
        states = []
        for entry in os.scandir(self.folder):
            with contextlib.suppress(OSError):
                state = entry.stat()
                states.append((state.st_mtime, state.st_size, entry.path))
        used = sum(size for _, size, _ in states)
        if used <= self.max_bytes:
            return used
        for _, size, path in sorted(states):
            if used <= 0.9 * self.max_bytes:
                break
            with contextlib.suppress(OSError):
                os.unlink(path)
                used -= size
        return used


# ------------------------------------------------------------------------------------------------ routes


def media_routes(
    cache_dir: Path,
    clip_of: Callable[[int], Clip | None],
    secret: bytes,
    classes: Callable[[], Sequence[tuple[str, str]]] | None = None,
    cache_bytes: int = CACHE_BYTES,
) -> list[Route]:
    """The routes to mount in the app.

    Args:
        cache_dir: folder for what was drawn; it may be emptied at any time.
        clip_of: finds a clip by its id, None where there is none; called from threads.
        secret: what signed_url was given.
        classes: ``(code, name)`` of every class, for typing.
        cache_bytes: bound of the folder's size.
    """
    threading.Thread(target=_warm_up, daemon=True).start()
    cache = DiskCache(cache_dir / "pictures", cache_bytes)
    remote = DiskCache(cache_dir / "remote", cache_bytes)

    def guarded(answer: Callable[[Request], Response]) -> Callable[[Request], Response]:
        def endpoint(request: Request) -> Response:
            given = request.query_params
            path = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
            if not token_holds(secret, path, given.get("expires", ""), given.get("token", "")):
                return _problem(403, "the link has expired or was not made by this app; reload the page")
            try:
                response = answer(request)
            except AudioError as error:
                return _problem(404 if error.status == "missing" else 422, str(error))
            except EarmarkError as error:
                return _problem(422, str(error))
            response.headers.setdefault("cache-control", f"private, max-age={TOKEN_LIFE_S}")
            response.headers["x-content-type-options"] = "nosniff"
            return response

        return endpoint

    def clip_at(request: Request) -> tuple[Clip, Path, str]:
        """The clip, its file on this machine, and a word that changes when the file does."""
        clip = clip_of(request.path_params["clip_id"])
        if clip is None:
            raise AudioError(f"no clip {request.path_params['clip_id']} in this workspace", "missing")
        path = _on_this_machine(clip, remote)
        try:
            state = path.stat()
        except OSError:
            raise AudioError(f"{clip.filename}: no such file ({clip.path})", "missing") from None
        return clip, path, f"{path}\n{state.st_mtime_ns}\n{state.st_size}"

    def audio(request: Request) -> Response:
        _, path, tag = clip_at(request)
        media_type = playable_type(path)
        if media_type:
            return FileResponse(path, media_type=media_type)
        return wav_response(WavStream.of(path), request.headers.get("range"), tag)

    def spectrogram(request: Request) -> Response:
        _, path, tag = clip_at(request)
        params = {k: v for k, v in request.query_params.items() if k not in ("expires", "token")}
        onset_s = _seconds("onset_s", params.pop("onset_s", "0"))
        offset_s = _seconds("offset_s", params.pop("offset_s")) if "offset_s" in params else None
        settings = settings_of(params)

        def make() -> bytes:
            from labeling.spectrogram import picture_of_file, png_bytes

            return png_bytes(picture_of_file(str(path), onset_s, offset_s, settings))

        key = hashlib.sha256(f"{PICTURE_VERSION}\n{tag}\n{onset_s}\n{offset_s}\n{settings}".encode()).hexdigest()
        data = cache.get(f"{key}.png", make)
        return Response(data, media_type="image/png", headers={"x-earmark-picture": picture_facts(data)})

    def peaks(request: Request) -> Response:
        _, path, tag = clip_at(request)
        text = request.query_params.get("width", "1600")
        if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 8192):
            raise ConfigError(f"width {text!r} must be 1 to 8192")

        def make() -> bytes:
            from labeling.spectrogram import peaks_of_file

            return peaks_of_file(str(path), int(text)).tobytes()

        key = hashlib.sha256(f"peaks\n{PICTURE_VERSION}\n{tag}\n{text}".encode()).hexdigest()
        return Response(cache.get(f"{key}.peaks", make), media_type="application/octet-stream")

    def vocabulary(request: Request) -> Response:
        return JSONResponse([[code, name] for code, name in (classes() if classes else ())])

    return [
        Route("/clips/vocabulary", guarded(vocabulary)),
        Route("/clips/{clip_id:int}/audio", guarded(audio)),
        Route("/clips/{clip_id:int}/spectrogram.png", guarded(spectrogram)),
        Route("/clips/{clip_id:int}/peaks", guarded(peaks)),
    ]


def _warm_up() -> None:
    """Load what the first picture and sound will need, so that the first reviewer does not wait for it."""
    import io

    import soundfile

    from labeling.spectrogram import picture, png_bytes

    png_bytes(picture(np.zeros(3200, np.float32), 32_000))
    soundfile.write(io.BytesIO(), np.zeros(10, np.float32), 32_000, format="WAV")


def picture_facts(png: bytes) -> str:
    """The JSON that png_bytes put into the picture, for a header."""
    import io

    from PIL import Image

    with Image.open(io.BytesIO(png)) as image:
        return str(image.info.get("earmark", "{}"))


def _problem(status: int, reason: str) -> JSONResponse:
    return JSONResponse({"error": reason}, status_code=status, headers={"cache-control": "no-store"})


def _seconds(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise ConfigError(f"{name} {text!r} is not a number of seconds") from None
    if not 0 <= value < math.inf:
        raise ConfigError(f"{name} {text!r} must be at least 0")
    return value


def _on_this_machine(clip: Clip, cache: DiskCache) -> Path:
    """The clip's own file, or for a URL a copy in the cache."""
    from labeling.audio import is_url

    if not is_url(clip.path):
        return Path(clip.path)
    name = hashlib.sha256(clip.path.encode()).hexdigest() + Path(clip.filename).suffix[:8]

    def fetch() -> bytes:
        import fsspec

        try:
            with fsspec.open(clip.path, "rb") as handle:
                return bytes(handle.read())
        except FileNotFoundError:
            raise AudioError(f"{clip.filename}: no such file ({clip.path})", "missing") from None
        except Exception as error:  # each fsspec backend has its own exceptions
            raise AudioError(f"{clip.filename}: cannot be fetched ({error}); check the URL and its access") from error

    cache.get(name, fetch)
    return cache.folder / name
