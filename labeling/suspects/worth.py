"""What it is worth to hear a suspect: what fixing it brings, a second of listening; and what it would teach the model.

Pure functions over arrays of suspects (M,).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32] | NDArray[np.float64]

RARITY = 0.5  # half-way, by the square root: neither the commonest class nor one of three clips fills the list
LOOK_S = 3.0  # to look at a picture and press a key, until the reviewer's own pace is known
LEAST_LOOK_S = 0.5  # nobody is faster, whatever a clock says
LEAD_S = 2.0  # a second before the stretch and one behind it: the ear wants to know where a sound begins
HEARD_AT_MOST_S = 60.0  # what is longer is read from the picture rather than heard through
LEAST_PRESSES = 20  # of a day, before its pace counts


def class_weights(positives: NDArray[np.int64], rarity: float) -> NDArray[np.float64]:
    """What one corrected label of each class weighs, 1 on average over the classes that have clips.

    One label more or less right among P positives moves the class's average precision by about 1/P, and a macro average
    counts each class alike: so a label weighs (1/P)^rarity.

    Parameters
    ----------
    positives : ndarray of int64, shape (C,)
        How many clips list each class; a class that none lists weighs what one with a single clip does.
    rarity : float
        1 where only the macro average counts, 0 where every label counts the same.

    Returns
    -------
    ndarray of float64, shape (C,)

    Examples
    --------
    >>> import numpy as np
    >>> from labeling.suspects.worth import class_weights
    >>> class_weights(np.array([400, 100]), rarity=0.5).round(3).tolist()
    [0.667, 1.333]
    """
    weights = np.maximum(positives, 1).astype(np.float64) ** -rarity
    listed = positives > 0
    return np.asarray(weights / weights[listed].mean() if listed.any() else np.ones(len(positives)))


def heard_s(
    given: NDArray[np.bool_], stretch_s: Floats, duration_s: Floats, probability: Floats
) -> NDArray[np.float64]:
    """Seconds that are heard to answer for one cell alone.

    An unlisted class is heard or not in the stretch that the model points to, with LEAD_S around it. A listed one is
    there first looked for too; only where it is not, as likely as the label is wrong, the rest of the clip is heard.

    Parameters
    ----------
    given : ndarray of bool, shape (M,)
        Whether the label says present.
    stretch_s, duration_s : ndarray, shape (M,)
        Length of the stretch, and of the clip: one that is not known (0) is taken for as long as its stretch, one
        beyond HEARD_AT_MOST_S for that.
    probability : ndarray, shape (M,)
        That the label is wrong.

    Returns
    -------
    ndarray of float64, shape (M,)

    Examples
    --------
    >>> import numpy as np
    >>> from labeling.suspects.worth import heard_s
    >>> heard_s(np.array([False, True]), np.array([1.0, 1.0]), np.array([20.0, 20.0]), np.array([0.5, 0.5])).tolist()
    [3.0, 11.5]
    """
    whole_s = np.minimum(np.where(duration_s > 0, duration_s, stretch_s + LEAD_S), HEARD_AT_MOST_S)
    near_s = np.minimum(stretch_s + LEAD_S, whole_s)
    return np.asarray(near_s + np.where(given, probability * (whole_s - near_s), 0.0))


def seconds(heard_s: Floats, probability: Floats, clip: NDArray[np.int64], look_s: float) -> NDArray[np.float64]:
    """Seconds that one suspect costs, (M,): ``look_s`` for itself, and its part of what is heard of its clip.

    The suspects of one clip are heard together, so that each bears its share of the wrong labels to be expected
    there: two that are equally likely cost half the listening each, and one beside many unlikely ones nearly all.
    """
    expected = np.bincount(clip, weights=probability)[clip] if len(clip) else np.zeros(0)
    share = np.divide(probability, expected, out=np.ones(len(clip)), where=expected > 0)
    return np.asarray(look_s + heard_s * share)


def worth(probability: Floats, class_weight: Floats, seconds: Floats) -> NDArray[np.float64]:
    """What a suspect brings a second of listening, (M,): the probability of an error x what fixing it is worth / s."""
    return np.asarray(probability * class_weight / seconds)


def uncertainty(
    probability: Floats, clipwise: Floats, runs: NDArray[np.uint8], runs_agree: NDArray[np.uint8]
) -> NDArray[np.float64]:
    """How open each cell is: where a verdict would teach the model most.

    The mean entropy, in bits, of what is known of it: whether its label is wrong, whether the model hears the class
    (uncertainty sampling: Lewis & Gale, 1994), and, where several runs were weighed, how they vote (query by committee,
    vote entropy: Dagan & Engelson, 1995).

    Parameters
    ----------
    probability, clipwise : ndarray, shape (M,)
        That the label is wrong, and that the class is heard.
    runs, runs_agree : ndarray of uint8, shape (M,)
        How many runs were weighed, and how many of them are against the label.

    Returns
    -------
    ndarray of float64, shape (M,)
        0..1.

    Examples
    --------
    >>> import numpy as np
    >>> from labeling.suspects.worth import uncertainty
    >>> one_run = np.array([1, 1], np.uint8)
    >>> uncertainty(np.array([0.5, 1.0]), np.array([0.5, 1.0]), one_run, one_run).round(3).tolist()
    [1.0, 0.0]
    """
    several = runs > 1
    vote = np.where(several, entropy(runs_agree / np.maximum(runs, 1)), 0.0)
    return np.asarray((entropy(probability) + entropy(clipwise) + vote) / np.where(several, 3, 2))


def entropy(probability: Floats) -> NDArray[np.float64]:
    """Entropy of a yes or no, in bits: 0 where it is known, 1 at 0.5."""
    p = np.clip(np.asarray(probability, np.float64), 1e-12, 1 - 1e-12)  # 0 x log 0 is 0
    return np.asarray(-(p * np.log2(p) + (1 - p) * np.log2(1 - p)))


def measured_look_s(working_s: float, presses: int, mean_heard_s: float) -> float:
    """Seconds of looking and pressing a decision: what a reviewer took, less what there was to hear (s a decision).

    LOOK_S before there are LEAST_PRESSES, and never below LEAST_LOOK_S: some decide without listening to the end.
    """
    return LOOK_S if presses < LEAST_PRESSES else max(LEAST_LOOK_S, working_s / presses - mean_heard_s)
