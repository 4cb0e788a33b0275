"""A recipe: one TOML file that fully describes a training, as frozen dataclasses. Imports no torch.

A contradiction dies when the dataclass is made; the message names the value, the bound and the remedy.
"""

from __future__ import annotations

import json
import math
import re
import tomllib
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from labeling.errors import ConfigError, UnknownName
from labeling.registry import unknown_name

RECIPES_DIR = Path(__file__).parent / "recipes"
CHANNELS = ("log", "log_band", "delta", "pcen", "log_power15", "frequency")


def _at_least(name: str, value: float, low: float) -> None:
    if not (math.isfinite(value) and value >= low):
        raise ConfigError(f"{name} = {value} must be at least {low:g}")


def _within(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise ConfigError(f"{name} = {value} must lie between {low:g} and {high:g}")


def _one_of(kind: str, value: str, known: Sequence[str]) -> None:
    if value not in known:
        raise UnknownName(unknown_name(kind, value, list(known)))


def _ascending(name: str, value: Sequence[float]) -> None:
    if len(value) != 2 or not value[0] <= value[1]:
        raise ConfigError(f"{name} = {list(value)} must be two numbers, the lower first")


@dataclass(frozen=True)
class FeatureConfig:
    """Waveform -> log-mel. Names and defaults as in librosa; ``channels`` are the network's input planes."""

    sample_rate: int = 32000
    n_fft: int = 1024
    hop_length: int = 320
    n_mels: int = 64
    fmin_hz: float = 50.0
    fmax_hz: float = 14000.0
    ref: float = 1.0
    amin: float = 1e-10
    top_db: float | None = None
    pad_mode: str = "constant"
    """Edges of the STFT: constant (zeros, as librosa), or reflect (as PANNs' own front end)."""
    channels: tuple[str, ...] = ("log",)
    """Which planes: log (dB), log_band (dB minus each band's mean), delta, pcen, log_power15, frequency."""
    standardize: str = "none"
    """none; example (each plane to mean 0, deviation 1); center (mean 0, 20 dB = 1); image (each plane to 0..1)."""
    precompute: bool = False
    """Compute each clip's mel once and keep it in memory; every fold shares the work."""

    def __post_init__(self) -> None:
        _within("features.sample_rate", self.sample_rate, 1000, 384000)
        _within("features.n_fft", self.n_fft, 16, 65536)
        _within("features.hop_length", self.hop_length, 1, self.n_fft)
        _within("features.n_mels", self.n_mels, 4, 1024)
        _at_least("features.fmin_hz", self.fmin_hz, 0)
        if not self.fmin_hz < self.fmax_hz <= self.sample_rate / 2:
            raise ConfigError(
                f"features.fmax_hz = {self.fmax_hz:g} must lie above fmin_hz = {self.fmin_hz:g} and at most "
                f"half of sample_rate = {self.sample_rate}"
            )
        _at_least("features.amin", self.amin, 1e-30)
        _at_least("features.ref", self.ref, 1e-30)
        if self.top_db is not None:
            _at_least("features.top_db", self.top_db, 0)
        if not self.channels:
            raise ConfigError(f"features.channels is empty; name at least one of {', '.join(CHANNELS)}")
        for channel in self.channels:
            _one_of("features.channels entry", channel, CHANNELS)
        _one_of("features.pad_mode", self.pad_mode, ("constant", "reflect"))
        _one_of("features.standardize", self.standardize, ("none", "example", "center", "image"))


@dataclass(frozen=True)
class NetworkConfig:
    """Which network, and its head. ``widths`` and ``time_pool`` are for ``cnn``, ``backbone`` for ``sed``."""

    name: str = "cnn"
    backbone: str = "tf_efficientnet_b0.ns_jft_in1k"
    pretrained: bool = False
    weights: str = ""
    """Path to weights to start from: a .safetensors file, or a .pth that holds tensors only."""
    widths: tuple[int, ...] = (24, 48, 96, 192)
    time_pool: tuple[int, ...] = (2, 2, 2, 1)
    hidden: int = 0
    """Width of the layer between the features and the attention; 0 = as wide as the features."""
    dropout: float = 0.5
    attention: str = "tanh"

    def __post_init__(self) -> None:
        if not self.widths or min(self.widths) < 1:
            raise ConfigError(f"network.widths = {list(self.widths)} must be one or more numbers of at least 1")
        if len(self.time_pool) != len(self.widths) or not set(self.time_pool) <= {1, 2, 4}:
            raise ConfigError(
                f"network.time_pool = {list(self.time_pool)} must give 1, 2 or 4 for each of the "
                f"{len(self.widths)} network.widths"
            )
        _at_least("network.hidden", self.hidden, 0)
        _within("network.dropout", self.dropout, 0, 0.95)
        _one_of("network.attention", self.attention, ("tanh", "clamp", "linear"))


@dataclass(frozen=True)
class DataConfig:
    """What the network is shown in training: one random chunk of each clip an epoch."""

    chunk_s: float = 5.0
    chunks_per_clip: int = 1
    """How often an epoch visits each clip."""
    target_rule: str = "clip"
    pad: str = "repeat"
    """How a clip shorter than a chunk is filled: repeat, or zeros (at a random offset)."""
    memory_gb: float = 8.0
    """Decoded audio is kept in memory up to this size; beyond it each chunk is read from disk."""
    workers: int = 4
    """Threads that read audio."""

    def __post_init__(self) -> None:
        _within("data.chunk_s", self.chunk_s, 0.1, 600)
        _within("data.chunks_per_clip", self.chunks_per_clip, 1, 1000)
        _one_of("data.pad", self.pad, ("repeat", "zeros"))
        _at_least("data.memory_gb", self.memory_gb, 0)
        _within("data.workers", self.workers, 1, 64)


@dataclass(frozen=True)
class AugmentConfig:
    """Changes to the training chunks, each with a probability and a range; all act on power or on the planes."""

    gain_probability: float = 0.0
    gain_db: tuple[float, ...] = (-6.0, 6.0)
    mixup_probability: float = 0.0
    mixup_db: tuple[float, ...] = (-10.0, 10.0)
    """Level of the second chunk against the first, after both are brought to the same mean power."""
    mixup_labels: str = "union"
    """union: a class of either chunk is present; mixed: targets weighted by each chunk's share of the power."""
    tilt_probability: float = 0.0
    tilt_db: float = 6.0
    """A random smooth equaliser of at most this many dB, up or down."""
    noise_probability: float = 0.0
    noise_snr_db: tuple[float, ...] = (0.0, 30.0)
    time_masks: int = 0
    time_mask_s: float = 0.5
    frequency_masks: int = 0
    frequency_mask_bands: int = 8
    mask_probability: float = 1.0

    def __post_init__(self) -> None:
        for name in ("gain", "mixup", "tilt", "noise", "mask"):
            _within(f"augment.{name}_probability", getattr(self, f"{name}_probability"), 0, 1)
        for name in ("gain_db", "mixup_db", "noise_snr_db"):
            _ascending(f"augment.{name}", getattr(self, name))
        _one_of("augment.mixup_labels", self.mixup_labels, ("union", "mixed"))
        for name in ("tilt_db", "time_masks", "time_mask_s", "frequency_masks", "frequency_mask_bands"):
            _at_least(f"augment.{name}", getattr(self, name), 0)


@dataclass(frozen=True)
class TrainConfig:
    """Optimiser, schedule, loss and how the weights to keep are chosen."""

    epochs: int = 30
    batch_size: int = 32
    learning_rate: float = 1e-3
    weight_decay: float = 1e-2
    warmup_fraction: float = 0.1
    gradient_clip: float = 5.0
    """Largest norm of the gradient; 0 = no limit."""
    ema_decay: float = 0.999
    """Decay of the moving average of the weights, with warm-up; 0 = the weights themselves."""
    loss: str = "bce"
    framewise_weight: float = 0.5
    """Weight of the loss on the maximum of the frames, beside 1 for the loss on the clip."""
    label_smoothing: float = 0.0
    select: str = "last"
    """last: keep the last epoch; best: the epoch with the best validation macro-AP. ``best`` chooses by the
    same noisy labels that the OOF predictions are later compared with, so it flatters them slightly."""
    patience: int = 0
    """With select = best: stop after this many validations without a better one; 0 = never."""
    validate_every: int = 1
    precision: str = "auto"
    """auto: bfloat16 on a GPU that computes in it, else float32."""
    seed: int = 0

    def __post_init__(self) -> None:
        _within("train.epochs", self.epochs, 1, 100000)
        _within("train.batch_size", self.batch_size, 1, 65536)
        _within("train.learning_rate", self.learning_rate, 1e-9, 10)
        _within("train.weight_decay", self.weight_decay, 0, 10)
        _within("train.warmup_fraction", self.warmup_fraction, 0, 0.9)
        _at_least("train.gradient_clip", self.gradient_clip, 0)
        _within("train.ema_decay", self.ema_decay, 0, 0.99999)
        _at_least("train.framewise_weight", self.framewise_weight, 0)
        _within("train.label_smoothing", self.label_smoothing, 0, 0.5)
        _one_of("train.select", self.select, ("last", "best"))
        _at_least("train.patience", self.patience, 0)
        if self.patience and self.select == "last":
            raise ConfigError(
                f"train.patience = {self.patience} stops at the best epoch but train.select = 'last' keeps the last; "
                "set train.select = 'best' or train.patience = 0"
            )
        _within("train.validate_every", self.validate_every, 1, 100000)
        _one_of("train.precision", self.precision, ("auto", "float32", "bfloat16"))
        _within("train.seed", self.seed, 0, 2**31 - 1)


@dataclass(frozen=True)
class FoldConfig:
    """How the clips are split: a group never crosses folds; near-duplicates count as one group."""

    folds: int = 4
    near_duplicates: bool = True
    duplicate_similarity: float = 0.75
    """Correlation of two clips' envelopes from which they count as copies of one recording."""

    def __post_init__(self) -> None:
        _within("folds.folds", self.folds, 2, 100)
        _within("folds.duplicate_similarity", self.duplicate_similarity, 0.5, 1)


@dataclass(frozen=True)
class PredictConfig:
    """How a whole clip is predicted: by overlapping windows, averaged where they overlap."""

    window_s: float = 10.0
    overlap: float = 0.5
    """Share of a window that the next one repeats."""
    batch_size: int = 32
    clip_pool: str = "max"
    """How the windows' clipwise predictions become the clip's: max or mean."""

    def __post_init__(self) -> None:
        _within("predict.window_s", self.window_s, 0.1, 3600)
        _within("predict.overlap", self.overlap, 0, 0.95)
        _within("predict.batch_size", self.batch_size, 1, 65536)
        _one_of("predict.clip_pool", self.clip_pool, ("max", "mean"))


@dataclass(frozen=True)
class Recipe:
    """One training, fully described. ``source`` says whose recipe it follows."""

    name: str
    title: str
    source: str
    description: str
    cpu_hours_per_hour: float = 0.0
    """Hours on two CPU cores for an hour of audio, all folds, as measured once; 0 = not measured."""
    features: FeatureConfig = field(default_factory=FeatureConfig)
    network: NetworkConfig = field(default_factory=NetworkConfig)
    data: DataConfig = field(default_factory=DataConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    folds: FoldConfig = field(default_factory=FoldConfig)
    predict: PredictConfig = field(default_factory=PredictConfig)

    def __post_init__(self) -> None:
        if not self.name or not self.title:
            raise ConfigError("a recipe needs a name and a title at the top of its file")
        _at_least("cpu_hours_per_hour", self.cpu_hours_per_hour, 0)
        hop_s = self.features.hop_length / self.features.sample_rate
        for key, value in (("data.chunk_s", self.data.chunk_s), ("predict.window_s", self.predict.window_s)):
            if value < 16 * hop_s:
                raise ConfigError(f"{key} = {value:g} s holds under 16 frames of {hop_s:g} s; make it longer")


SECTIONS: dict[str, type] = {
    "features": FeatureConfig,
    "network": NetworkConfig,
    "data": DataConfig,
    "augment": AugmentConfig,
    "train": TrainConfig,
    "folds": FoldConfig,
    "predict": PredictConfig,
}
TEXTS = ("name", "title", "source", "description")
COST = "cpu_hours_per_hour"


def recipe_names() -> list[str]:
    """Names of the recipes that come with Earmark, sorted."""
    return sorted(path.stem for path in RECIPES_DIR.glob("*.toml"))


def load_recipe(name_or_path: str, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe by name, or from a .toml file, and apply ``section.key=value`` changes to it.

    A bare ``key=value`` is taken where only one section has the key. Raises ConfigError, UnknownName.
    """
    if name_or_path in recipe_names():
        path = RECIPES_DIR / f"{name_or_path}.toml"
    else:
        path = Path(name_or_path)
        if path.suffix != ".toml":
            raise UnknownName(
                unknown_name("recipe", name_or_path, recipe_names()) + "; or give the path of a .toml file"
            )
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"no recipe file {path}; known recipes: {', '.join(recipe_names())}") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"recipe file {path} cannot be read as TOML: {error}") from None
    table.setdefault("name", path.stem)
    for override in overrides:
        section, key, text = parse_override(override)
        table.setdefault(section, {})[key] = _value_of(text)
    return recipe_from_table(table)


def recipe_from_table(table: Mapping[str, Any]) -> Recipe:
    """Make a recipe of a parsed TOML table; raises ConfigError and UnknownName for what does not belong."""
    for key in table:
        if key not in (*SECTIONS, *TEXTS, COST):
            raise UnknownName(unknown_name("recipe section", key, [*TEXTS, COST, *SECTIONS]))
    texts = {key: table.get(key, "") for key in TEXTS}
    for key, value in texts.items():
        if not isinstance(value, str):
            raise ConfigError(f"recipe {key} = {value!r} must be text")
    sections = {name: _section(name, kind, table.get(name, {})) for name, kind in SECTIONS.items()}
    cost = table.get(COST, 0.0)
    if isinstance(cost, bool) or not isinstance(cost, int | float):
        raise ConfigError(f"recipe {COST} = {cost!r} must be a number")
    return Recipe(**texts, cpu_hours_per_hour=float(cost), **sections)


def parse_override(text: str) -> tuple[str, str, str]:
    """Split ``section.key=value`` (or ``key=value``) into section, key and value text."""
    key, equals, value = text.partition("=")
    key = key.strip()
    if not equals or not key:
        raise ConfigError(f"setting {text!r} must read KEY=VALUE, such as train.epochs=20")
    section, dot, name = key.partition(".")
    if not dot:
        owners = [owner for owner, kind in SECTIONS.items() if key in _keys(kind)]
        if len(owners) > 1:
            raise ConfigError(f"setting {key!r} exists in {', '.join(owners)}; write {owners[0]}.{key}=…")
        if not owners:
            known = sorted({name for kind in SECTIONS.values() for name in _keys(kind)})
            raise UnknownName(unknown_name("setting", key, known))
        section, name = owners[0], key
    if section not in SECTIONS:
        raise UnknownName(unknown_name("recipe section", section, list(SECTIONS)))
    if name not in _keys(SECTIONS[section]):
        raise UnknownName(unknown_name(f"setting of [{section}]", name, sorted(_keys(SECTIONS[section]))))
    return section, name, value.strip()


def recipe_to_toml(recipe: Recipe) -> str:
    """The whole recipe as TOML, every default written out; ``load_recipe`` reads it back to an equal one."""
    lines = [f"{key} = {_toml(getattr(recipe, key))}" for key in (*TEXTS, COST)]
    for name in SECTIONS:
        lines += ["", f"[{name}]"]
        lines += [f"{key} = {_toml(value)}" for key, value in asdict(getattr(recipe, name)).items()]
    return "\n".join(lines) + "\n"


def _keys(kind: type) -> set[str]:
    return {item.name for item in fields(kind)}


def _toml(value: Any) -> str:
    if value is None:
        return '"none"'
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        # TOML's basic strings take JSON's escapes, except that DEL must be escaped too.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, (tuple, list)):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return repr(value)


def _value_of(text: str) -> Any:
    """The value of a setting as TOML reads it; anything else is taken as text."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        if re.fullmatch(r"[+-]?\d+(\.\d*)?[eE][+-]?\d+", text):
            return float(text)
        return text


def _section(name: str, kind: type, table: Any) -> Any:
    if not isinstance(table, Mapping):
        raise ConfigError(f"recipe section {name} = {table!r} must be a table: [{name}]")
    hints = typing.get_type_hints(kind)
    values = {}
    for key, value in table.items():
        if key not in hints:
            raise UnknownName(unknown_name(f"setting of [{name}]", key, sorted(hints)))
        values[key] = _coerce(f"{name}.{key}", value, hints[key])
    return kind(**values)


def _coerce(name: str, value: Any, hint: Any) -> Any:
    """``value`` as the type that the field declares, or ConfigError that says which type it must have."""
    if isinstance(hint, types.UnionType):
        inner = next(item for item in typing.get_args(hint) if item is not type(None))
        return None if value == "none" else _coerce(name, value, inner)
    if typing.get_origin(hint) is tuple:
        if not isinstance(value, (list, tuple)):
            raise ConfigError(f"{name} = {value!r} must be a list, such as [1, 2]")
        return tuple(_coerce(name, item, typing.get_args(hint)[0]) for item in value)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    words = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}
    if type(value) is not hint or (hint is float and not math.isfinite(value)):
        raise ConfigError(f"{name} = {value!r} must be {words[hint]}")
    return value
