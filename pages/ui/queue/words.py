"""What is said of the queue, as Markdown."""

from __future__ import annotations

from labeling.quality.scored_run import ScoredRun
from labeling.suspects.bulk import cells_and_clips
from labeling.suspects.filter import QueueFilter
from labeling.suspects.queue import QueuePage
from pages.ui.queue import filters, worklist


def nothing(wanted: QueueFilter) -> str:
    """What is said where no suspect fits, as Markdown."""
    if wanted.mine:
        return "Nothing of what is assigned to you fits these filters. The Team page says what is yours."
    if wanted.status == "disputed":
        return "No suspect here is one on which people disagree. The page Adjudicate has all such cells."
    lower = f" Lower “at least this likely to be wrong” from {wanted.min_p_wrong:.2f} to see more."
    return f"No suspect fits these filters.{lower if wanted.min_p_wrong else ''}"


def hint(wanted: QueueFilter, *, may_decide: bool) -> str:
    """How the rows are used, as long as none is ticked."""
    if not may_decide:
        return "Click a row to open its clip."
    if worklist.is_audit(wanted):
        return "“Review these” asks one by one; only what is decided there counts as drawn at random."
    return "Click a row to open its clip; tick rows to decide several at once."


def summary(page: QueuePage) -> str:
    """How many suspects the filter leaves, in words, as Markdown."""
    parts = ", ".join(f"{page.by_kind[kind]:,} {kind}" for kind in filters.KINDS if kind in page.by_kind)
    skipped = f":gray[{page.skipped:,} more in clips that you skipped]" if page.skipped else ""
    left = f"**{cells_and_clips(page.total, page.clips)}**: {parts}" if page.total else ""
    return " :gray[·] ".join(filter(None, (left, skipped)))


def soon(page: QueuePage) -> str:
    """How many of the first rows are likely wrong, in words; "" where there is nothing to do."""
    if page.soon is None:
        return ""
    estimate, of = page.soon, page.soon.of
    among = f"Of the next {of}" if of > 1 else "Of the next one"
    number = round(estimate.expected)
    verb = "is" if number == 1 else "are"
    interval = f"likely {estimate.low} to {estimate.high}" if estimate.low < estimate.high else f"likely {estimate.low}"
    guess = " :gray[· a guess, before enough verdicts of this kind]" if estimate.guess else ""
    return f"{among} about **{number}** {verb} wrong ({interval}){guess}"


def of_run(run: ScoredRun) -> str:
    """Whose suspects these are, and what their order goes by where a space has a part in it."""
    said = f"Run {run.run_id}, scored by {run.scorer}."
    if run.turns is None:
        return said
    last = f" {run.turns.missing:,} that it does not hold come last." if run.turns.missing else ""
    return f"{said} In the order of what would teach a model on the space {run.turns.space} most.{last}"


def progress_label(page: QueuePage, wanted: QueueFilter) -> str:
    """What is done of the classes that the filter shows."""
    rows = [row for row in page.by_class if not wanted.classes or row.code in wanted.classes]
    decided, to_do = sum(row.decided for row in rows), sum(row.to_do for row in rows)
    return f"By class · {decided:,} decided, {to_do:,} to do"
