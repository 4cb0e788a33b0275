"""Sound files of many formats whose headers and bodies are damaged, for hypothesis, with what is known of each."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np
import soundfile
from hypothesis import strategies as st

#: name -> format and subtype as libsndfile calls them, and how it is to write them
FORMS: dict[str, tuple[str, str, dict[str, object]]] = {
    **{f"WAV {subtype}": ("WAV", subtype, {}) for subtype in
       ("PCM_U8", "PCM_16", "PCM_24", "FLOAT", "DOUBLE", "ULAW", "IMA_ADPCM", "MS_ADPCM")},
    "WAVEX": ("WAVEX", "PCM_16", {}),
    "RF64": ("RF64", "PCM_16", {}),
    **{f"AIFF {subtype}": ("AIFF", subtype, {}) for subtype in ("PCM_16", "PCM_24", "FLOAT")},
    **{f"CAF {subtype}": ("CAF", subtype, {}) for subtype in ("PCM_16", "FLOAT", "ALAC_16")},
    "AU": ("AU", "PCM_16", {}),
    "FLAC": ("FLAC", "PCM_16", {}),
    "FLAC 24": ("FLAC", "PCM_24", {}),
    "Vorbis": ("OGG", "VORBIS", {}),
    "Opus": ("OGG", "OPUS", {}),
    "MP3 CBR": ("MP3", "MPEG_LAYER_III", {"bitrate_mode": "CONSTANT", "compression_level": 0.5}),
    "MP3 VBR": ("MP3", "MPEG_LAYER_III", {"bitrate_mode": "VARIABLE", "compression_level": 0.3}),
}  # fmt: skip
RATES = (8000, 16_000, 48_000)
SECONDS = (0.2, 0.7, 2.0)
HEADER_BYTES = 200

#: the numbers in a header: the name before them, bytes from its start on, and how they are packed
Field = tuple[bytes, int, str]
FIELDS: dict[str, tuple[Field, ...]] = {
    "WAV": (
        (b"RIFF", 4, "<I"), (b"fmt ", 4, "<I"), (b"fmt ", 8, "<H"), (b"fmt ", 10, "<H"), (b"fmt ", 12, "<I"),
        (b"fmt ", 16, "<I"), (b"fmt ", 20, "<H"), (b"fmt ", 22, "<H"), (b"fact", 8, "<I"),
        (b"data", 4, "<I"), (b"data", 4, "<I"), (b"data", 4, "<I"),
    ),
    "RF64": (
        (b"RF64", 4, "<I"), (b"ds64", 4, "<I"), (b"ds64", 8, "<Q"), (b"ds64", 16, "<Q"), (b"ds64", 24, "<Q"),
        (b"fmt ", 10, "<H"), (b"fmt ", 12, "<I"), (b"fmt ", 20, "<H"), (b"data", 4, "<I"),
    ),
    "AIFF": (
        (b"FORM", 4, ">I"), (b"COMM", 4, ">I"), (b"COMM", 8, ">H"), (b"COMM", 10, ">I"), (b"COMM", 14, ">H"),
        (b"COMM", 16, ">H"), (b"COMM", 18, ">Q"), (b"SSND", 4, ">I"), (b"SSND", 8, ">I"), (b"SSND", 12, ">I"),
    ),
    "CAF": (
        (b"desc", 4, ">Q"), (b"desc", 12, ">Q"), (b"desc", 28, ">I"), (b"desc", 32, ">I"), (b"desc", 36, ">I"),
        (b"desc", 40, ">I"), (b"pakt", 4, ">Q"), (b"pakt", 12, ">Q"), (b"pakt", 20, ">Q"), (b"data", 4, ">Q"),
    ),
    "AU": tuple((b".snd", at, ">I") for at in (4, 8, 12, 16, 20)),
    "FLAC": tuple((b"fLaC", at, layout) for at, layout in
                  ((4, ">I"), (8, ">H"), (10, ">H"), (18, ">H"), (18, ">Q"), (20, ">H"), (22, ">I"), (46, ">I"))),
    "OGG": (
        (b"OggS", 6, "<Q"), (b"OggS", 14, "<I"), (b"OggS", 18, "<I"), (b"\x01vorbis", 11, "<B"),
        (b"\x01vorbis", 12, "<I"), (b"OpusHead", 9, "<B"), (b"OpusHead", 10, "<H"), (b"OpusHead", 12, "<I"),
        (b"OpusHead", 16, "<H"), (b"OpusHead", 18, "<B"), (b"last page", 6, "<Q"), (b"last page", 18, "<I"),
    ),
    "MP3": tuple((tag, at, layout) for tag in (b"Xing", b"Info") for at, layout in
                 ((4, ">I"), (8, ">I"), (12, ">I"), (120, ">I"), (141, ">I"))),
}  # fmt: skip
FIELDS["WAVEX"] = FIELDS["WAV"]
#: fields of which the sound does not depend: only how long the header says that it is
LENGTHS: dict[str, tuple[Field, ...]] = {
    "WAV": ((b"RIFF", 4, "<I"), (b"data", 4, "<I")),
    "WAVEX": ((b"RIFF", 4, "<I"), (b"data", 4, "<I")),
    "RF64": ((b"ds64", 16, "<Q"),),
    "AIFF": ((b"FORM", 4, ">I"), (b"COMM", 10, ">I"), (b"SSND", 4, ">I")),
    "CAF": ((b"data", 4, ">Q"),),
    "AU": ((b".snd", 8, ">I"),),
    "FLAC": ((b"fLaC", 22, ">I"),),
    "OGG": (),
    "MP3": ((b"Xing", 8, ">I"), (b"Info", 8, ">I")),
}
#: those of them that say how much sound there is
BELIEVED = {LENGTHS["WAV"][1], LENGTHS["RF64"][0], LENGTHS["AIFF"][2], LENGTHS["CAF"][0], LENGTHS["AU"][0],
            LENGTHS["FLAC"][0], *LENGTHS["MP3"]}  # fmt: skip
#: values by which two of them do not lie: an AU that goes on to its end, an MP3 that tells no number
NO_LIES = {(b".snd", 0xFFFFFFFF), (b"Info", 0), (b"Xing", 0)}
VALUES = (0, 1, 2, 3, 7, 255, 1000, 65_535, 0x7FFFFFFF, 0x7FFFF000, 0xFFFFFFFF, 2**63 - 1, 2**64 - 1)
BEFORE = (
    b"ID3\x04\0\0\0\0\0\x0b" + b"TIT2\0\0\0\1\0\0x", b"ID3\x03\0\0\x7f\x7f\x7f\x7f", b"\xef\xbb\xbf", bytes(512),
    b"junk", b"\xff" * 64, b"<html>404</html>",
)  # fmt: skip
AFTER = (
    b"TAG" + b"x" * 125, b"APETAGEX" + struct.pack("<IIII", 2000, 32, 0, 0) + bytes(8), bytes(5000), b"abc",
    b"LIST" + struct.pack("<I", 3000) + b"INFO" * 750, b"id3 " + struct.pack("<I", 30) + b"x" * 30,
    b"data" + struct.pack("<I", 2**31) + b"\1\2" * 40, b"\xff\xfb\x90\x64" * 300,
)  # fmt: skip


@dataclass(frozen=True)
class OddSound:
    """A file's bytes. ``told_s`` is what its header says, and ``true_s`` the sound that is there, None where the damage
    leaves neither certain; ``lies`` where the header surely says another length. ``story`` tells how it came about."""

    data: bytes
    form: str
    told_s: float | None
    true_s: float | None
    lies: bool = False
    story: tuple[str, ...] = field(default=())

    @property
    def format(self) -> str:
        """As libsndfile calls it."""
        return FORMS[self.form][0]

    @property
    def suffix(self) -> str:
        """Of its name."""
        return "wav" if self.format in ("WAVEX", "RF64") else self.format.lower()


@cache
def honest(form: str, seconds: float, channels: int, rate: int) -> bytes:
    """The file without a damage: noise, and another one for each kind of file."""
    seed = sum(map(ord, f"{form}{seconds}{channels}{rate}"))
    wave = np.random.default_rng(seed).uniform(-0.3, 0.3, (round(seconds * rate), channels))
    major, subtype, how = FORMS[form]
    body = io.BytesIO()
    soundfile.write(body, wave, rate, format=major, subtype=subtype, **how)
    return body.getvalue()


@st.composite
def odd_sounds(draw: st.DrawFn) -> OddSound:
    """Any of them, with up to two damages."""
    sound = _honest(draw)
    for _ in range(draw(st.sampled_from([0, 1, 1, 1, 1, 2]))):
        name = draw(st.sampled_from(list(DAMAGES)))
        sound = DAMAGES[name](draw, sound)
    return sound


def _honest(draw: st.DrawFn) -> OddSound:
    form = draw(st.sampled_from(list(FORMS)))
    seconds, channels, rate = (
        draw(st.sampled_from(SECONDS)),
        draw(st.sampled_from([1, 1, 2])),
        draw(st.sampled_from(RATES)),
    )
    story = (f"{form}, {seconds} s, {channels} channels, {rate} Hz",)
    return OddSound(honest(form, seconds, channels, rate), form, seconds, seconds, story=story)


def _damaged(
    sound: OddSound, data: bytes, story: str, *, told: bool = False, true: bool = False, lies: bool = False
) -> OddSound:
    """``told`` and ``true``: whether what was known of the header, and of the sound, holds still."""
    return replace(
        sound,
        data=data,
        told_s=sound.told_s if told else None,
        true_s=sound.true_s if true else None,
        lies=(lies or sound.lies) and true,
        story=(*sound.story, story),
    )


def _flipped(draw: st.DrawFn, sound: OddSound) -> OddSound:
    data = bytearray(sound.data)
    places = draw(st.lists(st.integers(0, HEADER_BYTES), min_size=1, max_size=4))
    for at in places:
        if at < len(data):
            data[at] ^= draw(st.integers(1, 255))
    return _damaged(sound, bytes(data), f"bytes {places} flipped")


def _renumbered(draw: st.DrawFn, sound: OddSound, fields: tuple[Field, ...] = ()) -> OddSound:
    only_length = bool(fields)
    there = [it for it in fields or FIELDS[sound.format] if _place(sound.data, it) is not None]
    # what was set before may be set to its true value again
    there = [it for it in there if not any(step.startswith(f"{it} set") for step in sound.story)]
    if not there:
        return sound
    its = draw(st.sampled_from(there))
    at = _place(sound.data, its)
    assert at is not None
    size = struct.calcsize(its[2])
    value = draw(st.sampled_from(VALUES)) & (1 << 8 * size) - 1
    data = bytearray(sound.data)
    (before,) = struct.unpack_from(its[2], data, at)
    struct.pack_into(its[2], data, at, value)
    body = resealed(bytes(data)) if sound.format == "OGG" else bytes(data)
    certain = only_length and "after it" not in sound.story[-1]  # without a length all that follows is sound
    known = sound.format != "MP3" or len(sound.story) == 1  # whether the number of frames counts another field tells
    lies = known and its in BELIEVED and abs(value - before) > 0.75 * before and (its[0], value) not in NO_LIES
    return _damaged(sound, body, f"{its} set to {value}", true=certain, lies=lies)


def _length_changed(draw: st.DrawFn, sound: OddSound) -> OddSound:
    return _renumbered(draw, sound, LENGTHS[sound.format]) if LENGTHS[sound.format] else sound


def _place(data: bytes, its: Field) -> int | None:
    name, skip, layout = its
    at = data.rfind(b"OggS") if name == b"last page" else data.find(name)
    return at + skip if at >= 0 and at + skip + struct.calcsize(layout) <= len(data) else None


def _cut(draw: st.DrawFn, sound: OddSound) -> OddSound:
    at = draw(st.integers(0, len(sound.data)))
    story = f"cut at byte {at} of {len(sound.data)}"
    # only these say their length before the sound; after a cut a header that tells none is no lie
    tells = sound.format in ("WAV", "WAVEX", "RF64", "AU", "FLAC") and at > HEADER_BYTES
    return _damaged(sound, sound.data[:at], story, told=tells)


def _before(draw: st.DrawFn, sound: OddSound) -> OddSound:
    more = draw(st.sampled_from(BEFORE))
    return _damaged(sound, more + sound.data, f"{more[:12]!r} before it")


def _after(draw: st.DrawFn, sound: OddSound) -> OddSound:
    more = draw(st.sampled_from(AFTER))
    keeps = sound.format not in ("OGG", "MP3", "CAF", "AU") and more[0] != 0xFF and not sound.lies
    return _damaged(sound, sound.data + more, f"{more[:12]!r} after it", told=keeps, true=keeps)


def _joined(draw: st.DrawFn, sound: OddSound) -> OddSound:
    other = _honest(draw) if draw(st.booleans()) else sound
    return _damaged(sound, sound.data + other.data, f"followed by {other.story[0]}")


def _body_damaged(draw: st.DrawFn, sound: OddSound) -> OddSound:
    size = len(sound.data)
    begin = draw(st.integers(min(HEADER_BYTES, size), size))
    end = min(size, begin + draw(st.sampled_from([1, 16, 500, 5000])))
    how = draw(st.sampled_from(["zeros", "ones", "noise", "gone", "twice"]))
    rest = {
        "zeros": bytes(end - begin),
        "ones": b"\xff" * (end - begin),
        "noise": np.random.default_rng(begin).bytes(end - begin),
        "gone": b"",
        "twice": 2 * sound.data[begin:end],
    }[how]
    return _damaged(sound, sound.data[:begin] + rest + sound.data[end:], f"bytes {begin} to {end}: {how}")


def _chunks_moved(draw: st.DrawFn, sound: OddSound) -> OddSound:
    parts = chunks(sound)
    if len(parts) < 3:
        return sound
    head, rest = parts[0], parts[1:]
    how = draw(st.sampled_from(["doubled", "reordered", "left out"]))
    at = draw(st.integers(0, len(rest) - 1))
    if how == "doubled":
        rest.insert(at, rest[at])
    elif how == "left out":
        del rest[at]
    else:
        rest = draw(st.permutations(rest))
    return _damaged(sound, head + b"".join(rest), f"chunk {at} {how}")


DAMAGES: dict[str, Callable[[st.DrawFn, OddSound], OddSound]] = {
    "flipped": _flipped,
    "renumbered": _renumbered,
    "renumbered again": _renumbered,  # the likeliest
    "length": _length_changed,
    "cut": _cut,
    "empty": lambda _, sound: _damaged(sound, b"", "emptied"),
    "before": _before,
    "after": _after,
    "joined": _joined,
    "body": _body_damaged,
    "chunks": _chunks_moved,
}


def chunks(sound: OddSound) -> list[bytes]:
    """The file's start, and its chunks, pages or blocks."""
    data = sound.data
    if sound.format == "OGG":
        return [b"", *(b"OggS" + part for part in data.split(b"OggS")[1:])]
    start, layout, odd = {
        "WAV": (12, "<4sI", True), "WAVEX": (12, "<4sI", True), "RF64": (12, "<4sI", True),
        "AIFF": (12, ">4sI", True), "CAF": (8, ">4sQ", False),
    }.get(sound.format, (len(data), "", False))  # fmt: skip
    parts, at = [data[:start]], start
    while layout and at + struct.calcsize(layout) <= len(data):
        _, size = struct.unpack_from(layout, data, at)
        stop = at + struct.calcsize(layout) + size + (size % 2 if odd else 0)
        parts.append(data[at:stop])
        at = stop
    return parts


@cache
def _crc_of(byte: int) -> int:
    value = byte << 24
    for _ in range(8):
        value = (value << 1 ^ 0x04C11DB7 if value & 0x80000000 else value << 1) & 0xFFFFFFFF
    return value


def resealed(data: bytes) -> bytes:
    """An Ogg file with the checksums of its first and last page made anew, without which no decoder takes them."""
    parts = [b"OggS" + part for part in data.split(b"OggS")[1:]]
    for k in {0, len(parts) - 1} if parts else ():
        page = bytearray(parts[k])
        if len(page) < 27:
            continue
        page[22:26] = bytes(4)
        checksum = 0
        for byte in page:
            checksum = (checksum << 8 & 0xFFFFFFFF) ^ _crc_of(checksum >> 24 ^ byte)
        struct.pack_into("<I", page, 22, checksum)
        parts[k] = bytes(page)
    return b"".join(parts)
