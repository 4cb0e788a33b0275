"""labeling/disagreement/voices.py: whose word the default scorer goes by, and that a weak run's is worth little."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from labeling.disagreement.evidence import Dynamics, Evidence, FrameSummary, Scores
from labeling.disagreement.scorers import earmark
from labeling.disagreement.stored_ranking import read_ranking
from labeling.disagreement.voices import (
    MARGIN_FALSE,
    MARGIN_MISSING,
    NEIGHBOURS,
    PREDICTIONS,
    PRIORS,
    SPACE,
    Voice,
    voices_of,
)
from labeling.workspace import Workspace
from tests.support.workspaces.ranked import make_queue, store_ranking


def evidence_of(strong: float, weak: float) -> Evidence:
    """400 clips of 4 classes, runs that hear as well as ``strong`` and ``weak`` say, and neighbours."""
    random = np.random.default_rng(0)
    truth = random.random((400, 4)) < 0.3
    given = truth ^ (random.random(truth.shape) < 0.05)

    def heard(knows: float) -> np.ndarray:
        return (1 / (1 + np.exp(-(knows * (truth - 0.5) + random.normal(size=truth.shape))))).astype(np.float32)

    own, other = heard(strong), heard(weak)
    frames = FrameSummary(own, own / 2, np.zeros(own.shape, np.int32), np.full(4, 0.5, np.float32))
    return Evidence(
        given, np.ones_like(given), own, frames, others=(other,), others_highest=(other,), neighbours=(heard(1.0),),
        priors=(random.normal(size=own.shape).astype(np.float32),),
        others_by=("002-weak",), neighbours_by=("001-good",),
    )  # fmt: skip


def test_each_piece_of_evidence_is_one_voice() -> None:
    weights = (
        1.0,
        2.0,
        0.25,
        0.5,
        0.125,
        4.0,
        0.0625,
    )  # clip and highest frame; the other's; neighbours, contrast, priors
    quality = np.ones((1, 1), np.float32)
    assert voices_of(evidence_of(3, 1), Scores(quality, quality, (), weights, (0.5, 3.0)), "001-good") == (
        Voice("001-good", PREDICTIONS, 7.0), Voice("", MARGIN_FALSE, 3.0), Voice("002-weak", PREDICTIONS, 0.75),
        Voice("", MARGIN_MISSING, 0.5), Voice("001-good", NEIGHBOURS, 0.125), Voice("", PRIORS, 0.0625),
    )  # fmt: skip
    assert voices_of(evidence_of(3, 1), Scores(quality, quality), "001-good") == ()
    embedded = replace(evidence_of(3, 1), neighbours_by=(), neighbours_in=("aisfx",))
    assert Voice("aisfx", SPACE, 0.125) in voices_of(embedded, Scores(quality, quality, (), weights), "001-good")


def test_a_margin_that_tells_of_listed_labels_alone_speaks_of_those_alone() -> None:
    evidence = evidence_of(3, 1)
    random = np.random.default_rng(1)
    told = random.normal(size=evidence.given.shape) - 4 * (evidence.given & (evidence.clipwise < 0.3))
    margin = told.astype(np.float32)
    said = {
        voice.what: voice.weight
        for voice in voices_of(evidence, earmark(replace(evidence, dynamics=Dynamics(margin, margin, margin))), "")
    }
    assert said[MARGIN_FALSE] > 2 * said[MARGIN_MISSING] > 0
    assert MARGIN_FALSE not in {voice.what for voice in voices_of(evidence, earmark(evidence), "")}


@pytest.mark.parametrize(("strong", "weak"), [(4.0, 0.5), (0.5, 4.0)])
def test_who_hears_more_is_worth_more_whichever_run_is_scored(strong: float, weak: float) -> None:
    evidence = evidence_of(strong, weak)
    by_run = {voice.run_id: voice.weight for voice in voices_of(evidence, earmark(evidence), "001-good")
              if voice.what == PREDICTIONS}  # fmt: skip
    better, worse = ("001-good", "002-weak") if strong > weak else ("002-weak", "001-good")
    assert by_run[better] > 2 * by_run[worse] >= 0


def test_a_ranking_keeps_its_voices(workspace: Workspace) -> None:
    make_queue(workspace)
    said = (Voice("001-demo", PREDICTIONS, 1.5), Voice("", PRIORS, 0.25))
    store_ranking(workspace, "001-demo", voices=said)
    with workspace.read() as connection:
        assert read_ranking(connection, "001-demo", "earmark").voices == said
        assert read_ranking(connection, "nowhere", "earmark").voices == ()
