"""How the labels of a collection go wrong, as one report: learned from decisions, and from a run's predictions."""

from __future__ import annotations

from typing import Any

import numpy as np

from labeling.collection import store
from labeling.disagreement import error_distribution
from labeling.disagreement.noise_model import fit_noise_model
from labeling.disagreement.scorers import noise_model_input
from labeling.errors import DataError
from labeling.journal import versions
from labeling.predictions.aligned import align_labels
from labeling.predictions.oof import read_oof
from labeling.workspace import Workspace
from models.combining import stacking
from models.combining.evaluation import done_run, parts_of


def noise_report(workspace: Workspace, run_id: str, most: int = 3) -> dict[str, Any]:
    """``classifier`` (the noise classifier's report, or ``refused`` in words), ``per_class``, the source's ``verdict``.

    Of each class: ``miss`` and ``spurious`` rates of the labels as imported, how many of its cells were ``decided``,
    and the ``most`` frequent classes given in its place as a clip's primary label. All decisions made so far count.
    Raises DataError for an unknown or unfinished run.
    """
    with workspace.read() as connection:
        done_run(connection, run_id)
        labels = versions.labels_at(connection)
        imported = versions.labels_at(connection, 0)
        clips = store.usable_clips(connection)
    oof = read_oof(workspace.run_dir(run_id) / "oof.zarr")
    evidence, decided, truth = stacking.decided_cells(oof, imported, labels)
    try:
        classifier = stacking.fit_noise_classifier(evidence, decided, truth, parts_of(oof, clips)).report
    except DataError as problem:
        classifier = {"refused": str(problem)}
    inputs = noise_model_input(evidence)
    p_wrong = fit_noise_model(*inputs).p_wrong(inputs[0], evidence.given)
    rates = error_distribution.label_rates(p_wrong, evidence.given, evidence.known, decided, truth)

    given, now = align_labels(oof, imported).primary, align_labels(oof, labels).primary
    has = given >= 0
    decided_clips = has & (now >= 0) & decided[np.arange(len(given)), np.maximum(given, 0)]
    guessed = has & ~decided_clips
    joint = np.zeros((len(oof.classes), len(oof.classes)))
    if guessed.any():
        joint = error_distribution.confident_joint(given[guessed], oof.clipwise[guessed])
    share = error_distribution.given_if_true(joint, given[decided_clips], now[decided_clips])
    per_class = {}
    for c, code in enumerate(oof.classes):
        others = [g for g in np.argsort(-share[:, c], kind="stable").tolist() if g != c and share[g, c] > 0]
        per_class[code] = {
            "miss": float(rates.miss[c]),
            "spurious": float(rates.spurious[c]),
            "decided": int(rates.decided[c]),
            "given_instead": {oof.classes[g]: float(share[g, c]) for g in others[:most]},
        }
    return {"classifier": classifier, "per_class": per_class, "verdict": error_distribution.VERDICT}
