"""Label versions by rule: what counts in a cell that several people decided; pure, beside folding.py.

Each person's last verdict on a cell is one vote. Where all votes are alike every rule gives that verdict. Where they
are not, *unsure* is a vote under ``latest`` alone: the other rules go by who could tell. An adjudication settles its
cell under every rule but ``latest``, whatever anybody says later, until the next one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from labeling.errors import DataError
from labeling.folding import fold_cell, undone
from labeling.records import CellState, Decision, LabelVersion, is_machine
from labeling.registry import unknown_name

LATEST = "latest"
#: name -> what it does with unlike votes, on the screen
RULES: Mapping[str, str] = {
    LATEST: "the last verdict counts, whoever gave it",
    "any": "present where anybody says present; else absent where anybody says absent",
    "majority": "what more people say, present or absent; a tie is unsure",
    "weighted": "the same, each vote by how seldom its reviewer errs; a tie is unsure",
    "adjudicated": "what was adjudicated; unlike votes that nobody settled are unsure",
}
TIE = 1e-6  # sums of weights that are so near to each other are a tie


@dataclass(frozen=True)
class LabelRule:
    """A rule by its name in RULES, and where it weighs votes, their ``weights``: for each reviewer that of *present*
    and that of *absent*. One whom it does not know weighs as much as the mean of those it knows."""

    name: str = LATEST
    weights: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.name not in RULES:
            raise DataError(unknown_name("rule", self.name, list(RULES)))


def rule_of(version: LabelVersion) -> LabelRule:
    """The rule by which a version was made."""
    return LabelRule(version.rule, {name: (weights[0], weights[1]) for name, weights in version.weights.items()})


def fold_by_rule(
    clip_id: int, class_code: str, imported_role: str, decisions: Sequence[Decision], rule: LabelRule
) -> CellState:
    """`fold_cell` under a rule.

    Boxes are those of who said what counts. A cell that is unsure by a tie bears no reviewer's word: its ``reviewer``
    is the last who spoke.

    Examples
    --------
    >>> from labeling.journal.rules import LabelRule, fold_by_rule
    >>> from labeling.records import Decision
    >>> said = [("ann", "present"), ("bob", "absent"), ("cleo", "present"), ("dan", "absent")]
    >>> votes = [Decision(f"e{n}", who, 1, "amecro", verdict, position=n) for n, (who, verdict) in enumerate(said, 1)]
    >>> [fold_by_rule(1, "amecro", "", votes, LabelRule(name)).verdict for name in ("latest", "any", "majority")]
    ['absent', 'present', 'unsure']
    >>> fold_by_rule(1, "amecro", "", votes[:3], LabelRule("majority")).verdict
    'present'
    """
    last = fold_cell(clip_id, class_code, imported_role, decisions)
    people = {decision.reviewer for decision in decisions if not is_machine(decision.reviewer)}
    if rule.name == LATEST or len(people) < 2:
        return last
    undone_positions = undone(decisions)
    standing = [one for one in decisions if one.undoes is None and one.position not in undone_positions]
    votes = votes_of(standing)
    settled = [one for one in standing if one.shown.adjudication and _decides(one)]
    if settled:
        at, verdict = settled[-1].position, settled[-1].verdict
        counted = [one for one in standing if one.position <= at or not _decides(one) or one.verdict == verdict]
    elif len(set(votes.values())) < 2:
        return last
    else:
        verdict = _settle(votes, rule)
        if verdict not in votes.values():
            return replace(last, verdict="unsure", present=False, unsure=True, boxes=(), swapped=False)
        counted = [one for one in standing if votes.get(one.reviewer, verdict) == verdict]
    return replace(fold_cell(clip_id, class_code, imported_role, counted), position=last.position)


def votes_of(standing: Iterable[Decision]) -> dict[str, str]:
    """Each person's last verdict on a cell, of its entries that stand, oldest first.

    Who only marked a stretch absent has none, and a machine has no vote.
    """
    return {one.reviewer: one.verdict for one in standing if _decides(one) and not is_machine(one.reviewer)}


def _decides(decision: Decision) -> bool:
    """Whether an entry gives its cell a verdict: a stretch that is marked absent does not."""
    return decision.region is None or decision.verdict == "present"


def _settle(votes: Mapping[str, str], rule: LabelRule) -> str:
    """The verdict of unlike votes."""
    said = set(votes.values())
    if rule.name == "adjudicated":
        return "unsettled"
    if rule.name == "any":
        return "present" if "present" in said else "absent"
    known = list(rule.weights.values())
    mean = tuple(sum(one[kind] for one in known) / len(known) for kind in (0, 1)) if known else (1.0, 1.0)
    total = 0.0
    for name, verdict in votes.items():
        present, absent = (1.0, 1.0) if rule.name == "majority" else rule.weights.get(name, mean)
        total += {"present": present, "absent": -absent}.get(verdict, 0.0)
    if abs(total) < TIE:
        return "unsettled"
    return "present" if total > 0 else "absent"
