"""labeling/collection/formats/listing.py"""

from __future__ import annotations

import re

from labeling.collection.annotation.base import Holds
from labeling.collection.formats import formats
from labeling.collection.formats.listing import LETTERS, as_markdown, as_text
from tests.support import ROOT


def test_the_page_of_formats_is_made_of_the_registry() -> None:
    """Write it anew with: python -m labeling formats --markdown > docs/formats.md"""
    assert (ROOT / "docs" / "formats.md").read_text(encoding="utf-8") == as_markdown()


def test_the_table_of_pairs_says_what_is_lost() -> None:
    page = as_markdown()
    head, _, *rows = page[page.index("| from, to") :].split("\n\n")[0].splitlines()
    columns = [cell.strip() for cell in head.split("|")[2:-1]]
    table = {row.split("|")[1].strip(): [cell.strip() for cell in row.split("|")[2:-1]] for row in rows}
    number_of = {name: known.split()[0] for known in table for name in re.findall("`(.*?)`", known)}
    number_of |= {name: own for own, name in re.findall(r"(\d+) `(masks|lhotse)`", page)}

    def cell(one: str, other: str) -> str:
        row = next(cells for known, cells in table.items() if f"`{one}`" in known)
        return row[columns.index(number_of[other])]

    assert cell("raven", "audacity") == "c"
    assert cell("raven", "fsd50k") == "tbhc"
    assert cell("fsd50k", "raven") == "·"
    assert cell("huggingface", "masks") == "um"
    assert cell("birdclef", "fsdkaggle2018") == "spgfm"
    assert {cell(name, "lhotse") for name, known in formats if known.export and known.reads} == {"·"}
    assert len(set(LETTERS.values())) == len(Holds)


def test_every_format_says_what_it_is_and_what_it_needs() -> None:
    text = as_text()
    for name, known in formats:
        assert known.about.endswith("."), name
        assert not known.needs.endswith("."), name
        assert f"{name} (" in text
        assert bool(known.holds) == (known.export is not None), name
