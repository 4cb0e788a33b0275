"""Sound and pictures of clips by URL: Starlette routes, each guarded by a short-lived signed token.

``/clips/{id}/audio`` gives what a browser can play, ``/clips/{id}/tile`` and ``/clips/{id}/peaks`` what it can draw
(labeling/sound/tiles.py), ``/clips/vocabulary`` the classes to type from. Routes beside Streamlit's pages are not
behind its sign-in; the token is, and where people sign in only its owner may use it (signin.admitted). A URL names a
clip by its id and never a path, so nothing but the workspace's clips can be had.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from anyio import CapacityLimiter
from starlette.concurrency import run_in_threadpool
from starlette.convertors import IntegerConvertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from labeling.errors import AudioError, ConfigError, EarmarkError, NotAllowed
from labeling.records import Clip
from labeling.sound import ranges, tiles
from labeling.sound.decoding import read_window, write_decoded
from labeling.sound.spectrogram import SpectrogramSettings
from labeling.sound.tiles import Job, Source
from labeling.storage.diskcache import CACHE_BYTES, DiskCache
from labeling.storage.remote import is_url, told
from pages.ui import signin
from pages.ui.routes.playable import WavStream, playable_type, wav_response
from pages.ui.signing import TOKEN_LIFE_S, key_of, token_holds

PICTURE_VERSION = 2  # raise it when the same settings give another picture
CHECKED_S = 8.0  # what a stream may have been reading when it broke off
PLACE_PARAMS = ("expires", "token", "level", "index", "channel")  # what a tile's URL says beside its settings
HEAVY_WORK = 1 << 25  # Job.work: what takes longer than about half a second
HEAVY_AT_ONCE, QUICK_AT_ONCE = 2, 4

Answer = Callable[[Request], Awaitable[Response]]


class IdConvertor(IntegerConvertor):
    """A clip's number in a path; at one of thousands of digits, of which Python makes no int, Starlette's own fails."""

    regex = "[0-9]{1,40}"


register_url_convertor("id", IdConvertor())


def settings_of(params: dict[str, str]) -> SpectrogramSettings:
    """How to draw, from a URL's parameters.

    Raises:
        ConfigError: an unknown name, or a value out of bounds.
    """
    known = {setting.name: str(setting.type) for setting in fields(SpectrogramSettings)}
    values: dict[str, Any] = {}
    for name, text in params.items():
        if name not in known:
            raise ConfigError(f"unknown setting {name!r}; choose from {', '.join(sorted(known))}")
        kind = known[name]
        try:
            if kind == "bool":
                values[name] = bool(("0", "1").index(text))
            elif "int" in kind or "float" in kind:
                values[name] = float(text) if "float" in kind else int(text)
            else:
                values[name] = text
        except ValueError:
            raise ConfigError(f"{name} {text!r} is not a number") from None
    return SpectrogramSettings(**values)


def media_routes(
    cache_dir: Path,
    clip_of: Callable[[int], Clip | None],
    secret: Callable[[], bytes],
    classes: Callable[[], Sequence[tuple[str, str, bool]]] | None = None,
    cache_bytes: int = CACHE_BYTES,
) -> list[Route]:
    """The routes to mount in the app.

    Args:
        cache_dir: folder for what was drawn; it may be emptied at any time.
        clip_of: finds a clip by its id, None where there is none; called from threads.
        secret: gives what signing.signed_url was given; asked at each request, so that a workspace that cannot be
            opened when the app starts is served once it can.
        classes: ``(code, name, is_new)`` of every class, for typing.
        cache_bytes: bound of the folder's size.
    """
    threading.Thread(target=_warm_up, daemon=True).start()
    pictures, decoded = (DiskCache(cache_dir / name, cache_bytes) for name in ("pictures", "decoded"))
    ranges.keep_copies_in(cache_dir / "remote", cache_bytes)
    media = _Media(clip_of, pictures, decoded)

    def vocabulary(_: Request) -> Response:
        return JSONResponse([list(row) for row in (classes() if classes else ())])

    answers = {
        "vocabulary": _threaded(vocabulary),
        "{clip_id:id}/audio": _threaded(media.audio),
        "{clip_id:id}/tile": _drawn(media, media.spectrogram_job, "x-earmark-tile"),
        "{clip_id:id}/peaks": _drawn(media, media.waveform_job, "x-earmark-peaks"),
    }
    return [Route(f"/clips/{path}", _guarded(answer, secret, f"/clips/{path}")) for path, answer in answers.items()]


@dataclass(frozen=True)
class _Media:
    """Clips, what was drawn of them, and decoded copies of those whose decoder cannot seek.

    Few pictures are made at once, ``heavy`` ones apart, so that sound and decisions do not wait.
    """

    clip_of: Callable[[int], Clip | None]
    pictures: DiskCache
    decoded: DiskCache
    quick: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(QUICK_AT_ONCE))
    heavy: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(HEAVY_AT_ONCE))

    def keep(self, name: str, make: Callable[[], bytes]) -> bytes:
        return self.pictures.get(_key(name), make)

    def has(self, name: str) -> bool:
        return self.pictures.peek(_key(name)) is not None

    def source(self, request: Request) -> Source:
        """The clip's file, or a copy of it, with a word that changes when the file does."""
        clip = self.clip_of(request.path_params["clip_id"])
        if clip is None:
            raise AudioError(f"no clip {request.path_params['clip_id']} in this workspace", "missing")
        path = ranges.place(clip.path) if is_url(clip.path) else clip.path
        channel = _whole("channel", request.query_params.get("channel", "0"))
        source = Source(path, _state(path, clip), self.keep, channel, self.has)
        if source.sound.seeks:
            return source
        name = f"{_key(source.tag)}.wav"
        try:
            copy = self.decoded.file(name, lambda file: write_decoded(source.path, file))
        except OSError:  # no room for it: slowly, from the file itself
            return source
        return replace(source, path=str(copy), tag=f"{source.tag}\ndecoded")

    def audio(self, request: Request) -> Response:
        source, expand = self.source(request), request.query_params.get("expand")
        if (at := request.query_params.get("at_s")) is not None:
            return _check(source, at)
        if expand is None:
            media_type = playable_type(source.sound) if not source.channel and not is_url(source.path) else ""
            if media_type:
                return FileResponse(source.path, media_type=media_type)
            wav = WavStream.of(source.path, source.sound, source.channel)
        else:
            wav = WavStream.expanded(source.path, source.sound, _whole("expand", expand), source.channel)
        return wav_response(wav, request.headers.get("range"), f"{source.drawn_tag}\n{wav.header_rate}")

    def spectrogram_job(self, request: Request) -> Job:
        params = {k: v for k, v in request.query_params.items() if k not in PLACE_PARAMS}
        return tiles.tile(self.source(request), settings_of(params), *_level_and_index(request))

    def waveform_job(self, request: Request) -> Job:
        return tiles.peaks(self.source(request), *_level_and_index(request))


def _guarded(answer: Answer, secret: Callable[[], bytes], place: str) -> Answer:
    """Only for who holds a token that this app signed; errors are answered with their reason."""

    async def endpoint(request: Request) -> Response:
        params = request.query_params
        path = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
        try:
            person = await run_in_threadpool(signin.admitted, request, f"GET {place}")
            key = key_of(secret(), person.name)
            if not token_holds(key, path, params.get("expires", ""), params.get("token", "")):
                return problem(403, "the link has expired or was not made by this app; reload the page")
            response = await answer(request)
        except NotAllowed as error:
            return problem(403, str(error))
        except AudioError as error:
            return problem(404 if error.status == "missing" else 422, str(error))
        except EarmarkError as error:
            return problem(422, str(error))
        response.headers.setdefault("cache-control", f"private, max-age={TOKEN_LIFE_S}")
        response.headers["x-content-type-options"] = "nosniff"
        return response

    return endpoint


def _drawn(media: _Media, job_of: Callable[[Request], Job], header: str) -> Answer:
    """A picture from the cache, else made in its turn; ``header`` names what tells its facts."""

    def begin(request: Request) -> tuple[Job, bytes | None]:
        job = job_of(request)
        return job, media.pictures.peek(_key(job.name))

    async def answer(request: Request) -> Response:
        job, data = await run_in_threadpool(begin, request)
        if data is None:
            async with media.heavy if job.work > HEAVY_WORK else media.quick:
                if await _disconnected(request):
                    return Response(status_code=499)
                data = await run_in_threadpool(media.keep, job.name, job.make)
        facts, body = tiles.parts(data)
        headers = {"content-encoding": "gzip", header: facts}
        return Response(body, media_type="application/octet-stream", headers=headers)

    return answer


def _threaded(answer: Callable[[Request], Response]) -> Answer:
    async def endpoint(request: Request) -> Response:
        return await run_in_threadpool(answer, request)

    return endpoint


async def _disconnected(request: Request) -> bool:
    """Whether the client has gone; its first message is the request's empty body."""
    return await request.is_disconnected() or await request.is_disconnected()


def _key(name: str) -> str:
    return hashlib.sha256(f"{PICTURE_VERSION}\n{name}".encode()).hexdigest()


def _level_and_index(request: Request) -> tuple[int, int]:
    params = request.query_params
    return _whole("level", params.get("level", "")), _whole("index", params.get("index", ""))


def _check(source: Source, at: str) -> Response:
    """Whether there is sound at a place, for a player whose stream broke off; raises AudioError where there is none."""
    try:
        at_s = float(at)
        samples, _ = read_window(source.path, at_s, at_s + CHECKED_S, channel=source.channel)
    except ValueError:
        raise ConfigError(f"at_s {at!r} is not a number of seconds") from None
    if not len(samples) and at_s < source.sound.duration_s:
        raise AudioError(f"no sound can be decoded from {at_s:.2f} s on")
    return JSONResponse({}, headers={"cache-control": "no-store"})


def _whole(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise ConfigError(f"{name} {text!r} is not a whole number")
    return int(text)


def _warm_up() -> None:
    """Load what the first picture and sound will need, so that the first reviewer does not wait for it."""
    import io

    import scipy.fft
    import soundfile

    scipy.fft.rfft(np.zeros(64, np.float32))
    soundfile.write(io.BytesIO(), np.zeros(10, np.float32), 32_000, format="WAV")


def problem(status: int, reason: str) -> JSONResponse:
    """An answer that says why there is none, as the scripts read it: ``{"error": reason}``."""
    return JSONResponse({"error": reason}, status_code=status, headers={"cache-control": "no-store"})


def _state(path: str, clip: Clip) -> str:
    """Another word once the file is another; raises AudioError where it is not there."""
    if is_url(path):
        at = ranges.state(path)
        return f"{path}\n{at.tag}\n{at.size}"
    try:
        state = os.stat(path)
    except OSError:
        raise AudioError(f"{clip.filename}: no such file ({told(clip.path)})", "missing") from None
    return f"{path}\n{state.st_mtime_ns}\n{state.st_size}"
