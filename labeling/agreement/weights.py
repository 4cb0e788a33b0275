"""The rule of a label version by its name, with the weights of votes where it weighs them."""

from __future__ import annotations

from sqlalchemy.engine import Connection

from labeling.agreement.report import read_agreement
from labeling.journal.rules import LATEST, LabelRule


def rule_named(connection: Connection, name: str = LATEST) -> LabelRule:
    """A rule of `journal.rules.RULES`, for `versions.freeze`; raises DataError for a name that is none.

    The weights are those of now, and stay with the version: where nothing tells yet who errs, all votes weigh the same.
    """
    rule = LabelRule(name)
    return LabelRule(name, read_agreement(connection).weights()) if rule.name == "weighted" else rule
