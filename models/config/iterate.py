"""[iterate]: correct the labels by the run's own predictions and train again, until they settle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from models.config.checks import Bound, check_fields


@dataclass(frozen=True)
class IterateConfig:
    """After a run: machine corrections of unreviewed cells, a new label version, the next round's run."""

    rounds: Annotated[int, Bound(0, 100)] = 0
    """Further rounds after this run; 0 = none."""
    add_above: Annotated[float, Bound(0.5, 1)] = 0.9
    """An unlisted class is added where its out-of-fold probability is above this anywhere in the clip."""
    single_label_only: bool = True
    """Add classes only to clips with exactly one label, beside what earlier rounds added: the rule of stage 1."""
    remove_below: Annotated[float, Bound(0, 0.5)] = 0.0
    """A listed secondary label is taken off where its probability is below this in all of the clip; 0 = never."""
    settled_below: Annotated[float, Bound(0, 1)] = 0.001
    """The rounds end once a round changes less than this share of the listed cells."""
    first_run: str = ""
    """The run that began the rounds; `iterate` sets it on those that follow."""

    def __post_init__(self) -> None:
        check_fields("iterate", self)
