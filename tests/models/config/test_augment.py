import pytest

from labeling.errors import ConfigError, UnknownName
from models.config import AugmentConfig
from models.config.augment import (
    Background,
    Cutmix,
    Cutout,
    Equalizer,
    Fade,
    Gain,
    Mixup,
    Pitch,
    ResizedCrop,
    Reverb,
    Shelf,
    SpecAugment,
    SpecMix,
    TimePad,
)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"gain": Gain(1.5)}, r"augment\.gain\.probability = 1\.5 must lie between 0 and 1"),
        ({"gain": Gain(gain_db=(6.0, -6.0))}, r"augment\.gain\.gain_db = \[6\.0, -6\.0\] .* the lower first"),
        ({"gain": Gain(gain_db=(0.0, float("inf")))}, r"gain_db = inf must be finite"),
        ({"pitch": Pitch(semitones=(-30.0, 0.0))}, "between -24 and 24"),
        ({"pitch": Pitch(semitones=(0.2, 0.8))}, r"holds no whole semitone.*augment\.pitch\.whole = false"),
        ({"background": Background(0.5)}, r"augment\.background\.folder is empty"),
        ({"reverb": Reverb(rt60_s=(0.0, 1.0))}, r"rt60_s = 0 must be above 0"),
        ({"reverb": Reverb(rt60_s=(0.5, 11.0))}, "between 0 and 10"),
        ({"fade": Fade(share=(0.5, 1.5))}, r"augment\.fade\.share = 1\.5 must lie between 0 and 1"),
        ({"time_pad": TimePad(share=(-0.1, 0.5))}, r"augment\.time_pad\.share = -0\.1"),
        ({"cutmix": Cutmix(share=(0.1, 2.0))}, r"augment\.cutmix\.share = 2"),
        ({"spec_mix": SpecMix(share=1.2)}, r"augment\.spec_mix\.share = 1\.2"),
        ({"spec_mix": SpecMix(1.0, time_stripes=0, frequency_stripes=0)}, "changes nothing"),
        ({"spec_augment": SpecAugment(0.5, time_masks=0, frequency_masks=0)}, "time_masks = 0 and frequency_masks = 0"),
        ({"cutout": Cutout(0.5, holes=0)}, r"holes = 0.*augment\.cutout\.holes = 1 or more"),
        ({"cutout": Cutout(aspect=(0.0, 2.0))}, r"aspect = 0 must be above 0"),
        ({"cutout": Cutout(holes=-1)}, r"holes = -1 must be at least 0"),
        ({"resized_crop": ResizedCrop(scale=(0.0, 1.0))}, r"scale = 0 must be above 0"),
        ({"equalizer": Equalizer(q=0.0)}, r"augment\.equalizer\.q = 0 must be above 0"),
        ({"shelf": Shelf(bass_hz=0.0)}, r"bass_hz = 0 must be above 0"),
        ({"mixup": Mixup(alpha=-1.0)}, r"alpha = -1\.0 must be at least 0"),
        ({"mixing_share": 1.1}, r"augment\.mixing_share = 1\.1"),
    ],
)
def test_contradictions_die_with_the_value_and_the_bound(given, words):
    with pytest.raises(ConfigError, match=words):
        AugmentConfig(**given)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"mixup": Mixup(labels="onion")}, "unknown augment.mixup.labels 'onion'.*Did you mean 'union'"),
        ({"spec_augment": SpecAugment(fill="man")}, "choose from mean, zero, random"),
        ({"cutout": Cutout(fill="black")}, "unknown augment.cutout.fill 'black'"),
        ({"time_pad": TimePad(fill="zeros")}, "choose from silence, other"),
    ],
)
def test_words_are_checked(given, words):
    with pytest.raises(UnknownName, match=words):
        AugmentConfig(**given)


def test_all_is_off_unless_said_and_what_is_on_needs_no_more_than_its_probability():
    assert AugmentConfig().needing_samples() == []
    assert SpecAugment(0.5).time_masks == SpecAugment(0.5).frequency_masks == 2
    on = AugmentConfig(pitch=Pitch(0.5), gain=Gain(0.5), spec_augment=SpecAugment(0.5))
    assert on.needing_samples() == ["pitch"]
