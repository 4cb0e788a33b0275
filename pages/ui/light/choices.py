"""The queue's filters as plain selects: what is seldom asked for is left to the app.

Each option says what a few of the link's parameters are then, as a query string; "" stands for their defaults.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from urllib.parse import urlencode

from labeling.suspects.filter import STATUSES, TAUGHT, QueueFilter
from labeling.suspects.queue import QueuePage
from pages.ui.queue import filters, worklist
from pages.ui.queue.sorting import orders_for


@dataclass(frozen=True)
class Choice:
    """One select: the ``names`` of the parameters that it sets, its options as (query string, text), which one is."""

    label: str
    names: Sequence[str]
    options: Sequence[tuple[str, str]]
    chosen: str

    @property
    def html(self) -> str:
        """The element, with its label."""
        options = "".join(
            f'<option value="{escape(value)}"{" selected" * (value == self.chosen)}>{escape(text)}</option>'
            for value, text in self.options
        )
        names = escape(" ".join(self.names))
        return f'<label>{escape(self.label)} <select data-names="{names}">{options}</select></label>'


def choices(
    wanted: QueueFilter,
    page: QueuePage,
    names: Mapping[str, str],
    scored: tuple[str, str],
    every_scored: Sequence[tuple[str, str]],
    assigned: bool = False,
    spaces: Sequence[str] = (),
) -> list[Choice]:
    """The selects of a list. ``names`` are the classes' by code; ``scored`` is the run id and scorer on show, one of
    ``every_scored``, the newest first. ``assigned``: something is, to who looks. ``spaces`` can be learned on."""
    to_do = {row.code: f" · {row.to_do:,}" for row in page.by_class}
    any_kind, any_class = replace(wanted, kinds=()), replace(wanted, classes=())
    kinds = [(replace(wanted, kinds=(kind,)), kind) for kind in filters.KINDS]
    classes = [
        (replace(wanted, classes=(code,)), filters.named(code, names[code]) + to_do[code])
        for code in sorted(to_do, key=lambda code: names[code].casefold())
    ]
    return [
        _choice("Status", wanted, "status", [(replace(wanted, status=key), text) for key, text in STATUSES.items()]),
        _choice("Kind", wanted, "kind", [(any_kind, "any"), *kinds], ", ".join(wanted.kinds)),
        _choice("Class", wanted, "class", [(any_class, "any"), *classes], ", ".join(wanted.classes)),
        _choice(
            "Order",
            wanted,
            "order",
            [(replace(wanted, order=key), text) for key, text in orders_for(wanted.order, bool(spaces)).items()],
        ),
        *_taught(wanted, spaces),
        *_whose(wanted, assigned),
        *_runs(scored, every_scored),
    ]


def _choice(
    label: str, wanted: QueueFilter, name: str, options: Iterable[tuple[QueueFilter, str]], several: str = ""
) -> Choice:
    """A select of one parameter; what is chosen and is no option, as it is ``several``, is one more."""

    def value_of(other: QueueFilter) -> str:
        value = worklist.params_of(other).get(name, "")
        return urlencode({name: value}) if value else ""

    known = [(value_of(other), text) for other, text in options]
    chosen = value_of(wanted)
    if chosen not in [value for value, _ in known]:
        known.append((chosen, several))
    return Choice(label, [name], known, chosen)


def _taught(wanted: QueueFilter, spaces: Sequence[str]) -> list[Choice]:
    """The selects of what is next to label, where that is the order."""
    if wanted.order != "next":
        return []
    by = [(replace(wanted, taught=key), text) for key, text in TAUGHT.items()]
    heard = [(replace(wanted, space=name if place else ""), name) for place, name in enumerate(spaces)]
    some = [_choice("Heard by", wanted, "heard", heard, wanted.space)] if len(spaces) > 1 else []
    return [_choice("Asked first", wanted, "taught", by), *some]


def _whose(wanted: QueueFilter, assigned: bool) -> list[Choice]:
    """The select of what is one's own, where anything is."""
    if not assigned and not wanted.mine:
        return []
    options = [(replace(wanted, mine=False), "all"), (replace(wanted, mine=True), "mine")]
    return [_choice("Whose", wanted, "mine", options)]


def _runs(scored: tuple[str, str], every_scored: Sequence[tuple[str, str]]) -> list[Choice]:
    """The select of a run and its scorer, where there is more than one."""
    if len(every_scored) < 2:
        return []

    def value_of(pair: tuple[str, str]) -> str:
        return "" if pair == every_scored[0] else urlencode({"run": pair[0], "scorer": pair[1]})

    options = [(value_of(pair), ", ".join(pair)) for pair in every_scored]
    return [Choice("Run", ["run", "scorer"], options, value_of(scored))]
