"""Songs of seven invented birds, and the places where they are recorded, synthesised with numpy alone.

A song is a sum of notes; a note is a pitch contour with harmonics and an envelope. Distance takes level and treble away
and adds the wood's reverberation; wind, insects or a stream lie under it; each recordist's gear has its own noise and
colour. Nothing here is meant to fool an ornithologist, only to be as confusable, faint and noisy as real recordings.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

SAMPLE_RATE = 32_000

Wave = NDArray[np.float32]


@dataclass(frozen=True)
class Individual:
    """How one bird differs from the next of its kind: factors on time and pitch, and a seed for its repertoire."""

    tempo: float
    pitch: float
    repertoire: int


@dataclass(frozen=True)
class Species:
    """An invented bird. ``sing`` gives one song, peak 1, from a fresh generator and an individual."""

    code: str
    common_name: str
    scientific_name: str
    sing: Callable[[Generator, Individual], Wave]
    low_hz: float
    high_hz: float


@dataclass(frozen=True)
class Recordist:
    """A person with a site and gear: hiss in dBFS, the low cut and treble limit in Hz, tilt in dB per octave."""

    name: str
    latitude: float
    longitude: float
    hiss_db: float
    low_cut_hz: float
    treble_hz: float
    tilt_db: float
    ambience: str


def individual(rng: Generator) -> Individual:
    """A bird of its own."""
    return Individual(rng.uniform(0.87, 1.15), rng.uniform(0.93, 1.07), int(rng.integers(1 << 30)))


# ------------------------------------------------------------------------------------------------ notes


def note(
    rng: Generator,
    duration_s: float,
    contour_hz: Sequence[float],
    *,
    harmonics: Sequence[float] = (1.0, 0.06, 0.02),
    attack: float = 0.25,
    vibrato: tuple[float, float] = (0.0, 0.0),
    pulse: tuple[float, float] = (0.0, 0.0),
    rough: float = 0.0,
) -> Wave:
    """One note.

    Args:
        rng: small irregularities.
        duration_s: length in seconds.
        contour_hz: pitches evenly spread over the note, joined smoothly on a log scale.
        harmonics: amplitude of each harmonic, the fundamental first.
        attack: where in the note it is loudest, 0..1.
        vibrato: rate in Hz, depth as a fraction of the pitch.
        pulse: rate in Hz, depth 0..1 of amplitude pulses.
        rough: 0..1, how hoarse.
    """
    n = max(64, int(duration_s * SAMPLE_RATE))
    x = np.linspace(0.0, 1.0, n)
    time_s = x * duration_s
    points = np.log(np.asarray(contour_hz))
    pitch = np.exp(_smooth_interpolation(x, points))
    if vibrato[1]:
        pitch = pitch * (1 + vibrato[1] * np.sin(2 * np.pi * (vibrato[0] * time_s + rng.random())))
    if rough:
        pitch = pitch * (1 + 0.02 * rough * _wobble(rng, n, 220.0))
    phase = 2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE
    wave = np.zeros(n)
    for order, level in enumerate(harmonics, start=1):
        if level > 0.004 and order * pitch.max() < SAMPLE_RATE * 0.47:
            wave += level * np.sin(order * phase)
    rise = np.clip(x / attack, 0, 1)
    fall = np.clip((1 - x) / (1 - attack), 0, 1)
    envelope = np.sin(np.pi / 2 * rise) ** 1.5 * np.sin(np.pi / 2 * fall) ** 1.2
    if pulse[1]:
        beat = 0.5 + 0.5 * np.sin(2 * np.pi * pulse[0] * time_s)
        envelope = envelope * (1 - pulse[1] + pulse[1] * beat**2)
    if rough:
        envelope = envelope * np.clip(1 + 0.6 * rough * _wobble(rng, n, 400.0), 0.1, 2.0)
    return (wave * envelope * rng.uniform(0.85, 1.0)).astype(np.float32)


def _smooth_interpolation(x: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Through evenly spread points, level at each one (cosine)."""
    if len(points) == 1:
        return np.full(len(x), points[0])
    place = np.clip(x * (len(points) - 1), 0, len(points) - 1 - 1e-9)
    left = place.astype(int)
    part = (1 - np.cos(np.pi * (place - left))) / 2
    return np.asarray(points[left] * (1 - part) + points[left + 1] * part)


def _wobble(rng: Generator, n: int, rate_hz: float) -> NDArray[np.float64]:
    """Slow noise in about -1..1 that changes ``rate_hz`` times a second."""
    knots = max(2, int(n / SAMPLE_RATE * rate_hz) + 2)
    return np.interp(np.linspace(0, knots - 1, n), np.arange(knots), rng.uniform(-1, 1, knots))


def phrase(parts: Sequence[tuple[float, Wave, float]]) -> Wave:
    """Lay notes out in time: (onset in s, note, gain); peak 1."""
    end = max(int(onset * SAMPLE_RATE) + len(wave) for onset, wave, _ in parts)
    out = np.zeros(end, np.float32)
    for onset, wave, gain in parts:
        start = int(onset * SAMPLE_RATE)
        out[start : start + len(wave)] += gain * wave
    peak = float(np.abs(out).max())
    return out / peak if peak else out


# ------------------------------------------------------------------------------------------------ songs


def amber_finchling(rng: Generator, bird: Individual) -> Wave:
    """A falling cascade of quick arched chirps, closed by a long down-slur."""
    p, t = bird.pitch, 1 / bird.tempo
    parts: list[tuple[float, Wave, float]] = []
    onset = 0.0
    count = int(rng.integers(6, 10))
    for i in range(count):
        drop = p * 0.965**i
        chirp = note(rng, 0.075 * t, (3300 * drop, 6400 * drop, 4300 * drop), attack=0.45)
        parts.append((onset, chirp, 0.55 + 0.45 * i / count))
        onset += (0.135 - 0.004 * i) * t
    parts.append((onset + 0.02, note(rng, 0.24 * t, (5600 * p, 5200 * p, 3100 * p, 2300 * p), attack=0.2), 1.0))
    return phrase(parts)


def reed_triller(rng: Generator, bird: Individual) -> Wave:
    """Two slow chips, then a dry trill that swells and speeds up."""
    p, t = bird.pitch, 1 / bird.tempo
    parts = [(0.16 * t * i, note(rng, 0.045, (5900 * p, 4200 * p), attack=0.2), 0.5) for i in range(2)]
    onset = 0.4 * t
    count = int(rng.integers(20, 34))
    for i in range(count):
        x = i / count
        chip = note(rng, 0.030 * t, (5500 * p, 4700 * p, 3500 * p), attack=0.25, harmonics=(1.0, 0.08))
        parts.append((onset, chip, 0.35 + 0.65 * np.sin(np.pi * min(1.0, 0.15 + x))))
        onset += (0.060 - 0.014 * x) * t
    return phrase(parts)


def dusk_piper(rng: Generator, bird: Individual) -> Wave:
    """Three or four slow, pure whistles with a trembling end, each from a scale of its own."""
    p, t = bird.pitch, 1 / bird.tempo
    scale = np.array([1.0, 1.19, 0.84, 1.33, 0.94])
    own = np.random.default_rng(bird.repertoire).permutation(5)
    parts: list[tuple[float, Wave, float]] = []
    onset = 0.0
    for i in range(int(rng.integers(3, 5))):
        base = 2350 * p * scale[own[i]]
        length = rng.uniform(0.34, 0.62) * t
        slur = rng.choice([0.93, 1.0, 1.06])
        whistle = note(
            rng,
            length,
            (base * 0.97, base, base, base * slur),
            harmonics=(1.0, 0.04, 0.015),
            attack=0.3,
            vibrato=(rng.uniform(9, 12), 0.018),
        )
        parts.append((onset, whistle, rng.uniform(0.75, 1.0)))
        onset += length + rng.uniform(0.07, 0.16) * t
    return phrase(parts)


def marsh_buzzling(rng: Generator, bird: Individual) -> Wave:
    """Two ticks and a long, rasping buzz that climbs a little."""
    p, t = bird.pitch, 1 / bird.tempo
    rate = 62 * bird.tempo
    parts = [(0.11 * t * i, note(rng, 0.022, (7600 * p, 6200 * p), attack=0.2), 0.6) for i in range(2)]
    length = rng.uniform(0.75, 1.25) * t
    buzz = note(
        rng,
        length,
        (5000 * p, 5300 * p, 5900 * p, 5700 * p),
        harmonics=(1.0, 0.1),
        attack=0.65,
        vibrato=(rate, 0.075),
        pulse=(rate, 0.85),
        rough=0.35,
    )
    parts.append((0.27 * t, buzz, 1.0))
    return phrase(parts)


def glass_titlet(rng: Generator, bird: Individual) -> Wave:
    """A clear see-saw of two tones, high and low, like a wheel that wants oil."""
    p, t = bird.pitch, 1 / bird.tempo
    parts: list[tuple[float, Wave, float]] = []
    onset = 0.0
    for _ in range(int(rng.integers(3, 6))):
        parts.append((onset, note(rng, 0.10 * t, (7000 * p, 7150 * p), harmonics=(1.0, 0.06), attack=0.2), 0.8))
        parts.append(
            (onset + 0.125 * t, note(rng, 0.155 * t, (5000 * p, 4750 * p), harmonics=(1.0, 0.05), attack=0.2), 1.0)
        )
        onset += 0.335 * t
    return phrase(parts)


def rust_jaylet(rng: Generator, bird: Individual) -> Wave:
    """Two to four hoarse, arched scolds: a stack of harmonics, strongest around 3 kHz."""
    p, t = bird.pitch, 1 / bird.tempo
    base = 780 * p
    orders = np.arange(1, 13)
    levels = np.exp(-(((orders * base - 3000) / 1700) ** 2)) + 0.12
    parts: list[tuple[float, Wave, float]] = []
    onset = 0.0
    for _ in range(int(rng.integers(2, 5))):
        length = rng.uniform(0.20, 0.32) * t
        scold = note(
            rng,
            length,
            (base * 0.86, base * 1.08, base * 1.04, base * 0.82),
            harmonics=tuple(levels),
            attack=0.25,
            rough=0.9,
        )
        parts.append((onset, scold, rng.uniform(0.8, 1.0)))
        onset += length + rng.uniform(0.13, 0.2) * t
    return phrase(parts)


def lantern_warbler(rng: Generator, bird: Individual) -> Wave:
    """A hurried, rambling warble put together from the bird's own six syllables."""
    p, t = bird.pitch, 1 / bird.tempo
    own = np.random.default_rng(bird.repertoire)
    syllables: list[tuple[float, tuple[float, ...], tuple[float, float]]] = []
    for _ in range(6):
        centre = own.uniform(3000, 5600)
        contour = tuple(centre * p * own.uniform(0.72, 1.38, int(own.integers(2, 5))))
        ripple = (own.uniform(34, 55), own.uniform(0.03, 0.07)) if own.random() < 0.35 else (0.0, 0.0)
        syllables.append((own.uniform(0.06, 0.15) * t, contour, ripple))
    parts: list[tuple[float, Wave, float]] = []
    onset, last = 0.0, -1
    for _ in range(int(rng.integers(13, 21))):
        chosen = int(rng.integers(6))
        chosen = (chosen + 1) % 6 if chosen == last else chosen
        length, shape, ripple = syllables[chosen]
        warble = note(rng, length, shape, attack=rng.uniform(0.25, 0.5), vibrato=ripple, harmonics=(1.0, 0.05, 0.015))
        parts.append((onset, warble, rng.uniform(0.55, 1.0)))
        onset += length + rng.uniform(0.012, 0.045) * t
        last = chosen
    return phrase(parts)


SPECIES: tuple[Species, ...] = (
    Species("ambfin1", "Amber Finchling", "Fringillula succinea", amber_finchling, 2100, 6900),
    Species("duspip1", "Dusk Piper", "Fistulator vespertinus", dusk_piper, 1700, 3600),
    Species("glatit1", "Glass Titlet", "Parulus vitreus", glass_titlet, 4400, 7700),
    Species("lanwar1", "Lantern Warbler", "Cantillator lampas", lantern_warbler, 2000, 8200),
    Species("marbuz1", "Marsh Buzzling", "Stridula paludis", marsh_buzzling, 4400, 8200),
    Species("reetri1", "Reed Triller", "Crepitans arundinis", reed_triller, 3200, 6400),
    Species("rusjay1", "Rust Jaylet", "Garrulinus ferrugo", rust_jaylet, 600, 5800),
)

RECORDISTS: tuple[Recordist, ...] = (
    Recordist("Maren Ostby", 61.1342, 10.2271, -66, 90, 15800, 0.0, "stream"),
    Recordist("Tomas Arroyo", 42.8807, -4.5519, -60, 160, 15000, -0.6, "wind"),
    Recordist("Hana Kubova", 49.0725, 15.3310, -63, 60, 15800, 0.4, "insects"),
    Recordist("Idris Calloway", 52.4416, -3.6028, -56, 220, 12500, 0.0, "wind"),
    Recordist("Lucie Fontenay", 45.3011, 6.4120, -68, 120, 15800, -0.3, "quiet"),
    Recordist("Piotr Zelenko", 53.7064, 23.4188, -58, 80, 14000, 0.8, "insects"),
    Recordist("Noor Hadley", 55.0119, -7.9135, -61, 250, 15800, -1.0, "stream"),
    Recordist("Esther Viljanen", 63.2950, 27.0046, -54, 140, 11000, 0.5, "quiet"),
)


# ------------------------------------------------------------------------------------------------ places


def impulse_response(rng: Generator, distance: float) -> Wave:
    """What a wood does to a song from near (0) to far (1): treble lost to the air, and a tail of echoes."""
    n = SAMPLE_RATE // 2
    time_s = np.arange(n) / SAMPLE_RATE
    tail = rng.standard_normal(n) * np.exp(-6.9 * time_s / rng.uniform(0.45, 0.9)) * (time_s > 0.008)
    tail *= (0.02 + 0.13 * distance) / np.sqrt(np.square(tail).sum()) * np.sqrt(1 + 12 * distance)
    spectrum = np.fft.rfft(tail, 2 * n)
    hz = np.fft.rfftfreq(2 * n, 1 / SAMPLE_RATE)
    spectrum *= 1 / (1 + (hz / 5000) ** 2)
    spectrum += 1.0
    spectrum *= 10 ** (-distance * 9.0 * (hz / 8000) ** 1.2 / 20)
    return np.fft.irfft(spectrum, 2 * n)[:n].astype(np.float32)


def heard_from(song: Wave, response: Wave) -> Wave:
    """A song with its place around it, longer by the tail."""
    n = len(song) + len(response) - 1
    size = 1 << (n - 1).bit_length()
    wet = np.fft.irfft(np.fft.rfft(song, size) * np.fft.rfft(response, size), size)[:n]
    return np.asarray(wet, np.float32)


def background(rng: Generator, samples: int, who: Recordist) -> Wave:
    """Hiss, distant air, and what the site is known for: wind in gusts, a stream, or insects."""
    hz = np.fft.rfftfreq(_fft_size(samples), 1 / SAMPLE_RATE)
    safe = np.maximum(hz, 20.0)
    hiss = 10 ** (who.hiss_db / 20)
    air = hiss * 1.6 * (1000 / safe) ** 0.5 * np.exp(-hz / 9000) * rng.uniform(0.7, 1.5)
    level = np.hypot(hiss * 0.7, air)
    if who.ambience == "stream":
        splash = np.exp(-((np.log2(safe / rng.uniform(900, 1700)) / 1.6) ** 2))
        level = np.hypot(level, hiss * rng.uniform(2.0, 4.5) * splash)
    out = _noise(rng, samples, level)
    gusts = rng.uniform(0.5, 1.0) if who.ambience == "wind" else rng.uniform(0.0, 0.25)
    rumble = _noise(rng, samples, 0.05 * gusts * (60 / safe) ** 1.1 * (hz > 25) * np.exp(-hz / 700))
    knots = max(3, int(samples / SAMPLE_RATE / 0.6))
    swell = np.interp(np.linspace(0, knots - 1, samples), np.arange(knots), rng.random(knots) ** 2)
    out += rumble * swell.astype(np.float32)
    if who.ambience == "insects":
        out += _insects(rng, samples, hiss * rng.uniform(2.0, 5.0))
    return out


def _noise(rng: Generator, samples: int, level: NDArray[np.float64]) -> Wave:
    """Noise whose spectrum follows ``level``; flat level gives that standard deviation."""
    size = _fft_size(samples)
    # White noise has a white spectrum, so it is drawn there: one transform less.
    drawn = rng.standard_normal(2 * (size // 2 + 1), dtype=np.float32).view(np.complex64)
    drawn *= level.astype(np.float32) * np.float32(np.sqrt(size / 2))
    drawn[0] = 0
    return np.asarray(np.fft.irfft(drawn, size)[:samples], np.float32)


def _fft_size(samples: int) -> int:
    """A length of at least ``samples`` that transforms fast."""
    return -(-samples // 4096) * 4096


def _insects(rng: Generator, samples: int, level: float) -> Wave:
    """A far cricket: a thin high tone in groups of short pulses."""
    time_s = np.arange(samples, dtype=np.float32) / SAMPLE_RATE
    tone = np.sin(2 * np.pi * rng.uniform(8600, 11000) * time_s)
    pulses = np.clip(np.sin(2 * np.pi * rng.uniform(24, 38) * time_s), 0, 1)
    groups = np.clip(np.sin(2 * np.pi * rng.uniform(1.2, 2.2) * time_s + rng.uniform(0, 6)) * 3, 0, 1)
    return np.asarray(level * tone * pulses**2 * groups, np.float32)


def through_gear(wave: Wave, who: Recordist) -> Wave:
    """A recordist's microphone and recorder: low cut, treble limit, a tilt."""
    size = _fft_size(len(wave))
    hz = np.fft.rfftfreq(size, 1 / SAMPLE_RATE)
    safe = np.maximum(hz, 20.0)
    response = 1 / np.sqrt(1 + (who.low_cut_hz / safe) ** 4)
    response *= 1 / np.sqrt(1 + (hz / who.treble_hz) ** 16)
    response *= 10 ** (who.tilt_db * np.log2(safe / 1000) / 20)
    return np.asarray(
        np.fft.irfft(np.fft.rfft(wave, size) * response.astype(np.float32), size)[: len(wave)], np.float32
    )
