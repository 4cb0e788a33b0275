"""A gain in sentences: what retraining brought, on which cells, by kind of correction, and what else may be why.

Filenames and labels do not come in; run ids, recipe settings and messages do: escape what is shown.
"""

from __future__ import annotations

from labeling.gain.measurement import COLLECTION, LEAST_DRAWN, KindGain, RetrainingGain
from labeling.gain.paired import LEAST_CLUSTERS, Paired

METRICS = {
    "brier": "error of the probabilities (0 is perfect)",
    "log_loss": "log loss (0 is perfect)",
    "micro_ap": "average precision over all cells (1 is perfect)",
    "macro_ap": "macro-AP, classes with enough decided cells (1 is perfect)",
}
KINDS = {
    "missing": "missing labels were added",
    "false": "false labels were removed",
    "swapped": "primaries were swapped",
    "confirmed": "labels were confirmed and none changed",
    "other": "cells were set unsure or changed their role",
    "": "nothing was decided",
}
HOW_MEASURED = (
    "Each run's out-of-fold predictions are measured. The error of a probability is its squared distance from what "
    "people heard: 0 where it is sure and right, 0.25 where it says 50 %, 1 where it is sure and wrong. A 95 % range "
    "that lies above 0 means that the gain is more than chance."
)
ASSOCIATION = (
    "Each class stands with the kind that most of its changes were of. That shows where the gain lies, not what "
    "caused it."
)


def sentences(gain: RetrainingGain) -> list[str]:
    """The whole finding, the verdict first; cautions are in `warnings`."""
    lines = [verdict(gain)]
    if gain.headline is not None and gain.outcome not in ("same", "few"):
        lines.append(measured_on(gain))
    if hourly := per_hour(gain):
        lines.append(hourly)
    return lines


def verdict(gain: RetrainingGain) -> str:
    """Whether it helped, in one or two sentences."""
    headline = gain.headline
    labels = gain.before.label_version != gain.after.label_version
    what = (
        f"Retraining on label version {gain.after.label_version} instead of {gain.before.label_version}"
        if labels
        else f"Run {gain.after.id} instead of {gain.before.id}, on the same label version,"
    )
    if headline is None:
        both = f"{gain.before.id} and {gain.after.id}"
        return f"Nothing to measure on yet: people decided no cell that both {both} predicted."
    if gain.outcome == "same":
        return f"{what} changed nothing: both runs predict the same."
    if gain.outcome == "few":
        return (
            f"Too little is decided to tell whether {what[0].lower()}{what[1:]} helped: {_cells(gain.decided)} in "
            f"{gain.clips} clip{'s' * (gain.clips != 1)}. Decide cells in {LEAST_CLUSTERS} clips or more."
        )
    sentence = {
        "helped": f"{what} helped.",
        "hurt": f"{what} did not help: the predictions became worse.",
        "chance": f"{what} made no difference beyond chance.",
    }[gain.outcome]
    way = "fell" if headline.gain > 0 else "rose" if headline.gain < 0 else "stayed"
    errors = f"from {headline.before:.3f} to {headline.after:.3f} ({_range(headline)})"
    return f"{sentence} The error of the probabilities {way} {errors}."


def measured_on(gain: RetrainingGain) -> str:
    """Which cells it is measured on, and whether chance drew them."""
    between = "recordists or sites" if gain.by_group else "clips"
    spread = f"the range allows for how much the {gain.clusters:,} {between} differ"
    if gain.scope == COLLECTION:
        return (
            f"Measured on {_cells(gain.decided)} that people decided. {gain.drawn:,} of them were drawn at random and "
            f"stand for all that nobody decided, so this is of the whole collection; {spread}."
        )
    drawn = f"only {gain.drawn:,} of them" if gain.drawn else "none of them"
    return (
        f"Measured on {_cells(gain.decided)} that people decided, {drawn} drawn at random: people looked at most of "
        f"them because a model doubted their labels, so this is of those cells and not of the collection; {spread}. "
        f"For the collection, review {LEAST_DRAWN} listed and {LEAST_DRAWN} unlisted cells in the order of "
        "the random audit."
    )


def per_hour(gain: RetrainingGain) -> str:
    """What an hour of review brought, "" where no time is known."""
    hourly_gain = gain.per_hour
    if hourly_gain is None or hourly_gain.low is None or hourly_gain.high is None or gain.outcome == "same":
        return ""
    hours = f"{gain.hours:.1f} hours" if gain.hours >= 2 else f"{60 * gain.hours:.0f} minutes"
    return (
        f"About {hours} of review lie between the two label versions: {_signed(hourly_gain.gain)} an hour (95 % range "
        f"{_signed(hourly_gain.low)} to {_signed(hourly_gain.high)})."
    )


def of_kind(kind_gain: KindGain) -> str:
    """A line of the split by kind of correction."""
    classes = f"{kind_gain.classes} class{'es' * (kind_gain.classes != 1)}"
    mostly = "mostly " if kind_gain.kind in ("missing", "false", "swapped", "other") else ""
    where = f"In {classes} where {mostly}{KINDS[kind_gain.kind]}"
    if kind_gain.gain is None:
        return f"{where}, no cell is decided."
    word = {"helped": "better", "hurt": "worse", "same": "no change", "chance": "no difference beyond chance"}
    outcome = word.get(kind_gain.gain.outcome, "too few clips to tell")
    return f"{where}: {outcome} ({_range(kind_gain.gain)}; {_cells(kind_gain.gain.cells)})."


def warnings(gain: RetrainingGain) -> list[str]:
    """What keeps the difference from being the labels' alone."""
    lines = []
    if gain.before.id == gain.after.id:
        return ["Both are the same run; choose another one."]
    if gain.differences:
        lines.append(
            f"The runs differ in more than their labels: {'; '.join(gain.differences)}. The difference is then not the "
            f"labels' alone; train a run like {gain.before.id} (same folds and seeds) on the Retrain page."
        )
    if gain.before.label_version == gain.after.label_version:
        lines.append("Both runs were trained on the same label version, so no correction can be the reason.")
    return [*lines, *gain.cautions]


def _range(metric: Paired) -> str:
    if metric.low is None or metric.high is None:
        return f"gain {_signed(metric.gain)}"
    return f"gain {_signed(metric.gain)}, 95 % range {_signed(metric.low)} to {_signed(metric.high)}"


def _signed(value: float) -> str:
    return f"{value:+.3f}" if abs(value) >= 0.01 or not value else f"{value:+.4f}"


def _cells(count: int) -> str:
    return f"{count:,} cell{'s' * (count != 1)}"
