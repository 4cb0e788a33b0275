"""[targets]: what a chunk of a clip is trained towards. Reviewed cells and regions override all of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from labeling.errors import ConfigError
from labeling.registry import Registry
from models.config.checks import Bound, OneOf, check_fields, within


@dataclass(frozen=True)
class RuleEntry:
    """Where a target rule is found: ``module:function``, which makes the rule of a TargetConfig and a member."""

    function: str
    reads_teacher: bool = True


RULES: Registry[RuleEntry] = Registry("target rule")
"""See models/targets/rules.py. Add your own with ``RULES.add("mine", RuleEntry("my_module:make_mine"))`` before the
recipe is read."""

RULES.add("clip", RuleEntry("models.targets.rules:make_clip", reads_teacher=False))
RULES.add("and", RuleEntry("models.targets.rules:make_and"))
RULES.add("two_way", RuleEntry("models.targets.rules:make_two_way"))
RULES.add("mix", RuleEntry("models.targets.rules:make_mix"))


@dataclass(frozen=True)
class TargetConfig:
    """How labels, and a teacher's out-of-fold predictions of the same clips, become targets."""

    rule: str = "clip"
    """clip, and (label AND frames), two_way, mix: see models/targets/rules.py."""
    teacher: str = ""
    """The run whose out-of-fold predictions the rule reads: its id in the workspace, newest, or an oof.zarr's path."""
    thresholds: tuple[float, ...] = (0.5,)
    """and: a label stays on a chunk where a frame is at least this. Each member of a fold takes the next one."""
    keep_above: Annotated[float, Bound(0, 1)] = 0.3
    """two_way: a secondary label stays on a chunk where a frame is above this."""
    add_above: Annotated[float, Bound(0, 1)] = 0.9
    """two_way: an unlisted class is added to a chunk where a frame is above this."""
    label_share: Annotated[float, Bound(0, 1)] = 0.7
    """mix: the label's share; the rest is the teacher's probability."""
    secondary: Annotated[str, OneOf(("keep", "mask", "soft"))] = "keep"
    """Secondary labels: keep (as primary ones), mask (neither present nor absent), soft (``secondary_target``).
    A clip without a primary class has no secondary ones."""
    secondary_target: Annotated[float, Bound(0, 1)] = 0.6
    """secondary = soft: the target of a secondary label."""
    mask_missing_share: Annotated[float, Bound(0, 1)] = 0.0
    """Of each class's unlisted, unreviewed cells, this share with the highest teacher probability is left out of
    the loss (Fonseca et al. 2020)."""
    remove: Annotated[str, OneOf(("none", "confident_learning"))] = "none"
    """none, or confident_learning: listed cells that confident learning finds wrong are left out of the loss."""

    def __post_init__(self) -> None:
        check_fields("targets", self)
        if not self.thresholds:
            raise ConfigError("targets.thresholds is empty; give at least one, such as [0.5]")
        for value in self.thresholds:
            within("targets.thresholds entry", value, 0, 1)
        reads = RULES.get(self.rule).reads_teacher
        if self.teacher == "" and self.reads_teacher:
            what = f"targets.rule = {self.rule!r}" if reads else "masking or removal of labels"
            raise ConfigError(
                f"{what} reads a teacher's predictions but targets.teacher is empty; "
                "set targets.teacher=newest or a run's id"
            )

    @property
    def reads_teacher(self) -> bool:
        """Whether anything here needs a teacher's predictions."""
        return RULES.get(self.rule).reads_teacher or self.mask_missing_share > 0 or self.remove != "none"
