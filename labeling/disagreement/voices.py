"""Which runs and neighbours the default scorer listens to, and how far: what it learned that each is worth.

Every prediction and every neighbour here comes from a fold that was not trained on the clip, so that a run that learned
the labels by heart, and their errors with them, is worth no more than it hears. The margin in training is of networks
that were, and is weighed apart for unlisted and for listed classes (`training_dynamics.fit_margin`).
"""

from __future__ import annotations

from dataclasses import dataclass

from labeling.disagreement.evidence import Evidence, Scores

PREDICTIONS, NEIGHBOURS, PRIORS = "predictions", "neighbours", "occurrence"
SPACE = "neighbours in a space"
MARGIN_MISSING, MARGIN_FALSE = "margin of unlisted", "margin of listed"


@dataclass(frozen=True)
class Voice:
    """A piece of evidence: ``what`` it is, PREDICTIONS, NEIGHBOURS, SPACE, PRIORS or a margin, and of which run.

    ``run_id`` is the space's name of SPACE, and "" of PRIORS and of margins, which are the mean of all followed runs.

    ``weight``: by how many log odds a standard deviation of it moves what is believed of a label, all else alike.
    """

    run_id: str
    what: str
    weight: float


def voices_of(evidence: Evidence, scores: Scores, run_id: str) -> tuple[Voice, ...]:
    """The voices in the evidence of a run, the strongest first; none where the scorer did not learn what each is worth.

    What a run says by its clips, by its highest frames and by their contrast is one voice.
    """
    weights = scores.weights  # in the order of `scorers.noise_model_input`
    if not weights:
        return ()
    others, near = len(evidence.others), len(evidence.neighbours)
    after = 2 + 2 * others + near
    found = [Voice(run_id, PREDICTIONS, weights[0] + weights[1] + weights[after])]
    for place, other in enumerate(evidence.others_by):
        found.append(Voice(other, PREDICTIONS, weights[2 + place] + weights[2 + others + place]))
    for place, other in enumerate(evidence.neighbours_by):
        found.append(Voice(other, NEIGHBOURS, weights[2 + 2 * others + place]))
    for place, name in enumerate(evidence.neighbours_in, len(evidence.neighbours_by)):
        found.append(Voice(name, SPACE, weights[2 + 2 * others + place]))
    if evidence.priors:
        found.append(Voice("", PRIORS, sum(weights[after + 1 :])))
    found += [
        Voice("", what, weight) for what, weight in zip((MARGIN_MISSING, MARGIN_FALSE), scores.margins, strict=False)
    ]
    return tuple(sorted(found, key=lambda voice: -voice.weight))
