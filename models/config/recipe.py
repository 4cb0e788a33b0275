"""A recipe: one training, fully described, as frozen dataclasses. Imports no torch.

A contradiction dies when the dataclass is made; the message names the value, the bound and the remedy.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from labeling.errors import ConfigError
from models.config.augment import AugmentConfig
from models.config.checks import at_least
from models.config.data import DataConfig
from models.config.features import FeatureConfig
from models.config.iterate import IterateConfig
from models.config.linear import LinearConfig, check_used
from models.config.loss import LossConfig
from models.config.network import NetworkConfig
from models.config.predict import FoldConfig, PredictConfig
from models.config.targets import TargetConfig
from models.config.train import TrackConfig, TrainConfig


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
    targets: TargetConfig = field(default_factory=TargetConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    folds: FoldConfig = field(default_factory=FoldConfig)
    predict: PredictConfig = field(default_factory=PredictConfig)
    iterate: IterateConfig = field(default_factory=IterateConfig)
    track: TrackConfig = field(default_factory=TrackConfig)
    linear: LinearConfig = field(default_factory=LinearConfig)

    def __post_init__(self) -> None:
        if not self.name or not self.title:
            raise ConfigError("a recipe needs a name and a title at the top of its file")
        at_least("cpu_hours_per_hour", self.cpu_hours_per_hour, 0)
        if self.linear.space:
            check_used(self)
        samples = self.augment.needing_samples()
        if self.features.precompute and samples:
            raise ConfigError(
                f"features.precompute = true keeps no samples but augment.{samples[0]} changes them; "
                f"set features.precompute = false or augment.{samples[0]}.probability = 0"
            )
        if self.features.precompute and self.features.normalize == "peak":
            raise ConfigError(
                "features.precompute = true keeps no samples but features.normalize = 'peak' measures them; "
                "set features.precompute = false or features.normalize = 'none'"
            )
        if self.train.batch_size == 1 and (mixing := self.augment.needing_partners()):
            raise ConfigError(
                f"augment.{mixing[0]} needs a second chunk but train.batch_size = 1; "
                f"set train.batch_size = 2 or more, or augment.{mixing[0]}.probability = 0"
            )
        thresholds, members = len(self.targets.thresholds), self.train.members
        if self.targets.rule == "and" and thresholds > members:
            raise ConfigError(
                f"targets.thresholds has {thresholds} values, one a member, but train.members = {members}; "
                f"set train.members = {thresholds} or give fewer thresholds"
            )
        if self.data.pretrain_clips != "all" and not self.train.pretrain_epochs:
            raise ConfigError(
                f"data.pretrain_clips = {self.data.pretrain_clips!r} but train.pretrain_epochs = 0 pretrains on none; "
                "set train.pretrain_epochs to 1 or more, or data.pretrain_clips = 'all'"
            )
        level_only = self.features.standardize != "none" and "pcen" not in self.features.channels
        if level_only and self.predict.tta_views > 1 and "gain" in self.predict.tta:
            raise ConfigError(
                f"predict.tta has gain but features.standardize = {self.features.standardize!r} takes the level out "
                "again, so that its views show nothing new; take gain out of predict.tta, such as for shift"
            )
        if self.predict.clip_crops and self.data.crop != "strength":
            raise ConfigError(
                f"predict.clip_crops = {self.predict.clip_crops} draws windows by the strength of sound, which is "
                "measured with data.crop = 'strength' alone; set that, or predict.clip_crops = 0"
            )
        hop_s = self.features.hop_length / self.features.sample_rate
        for key, value in (("data.chunk_s", self.data.chunk_s), ("predict.window_s", self.predict.window_s)):
            if value < 16 * hop_s:
                raise ConfigError(f"{key} = {value:g} s holds under 16 frames of {hop_s:g} s; make it longer")


SECTIONS: dict[str, type] = {
    "features": FeatureConfig,
    "network": NetworkConfig,
    "data": DataConfig,
    "targets": TargetConfig,
    "augment": AugmentConfig,
    "loss": LossConfig,
    "train": TrainConfig,
    "folds": FoldConfig,
    "predict": PredictConfig,
    "iterate": IterateConfig,
    "track": TrackConfig,
    "linear": LinearConfig,
}
TEXTS = ("name", "title", "source", "description")
COST = "cpu_hours_per_hour"
