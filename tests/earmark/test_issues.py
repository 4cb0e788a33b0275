"""earmark/issues.py"""

from __future__ import annotations

import cleanlab.multilabel_classification.rank as reference
import numpy as np
import pandas as pd
import pytest

from earmark import find_label_issues, label_errors_report
from labeling.errors import DataError

RANDOM = np.random.default_rng(5)
TRUTH = RANDOM.random((120, 4)) < 0.35
PROBABILITY = np.clip(np.where(TRUTH, 0.75, 0.2) + RANDOM.normal(0, 0.12, TRUTH.shape), 0.01, 0.99).astype(np.float32)
CODES = ["amecro", "balori", "cangoo", "daejun"]


def noisy() -> np.ndarray:
    labels = TRUTH.astype(float)
    for row, column in ((3, 1), (40, 2), (77, 0)):
        labels[row, column] = 1 - labels[row, column]
    return labels


@pytest.mark.parametrize("frames", [False, True])
def test_planted_errors_come_first(frames: bool) -> None:
    frame = np.repeat(PROBABILITY[:, None], 6, axis=1) if frames else None
    issues = find_label_issues(noisy(), PROBABILITY, frame, classes=CODES, frame_step_s=0.5)
    assert len(issues) == TRUTH.size
    assert {(int(name), code) for name, code in issues[["filename", "class"]].head(6).to_numpy()} >= {
        (3, "balori"), (40, "cangoo"), (77, "amecro"),
    }  # fmt: skip
    first = issues.iloc[0]
    row, column = int(first["filename"]), CODES.index(first["class"])
    assert first["given"] == bool(noisy()[row, column])
    assert first["probability"] == PROBABILITY[row, column]
    assert ("onset_s" in issues) == frames


def test_the_scorer_of_cleanlab_is_cleanlabs() -> None:
    labels = noisy()
    issues = find_label_issues(labels, PROBABILITY, classes=CODES, scorer="cleanlab").set_index(["filename", "class"])
    wanted = reference.get_label_quality_scores_per_class(
        [np.flatnonzero(row).tolist() for row in labels], PROBABILITY, adjust_pred_probs=True
    )
    for row in (0, 3, 40, 77):
        for column, code in enumerate(CODES):
            assert issues.loc[(str(row), code), "label_quality"] == pytest.approx(wanted[row, column], abs=2e-3)


def test_what_nobody_looked_at_is_left_out_and_frames_of_data_name_their_rows() -> None:
    labels = pd.DataFrame(noisy(), index=[f"{row}.wav" for row in range(120)], columns=CODES)
    labels.iloc[3, 1] = np.nan
    issues = find_label_issues(labels, pd.DataFrame(PROBABILITY))
    assert len(issues) == TRUTH.size - 1
    assert not ((issues["filename"] == "3.wav") & (issues["class"] == "balori")).any()


def test_confusions_are_not_held_against_the_group_that_shows_them() -> None:
    labels = noisy()
    apart = find_label_issues(labels, PROBABILITY, groups=[row % 5 for row in range(120)])
    assert set(apart["kind"]) <= {"missing", "false", "swapped"}
    assert not apart["p_wrong"].equals(find_label_issues(labels, PROBABILITY)["p_wrong"])


def test_the_report_counts_class_by_class() -> None:
    issues = pd.DataFrame(
        [("a", "missing", 0.9), ("a", "false", 0.6), ("a", "false", 0.1), ("b", "missing", 0.2)],
        columns=["class", "kind", "p_wrong"],
    )
    report = label_errors_report(issues)
    assert report.loc["a"].tolist() == [1, 1, 0, 1.6, 3]
    assert report.loc["b"].tolist() == [0, 0, 0, 0.2, 1]
    with pytest.raises(DataError, match=r"1\.5 is outside 0 to 1"):
        label_errors_report(issues, 1.5)


@pytest.mark.parametrize(
    ("labels", "probability", "more", "words"),
    [
        (np.array([[2.0]]), np.array([[0.5]]), {}, "labels hold 2; give 1"),
        (np.zeros((0, 3)), np.zeros((0, 3)), {}, "at least one of each"),
        (np.zeros((2, 2)), np.zeros((2, 3)), {}, "shape .2, 3. where the labels have .2, 2."),
        (np.zeros((1, 1)), np.array([[1.5]]), {}, "give probabilities"),
        (np.zeros((1, 1)), np.array([[np.nan]]), {}, "give probabilities"),
        (np.zeros((1, 2)), np.zeros((1, 2)), {"classes": ["a", "a"]}, "1 different"),
        (np.zeros((2, 1)), np.zeros((2, 1)), {"groups": ["x"]}, "1 groups for 2 clips"),
        (np.zeros((2, 1)), np.zeros((2, 1)), {"frames": [np.zeros((3, 2))] * 2}, "each .frames, 1."),
        (np.zeros((2, 1)), np.zeros((2, 1)), {"frame_step_s": 0}, "above 0"),
    ],
)
def test_what_cannot_be_used_is_refused_in_words(
    labels: np.ndarray, probability: np.ndarray, more: dict[str, object], words: str
) -> None:
    with pytest.raises(DataError, match=words):
        find_label_issues(labels, probability, **more)  # type: ignore[arg-type]
