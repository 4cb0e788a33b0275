"""Train K folds and predict each clip by the fold that never saw it: the whole of one run, in one folder.

The folder holds ``recipe.toml``, ``run.json``, ``folds.parquet``, ``checkpoints/``, ``oof.zarr``, ``metrics.json``,
``history.csv`` and ``log.txt``. Each file is written beside and renamed when whole. A run that was stopped or killed
goes on from its last finished epoch when it is started again on the same folder.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from labeling.errors import ArtefactError, AudioError, ConfigError
from labeling.files import write_atomically
from labeling.predictions import write_oof
from labeling.records import Clip, FrameGrid, Labels
from models import build_network, metrics
from models.checkpoints import load_tensors, save_tensors, write_json
from models.config import Recipe, recipe_to_toml
from models.data import AudioStore, Stopped
from models.folds import find_copies, make_folds
from models.heads import frame_grid
from models.predict import predict_clips
from models.provenance import device_name, git_commit, library_versions, pick_device
from models.targets import truths_of
from models.train import FoldTrainer

__all__ = ["Stopped", "cross_validate", "pick_device"]

HISTORY_COLUMNS = ("fold", "epoch", "step", "lr", "train_loss", "valid_loss", "valid_macro_ap", "seconds")
READING_SHARE = 0.08
"""Share of the progress bar for reading audio."""


def cross_validate(
    recipe: Recipe,
    clips: Sequence[Clip],
    labels: Labels,
    run_dir: Path,
    *,
    label_version: int,
    folds: int | None = None,
    device: str = "auto",
    report: Callable[[Mapping[str, Any]], None] = lambda progress: None,
    should_stop: Callable[[], bool] = lambda: False,
    truth: NDArray[np.bool_] | None = None,
) -> dict[str, Any]:
    """Train and predict all folds into ``run_dir``; returns what ``metrics.json`` holds.

    ``clips`` are joined to ``labels`` by id. ``truth`` (rows of ``labels``, its classes) is only compared with.
    Clips that cannot be read are left out of the predictions and named in ``run.json`` (``skipped``) and the log.
    Raises Stopped, ConfigError, ArtefactError, WorkspaceFull.
    """
    run = _Run(recipe, clips, labels, Path(run_dir), label_version, folds, device, report, should_stop)
    before = torch.are_deterministic_algorithms_enabled()
    warn_before = torch.is_deterministic_algorithms_warn_only_enabled()
    if run.device.type == "cpu":
        torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        return run.go(truth)
    except Exception as error:
        run.log(f"{type(error).__name__}: {error}")
        raise
    finally:
        torch.use_deterministic_algorithms(before, warn_only=warn_before)


class _Run:
    def __init__(
        self,
        recipe: Recipe,
        clips: Sequence[Clip],
        labels: Labels,
        folder: Path,
        label_version: int,
        folds: int | None,
        device: str,
        report: Callable[[Mapping[str, Any]], None],
        should_stop: Callable[[], bool],
    ) -> None:
        if folds is not None:
            recipe = replace(recipe, folds=replace(recipe.folds, folds=folds))
        self.recipe, self.labels, self.folder, self.label_version = recipe, labels, folder, label_version
        self.n_folds = recipe.folds.folds
        self.device = pick_device(device)
        self.tell, self.should_stop = report, should_stop
        self.started = time.monotonic()
        self.fraction_before, self.said_at = -1.0, self.started
        row_of = {int(clip_id): row for row, clip_id in enumerate(labels.clip_ids)}
        self.clips = [clip for clip in clips if clip.id in row_of]
        self.rows = np.array([row_of[clip.id] for clip in self.clips], dtype=np.int64)
        if not labels.classes:
            raise ConfigError("the labels have no classes; import a table with labels first")
        if not self.clips:
            raise ConfigError("no clip has labels; import clips first")
        self.truths = truths_of(labels, [int(row) for row in self.rows])
        self.present = labels.present[self.rows]
        folder.mkdir(parents=True, exist_ok=True)
        self.checkpoints = folder / "checkpoints"
        self.checkpoints.mkdir(exist_ok=True)
        self.identity = self._identity()
        self.skipped: dict[str, str] = {}
        self.history: dict[int, list[dict[str, Any]]] = {}

    def go(self, truth: NDArray[np.bool_] | None) -> dict[str, Any]:
        self._begin()
        readable = [clip for clip in self.clips if clip.usable]
        self.skipped |= {clip.filename: clip.reason or clip.status for clip in self.clips if not clip.usable}
        use = np.array([k for k, clip in enumerate(self.clips) if clip.usable], dtype=np.int64)
        store = AudioStore(readable, self.recipe.features, self.recipe.data)
        if self.recipe.features.precompute and store.kind != "mel":
            self.log(f"features.precompute: the mel does not fit data.memory_gb = {self.recipe.data.memory_gb:g}")
        store.load(lambda done, total: self._say("reading audio", READING_SHARE * done / total), self.should_stop)
        self._note_skipped(store)
        fold = self._folds(store, use)
        grid = self._grid()
        clipwise = np.full((len(readable), len(self.labels.classes)), np.nan, dtype=np.float32)
        framewise: list[NDArray[np.float32]] = [np.zeros((0, clipwise.shape[1]), np.float32)] * len(readable)
        for k in range(self.n_folds):
            inside = np.flatnonzero(fold == k)
            ids = [store.clips[int(row)].id for row in inside]
            done = self._finished(k, ids)
            if done is None:
                done = self._train(k, store, use, fold, grid, ids)
            clipwise[inside] = done[0]
            for row, frames in zip(inside, done[1], strict=True):
                framewise[int(row)] = frames
        self._note_skipped(store)
        kept = np.flatnonzero((fold >= 0) & np.isfinite(clipwise[:, 0]))
        if not len(kept):
            raise AudioError("no clip could be read, so nothing was predicted; see log.txt for the reasons")
        write_oof(
            self.folder / "oof.zarr",
            clip_ids=[store.clips[int(row)].id for row in kept],
            filenames=[store.clips[int(row)].filename for row in kept],
            classes=list(self.labels.classes),
            clipwise=clipwise[kept],
            framewise=[framewise[int(row)] for row in kept],
            fold=fold[kept],
            grid=grid,
            label_version=self.label_version,
            label_hash=self.labels.content_hash,
        )
        rows = self.rows[use[kept]]
        result = metrics.score(
            clipwise[kept], self.labels.present[rows], self.labels.classes, known=~self.labels.unsure[rows]
        )
        result["against"] = "labels"
        if truth is not None:
            result["truth"] = metrics.score(clipwise[kept], truth[rows], self.labels.classes)
        write_json(self.folder / "metrics.json", result)
        overall = result["overall"]
        self.log(f"done: macro-AP {overall['macro_ap']}, lwlrap {overall['lwlrap']} against the labels trained on")
        self._say("done", 1.0)
        return result

    def log(self, line: str) -> None:
        """Add a line to log.txt; a full disk must not hide the error that is being logged."""
        try:
            with open(self.folder / "log.txt", "a", encoding="utf-8") as handle:
                handle.write(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} {line}\n")
        except OSError:
            pass

    # ------------------------------------------------------------------------------- the run's own files

    def _identity(self) -> str:
        """A hash of all that decides the result: a folder made for another run is never continued."""
        parts = [recipe_to_toml(self.recipe), self.labels.content_hash, str(self.label_version), *self.labels.classes]
        parts += [f"{clip.id} {clip.filename} {clip.group}" for clip in self.clips]
        digest = hashlib.sha256("\n".join(parts).encode())
        digest.update(np.packbits(self.present).tobytes() + np.packbits(self.labels.unsure[self.rows]).tobytes())
        return digest.hexdigest()

    def _begin(self) -> None:
        file = self.folder / "run.json"
        if file.exists():
            try:
                old = json.loads(file.read_text(encoding="utf-8"))
                same = old["identity"] == self.identity
            except (OSError, ValueError, KeyError, TypeError):
                same = False
            if not same:
                raise ArtefactError(
                    f"{self.folder} holds a run with another recipe, label version or set of clips; "
                    "start a new run, or resume this one with what it was started with"
                )
            self.skipped = dict(old.get("skipped", {}))
            if old.get("device") != str(self.device):
                self.log(f"device was {old.get('device')}, is {self.device}: the result may differ in the last digits")
            self.log("resumed")
        else:
            write_atomically(self.folder / "recipe.toml", recipe_to_toml(self.recipe).encode())
            self._write_run_json()
            self.log(
                f"started: recipe {self.recipe.name}, {len(self.clips)} clips, {self.n_folds} folds, {self.device}"
            )

    def _write_run_json(self, **more: Any) -> None:
        file = self.folder / "run.json"
        value = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
        value |= {
            "identity": self.identity,
            "recipe": self.recipe.name,
            "label_version": self.label_version,
            "label_hash": self.labels.content_hash,
            "classes": list(self.labels.classes),
            "folds": self.n_folds,
            "seed": self.recipe.train.seed,
            "device": str(self.device),
            "device_name": device_name(self.device),
            "threads": torch.get_num_threads(),
            "versions": library_versions(),
            "git_commit": git_commit(),
            "n_clips": len(self.clips),
            "skipped": self.skipped,
        }
        value.setdefault("started_at", f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}")
        write_json(file, value | more)

    def _note_skipped(self, store: AudioStore) -> None:
        for row, reason in sorted(store.skipped.items()):
            name = store.clips[row].filename
            if name not in self.skipped:
                self.log(f"skipped {name}: {reason}")
            self.skipped[name] = reason
        self._write_run_json()

    def _folds(self, store: AudioStore, use: NDArray[np.int64]) -> NDArray[np.int32]:
        """The fold of each of the store's rows, -1 for clips left out; on resume as it was written."""
        import pandas as pd

        file = self.folder / "folds.parquet"
        read = store.n_frames > 0
        if file.exists():
            try:
                table = pd.read_parquet(file)
                known = dict(zip(table["clip_id"].tolist(), table["fold"].tolist(), strict=True))
            except Exception as error:  # a damaged file fails in many ways
                raise ArtefactError(f"{file} cannot be read ({error}); start a new run") from error
            fold = np.array([known.get(clip.id, -1) for clip in store.clips], dtype=np.int32)
            fold[~read] = -1
            return fold
        rows = np.flatnonzero(read)
        if not len(rows):
            raise AudioError("no clip could be read; see log.txt for the reasons")
        config = self.recipe.folds
        copies: list[tuple[int, int]] = []
        if config.near_duplicates:
            prints = [store.fingerprints[int(row)] for row in rows]
            copies = find_copies(prints, store.duration_s[rows], config.duplicate_similarity)
        clips = [store.clips[int(row)] for row in rows]
        present = self.present[use[rows]]
        plan = make_folds(clips, present, self.n_folds, self.recipe.train.seed, copies, self.labels.classes)
        for warning in plan.warnings:
            self.log(f"warning: {warning}")
            self.tell({"phase": "reading audio", "warning": warning, "fraction": READING_SHARE})
        fold = np.full(len(store.clips), -1, dtype=np.int32)
        fold[rows] = plan.fold
        table = pd.DataFrame(
            {
                "clip_id": [clip.id for clip in clips],
                "filename": [clip.filename for clip in clips],
                "fold": plan.fold,
                "group": plan.group,
            }
        )
        content = io.BytesIO()
        table.to_parquet(content, index=False)
        write_atomically(file, content.getvalue())
        self._write_run_json(
            ungrouped=plan.n_ungrouped,
            near_duplicates=[[clips[a].filename, clips[b].filename] for a, b in copies[:1000]],
            warnings=list(plan.warnings),
        )
        return fold

    def _grid(self) -> FrameGrid:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.recipe.train.seed)
            # The geometry does not depend on the weights; none need be loaded for it.
            bare = replace(self.recipe, network=replace(self.recipe.network, pretrained=False, weights=""))
            return frame_grid(build_network(bare, len(self.labels.classes)), self.recipe.features)

    # ------------------------------------------------------------------------------------------- one fold

    def _finished(self, k: int, ids: Sequence[int]) -> tuple[NDArray[np.float32], list[NDArray[np.float32]]] | None:
        """What fold ``k`` predicted, where it is finished and whole; else None, and it is trained (on)."""
        file = self.checkpoints / f"fold{k}.predictions.safetensors"
        if not file.exists():
            return None
        try:
            tensors, meta = load_tensors(file)
            offsets = tensors["offsets"].numpy()
            frames = tensors["framewise"].numpy()
            self.history[k] = list(meta["history"])
            at = {clip_id: i for i, clip_id in enumerate(tensors["clip_ids"].tolist())}
            # A clip that was read then and is not now keeps its prediction out; one new to the fold stays NaN.
            blank = np.full(frames.shape[1], np.nan, dtype=np.float32)
            clipwise = np.array([tensors["clipwise"][at[i]].numpy() if i in at else blank for i in ids])
            framewise = [frames[offsets[at[i]] : offsets[at[i] + 1]] if i in at else frames[:0] for i in ids]
        except (ArtefactError, KeyError, ValueError, IndexError) as error:
            self.log(f"fold {k}: predictions not whole ({error}); predicted again")
            return None
        self.log(f"fold {k}: finished before")
        return clipwise.reshape(len(ids), -1), framewise

    def _train(
        self,
        k: int,
        store: AudioStore,
        use: NDArray[np.int64],
        fold: NDArray[np.int32],
        grid: FrameGrid,
        ids: Sequence[int],
    ) -> tuple[NDArray[np.float32], list[NDArray[np.float32]]]:
        train_rows = np.flatnonzero((fold >= 0) & (fold != k))
        valid_rows = np.flatnonzero(fold == k)
        self.log(f"fold {k}: {len(train_rows)} clips to train on, {len(valid_rows)} to predict")
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(np.random.SeedSequence([self.recipe.train.seed, k]).generate_state(1)[0]))
            network = build_network(self.recipe, len(self.labels.classes))
        checkpoint = self.checkpoints / f"fold{k}.resume.safetensors"
        truths = [self.truths[int(row)] for row in use]
        trainer = FoldTrainer(
            self.recipe,
            network,
            store,
            truths,
            train_rows,
            valid_rows,
            self.labels.classes,
            k,
            grid,
            self.device,
            checkpoint,
            self.log,
        )

        def told(progress: Mapping[str, Any]) -> None:
            self.history[k] = trainer.state.history
            self._write_history()
            self._say_fold(k, progress)

        chosen = trainer.run(told, self.should_stop)
        self.history[k] = trainer.state.history
        self._say("predicting", self._fraction(k, 1.0), fold=k + 1)
        clipwise, framewise = predict_clips(
            chosen,
            trainer.front_end,
            store,
            valid_rows,
            self.recipe.predict,
            grid,
            self.recipe.train.precision,
            self.should_stop,
        )
        state = trainer.state
        save_tensors(self.checkpoints / f"fold{k}.safetensors", chosen.state_dict(), {"fold": k})
        write_json(
            self.checkpoints / f"fold{k}.json",
            {
                "fold": k,
                "network": self.recipe.network.name,
                "classes": list(self.labels.classes),
                "epoch": state.best_epoch if self.recipe.train.select == "best" else state.epoch,
                "select": self.recipe.train.select,
                "grid": {"start_s": grid.start_s, "step_s": grid.step_s, "native_step_s": grid.native_step_s},
            },
        )
        offsets = np.cumsum([0, *(len(one) for one in framewise)])
        save_tensors(
            self.checkpoints / f"fold{k}.predictions.safetensors",
            {
                "clip_ids": torch.tensor(list(ids), dtype=torch.int64),
                "clipwise": torch.from_numpy(clipwise),
                "framewise": torch.from_numpy(np.concatenate(framewise)),
                "offsets": torch.from_numpy(offsets),
            },
            {"history": state.history},
        )
        checkpoint.unlink(missing_ok=True)
        self._write_history()
        return clipwise, framewise

    # ------------------------------------------------------------------------------------------- progress

    def _fraction(self, k: int, of_fold: float) -> float:
        return READING_SHARE + (0.99 - READING_SHARE) * (k + of_fold) / self.n_folds

    def _say_fold(self, k: int, progress: Mapping[str, Any]) -> None:
        share = 0.97 * progress["step"] / max(1, progress["steps"])
        self._say("training", self._fraction(k, share), **{key: v for key, v in progress.items() if key != "phase"})

    def _say(self, phase: str, fraction: float, **more: Any) -> None:
        now = time.monotonic()
        if phase == "reading audio" or self.fraction_before < 0:
            self.fraction_before, self.said_at = fraction, now
        gone, moved = now - self.said_at, fraction - self.fraction_before
        eta_s = gone * (1 - fraction) / moved if moved > 1e-4 else None
        self.tell({"phase": phase, "fraction": round(fraction, 4), "eta_s": eta_s, "folds": self.n_folds, **more})

    def _write_history(self) -> None:
        text = io.StringIO()
        writer = csv.DictWriter(text, HISTORY_COLUMNS, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        for k in sorted(self.history):
            writer.writerows(self.history[k])
        write_atomically(self.folder / "history.csv", text.getvalue().encode())
