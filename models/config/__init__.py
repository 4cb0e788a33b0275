"""A recipe: one TOML file that fully describes a training, as frozen dataclasses. Imports no torch.

Each section is a file here; ``recipe.py`` joins them, ``toml.py`` reads, writes and overrides.
"""

from models.config.augment import SAMPLES, AugmentConfig
from models.config.data import DataConfig
from models.config.features import CHANNELS, FeatureConfig
from models.config.iterate import IterateConfig
from models.config.linear import LinearConfig
from models.config.loss import LossConfig
from models.config.network import NetworkConfig
from models.config.predict import TTA, FoldConfig, PredictConfig
from models.config.recipe import COST, SECTIONS, TEXTS, Recipe
from models.config.targets import TargetConfig
from models.config.toml import (
    RECIPES_DIR,
    all_settings,
    load_recipe,
    parse_override,
    recipe_from_table,
    recipe_names,
    recipe_of,
    recipe_to_toml,
    setting_value,
    toml_value,
)
from models.config.train import TrackConfig, TrainConfig

__all__ = [
    "CHANNELS",
    "COST",
    "RECIPES_DIR",
    "SAMPLES",
    "SECTIONS",
    "TEXTS",
    "TTA",
    "AugmentConfig",
    "DataConfig",
    "FeatureConfig",
    "FoldConfig",
    "IterateConfig",
    "LinearConfig",
    "LossConfig",
    "NetworkConfig",
    "PredictConfig",
    "Recipe",
    "TargetConfig",
    "TrackConfig",
    "TrainConfig",
    "all_settings",
    "load_recipe",
    "parse_override",
    "recipe_from_table",
    "recipe_names",
    "recipe_of",
    "recipe_to_toml",
    "setting_value",
    "toml_value",
]
