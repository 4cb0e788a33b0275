"""[iterate]: correct the labels by the run's own predictions and train again, until they settle."""

from __future__ import annotations

from dataclasses import dataclass

from models.config.checks import within


@dataclass(frozen=True)
class IterateConfig:
    """After a run: machine corrections of unreviewed cells, a new label version, the next round's run."""

    rounds: int = 0
    """Further rounds after this run; 0 = none."""
    add_above: float = 0.9
    """An unlisted class is added where its out-of-fold probability is above this anywhere in the clip."""
    single_label_only: bool = True
    """Add classes only to clips with exactly one label, beside what earlier rounds added: the rule of stage 1."""
    remove_below: float = 0.0
    """A listed secondary label is taken off where its probability is below this in all of the clip; 0 = never."""
    settled_below: float = 0.001
    """The rounds end once a round changes less than this share of the listed cells."""
    first_run: str = ""
    """The run that began the rounds; `iterate` sets it on those that follow."""

    def __post_init__(self) -> None:
        within("iterate.rounds", self.rounds, 0, 100)
        within("iterate.add_above", self.add_above, 0.5, 1)
        within("iterate.remove_below", self.remove_below, 0, 0.5)
        within("iterate.settled_below", self.settled_below, 0, 1)
