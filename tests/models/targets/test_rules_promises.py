"""targets.py: what every rule and every combination of options keeps to."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from labeling.predictions.oof import Oof
from labeling.records import Event, FrameGrid, Labels, Region
from models.config.targets import RULES, TargetConfig
from models.targets.rules import make_rule, truths_of
from tests.support.examples import examples

N, CLASSES = 3, ("u", "v", "w", "x")
SHARE = st.floats(0, 1)
CONFIGS = st.builds(
    TargetConfig,
    rule=st.sampled_from(RULES.names()),
    teacher=st.just("t"),
    thresholds=st.lists(SHARE, min_size=1, max_size=3).map(tuple),
    keep_above=SHARE,
    add_above=SHARE,
    label_share=SHARE,
    secondary=st.sampled_from(["keep", "mask", "soft"]),
    secondary_target=SHARE,
    mask_missing_share=SHARE,
    remove=st.sampled_from(["none", "none", "none", "confident_learning"]),  # cleanlab is slow
)


@st.composite
def labels(draw):
    cells = lambda: draw(arrays(bool, (N, len(CLASSES))))  # noqa: E731
    listed, unsure = cells(), cells()
    events = []
    for _ in range(draw(st.integers(0, 4))):
        onset_s = draw(st.integers(0, 9))
        region = Region(onset_s, onset_s + draw(st.integers(1, 5)))
        events.append(Event(draw(st.integers(0, N - 1)), draw(st.integers(0, 3)), region, draw(st.booleans())))
    return Labels(
        clip_ids=np.arange(N),
        filenames=tuple("abc"),
        classes=CLASSES,
        present=listed & ~unsure,
        unsure=unsure,
        reviewed=cells() | unsure,
        primary=np.array(draw(st.lists(st.integers(-1, 3), min_size=N, max_size=N)), dtype=np.int32),
        events=tuple(events),
    )


@st.composite
def teachers(draw):
    """Of some of the clips and classes, with any number of frames a clip, none included."""
    clips = draw(st.lists(st.integers(0, N - 1), min_size=1, unique=True))
    classes = draw(st.lists(st.sampled_from([*CLASSES, "z"]), min_size=2, unique=True))
    counts = draw(st.lists(st.integers(0, 8), min_size=len(clips), max_size=len(clips)))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    shape = len(clips), len(classes)
    return Oof(
        clip_ids=np.array(clips),
        filenames=tuple("abc"[i] for i in clips),
        classes=tuple(classes),
        clipwise=rng.choice([0, 0.3, 0.5, 0.9, 1], shape).astype(np.float32),
        offsets=np.cumsum([0, *counts]),
        fold=np.zeros(len(clips), dtype=np.int32),
        grid=FrameGrid(draw(st.sampled_from([0, 0.25])), 1.5, 1.5),
        label_version=1,
        label_hash="",
        framewise=rng.choice([0, 0.3, 0.5, 0.9, 1], (sum(counts), shape[1])).astype(np.float16),
    )


def said_by_events(events, clip, column, onset_s, offset_s):
    """What a person said of a class in a stretch: True, False, or None."""
    mine = [one for one in events if (one.clip_index, one.class_index) == (clip, column)]
    heard = [one.region for one in mine if one.present]
    if heard:
        return any(not (one.offset_s <= onset_s or offset_s <= one.onset_s) for one in heard)
    quiet = [one.region for one in mine if not one.present]
    return False if any(one.onset_s <= onset_s and offset_s <= one.offset_s for one in quiet) else None


@examples(50)
@given(CONFIGS, labels(), teachers(), st.integers(0, 5), st.integers(0, 12), st.integers(1, 12))
def test_people_have_the_last_word(config, given_labels, teacher, member, onset_s, length_s):
    offset_s = onset_s + length_s
    rule = make_rule(config, member)
    for clip, truth in enumerate(truths_of(given_labels, range(N), teacher, config)):
        targets, weight = rule(truth, onset_s, offset_s)
        assert targets.dtype == weight.dtype == np.float32
        assert targets.shape == weight.shape == (4,)
        assert ((targets >= 0) & (targets <= 1)).all()
        assert np.isin(weight, (0, 1)).all()
        for column in range(4):
            said = said_by_events(given_labels.events, clip, column, onset_s, offset_s)
            cell = clip, column
            if said is not None:
                assert (targets[column], weight[column]) == (said, 1)
            elif given_labels.unsure[cell]:
                assert weight[column] == 0
            elif given_labels.reviewed[cell]:
                assert (targets[column], weight[column]) == (given_labels.present[cell], 1)
            elif config.rule in ("clip", "and") and not given_labels.present[cell]:
                assert targets[column] == 0


@examples(25)
@given(CONFIGS, labels(), teachers())
def test_the_labels_themselves_stay_as_they_were(config, given_labels, teacher):
    before = [one.copy() for one in (given_labels.present, given_labels.unsure, given_labels.reviewed)]
    truths = truths_of(given_labels, range(N), teacher, config)
    first = [make_rule(config)(truth, 0, 3) for truth in truths]
    for targets, weight in first:
        targets[:], weight[:] = 9, 9
    again = [make_rule(config)(truth, 0, 3) for truth in truths]
    assert all((targets <= 1).all() and (weight <= 1).all() for targets, weight in again)
    for old, new in zip(before, (given_labels.present, given_labels.unsure, given_labels.reviewed), strict=True):
        np.testing.assert_array_equal(old, new)
