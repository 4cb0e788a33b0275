"""[augment]: changes to the training chunks, one table each, with its probability and its ranges.

They are applied in the order of ``AugmentConfig``: to the samples, to power mel before the log (where sounds add
up), to the planes. Those of ``SAMPLES`` need the sound itself and do not go with features.precompute.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from typing import Annotated

from labeling.errors import ConfigError
from models.config.checks import Above, Bound, OneOf, ascending, at_least, check_fields, within

LABELS = ("union", "mixed")
FILLS = ("mean", "zero", "random")


@dataclass(frozen=True)
class Augmentation:
    """What all have: the share of chunks that they change."""

    probability: Annotated[float, Bound(0, 1)] = 0.0


@dataclass(frozen=True)
class Pitch(Augmentation):
    """Samples: pitch shift by semitones, the duration kept."""

    semitones: tuple[float, ...] = (-3.0, 2.0)
    """Lowest and highest shift."""
    whole: bool = True
    """Only whole semitones; anything between them costs more on a GPU, as no two chunks are shifted together."""


@dataclass(frozen=True)
class GaussianNoise(Augmentation):
    """Samples: white Gaussian noise."""

    snr_db: tuple[float, ...] = (5.0, 20.0)
    """Lowest and highest ratio of the sound to what is added."""
    by: Annotated[str, OneOf(("power", "peak", "deviation"))] = "power"
    """Between what snr_db is: the mean powers, or the loudest samples (peak). deviation: as loud as that says, however
    loud the sound is."""
    deviation: Annotated[tuple[float, ...], Bound(0)] = (0.0, 0.04)
    """by = deviation: smallest and largest standard deviation of the noise, where full scale is 1."""


@dataclass(frozen=True)
class PinkNoise(Augmentation):
    """Samples: noise whose power falls by 3 dB an octave."""

    snr_db: tuple[float, ...] = (5.0, 20.0)
    """Lowest and highest ratio of the sound to what is added."""
    by: Annotated[str, OneOf(("power", "peak"))] = "power"
    """Between what snr_db is: the mean powers, or the loudest samples (peak)."""


@dataclass(frozen=True)
class Background(Augmentation):
    """Samples: a random stretch of a random sound file of ``folder``, added."""

    folder: str = ""
    """A folder or fsspec URL of sound files, those in folders inside it too."""
    snr_db: tuple[float, ...] = (3.0, 30.0)
    """Lowest and highest ratio of the sound's power to that of what is added."""
    memory_mb: float = 256.0
    """Decoded files are kept in memory up to this size; what does not fit is read from disk each time."""


@dataclass(frozen=True)
class Reverb(Augmentation):
    """Samples: an exponentially decaying room, added to the sound itself."""

    rt60_s: Annotated[tuple[float, ...], Above(0)] = (0.2, 1.0)
    """How long the room takes to fall by 60 dB."""
    wet_db: tuple[float, ...] = (-20.0, -6.0)
    """Level of the room's answer against the direct sound."""


@dataclass(frozen=True)
class Fade(Augmentation):
    """Samples: a quarter-sine fade in and another out, each over this share of the chunk."""

    share: Annotated[tuple[float, ...], Bound(0, 1)] = (0.05, 0.3)
    """Shortest and longest fade, as a share of the chunk."""


@dataclass(frozen=True)
class Gain(Augmentation):
    """Power: louder or softer."""

    gain_db: tuple[float, ...] = (-6.0, 6.0)
    """Lowest and highest gain; negative makes it softer."""


@dataclass(frozen=True)
class Shelf(Augmentation):
    """Power: bass and treble, each raised or lowered by its own shelf filter (those of SoX)."""

    gain_db: tuple[float, ...] = (-30.0, 20.0)
    """Lowest and highest gain of each shelf; negative lowers."""
    bass_hz: Annotated[float, Above(0)] = 100.0
    """Corner of the bass shelf."""
    treble_hz: Annotated[float, Above(0)] = 3000.0
    """Corner of the treble shelf."""
    together: bool = False
    """One gain for both, so that bass and treble rise and fall together."""


@dataclass(frozen=True)
class Equalizer(Augmentation):
    """Power: one band raised or lowered, the centre drawn on a logarithmic scale."""

    center_hz: Annotated[tuple[float, ...], Above(0)] = (300.0, 8000.0)
    """Lowest and highest centre of the band."""
    gain_db: tuple[float, ...] = (-8.0, 8.0)
    """Lowest and highest gain; negative lowers."""
    q: Annotated[float, Above(0)] = 3.0
    """Centre over width: the higher, the narrower the band."""


@dataclass(frozen=True)
class Tilt(Augmentation):
    """Power: a random smooth equaliser of at most this many dB, up or down."""

    tilt_db: float = 6.0
    """At most this much up or down."""


@dataclass(frozen=True)
class Noise(Augmentation):
    """Power: stationary noise of a random smooth colour."""

    snr_db: tuple[float, ...] = (0.0, 30.0)
    """Lowest and highest ratio of the sound's power to that of what is added."""


@dataclass(frozen=True)
class TimePad(Augmentation):
    """Power: the chunk shortened by this share, and the rest filled with silence or another chunk."""

    share: Annotated[tuple[float, ...], Bound(0, 1)] = (0.1, 0.5)
    """Smallest and largest share of the chunk that is cut off."""
    fill: Annotated[str, OneOf(("silence", "other", "either"))] = "silence"
    """silence; other (another chunk's sound, whose classes count as present too); either (now one, now the other)."""


@dataclass(frozen=True)
class Mixup(Augmentation):
    """Power: another chunk added."""

    level_db: tuple[float, ...] = (-10.0, 10.0)
    """Level of the second chunk against the first, after both are brought to the same mean power."""
    alpha: float = 0.0
    """Above 0: the first chunk's share of the power comes from Beta(alpha, alpha) instead, and the whole stays as
    loud as the first chunk."""
    labels: Annotated[str, OneOf(LABELS)] = "union"
    """union: a class of either chunk is present; mixed: targets weighted by each chunk's share of the power."""


@dataclass(frozen=True)
class Cutmix(Augmentation):
    """Power: a stretch of time replaced by another chunk's, brought to the same mean power."""

    share: Annotated[tuple[float, ...], Bound(0, 1)] = (0.1, 0.5)
    """Shortest and longest stretch, as a share of the chunk."""
    labels: Annotated[str, OneOf(LABELS)] = "mixed"
    """union: a class of either chunk is present; mixed: targets weighted by each chunk's share of the time."""


@dataclass(frozen=True)
class SpecMix(Augmentation):
    """Power: bands and stretches of time replaced by another chunk's (Kim et al. 2021), at the same mean power."""

    time_stripes: int = 2
    """How many stretches of time are replaced."""
    frequency_stripes: int = 2
    """How many bands are replaced."""
    share: Annotated[float, Bound(0, 1)] = 0.2
    """Longest stripe as a share of the axis."""
    labels: Annotated[str, OneOf(LABELS)] = "mixed"
    """union: a class of either chunk is present; mixed: targets weighted by each chunk's share of the area."""


@dataclass(frozen=True)
class SpecAugment(Augmentation):
    """Planes: stripes of time and of frequency hidden (Park et al. 2019)."""

    time_masks: int = 2
    """Stripes of time hidden."""
    time_mask_s: float = 0.5
    """Longest stripe of time."""
    frequency_masks: int = 2
    """Stripes of frequency hidden."""
    frequency_mask_bands: int = 8
    """Widest stripe of mel bands."""
    fill: Annotated[str, OneOf(FILLS)] = "mean"
    """What hides: the plane's mean, zero, or random (noise of the plane's mean and deviation)."""


@dataclass(frozen=True)
class Cutout(Augmentation):
    """Planes: rectangles hidden: cutout, or random erasing with fill = random."""

    holes: int = 1
    """Rectangles hidden in each chunk."""
    area: Annotated[tuple[float, ...], Bound(0, 1)] = (0.02, 0.2)
    """Share of the plane that one rectangle hides."""
    aspect: Annotated[tuple[float, ...], Above(0)] = (0.3, 3.3)
    """Height over width, both as shares of the plane, drawn on a logarithmic scale."""
    fill: Annotated[str, OneOf(FILLS)] = "mean"
    """What hides: the plane's mean, zero, or random (noise of the plane's mean and deviation)."""


@dataclass(frozen=True)
class CoarseDropout(Augmentation):
    """Planes: many small rectangles hidden."""

    holes: int = 8
    """At most so many in each chunk; 1 to all are drawn."""
    size: Annotated[tuple[float, ...], Bound(0, 1)] = (0.02, 0.08)
    """Smallest and largest height and width of a rectangle, each as a share of its axis."""
    fill: Annotated[str, OneOf(FILLS)] = "zero"
    """What hides: the plane's mean, zero, or random (noise of the plane's mean and deviation)."""


@dataclass(frozen=True)
class ResizedCrop(Augmentation):
    """Planes: a random part, stretched to the whole."""

    scale: Annotated[tuple[float, ...], Bound(0, 1), Above(0)] = (0.08, 1.0)
    """Share of the plane that is kept."""
    ratio: Annotated[tuple[float, ...], Above(0)] = (0.75, 1.3333)
    """Width over height, both as shares of the plane, drawn on a logarithmic scale."""


@dataclass(frozen=True)
class FlipTime(Augmentation):
    """Planes: time reversed (horizontal flip)."""


@dataclass(frozen=True)
class FlipFrequency(Augmentation):
    """Planes: high and low exchanged (vertical flip)."""


SEMITONES = 24.0
"""The most that pitch is shifted, up or down."""


@dataclass(frozen=True)
class AugmentConfig:
    """All augmentations, in the order in which they are applied."""

    pitch: Pitch = field(default_factory=Pitch)
    gaussian_noise: GaussianNoise = field(default_factory=GaussianNoise)
    pink_noise: PinkNoise = field(default_factory=PinkNoise)
    background: Background = field(default_factory=Background)
    reverb: Reverb = field(default_factory=Reverb)
    fade: Fade = field(default_factory=Fade)
    tilt: Tilt = field(default_factory=Tilt)
    shelf: Shelf = field(default_factory=Shelf)
    equalizer: Equalizer = field(default_factory=Equalizer)
    time_pad: TimePad = field(default_factory=TimePad)
    mixup: Mixup = field(default_factory=Mixup)
    cutmix: Cutmix = field(default_factory=Cutmix)
    spec_mix: SpecMix = field(default_factory=SpecMix)
    noise: Noise = field(default_factory=Noise)
    gain: Gain = field(default_factory=Gain)
    spec_augment: SpecAugment = field(default_factory=SpecAugment)
    cutout: Cutout = field(default_factory=Cutout)
    coarse_dropout: CoarseDropout = field(default_factory=CoarseDropout)
    resized_crop: ResizedCrop = field(default_factory=ResizedCrop)
    flip_time: FlipTime = field(default_factory=FlipTime)
    flip_frequency: FlipFrequency = field(default_factory=FlipFrequency)
    mixing_share: Annotated[float, Bound(0, 1)] = 1.0
    """Mixup, cutmix and SpecMix stop after this share of the epochs."""
    planes_drawn: Annotated[int, Bound(0, 20)] = 0
    """Of the changes to planes that are on (spec_augment and those after it) so many are drawn for each chunk, each
    then done with its own probability (Cubuk et al. 2020, RandAugment); 0 = all are tried."""

    def __post_init__(self) -> None:
        check_fields("augment", self)
        for item in fields(self):
            augmentation = getattr(self, item.name)
            if isinstance(augmentation, Augmentation):
                _check(item.name, augmentation)
        if self.background.probability and not self.background.folder:
            raise ConfigError(
                f"augment.background.probability = {self.background.probability:g} but augment.background.folder is "
                "empty; give a folder of sound files"
            )
        low, high = self.pitch.semitones
        if max(-low, high) > SEMITONES:
            raise ConfigError(f"augment.pitch.semitones = {[low, high]} must lie between -24 and 24, two octaves")
        if self.pitch.whole and math.ceil(low) > math.floor(high):
            raise ConfigError(
                f"augment.pitch.semitones = {[low, high]} holds no whole semitone; widen it or set "
                "augment.pitch.whole = false"
            )
        within("augment.reverb.rt60_s", self.reverb.rt60_s[1], 0, 10)
        self._refuse_idle("spec_augment", "time_masks", "frequency_masks")
        self._refuse_idle("spec_mix", "time_stripes", "frequency_stripes")
        self._refuse_idle("cutout", "holes")
        self._refuse_idle("coarse_dropout", "holes")
        for name in MIXING:
            probability = getattr(self, name).probability
            if probability and not self.mixing_share:
                raise ConfigError(
                    f"augment.{name}.probability = {probability:g} but augment.mixing_share = 0 leaves it out of every "
                    f"epoch; raise augment.mixing_share or set augment.{name}.probability = 0"
                )

    def _refuse_idle(self, name: str, *counts: str) -> None:
        """What is switched on must change something."""
        augmentation = getattr(self, name)
        if augmentation.probability and not any(getattr(augmentation, key) for key in counts):
            zeros = " and ".join(f"{key} = 0" for key in counts)
            raise ConfigError(
                f"augment.{name}.probability = {augmentation.probability:g} but {zeros}, which changes nothing; "
                f"set augment.{name}.{counts[0]} = 1 or more, or the probability to 0"
            )

    def needing_samples(self) -> list[str]:
        """The augmentations in use that change samples, and so cannot go with a mel computed beforehand."""
        return [name for name in SAMPLES if getattr(self, name).probability > 0]

    def needing_partners(self) -> list[str]:
        """The augmentations in use that bring in another chunk of the batch."""
        names = [name for name in MIXING if getattr(self, name).probability > 0]
        return names + ["time_pad"] * (self.time_pad.probability > 0 and self.time_pad.fill != "silence")


def _check(name: str, augmentation: Augmentation) -> None:
    """The bounds on the fields of an augmentation, and those that hold for any, by the kind of its settings."""
    check_fields(f"augment.{name}", augmentation)
    for item in fields(augmentation):
        key, value = f"augment.{name}.{item.name}", getattr(augmentation, item.name)
        if isinstance(value, tuple):
            ascending(key, value)
            for number in value:
                if not math.isfinite(number):
                    raise ConfigError(f"{key} = {number} must be finite")
        elif not isinstance(value, bool | str):
            at_least(key, value, 0)


MIXING = ("mixup", "cutmix", "spec_mix")
SAMPLES = ("pitch", "gaussian_noise", "pink_noise", "background", "reverb", "fade")
