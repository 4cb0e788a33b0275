"""[folds]: how clips are split. [predict]: how a whole clip is predicted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from labeling.errors import ConfigError
from models.config.checks import Bound, OneOf, check_fields, one_of

TTA = ("shift", "gain", "spec_augment", "flip_time", "flip_frequency", "resized_crop")
FLIPS = ("flip_time", "flip_frequency")
"""Views that show nothing new a second time."""


@dataclass(frozen=True)
class FoldConfig:
    """How the clips are split: a group never crosses folds; near-duplicates count as one group."""

    folds: Annotated[int, Bound(2, 100)] = 4
    """Each clip is predicted by the fold that never saw it."""
    by: Annotated[str, OneOf(("group", "recording"))] = "group"
    """What is never parted: group (clips of one group, recordist and day), or recording (only what is the same sound),
    for a collection of too few groups; clips that are alike may then lie in different folds, and their predictions
    look better than they are."""
    near_duplicates: bool = True
    """Find clips that hold the same recording, also cut or encoded anew, by their sound, and keep them in one fold."""
    same_outing: bool = True
    """Keep clips without a group in one fold where one recordist made them on one day, or, with no day, at one
    place."""
    like: str = ""
    """An earlier run's id: each clip stays in the fold that it had there, and new clips join them; empty = folds of
    its own."""

    def __post_init__(self) -> None:
        check_fields("folds", self)


@dataclass(frozen=True)
class PredictConfig:
    """How a whole clip is predicted: by overlapping windows, averaged where they overlap."""

    window_s: Annotated[float, Bound(0.1, 3600)] = 10.0
    """Length of the windows in which a clip is predicted."""
    overlap: Annotated[float, Bound(0, 0.95)] = 0.5
    """Share of a window that the next one repeats."""
    batch_size: Annotated[int, Bound(1, 65536)] = 32
    """Windows predicted at once; halve it if memory runs out."""
    context_s: Annotated[float, Bound(0, 600)] = 0.0
    """This much more sound on each side is shown with a window, and its frames dropped; 0 = none. At a clip's edge
    there is less, or none."""
    tta_views: Annotated[int, Bound(1, 64)] = 1
    """Views of each window whose predictions are averaged: the plain one, then others as ``tta`` says."""
    tta: tuple[str, ...] = ("shift",)
    """What the other views change, taken in turn: shift (in time, what leaves at one end enters at the other), gain,
    spec_augment (hide a stripe of time and one of frequency), flip_time, flip_frequency (each once: a second flip
    shows nothing new), resized_crop (a random part, stretched to the whole)."""
    tta_gain_db: Annotated[float, Bound(0, 60)] = 6.0
    """A gain view is up to so much louder or softer."""
    tta_mask_share: Annotated[float, Bound(0, 0.9)] = 0.1
    """Each stripe of a spec_augment view is narrower than this share of its axis."""
    clip_crops: Annotated[int, Bound(0, 256)] = 0
    """Above 0: a clip's prediction is the mean over so many windows drawn where the sound is strong, as
    data.crop = strength draws chunks, the k-th shown as the k-th view. Its frames come from the windows that cover
    it, as ever."""
    clip_pool: Annotated[str, OneOf(("max", "mean"))] = "max"
    """How the windows' clipwise predictions become the clip's: max or mean."""
    neighbours: Annotated[int, Bound(0, 256)] = 16
    """For each held-out clip, find so many training clips that sound most alike to the network: evidence for finding
    wrong labels. It takes about as long as predicting all clips once more a fold; 0 = none."""

    def __post_init__(self) -> None:
        check_fields("predict", self)
        if self.tta_views > 1 and not self.tta:
            raise ConfigError(f"predict.tta is empty but predict.tta_views = {self.tta_views}; name at least one view")
        for view in self.tta:
            one_of("predict.tta entry", view, TTA)
        flips = len(set(self.tta))
        if self.tta_views > 1 + flips and set(self.tta) <= set(FLIPS):
            raise ConfigError(
                f"predict.tta_views = {self.tta_views} but a flip gives only one other view; "
                f"set predict.tta_views = {1 + flips} or add to predict.tta, such as shift"
            )
        for view, key in (("gain", "tta_gain_db"), ("spec_augment", "tta_mask_share")):
            if self.tta_views > 1 and view in self.tta and not getattr(self, key):
                raise ConfigError(
                    f"predict.tta has {view} but predict.{key} = 0, so that its views show nothing new; raise "
                    f"predict.{key} or take {view} out of predict.tta"
                )
