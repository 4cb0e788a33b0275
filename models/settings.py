"""The settings that the retrain page offers. Imports no torch."""

from __future__ import annotations

import ast
import inspect
import itertools
import typing
from collections.abc import Mapping
from dataclasses import dataclass, is_dataclass
from functools import cache

from models.config import SECTIONS, Recipe, all_settings, toml_value


@dataclass(frozen=True)
class Setting:
    """One setting that the retrain page offers: its key, a label, and its bounds for a form."""

    key: str
    label: str
    kind: str
    low: float
    high: float
    step: float
    help: str


MAIN_SETTINGS: tuple[Setting, ...] = (
    Setting("train.epochs", "Epochs", "int", 1, 500, 1, "How often the training visits each clip."),
    Setting("train.batch_size", "Batch size", "int", 2, 512, 1, "Chunks a step; halve it if memory runs out."),
    Setting("train.learning_rate", "Learning rate", "float", 1e-6, 0.1, 1e-4, "The peak, after the warm-up."),
    Setting("data.chunk_s", "Chunk (s)", "float", 1, 60, 0.5, "Length of the stretch shown to the network."),
    Setting("folds.folds", "Folds", "int", 2, 20, 1, "Each clip is predicted by the fold that never saw it."),
    Setting("augment.mixup.probability", "Mixup", "float", 0, 1, 0.05, "Share of chunks mixed with another."),
    Setting("train.seed", "Seed", "int", 0, 2**31 - 1, 1, "Same seed, recipe and labels: the same predictions."),
)


#: what the settings are whose class says nothing of them, as their names are the field's own
WELL_KNOWN: Mapping[str, str] = {
    "features.sample_rate": "Hz; every file is resampled to this.",
    "features.n_fft": "Samples of one spectrum (window of the STFT).",
    "features.hop_length": "Samples from one spectrum to the next.",
    "features.n_mels": "Mel bands from fmin_hz to fmax_hz.",
    "features.fmin_hz": "Lower edge of the lowest mel band.",
    "features.fmax_hz": "Upper edge of the highest mel band; at most half of sample_rate.",
    "features.ref": "Power that counts as 0 dB.",
    "features.amin": "Powers below this count as this, before the log.",
    "features.top_db": "Nothing is more than this many dB below the loudest; none = no limit.",
    "network.name": "The kind of network: cnn, sed, cnn14_*, freesound_cnn and others; a wrong name lists all.",
    "network.backbone": "sed: the timm network that reads the spectrogram, by its name there.",
    "network.pretrained": "sed: begin with timm's weights for the backbone (downloaded once).",
    "network.widths": "cnn: channels of each block.",
    "network.time_pool": "cnn: how far each block shrinks time (1, 2 or 4).",
    "network.dropout": "Share of features hidden in each training step.",
    "network.attention": "How the head limits its attention before the softmax over time: tanh, clamp or linear.",
    "network.resizer_width": "Channels of the learned resizer.",
    "network.resizer_blocks": "Residual blocks of the learned resizer.",
    "targets.secondary_target": "secondary = soft: the target of a secondary label.",
    "augment.pitch.semitones": "Lowest and highest shift.",
    "augment.fade.share": "Shortest and longest fade, as a share of the chunk.",
    "augment.tilt.tilt_db": "At most this many dB up or down.",
    "augment.shelf.gain_db": "Least and most gain; negative lowers.",
    "augment.shelf.bass_hz": "Corner of the bass shelf.",
    "augment.shelf.treble_hz": "Corner of the treble shelf.",
    "augment.equalizer.center_hz": "Lowest and highest centre of the band.",
    "augment.equalizer.gain_db": "Least and most gain; negative lowers.",
    "augment.equalizer.q": "Centre over width: the higher, the narrower the band.",
    "augment.time_pad.share": "Least and most that is cut, as a share of the chunk.",
    "augment.cutmix.share": "Shortest and longest stretch, as a share of the chunk.",
    "augment.spec_mix.time_stripes": "Stretches of time replaced.",
    "augment.spec_mix.frequency_stripes": "Stretches of frequency replaced.",
    "augment.gain.gain_db": "Least and most gain; negative makes it softer.",
    "augment.spec_augment.time_masks": "Stripes of time hidden.",
    "augment.spec_augment.frequency_masks": "Stripes of frequency hidden.",
    "augment.cutout.holes": "Rectangles hidden.",
    "loss.focal_gamma": "focal: how strongly cells that the network gets right already count less.",
    "loss.asl_gamma_positive": "asl: the same for present cells.",
    "loss.asl_gamma_negative": "asl: the same for absent cells.",
    "loss.asl_margin": "asl: an absent cell below this probability costs nothing.",
    "loss.sce_alpha": "sce: weight of the cross-entropy.",
    "loss.sce_beta": "sce: weight of the reverse cross-entropy, which bounds what a wrong label costs.",
    "train.optimizer": "adamw or adam.",
    "train.learning_rate_min": "The rate at the end of the cosine.",
    "train.weight_decay": "How strongly the weights are pulled towards 0.",
    "train.pretrain_learning_rate": "The peak rate of the pretraining.",
    "train.validate_every": "Epochs from one validation to the next.",
    "folds.near_duplicates": "Keep copies of one recording in one fold.",
    "predict.window_s": "Length of the windows in which a clip is predicted.",
    "predict.batch_size": "Windows predicted at once; halve it if memory runs out.",
    "track.tensorboard": "Write curves for TensorBoard into the run's folder.",
    "track.mlflow": "Log to MLflow as well.",
    "track.wandb": "Log to Weights & Biases as well, which sends the curves there.",
    "track.project": "The project's name in TensorBoard, MLflow and Weights & Biases.",
}
SNR = "Least and most dB that the sound lies above the noise."


@dataclass(frozen=True)
class SettingRow:
    """One setting of a recipe: its full key, the recipe's value as TOML writes it (text without quotes), and
    what it is."""

    key: str
    value: str
    help: str


def every_setting(recipe: Recipe) -> list[SettingRow]:
    """All settings of ``recipe`` in the order of its file."""
    rows = []
    for key in all_settings():
        value: object = recipe
        for name in key.split("."):
            value = getattr(value, name)
        text = value if isinstance(value, str) else "none" if value is None else toml_value(value)
        rows.append(SettingRow(key, text, help_of(key)))
    return rows


@cache
def _helps() -> dict[str, str]:
    found: dict[str, str] = {}
    for section, kind in SECTIONS.items():
        _read_helps(kind, f"{section}.", found)
    return found


def _read_helps(kind: type, prefix: str, found: dict[str, str]) -> None:
    """The text under each field of a section's class, and the class's own for the tables inside it."""
    body = ast.parse(inspect.getsource(kind)).body[0]
    assert isinstance(body, ast.ClassDef)
    hints = typing.get_type_hints(kind)
    for before, after in itertools.pairwise([*body.body, ast.Pass()]):
        if not (isinstance(before, ast.AnnAssign) and isinstance(before.target, ast.Name)):
            continue
        name = before.target.id
        if is_dataclass(hints[name]):
            inner = typing.cast("type", hints[name])
            found[f"{prefix}{name}"] = inspect.cleandoc(inner.__doc__ or "")
            _read_helps(inner, f"{prefix}{name}.", found)
        elif isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            found[f"{prefix}{name}"] = " ".join(str(after.value.value).split())


def help_of(key: str) -> str:
    """What a setting is, in a sentence; of a table's probability, what the table does."""
    helps = _helps()
    table, _, name = key.rpartition(".")
    if name == "probability":
        return f"Share of chunks. {helps.get(table, '')}".strip()
    main = next((setting.help for setting in MAIN_SETTINGS if setting.key == key), "")
    return helps.get(key) or main or WELL_KNOWN.get(key) or (SNR if name == "snr_db" else "")
