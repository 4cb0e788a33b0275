"""A synthesised collection with planted label errors, whose truth is known.

BirdCLEF layout: ``train_metadata.csv`` and ``train_audio/<code>/XC######.ogg``; the truth lies in ``truth/``, which
nothing in Earmark reads unless a user hands it a file from there. The same seed gives the same tables, byte for byte,
and the same samples.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.random import Generator

from labeling.collection.birdsong import (
    RECORDISTS,
    SAMPLE_RATE,
    SPECIES,
    Recordist,
    Species,
    Wave,
    background,
    heard_from,
    impulse_response,
    individual,
    through_gear,
)
from labeling.collection.tabular.lists import ListStyle
from labeling.errors import DataError
from labeling.storage.files import write_atomically

MOST_CLIPS = 100_000
SHARE_MISSING = 0.20  # of all clips: a bird that sings and is not listed
SHARE_SPURIOUS = 0.10  # a bird that is listed and does not sing
SHARE_SWAPPED = 0.07  # another bird stands in the place of the primary one

TABLE = "train_metadata.csv"
COLUMNS = (
    *("primary_label", "secondary_labels", "type", "latitude", "longitude", "scientific_name", "common_name"),
    *("author", "license", "rating", "url", "filename"),
)


@dataclass(frozen=True)
class DemoSummary:
    """What was made: counts of clips, classes, listed labels and planted errors by kind."""

    folder: Path
    clips: int
    classes: int
    hours: float
    missing: int
    spurious: int
    wrong_primary: int

    def text(self) -> str:
        """The summary for a terminal."""
        return (
            f"{self.clips} clips, {self.classes} invented species, {self.hours * 60:.0f} minutes in {self.folder}\n"
            f"planted label errors: {self.missing} missing, {self.spurious} spurious, "
            f"{self.wrong_primary} wrong primary (the truth is in truth/)"
        )


@dataclass(frozen=True)
class _Song:
    species: int
    onset_s: float
    offset_s: float


@dataclass(frozen=True)
class _Plan:
    """One clip before it sounds: the birds that sing (indices of SPECIES, the primary first) and how far each is."""

    index: int
    name: str
    birds: tuple[int, ...]
    distance: tuple[float, ...]
    recordist: int
    duration_s: float


@dataclass(frozen=True)
class _Given:
    """The labels that the table will give a clip, and what is wrong with them: (species, kind)."""

    primary: int
    secondary: tuple[int, ...]
    errors: tuple[tuple[int, str], ...]


def build_demo(
    folder: str | Path, clips: int = 160, seed: int = 0, progress: Callable[[int, int], None] | None = None
) -> DemoSummary:
    """Synthesise a collection of ``clips`` recordings of 8 to 12 s at 32 kHz into ``folder``.

    Raises:
        DataError: ``clips`` is out of bounds, or the folder holds another collection.
        WorkspaceFull, WorkspaceReadOnly: the folder cannot be written.
    """
    root = Path(folder).expanduser()
    if not 1 <= clips <= MOST_CLIPS:
        raise DataError(f"{clips} clips; give 1 to {MOST_CLIPS}")
    if seed < 0:
        raise DataError(f"seed {seed}; give 0 or more")
    if (root / TABLE).exists() and not (root / "truth" / "truth_noise.csv").exists():
        raise DataError(f"{root} holds another collection ({TABLE}); choose an empty folder")
    rng = np.random.default_rng([seed, 0x5EED])
    plans = _plan(rng, clips)
    given = _plant_errors(rng, plans)
    filenames = [f"{SPECIES[planted.primary].code}/{plan.name}.ogg" for plan, planted in zip(plans, given, strict=True)]
    for code in sorted({name.split("/")[0] for name in filenames}):
        (root / "train_audio" / code).mkdir(parents=True, exist_ok=True)

    def make(plan: _Plan) -> list[_Song]:
        wave, songs = _render(np.random.default_rng([seed, 1, plan.index]), plan)
        _write_ogg(root / "train_audio" / filenames[plan.index], wave)
        return songs

    songs: list[list[_Song]] = []
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        for clip_songs in pool.map(make, plans):
            songs.append(clip_songs)
            if progress is not None:
                progress(len(songs), clips)
    _write_tables(root, seed, plans, given, filenames, songs)
    kinds = [kind for planted in given for _, kind in planted.errors]
    return DemoSummary(
        folder=root,
        clips=clips,
        classes=len({bird for plan in plans for bird in plan.birds}),
        hours=sum(plan.duration_s for plan in plans) / 3600,
        missing=kinds.count("missing"),
        spurious=kinds.count("spurious"),
        wrong_primary=kinds.count("wrong_primary"),
    )


def _plan(rng: Generator, clips: int) -> list[_Plan]:
    """Who sings where: every species about as often, one to three a clip, recordists unevenly busy."""
    primaries = rng.permutation(np.arange(clips) % len(SPECIES))
    busy = np.linspace(1.6, 0.6, len(RECORDISTS))
    numbers = 100_000 + np.arange(clips) * (900_000 // clips) + rng.integers(0, max(1, 900_000 // clips), clips)
    plans = []
    for i in range(clips):
        count = int(rng.choice([1, 2, 3], p=[0.42, 0.40, 0.18]))
        others = [j for j in rng.permutation(len(SPECIES)) if j != primaries[i]][: count - 1]
        near = rng.beta(1.6, 2.6)
        distance = (near, *(min(1.0, near + rng.uniform(0.05, 0.55)) for _ in others))
        plans.append(
            _Plan(
                index=i,
                name=f"XC{numbers[i]}",
                birds=(int(primaries[i]), *(int(j) for j in others)),
                distance=tuple(float(d) for d in distance),
                recordist=int(rng.choice(len(RECORDISTS), p=busy / busy.sum())),
                duration_s=round(float(rng.uniform(8.0, 12.0)), 2),
            )
        )
    return plans


def _plant_errors(rng: Generator, plans: Sequence[_Plan]) -> list[_Given]:
    """Wrong labels of three kinds, faint birds forgotten more easily. A cell is wrong in one way at most."""
    n = len(plans)
    primary = [plan.birds[0] for plan in plans]
    secondary = [list(plan.birds[1:]) for plan in plans]
    errors: list[list[tuple[int, str]]] = [[] for _ in plans]
    with_more = np.array([i for i in range(n) if secondary[i]], int)
    if len(with_more):
        faint = np.array([max(plans[i].distance[1:]) ** 2 + 0.05 for i in with_more])
        count = min(round(SHARE_MISSING * n), len(with_more))
        for i in rng.choice(with_more, count, replace=False, p=faint / faint.sum()):
            dropped = secondary[i].pop(int(np.argmax(plans[i].distance[1:])))
            errors[i].append((dropped, "missing"))
    for i in rng.choice(n, round(SHARE_SPURIOUS * n), replace=False):
        extra = int(rng.choice([j for j in range(len(SPECIES)) if j not in plans[i].birds]))
        secondary[i].append(extra)
        errors[i].append((extra, "spurious"))
    for i in rng.choice(n, round(SHARE_SWAPPED * n), replace=False):
        wrong = int(rng.choice([j for j in range(len(SPECIES)) if j not in (*plans[i].birds, *secondary[i])]))
        errors[i] += [(primary[i], "missing_primary"), (wrong, "wrong_primary")]
        primary[i] = wrong
    return [_Given(primary[i], tuple(secondary[i]), tuple(errors[i])) for i in range(n)]


def _render(rng: Generator, plan: _Plan) -> tuple[Wave, list[_Song]]:
    """The sound of a clip (samples,), and when each song is heard."""
    who = RECORDISTS[plan.recordist]
    samples = round(plan.duration_s * SAMPLE_RATE)
    mix = np.zeros(samples, np.float32)
    songs: list[_Song] = []
    for place, (bird, distance) in enumerate(zip(plan.birds, plan.distance, strict=True)):
        gain = 10 ** (-(3 + 25 * distance) / 20)
        response = impulse_response(rng, distance)
        singer = individual(rng)
        most = int(rng.integers(2, 5)) if place == 0 else int(rng.integers(1, 4))
        onset_s = rng.uniform(0.2, 2.0 if place == 0 else 0.5 * plan.duration_s)
        for _ in range(most):
            song = SPECIES[bird].sing(rng, singer)
            length_s = len(song) / SAMPLE_RATE
            if onset_s + length_s > plan.duration_s - 0.1:
                if any(song.species == bird for song in songs):
                    break
                onset_s = rng.uniform(0.1, plan.duration_s - length_s - 0.2)
            start = round(onset_s * SAMPLE_RATE)
            wet = heard_from(song, response)[: samples - start]
            mix[start : start + len(wet)] += np.float32(gain * rng.uniform(0.75, 1.0)) * wet
            songs.append(_Song(bird, round(onset_s, 3), round(onset_s + length_s, 3)))
            onset_s += length_s + rng.uniform(0.7, 3.2)
    wave = through_gear(mix + background(rng, samples, who), who)
    peak = float(np.abs(wave).max())
    wave *= np.float32(10 ** (rng.uniform(-9, -2) / 20) / max(peak, 1e-9))
    return wave, sorted(songs, key=lambda placed_song: placed_song.onset_s)


def _write_ogg(path: Path, wave: Wave) -> None:
    import soundfile

    encoded = io.BytesIO()
    with soundfile.SoundFile(encoded, "w", SAMPLE_RATE, 1, format="OGG", subtype="VORBIS") as file:
        # libsndfile's Vorbis encoder can overflow its stack on one long write.
        for start in range(0, len(wave), SAMPLE_RATE):
            file.write(wave[start : start + SAMPLE_RATE])
    write_atomically(path, encoded.getvalue())


def _write_tables(
    root: Path,
    seed: int,
    plans: Sequence[_Plan],
    given: Sequence[_Given],
    filenames: Sequence[str],
    songs: Sequence[Sequence[_Song]],
) -> None:
    rng = np.random.default_rng([seed, 2])
    style = ListStyle()
    table, labels, noise, events = [], [], [], []
    for i in sorted(range(len(plans)), key=lambda i: filenames[i]):
        plan, planted = plans[i], given[i]
        table.append(_row(rng, plan, planted, filenames[i], style))
        codes = [SPECIES[bird].code for bird in plan.birds]
        labels.append((filenames[i], codes[0], style.write(codes[1:]), ";".join(codes)))
        noise += [(filenames[i], SPECIES[bird].code, kind) for bird, kind in planted.errors]
        for song in songs[i]:
            kind = SPECIES[song.species]
            where = (f"{song.onset_s:.3f}", f"{song.offset_s:.3f}", f"{kind.low_hz:.0f}", f"{kind.high_hz:.0f}")
            events.append((filenames[i], kind.code, *where))
    _write_csv(root / TABLE, COLUMNS, table)
    _write_csv(root / "truth" / "truth_labels.csv", ("filename", "primary_label", "secondary_labels", "labels"), labels)
    _write_csv(root / "truth" / "truth_noise.csv", ("filename", "label", "kind"), noise)
    _write_csv(
        root / "truth" / "truth_events.csv", ("filename", "label", "onset", "offset", "low_hz", "high_hz"), events
    )


def _row(rng: Generator, plan: _Plan, given: _Given, filename: str, style: ListStyle) -> tuple[str, ...]:
    who: Recordist = RECORDISTS[plan.recordist]
    listed: Species = SPECIES[given.primary]
    rating = np.clip(5.2 - 3.2 * plan.distance[0] + (who.hiss_db + 62) * -0.08 + rng.normal(0, 0.5), 1.0, 5.0)
    rated = 0.0 if rng.random() < 0.06 else round(float(rating) * 2) / 2
    kind = "call" if listed.code == "rusjay1" else "song"
    return (
        listed.code,
        style.write([SPECIES[bird].code for bird in given.secondary]),
        style.write([kind]),
        f"{who.latitude + rng.normal(0, 0.02):.4f}",
        f"{who.longitude + rng.normal(0, 0.02):.4f}",
        listed.scientific_name,
        listed.common_name,
        who.name,
        "CC0",
        f"{rated:.1f}",
        "",
        filename,
    )


def _write_csv(path: Path, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    write_atomically(path, text.getvalue().encode())
