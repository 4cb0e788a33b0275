"""Sound files to mix under training chunks: found in a folder, decoded when asked for, kept within bounds."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from labeling.errors import AudioError, ConfigError
from labeling.file_names import AUDIO_SUFFIXES
from labeling.sound.decoding import AudioInfo, probe, read_window
from labeling.storage.kept import Kept
from labeling.storage.remote import filesystem, is_url


class Backgrounds:
    """The sound files of a folder, in the order of their paths. Any number of threads may ask.

    A file is decoded when it is first asked for, and kept while all that are kept take at most ``memory_mb``; of
    one that alone takes more, each stretch is read anew. What cannot be read is left out, with its reason in
    ``skipped``, and the next file takes its place.

    Raises:
        ConfigError: the folder is missing or holds no sound file that can be read.
    """

    def __init__(self, folder: str, sample_rate: int, memory_mb: float = 256.0) -> None:
        self.folder, self.sample_rate = folder, sample_rate
        self.paths = sound_files(folder)
        self.skipped: dict[str, str] = {}
        self.kept: Kept[NDArray[np.float32]] = Kept(sys.maxsize, lambda sound: sound.nbytes, int(memory_mb * 2**20))
        self._infos: dict[str, AudioInfo] = {}
        self._lock = threading.Lock()
        self.stretch(0.0, 0.0, 1)

    def stretch(self, file: float, place: float, samples: int) -> NDArray[np.float32]:
        """``samples`` samples of one file; ``file`` and ``place`` in [0, 1) say which and where.

        A file that is shorter is repeated. Raises ConfigError where no file can be read.
        """
        first = int(file * len(self.paths))
        for path in self.paths[first:] + self.paths[:first]:
            if path in self.skipped:
                continue
            try:
                return self._read(path, place, samples)
            except AudioError as error:
                with self._lock:
                    self.skipped[path] = str(error)
        reason = next(iter(self.skipped.values()))
        raise ConfigError(
            f"augment.background.folder = {self.folder}: none of its {len(self.paths)} sound files can be read, "
            f"the first because {reason}; give a folder of sound files, or set augment.background.probability = 0"
        )

    def _read(self, path: str, place: float, samples: int) -> NDArray[np.float32]:
        info = self._infos.get(path)
        if info is None:
            info = self._infos[path] = probe(path)
        if info.duration_s * self.sample_rate * 4 > self.kept.total:
            wanted_s = samples / self.sample_rate
            onset_s = place * max(0.0, info.duration_s - wanted_s)
            sound, _ = read_window(path, onset_s, onset_s + wanted_s + 0.01, self.sample_rate)
            place = 0.0
        else:
            sound = self.kept.get(path, lambda: read_window(path, sample_rate=self.sample_rate)[0])
        if not len(sound):
            raise AudioError(f"{path}: holds no sound")
        spare = len(sound) - samples
        if spare >= 0:
            start = int(place * (spare + 1))
            return sound[start : start + samples]
        return sound[(np.arange(samples) + int(place * len(sound))) % len(sound)]


def sound_files(folder: str) -> list[str]:
    """Paths of the sound files in a folder or under an fsspec URL, those in folders inside it too, sorted.

    Raises ConfigError where there is none.
    """
    problem = "holds no sound file"
    files: list[str] = []
    try:
        if is_url(folder):
            system, root = filesystem(folder)
            files = [system.unstrip_protocol(path) for path in system.find(root)]
        elif Path(folder).is_dir():
            files = [str(path) for path in Path(folder).rglob("*") if path.is_file()]
        else:
            problem = "is no folder"
    except Exception as error:  # each fsspec backend has its own exceptions
        problem = f"cannot be listed ({' '.join(str(error).split()) or type(error).__name__})"
    paths = sorted(path for path in files if path.lower().endswith(AUDIO_SUFFIXES))
    if not paths:
        raise ConfigError(
            f"augment.background.folder = {folder} {problem}; give a folder with {', '.join(AUDIO_SUFFIXES)} files"
        )
    return paths
