"""A sound that somebody brings to search with, heard by the model that made a space. Loads no torch by itself.

The app hears it in a process of its own, one at a time, so that it loads no torch either.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import numpy as np

from labeling.embeddings.space import IMPORTED, SpaceFacts, space_facts
from labeling.errors import DataError, EarmarkError
from labeling.file_names import AUDIO_SUFFIXES
from labeling.search import brought
from labeling.search.brought import LOUDEST, MOST_S, Brought
from labeling.sound.decoding import probe, read_window
from labeling.workspace import Workspace, open_workspace
from models.frozen.catalogue import load_frozen
from models.frozen.contract import FrozenModel, window_samples
from models.frozen.stretches import stretch_starts

MOST_MB = 50
PATIENCE_S = 300.0
_turn = threading.Lock()


def bring(workspace: Workspace, facts: SpaceFacts, data: bytes, title: str) -> str:
    """Hear a file's sound by a space's own model and keep its vectors; returns the name under which they are kept.

    What was brought before is not heard again. Raises DataError where the file cannot be read, is too large or too
    long, or the space was made elsewhere, so that there is no model to hear it.
    """
    name = brought.sound_name(data)
    if brought.is_kept(workspace, facts.name, name):
        return name
    if not can_hear(facts):
        raise DataError(
            f"space {facts.name!r} was made elsewhere ({facts.model.removeprefix(IMPORTED)}), and its model is not "
            "here to hear a file; search with a stretch of a clip, or in a space that was made here"
        )
    if len(data) > MOST_MB << 20:
        raise DataError(f"{title}: {len(data) >> 20} MB; bring at most {MOST_MB} MB, the seconds that matter")
    suffix = Path(title).suffix.lower()
    if suffix not in AUDIO_SUFFIXES:
        raise DataError(f"{title}: {suffix or 'no suffix'} is no sound file; bring one of {', '.join(AUDIO_SUFFIXES)}")
    with _turn, tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{name}{suffix}"
        path.write_bytes(data)
        command = [sys.executable, "-m", "models.frozen.bringing", str(workspace.root), facts.name, str(path), title]
        try:
            done = subprocess.run(
                command, cwd=Path(__file__).parents[2], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                timeout=PATIENCE_S, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise DataError(
                f"{title}: not heard after {PATIENCE_S:.0f} s; the machine is busy, try again later"
            ) from None
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["the process that hears it died"])[-1]
        raise DataError(last.replace(str(path), title))
    return name


def can_hear(facts: SpaceFacts) -> bool:
    """Whether the model of a space is one that is here."""
    return not facts.model.startswith(IMPORTED)


def hear(model: FrozenModel, hop_s: float, path: str, title: str) -> Brought:
    """The loudest stretches of a file, LOUDEST at most, none over another. Raises AudioError, DataError."""
    info = probe(path)
    if info.duration_s > MOST_S:
        raise DataError(f"{title}: {info.duration_s:.0f} s long; bring at most {MOST_S:.0f} s, cut to what matters")
    wave, _ = read_window(path, sample_rate=model.sample_rate)
    window = window_samples(model)
    starts = stretch_starts(len(wave), window, max(1, round(hop_s * model.sample_rate)))
    wave = np.pad(wave, (0, max(0, window - len(wave))))
    power = np.array([np.square(wave[at : at + window]).mean() for at in starts])
    chosen: list[int] = []
    for place in np.argsort(-power, kind="stable").tolist():
        if power[place] > 0 and all(abs(starts[place] - starts[other]) >= window for other in chosen):
            chosen.append(place)
        if len(chosen) == LOUDEST:
            break
    if not chosen:
        raise DataError(f"{title}: it is silent, and there is nothing to look for; bring a sound")
    first = starts[sorted(chosen)]
    vectors = model.hear(np.stack([wave[at : at + window] for at in first]).astype(np.float32)).vectors
    return Brought(title, np.asarray(vectors, np.float32), np.asarray(first / model.sample_rate, np.float32))


def main(words: list[str]) -> int:
    """``WORKSPACE SPACE PATH TITLE``: hear the file at PATH and keep its vectors; what is wrong goes to stderr."""
    root, space, path, title = words
    try:
        workspace = open_workspace(root)
        facts = space_facts(workspace, space)
        model = load_frozen(workspace, facts.model, "cpu")
        if model.weights_sha256 != facts.weights_sha256:
            raise DataError(
                f"the weights of {facts.model} are others than space {space!r} was made with; embed anew under "
                "another name"
            )
        data = Path(path).read_bytes()
        brought.keep(workspace, space, brought.sound_name(data), hear(model, facts.hop_s, path, title))
        workspace.close()
    except (EarmarkError, OSError) as problem:
        print(str(problem).replace("\n", " "), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
