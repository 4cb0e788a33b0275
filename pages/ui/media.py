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
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from labeling.errors import AudioError, ConfigError, DataError, EarmarkError
from labeling.records import Clip
from labeling.spectrogram import SpectrogramSettings

SECRET_FILE = "media.key"
TOKEN_LIFE_S = 3600
CACHE_BYTES = 2 * 1024**3
PICTURE_VERSION = 1  # raise it when the same settings give another picture

# What every current browser plays as it is. Suffixes: formats that libsndfile does not read.
_PLAYABLE = {"OGG": "audio/ogg", "MP3": "audio/mpeg", "FLAC": "audio/flac"}
_PLAYABLE_SUFFIX = {
    ".m4a": "audio/mp4", ".mp4": "audio/mp4", ".aac": "audio/aac", ".webm": "audio/webm", ".weba": "audio/webm",
}  # fmt: skip
_HIGHEST_RATE = 48_000
_BLOCK_S = 4
_WAV_HEADER_BYTES = 44
_WAV_MOST_BYTES = 2**32 - 4096


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
        return _virtual_wav(WavStream.of(path), request.headers.get("range"), tag)

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


# ------------------------------------------------------------------------------------------------ sound for browsers


def playable_type(path: Path) -> str:
    """The media type of a file that browsers play as it is, or "" for one to be turned into 16-bit WAV.

    Raises:
        AudioError: the file is missing, or is no sound.
    """
    from labeling.audio import probe

    foreign = _PLAYABLE_SUFFIX.get(path.suffix.lower(), "")
    if foreign and path.is_file():
        return foreign
    info = probe(str(path), shortest_s=0.0)
    if info.channels > 2 or info.sample_rate > _HIGHEST_RATE or info.sample_rate < 8000 or info.note:
        return ""
    if info.format in ("WAV", "WAVEX"):
        return "audio/wav" if info.subtype in ("PCM_16", "PCM_U8") else ""
    return _PLAYABLE.get(info.format, "")


@dataclass(frozen=True)
class WavStream:
    """A sound file seen as a 16-bit WAV file of known size, whose bytes are made when they are asked for.

    More than two channels become their mean; rates above 48 kHz are lowered. Nothing is stored, so a file of hours
    plays at once.
    """

    path: Path
    native_rate: int
    rate: int
    channels: int
    frames: int

    @classmethod
    def of(cls, path: Path) -> WavStream:
        """Raises AudioError where the file cannot be read."""
        from labeling.audio import probe

        info = probe(str(path), shortest_s=0.0)
        channels = info.channels if info.channels <= 2 else 1
        rate = playable_rate(info.sample_rate, info.frames, channels)
        return cls(path, info.sample_rate, rate, channels, math.ceil(info.frames * rate / info.sample_rate))

    @property
    def size(self) -> int:
        """Bytes of the whole file."""
        return _WAV_HEADER_BYTES + self.frames * self.channels * 2

    def header(self) -> bytes:
        """The 44 bytes before the samples."""
        import struct

        data = self.frames * self.channels * 2
        step = self.channels * 2
        return struct.pack(
            "<4sI4s4sIHHIIHH4sI",
            b"RIFF", data + 36, b"WAVE", b"fmt ", 16, 1, self.channels, self.rate, self.rate * step, step, 16,
            b"data", data,
        )  # fmt: skip

    def read(self, first: int, last: int) -> Iterator[bytes]:
        """Bytes ``first`` to ``last`` (exclusive), a few seconds at a time."""
        if first < _WAV_HEADER_BYTES:
            yield self.header()[first:last]
        step = self.channels * 2
        position = max(first, _WAV_HEADER_BYTES) - _WAV_HEADER_BYTES
        end = min(last, self.size) - _WAV_HEADER_BYTES
        while position < end:
            # the same blocks whatever the range, so that two ranges never differ by a rounding
            onset_s = position // step // self.rate // _BLOCK_S * _BLOCK_S
            offset = position - onset_s * self.rate * step
            data = self._samples(onset_s, onset_s + _BLOCK_S).tobytes()[offset : offset + end - position]
            if not data:
                return
            yield data
            position += len(data)

    def _samples(self, onset_s: int, offset_s: int) -> NDArray[np.int16]:
        """16-bit samples (n, channels) of whole seconds; silence where the file ends before its header says."""
        from labeling.audio import read_window, resample

        margin_s = 0 if self.rate == self.native_rate or onset_s == 0 else 1  # lets the filter settle
        samples, _ = read_window(
            str(self.path), onset_s - margin_s, offset_s + (self.rate != self.native_rate), mono=self.channels == 1
        )
        wave = samples[:, None] if samples.ndim == 1 else samples.T
        wave = resample(wave, self.native_rate, self.rate)
        wanted = min(offset_s * self.rate, self.frames) - onset_s * self.rate
        wave = wave[margin_s * self.rate :][:wanted]
        if len(wave) < wanted:
            wave = np.pad(wave, ((0, wanted - len(wave)), (0, 0)))
        return np.round(np.clip(wave, -1.0, 1.0) * 32767).astype("<i2")


def playable_rate(rate: int, frames: int, channels: int) -> int:
    """A rate that browsers play: the same, a whole fraction of it, or 48 kHz; lower where 16-bit WAV would overflow."""
    if rate > _HIGHEST_RATE:
        parts = math.ceil(rate / _HIGHEST_RATE)
        chosen = rate // parts if rate % parts == 0 else _HIGHEST_RATE
    else:
        chosen = max(rate, 8000)
    while math.ceil(frames * chosen / rate) * channels * 2 > _WAV_MOST_BYTES:
        chosen //= 2
    return chosen


def _virtual_wav(wav: WavStream, wanted: str | None, tag: str) -> Response:
    """Answer a request, with or without a Range, from a WavStream."""
    headers = {"accept-ranges": "bytes", "etag": f'"{hashlib.sha256(tag.encode()).hexdigest()[:32]}"'}
    first, last, status = 0, wav.size, 200
    if wanted is not None and wanted.startswith("bytes=") and "," not in wanted:
        begin, _, end = wanted.removeprefix("bytes=").partition("-")
        try:
            if begin.strip():
                first = int(begin)
                last = min(int(end) + 1, wav.size) if end.strip() else wav.size
            else:
                first = max(0, wav.size - int(end))
        except ValueError:
            raise DataError(f"range {wanted!r} is not understood; ask for bytes=first-last") from None
        if not 0 <= first < last:
            return Response(status_code=416, headers={"content-range": f"bytes */{wav.size}"})
        status = 206
        headers["content-range"] = f"bytes {first}-{last - 1}/{wav.size}"
    headers["content-length"] = str(last - first)
    return StreamingResponse(wav.read(first, last), status_code=status, media_type="audio/wav", headers=headers)
