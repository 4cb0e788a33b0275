"""A second model on top of runs: logistic stacking, and a classifier of wrong labels learned from decisions.

Stacking fits ``P(label) = sigmoid(b + sum over runs of w_k logit p_k)`` on out-of-fold predictions, for each class or
for all classes at once, and predicts each clip by the fit that never saw its fold.

Both follow a Cassava leaf disease solution (2021), which reports no gain: its classifier of noisy images reached an
out-of-fold precision of 22 %, and a stack with its "is noisy" flag 0.8991 against 0.8997 without. They are small, and
report what they gain here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labeling.disagreement.assembly import assemble_evidence
from labeling.disagreement.evidence import Evidence
from labeling.disagreement.noise_model import NoiseModel, fit_noise_model
from labeling.disagreement.scorers import noise_model_input
from labeling.errors import DataError
from labeling.logistic import sigmoid
from labeling.predictions.aligned import align_labels
from labeling.predictions.oof import Oof
from labeling.records import Labels

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]

SMALLEST = 1e-4  # probabilities are kept this far from 0 and 1 in log odds
ENOUGH_POSITIVES = 10  # a class with fewer in a fit, or fewer negatives, takes the fit of all classes
MOST_CELLS = 500_000  # of the fit of all classes: beyond it, negatives are drawn and weighted up
MIN_DECISIONS, MIN_OF_EACH = 50, 10
SOURCE_PRECISION = 0.22


def log_odds(probability: NDArray[Any]) -> Floats:
    """log(p / (1 - p)), with p kept SMALLEST away from 0 and 1."""
    p = np.clip(probability, SMALLEST, 1 - SMALLEST).astype(np.float32, copy=False)
    return np.asarray(np.log(p / (1 - p)), np.float32)


@dataclass(frozen=True)
class Stacker:
    """``intercept`` (C,) and ``coefficients`` (F, C) over features of shape (F, ..., C).

    ``own`` (C,) tells the classes that have a fit of their own.
    """

    intercept: Floats
    coefficients: Floats
    own: Bools

    def predict(self, features: Floats) -> Floats:
        """Probabilities (..., C) of features (F, ..., C)."""
        logit = self.intercept + np.einsum("f...c,fc->...c", features, self.coefficients)
        return sigmoid(logit).astype(np.float32, copy=False)


def fit_stacker(features: Floats, present: Bools, known: Bools, *, per_class: bool = False, seed: int = 0) -> Stacker:
    """Fit features (F, N, C) to labels on known cells; ``per_class`` gives classes with enough labels their own fit.

    scikit-learn's LogisticRegression, C = 1. Raises DataError where the labels are all alike.
    """
    from sklearn.linear_model import LogisticRegression

    size, _, classes = features.shape
    cells, weight = _cells(present, known, np.random.default_rng(seed))
    truth = present[cells]
    if truth.all() or not truth.any():
        raise DataError("a stack needs cells that are listed and cells that are not; the labels are all alike")
    whole = LogisticRegression(max_iter=500).fit(features[:, *cells].T, truth, sample_weight=weight)
    intercept = np.full(classes, whole.intercept_[0], np.float32)
    coefficients = np.repeat(whole.coef_[0][:, None], classes, axis=1).astype(np.float32)
    own = np.zeros(classes, bool)
    for c in range(classes) if per_class else ():
        seen = known[:, c]
        positives = int(present[seen, c].sum())
        if min(positives, int(seen.sum()) - positives) < ENOUGH_POSITIVES:
            continue
        fit = LogisticRegression(max_iter=500).fit(features[:, seen, c].T, present[seen, c])
        intercept[c], coefficients[:, c], own[c] = fit.intercept_[0], fit.coef_[0], True
    assert coefficients.shape == (size, classes)
    return Stacker(intercept, coefficients, own)


def _cells(
    present: Bools, known: Bools, rng: np.random.Generator
) -> tuple[tuple[NDArray[np.int64], NDArray[np.int64]], NDArray[np.float64]]:
    """Rows and columns of the known cells to fit, and the weight of each; negatives are thinned beyond MOST_CELLS."""
    rows, columns = np.nonzero(known)
    truth = present[rows, columns]
    weight = np.ones(len(rows))
    negatives = np.flatnonzero(~truth)
    room = max(MOST_CELLS - int(truth.sum()), MOST_CELLS // 2)
    if len(negatives) > room:
        drawn = rng.choice(negatives, room, replace=False)
        weight[drawn] = len(negatives) / room
        kept = np.sort(np.concatenate([np.flatnonzero(truth), drawn]))
        rows, columns, weight = rows[kept], columns[kept], weight[kept]
    return (rows, columns), weight


@dataclass(frozen=True)
class Stack:
    """A stacker of all clips, one of each fold that never saw it, and the cross-fitted probabilities (N, C)."""

    whole: Stacker
    of_fold: Mapping[int, Stacker]
    clipwise: Floats


def cross_stack(
    features: Floats, present: Bools, known: Bools, fold: NDArray[np.integer[Any]], *, per_class: bool = False
) -> Stack:
    """Stack features (F, N, C) over the folds (N,): each clip by a stacker that saw no clip of its fold.

    Raises DataError where there are not at least two folds.
    """
    folds = np.unique(fold).tolist()
    if len(folds) < 2 or min(folds) < 0:
        raise DataError(f"a stack cannot be cross-fitted over folds {folds}; at least two are needed, from 0")
    out = np.empty(features.shape[1:], np.float32)
    of_fold = {}
    for k in folds:
        inside = fold == k
        of_fold[k] = fit_stacker(features[:, ~inside], present[~inside], known[~inside], per_class=per_class)
        out[inside] = of_fold[k].predict(features[:, inside])
    return Stack(fit_stacker(features, present, known, per_class=per_class), of_fold, out)


# ------------------------------------------------------------------------------------------ wrong labels, learned


@dataclass(frozen=True)
class NoiseClassifier:
    """A logistic model of "this label is wrong", learned from a person's verdicts.

    ``coefficients`` (7,), the intercept first, are those of all decisions, ``of_fold`` those without a fold's.
    ``report`` is out of fold.
    """

    coefficients: NDArray[np.float64]
    of_fold: Mapping[int, NDArray[np.float64]]
    model: NoiseModel
    report: dict[str, Any]

    def p_wrong(self, evidence: Evidence, given: Bools, fold: NDArray[np.integer[Any]]) -> Floats:
        """P(wrong) (N, C) of labels ``given``, each clip by what was learned without its fold (N,)."""
        chosen = np.array([self.of_fold.get(k, self.coefficients) for k in fold.tolist()], np.float32)
        features = noise_features(evidence, self.model, given)
        return sigmoid(chosen[:, :1] + np.einsum("nf,fnc->nc", chosen[:, 1:], features))

    def is_noisy(self, evidence: Evidence, fold: NDArray[np.integer[Any]]) -> Floats:
        """P(wrong) of a cell whichever label it bears, (N, C): both labels, weighted by the clipwise probability.

        The cell's own label does not go into it, so that a stack which is fitted to that label learns nothing of it
        here; only what all labels together say does, the noise model and the class's share of clips.
        """
        nothing = np.zeros_like(evidence.given)
        listed, unlisted = self.p_wrong(evidence, ~nothing, fold), self.p_wrong(evidence, nothing, fold)
        return np.asarray(evidence.clipwise * listed + (1 - evidence.clipwise) * unlisted, np.float32)


def noise_features(evidence: Evidence, model: NoiseModel, given: Bools) -> Floats:
    """What the classifier looks at, (6, N, C): log odds of wrong by the noise model, of clipwise, of the highest frame;
    whether it is listed; log odds of clipwise where it is; the log of the share of clips that list the class."""
    scores, _, known = noise_model_input(evidence)
    share = ((evidence.given & known).sum(axis=0) + 0.5) / (known.sum(axis=0) + 1.0)
    clipwise = log_odds(evidence.clipwise)
    return np.stack(
        [
            log_odds(model.p_wrong(scores, given)),
            clipwise,
            log_odds(evidence.frames.maximum),
            given.astype(np.float32),
            np.where(given, clipwise, np.float32(0)),
            np.broadcast_to(np.log(share).astype(np.float32), given.shape),
        ]
    )


def decided_cells(oof: Oof, imported: Labels, labels: Labels) -> tuple[Evidence, Bools, Bools]:
    """The evidence of a run against the labels as imported; which cells a person decided on, and the truth they gave.

    Arrays are (N, C) in the run's rows and columns; cells said to be unsure are not decided.
    """
    given = align_labels(oof, imported)
    now = align_labels(oof, labels)
    decided = now.known & ~now.open & given.known
    return assemble_evidence(oof, given.given, given.known), decided, now.given


def check_decisions(count: int, wrong: int | None = None) -> None:
    """Raise DataError, with the numbers, unless so many decided cells, ``wrong`` of them wrong, are enough to learn."""
    few = wrong is not None and min(wrong, count - wrong) < MIN_OF_EACH
    if count < MIN_DECISIONS or few:
        breakdown = "" if wrong is None else f", {wrong} wrong and {count - wrong} right"
        raise DataError(
            f"the noise classifier needs {MIN_DECISIONS} decided cells, {MIN_OF_EACH} of them wrong and "
            f"{MIN_OF_EACH} right; there are {count}{breakdown}. Decide on more suspects first"
        )


def fit_noise_classifier(
    evidence: Evidence, decided: Bools, truth: Bools, fold: NDArray[np.integer[Any]]
) -> NoiseClassifier:
    """Learn from decided cells (N, C) whether the given label is wrong (``evidence.given`` differs from ``truth``).

    The report holds precision and recall at 0.5 and average precision over the decided cells, each predicted by a fit
    without its fold. They hold for cells like those that people were asked of, which are suspects, not for all
    cells. Raises DataError, with the numbers, where decisions are too few or too much alike.
    """
    from sklearn.linear_model import LogisticRegression

    rows, columns = np.nonzero(decided & evidence.known)
    wrong = (evidence.given != truth)[rows, columns]
    count, errors = len(rows), int(wrong.sum())
    check_decisions(count, errors)
    model = fit_noise_model(*noise_model_input(evidence))
    features = noise_features(evidence, model, evidence.given)[:, rows, columns].T
    folds = fold[rows]
    predicted = np.full(count, np.nan)
    of_fold = {}
    for k in np.unique(folds).tolist():
        inside = folds == k
        rest = wrong[~inside]
        if rest.any() and not rest.all():
            fit = LogisticRegression(max_iter=500).fit(features[~inside], rest)
            predicted[inside] = fit.predict_proba(features[inside])[:, 1]
            of_fold[k] = np.append(fit.intercept_, fit.coef_[0])
    whole = LogisticRegression(max_iter=500).fit(features, wrong)
    scored = np.isfinite(predicted)
    report = _report(predicted[scored], wrong[scored])
    return NoiseClassifier(np.append(whole.intercept_, whole.coef_[0]), of_fold, model, report)


def _report(predicted: NDArray[np.float64], wrong: Bools) -> dict[str, Any]:
    from labeling.predictions.metrics import average_precision

    flagged = predicted >= 0.5
    hits = int((flagged & wrong).sum())
    return {
        "decisions": len(wrong),
        "wrong": int(wrong.sum()),
        "flagged": int(flagged.sum()),
        "precision": hits / int(flagged.sum()) if flagged.any() else None,
        "recall": hits / int(wrong.sum()) if wrong.any() else None,
        "average_precision": average_precision(predicted, wrong) if len(wrong) else None,
        "share_wrong": float(wrong.mean()) if len(wrong) else None,
        "precision_of_the_source": SOURCE_PRECISION,
    }
