"""A tiny collection, and a workspace with a finished run on it: what the examples in the docstrings are about.

Twelve clips of two seconds, each with a tone for every class that really sounds in it. Two labels are wrong:
``amecro/3.wav`` lacks the Canada Goose that sounds in it, and ``balori/2.wav`` lists one that does not.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

import numpy as np

from labeling import runs
from labeling.collection.importing import import_collection
from labeling.disagreement.scoring import score_run
from labeling.journal import versions
from labeling.predictions.oof import write_oof
from labeling.records import FrameGrid, Labels
from labeling.workspace import Workspace, open_workspace

TONES_HZ = {"amecro": 500, "balori": 1500, "cangoo": 3000}
SAMPLE_RATE, DURATION_S, STEP_S = 8000, 2.0, 0.1
ONSET_S, OFFSET_S = 0.5, 1.2
MISSING, FALSE = ("amecro/3.wav", "cangoo"), ("balori/2.wav", "cangoo")


def example_collection() -> Path:
    """Write the collection into a temporary folder that is deleted when Python ends.

    Returns
    -------
    Path
        The folder: ``train.csv`` with the columns ``filename`` and ``labels`` (the primary class first, separated by
        spaces), and one folder of WAV files a class.

    Examples
    --------
    >>> from labeling.example import example_collection
    >>> (example_collection() / "train.csv").read_text().splitlines()[:3]
    ['filename,labels', 'amecro/1.wav,amecro', 'amecro/2.wav,amecro balori']
    """
    import soundfile

    folder = _temporary()
    time_s = np.arange(round(DURATION_S * SAMPLE_RATE)) / SAMPLE_RATE
    sounding = (time_s >= ONSET_S) & (time_s < OFFSET_S)
    rows = ["filename,labels"]
    for code in TONES_HZ:
        (folder / code).mkdir()
        for number in range(1, 5):
            filename = f"{code}/{number}.wav"
            listed = [code, "balori"] if filename == "amecro/2.wav" else [code]
            heard = [*listed, "cangoo"] if filename == MISSING[0] else listed
            tones = sum(np.sin(2 * np.pi * TONES_HZ[class_code] * (1 + number / 500) * time_s) for class_code in heard)
            soundfile.write(folder / filename, 0.2 * sounding * tones, SAMPLE_RATE)
            rows.append(f"{filename},{' '.join([*listed, 'cangoo'] if filename == FALSE[0] else listed)}")
    (folder / "train.csv").write_text("\n".join([*rows, ""]))
    return folder


def example_workspace() -> Workspace:
    """Make a workspace of the collection, with label version 1 and the scored run ``001-demo`` of four folds.

    Each call gives one of its own, in a temporary folder that is deleted when Python ends. The predictions are made
    up, and right about both wrong labels.

    Returns
    -------
    Workspace
        Open, and free to be changed.

    Examples
    --------
    >>> from labeling.example import example_workspace
    >>> from labeling.suspects import queue
    >>> workspace = example_workspace()
    >>> with workspace.read() as connection:
    ...     print(queue.scored(connection))
    [('001-demo', 'earmark', 36)]
    """
    folder = _temporary() / "workspace"
    shutil.copytree(_template(), folder)
    return open_workspace(folder)


@cache
def _template() -> Path:
    folder = _temporary() / "workspace"
    workspace = open_workspace(folder, create=True)
    import_collection(workspace, example_collection())
    version = versions.freeze(workspace, "ann")
    run = runs.enqueue(workspace, "demo", version.number, worker="example")
    with workspace.read() as connection:
        _write_predictions(workspace.run_dir(run.id) / "oof.zarr", versions.labels_at(connection))
    runs.finish(workspace, run.id, "example", "done", metrics={"macro_ap": 0.9})
    score_run(workspace, run.id)
    workspace.close()
    return folder


def _write_predictions(path: Path, labels: Labels) -> None:
    heard = labels.present.copy()
    for (filename, code), truth in ((MISSING, True), (FALSE, False)):
        heard[labels.filenames.index(filename), labels.classes.index(code)] = truth
    random = np.random.default_rng(0)
    clipwise = np.where(heard, 0.85, 0.05) + random.uniform(-0.04, 0.04, heard.shape)
    middle_s = (np.arange(round(DURATION_S / STEP_S)) + 0.5) * STEP_S
    envelope = np.where((middle_s >= ONSET_S) & (middle_s < OFFSET_S), 1.0, 0.1)[:, None]
    write_oof(
        path,
        clip_ids=labels.clip_ids,
        filenames=labels.filenames,
        classes=labels.classes,
        clipwise=clipwise,
        framewise=[row * envelope for row in clipwise],
        fold=np.arange(len(heard)) % 4,
        grid=FrameGrid(0.0, STEP_S, STEP_S),
        label_version=1,
        label_hash=labels.content_hash,
    )


def _temporary() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="earmark-example-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
