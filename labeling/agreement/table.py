"""All numbers of an agreement as a table, one a row: what the command and the page write as CSV."""

from __future__ import annotations

from labeling.agreement.coefficients import Coefficient
from labeling.agreement.report import Agreement
from labeling.quality.intervals import Share

COLUMNS = ("of", "name", "other", "measure", "value", "low", "high", "count", "cells")


def agreement_rows(found: Agreement) -> list[tuple[object, ...]]:
    """The rows below COLUMNS; ``count`` of ``cells`` for what is counted."""

    def coefficient(of: str, name: str, other: str, measure: str, one: Coefficient) -> tuple[object, ...]:
        return of, name, other, measure, one.value, one.low, one.high, None, one.cells

    def share(of: str, name: str, other: str, measure: str, one: Share) -> tuple[object, ...]:
        low, high = one.interval or (None, None)
        return of, name, other, measure, one.value, low, high, one.count, one.of

    rows = [
        share("all", "", "", "same", found.agreed),
        coefficient("all", "", "", "krippendorff_alpha", found.alpha),
        coefficient("all", "", "", "fleiss_kappa", found.kappa),
    ]
    for pair in found.pairs:
        rows.append(share("pair", pair.first, pair.second, "same", pair.agreed))
        rows.append(coefficient("pair", pair.first, pair.second, "cohen_kappa", pair.kappa))
    for one in found.classes:
        rows.append(share("class", one.code, "", "same", one.agreed))
        rows.append(coefficient("class", one.code, "", "krippendorff_alpha", one.alpha))
        rows.append(coefficient("class", one.code, "", "fleiss_kappa", one.kappa))
    for block in found.blocks:
        rows.append(share("time", block.first_day, block.last_day, "same", block.agreed))
        rows.append(coefficient("time", block.first_day, block.last_day, "krippendorff_alpha", block.alpha))
    for errors in found.errors:
        for measure, rate in (("misses", errors.misses), ("imagines", errors.imagines)):
            of = round(rate.of, 1)
            rows.append(("reviewer", errors.reviewer, "", measure, rate.value, rate.low, rate.high, None, of))
        rows.append(share("reviewer", errors.reviewer, "", "unsure", errors.unsure))
        for measure, weight in zip(("weight_present", "weight_absent"), errors.weights, strict=True):
            rows.append(("reviewer", errors.reviewer, "", measure, weight, None, None, None, errors.cells))
    return rows
