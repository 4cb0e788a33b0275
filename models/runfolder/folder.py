"""The folder of a run: all that is needed to repeat it, and all that it gives.

=================== ==================================================================================================
file                content
=================== ==================================================================================================
recipe.toml         the recipe, every setting written out
run.json            label version, seed, device, threads, library versions, commit, teacher, clips that were skipped
labels.npz          the labels of the version, as ``Labels``; nothing in it is pickled
clips.jsonl         the clips, one a line, as ``Clip``
teacher.zarr        the teacher's out-of-fold predictions, where the recipe has a teacher
folds.parquet       each clip's fold and group
copies.json         clips that hold the same recording, found by their sound
checkpoints/        foldK.mM.sS.safetensors and all.mM.sS.safetensors: snapshot S of member M; and what a resume needs
history.csv         fold (-1: trained on all clips), member, stage, epoch (through all stages), losses, macro-AP
oof.zarr            the out-of-fold predictions
metrics.json        their metrics against the labels
log.txt, tensorboard/
=================== ==================================================================================================

Each file is written beside and renamed when whole.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import shutil
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labeling.errors import ArtefactError, DataError, EarmarkError
from labeling.predictions.oof import Oof, read_oof
from labeling.records import Clip, Event, FrameGrid, Labels, Region
from labeling.runs import run_folder
from labeling.storage.files import write_atomically
from models.config import Recipe, recipe_of, recipe_to_toml
from models.networks.checkpoints import load_tensors, write_json

HISTORY_COLUMNS = (
    "fold", "member", "stage", "epoch", "step", "lr", "train_loss", "valid_loss", "valid_macro_ap", "seconds",
)  # fmt: skip
INPUTS = ("recipe.toml", "labels.npz", "clips.jsonl", "folds.parquet", "teacher.zarr")
"""With these a run is repeated."""
History = Mapping[str, Sequence[Mapping[str, Any]]]


class RunFolder:
    """A run's own files. ``speaker`` is put before each line of the log, where several processes write it."""

    def __init__(self, root: Path, speaker: str = "") -> None:
        self.root, self.speaker = Path(root), speaker
        self.checkpoints = self.root / "checkpoints"

    def log(self, line: str) -> None:
        """Add a line to log.txt; a full disk must not hide the error that is being logged."""
        try:
            with open(self.root / "log.txt", "a", encoding="utf-8") as handle:
                handle.write(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} {self.speaker}{line}\n")
        except OSError:
            pass

    def facts(self) -> dict[str, Any]:
        """run.json; {} where there is none."""
        return run_folder.facts(self.root)

    def write_facts(self, **more: Any) -> None:
        """Add to run.json, or replace what it says."""
        value = self.facts()
        value.setdefault("started_at", f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}")
        write_json(self.root / "run.json", value | more)

    def begin(
        self, recipe: Recipe, clips: Sequence[Clip], labels: Labels, label_version: int, teacher: Oof | None
    ) -> bool:
        """Write down what the run is; returns whether it goes on with an earlier start of the same run.

        Raises ArtefactError where the folder holds another run.
        """
        self.checkpoints.mkdir(parents=True, exist_ok=True)
        digest = "" if teacher is None else oof_hash(teacher)
        identity = identity_of(recipe, clips, labels, label_version, digest, self._written(recipe))
        if (self.root / "run.json").exists():
            if self.facts().get("identity") != identity:
                raise ArtefactError(
                    f"{self.root} holds a run with another recipe, label version, teacher or set of clips; "
                    "start a new run, or resume this one with what it was started with"
                )
            return True
        write_atomically(self.root / "recipe.toml", recipe_to_toml(recipe).encode())
        write_inputs(self.root, clips, labels)
        source = "" if teacher is None else keep_teacher(self.root, teacher)
        self.write_facts(
            identity=identity,
            recipe=recipe.name,
            label_version=label_version,
            label_hash=labels.content_hash,
            classes=list(labels.classes),
            folds=recipe.folds.folds,
            members=recipe.train.members,
            seed=recipe.train.seed,
            n_clips=len(clips),
            skipped={},
            teacher={"run": source, "hash": digest} if teacher is not None else None,
        )
        return False

    def _written(self, recipe: Recipe) -> str:
        """recipe.toml as it stands where it says ``recipe``: an older Earmark's lacks the settings that are new."""
        file = self.root / "recipe.toml"
        same = file.exists() and recipe_of(self.root) == recipe
        return file.read_text(encoding="utf-8") if same else ""

    def write_history(self, history: History) -> None:
        """``history`` by the network's name (``fold0.m0``); networks trained on all clips come last."""
        text = io.StringIO()
        writer = csv.DictWriter(text, HISTORY_COLUMNS, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        for name in sorted(history, key=by_fold):
            writer.writerows(history[name])
        write_atomically(self.root / "history.csv", text.getvalue().encode())

    def read_folds(self) -> dict[int, int]:
        """Clip id -> fold, as folds.parquet says; {} where it is not written yet. Raises ArtefactError."""
        file = self.root / "folds.parquet"
        if not file.exists():
            return {}
        import pandas as pd  # takes a third of a second, which a network that predicts need not wait for

        try:
            table = pd.read_parquet(file)
            return dict(zip(table["clip_id"].tolist(), table["fold"].tolist(), strict=True))
        except Exception as error:  # a damaged file fails in many ways
            raise ArtefactError(f"{file} cannot be read ({error}); start a new run") from error

    def write_folds(self, clips: Sequence[Clip], fold: NDArray[np.int32], group: NDArray[np.int64]) -> None:
        """The fold (N,) and group (N,) of each clip, to folds.parquet."""
        import pandas as pd

        names, ids = [clip.filename for clip in clips], [clip.id for clip in clips]
        content = io.BytesIO()
        pd.DataFrame({"clip_id": ids, "filename": names, "fold": fold, "group": group}).to_parquet(content, index=False)
        write_atomically(self.root / "folds.parquet", content.getvalue())


def by_fold(name: str) -> tuple[int, ...]:
    """Order of the networks' names: ``fold0.m0``, ``fold0.m1``, …, ``fold10.m0``, ``all.m0``."""
    return int(name.startswith("all")), *(int(number) for number in re.findall(r"\d+", name))


def identity_of(
    recipe: Recipe,
    clips: Sequence[Clip],
    labels: Labels,
    label_version: int,
    teacher_hash: str = "",
    recipe_text: str = "",
) -> str:
    """A hash of all that decides the result: a folder made for another run is never continued. ``recipe_text`` is the
    recipe as it was written down, if it was."""
    parts = [
        recipe_text or recipe_to_toml(recipe),
        labels.content_hash,
        str(label_version),
        teacher_hash,
        *labels.classes,
    ]
    parts += [f"{clip.id} {clip.filename} {clip.group}" for clip in clips]
    digest = hashlib.sha256("\n".join(parts).encode())
    row_of = {int(clip_id): row for row, clip_id in enumerate(labels.clip_ids)}
    rows = [row_of[clip.id] for clip in clips]
    for cells in (labels.present, labels.unsure, labels.reviewed):
        digest.update(np.packbits(cells[rows]).tobytes())
    return digest.hexdigest()


# ------------------------------------------------------------------------------------------- inputs of a run


def write_inputs(folder: Path, clips: Sequence[Clip], labels: Labels) -> None:
    """Keep labels and clips with the run: labels.npz and clips.jsonl."""
    arrays: dict[str, Any] = {}
    plain: dict[str, Any] = {}
    for item in fields(labels):
        value = getattr(labels, item.name)
        if isinstance(value, np.ndarray):
            arrays[item.name] = value
        else:
            plain[item.name] = [asdict(event) for event in value] if item.name == "events" else value
    text = np.frombuffer(json.dumps(plain, ensure_ascii=False).encode(), np.uint8)
    content = io.BytesIO()
    np.savez_compressed(content, **arrays, plain_json=text)
    write_atomically(folder / "labels.npz", content.getvalue())
    lines = [json.dumps(asdict(clip), ensure_ascii=False) + "\n" for clip in clips]
    write_atomically(folder / "clips.jsonl", "".join(lines).encode())


def read_inputs(folder: Path) -> tuple[list[Clip], Labels] | None:
    """What ``write_inputs`` wrote; None where it is not there. Raises ArtefactError where it is damaged."""
    labels_file, clips_file = folder / "labels.npz", folder / "clips.jsonl"
    if not labels_file.exists() or not clips_file.exists():
        return None
    try:
        with np.load(labels_file, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        values: dict[str, Any] = json.loads(arrays.pop("plain_json").tobytes())
        values["events"] = tuple(Event(**value | {"region": Region(**value["region"])}) for value in values["events"])
        values |= {"filenames": tuple(values["filenames"]), "classes": tuple(values["classes"]), **arrays}
        known = {item.name for item in fields(Labels)}
        labels = Labels(**{name: value for name, value in values.items() if name in known})
        known = {item.name for item in fields(Clip)}
        clips = []
        for line in clips_file.read_text(encoding="utf-8").split("\n"):
            if line:
                clips.append(Clip(**{key: value for key, value in json.loads(line).items() if key in known}))
    except Exception as error:  # a damaged file fails in many ways
        raise ArtefactError(f"{folder}: its labels or clips cannot be read ({error}); start a new run") from error
    return clips, labels


def oof_hash(oof: Oof) -> str:
    """A hash of what predictions say, wherever they are kept."""
    digest = hashlib.sha256("\n".join(oof.classes).encode())
    for array in (oof.clip_ids, oof.clipwise, oof.offsets):
        digest.update(np.ascontiguousarray(array).tobytes())
    for block in oof.iter_blocks():
        digest.update(block.values.tobytes())
    return digest.hexdigest()


def keep_teacher(folder: Path, teacher: Oof) -> str:
    """Copy a teacher's predictions to teacher.zarr; returns the name of the run they are from, or their path."""
    target, source = folder / "teacher.zarr", Path(teacher.path)
    if target.exists() or not source.is_dir():
        return source.parent.name if source.name == "oof.zarr" else teacher.path
    beside = folder / f".teacher.{uuid.uuid4().hex[:8]}.partial"
    try:
        shutil.copytree(source, beside)
        beside.rename(target)
    except OSError as error:
        raise ArtefactError(f"the teacher {source} cannot be copied to {target} ({error}); see to that") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return source.parent.name if source.name == "oof.zarr" else str(source)


def kept_teacher(folder: Path) -> Oof | None:
    """The copy of the teacher's predictions, or None. Raises ArtefactError where it is damaged."""
    return read_oof(folder / "teacher.zarr") if (folder / "teacher.zarr").exists() else None


def networks_of(run_dir: Path) -> tuple[Recipe, tuple[str, ...], FrameGrid, list[Path]]:
    """What predicts other recordings: recipe, classes, frame grid, and the checkpoints to average.

    Those trained on all clips where there are some, else every fold's. Raises ArtefactError, and DataError for a run
    of linear heads.
    """
    recipe = recipe_of(run_dir)
    if recipe.linear.space:
        raise DataError(
            f"run {run_dir.name} has linear heads on the space {recipe.linear.space!r} and no network of its own; "
            "choose a run that trained one"
        )
    meta, paths = checkpoints_of(run_dir, recipe)
    try:
        return recipe, tuple(meta["classes"]), FrameGrid(**meta["grid"]), paths
    except (KeyError, TypeError, EarmarkError) as error:
        raise ArtefactError(f"{paths[0]} does not say what it is ({error}); resume the run or train again") from error


def checkpoints_of(run_dir: Path, recipe: Recipe) -> tuple[dict[str, Any], list[Path]]:
    """What a run's first checkpoint says of itself, and all of them: those trained on all clips where there
    are some, else every fold's. Raises ArtefactError."""
    folder = run_dir / "checkpoints"
    paths = sorted(folder.glob("all.m*.s*.safetensors"), key=lambda path: by_fold(path.name)) or sorted(
        folder.glob("fold*.m*.s*.safetensors"), key=lambda path: by_fold(path.name)
    )
    scope = "all" if recipe.train.all_data else "folds"
    count = (1 if recipe.train.all_data else recipe.folds.folds) * recipe.train.members * recipe.train.snapshots
    if len(paths) != count or paths[0].name.startswith("all") != recipe.train.all_data:
        raise ArtefactError(
            f"{folder} holds {len(paths)} checkpoints where the recipe makes {count} of {scope}; "
            f"resume the run (python -m models train --resume {run_dir.name}), or train again"
        )
    _, meta = load_tensors(paths[0])
    return meta, paths
