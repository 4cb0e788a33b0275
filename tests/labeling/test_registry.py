"""labeling/registry.py"""

from __future__ import annotations

import pytest

from labeling.errors import DataError, UnknownName
from labeling.registry import Registry, some_of, unknown_name


def test_a_thing_is_found_by_its_name() -> None:
    losses = Registry[int]("loss")
    losses.add("bce", 1)

    @losses.register("asl")
    def made() -> int:
        return 2

    assert losses.get("bce") == 1
    assert losses.get("asl") is made
    assert losses.names() == ["asl", "bce"]
    assert list(losses) == [("asl", made), ("bce", 1)]


def test_a_misspelt_name_raises_with_what_exists_and_the_nearest() -> None:
    losses = Registry[int]("loss")
    for name in ("gce", "asl", "bce"):
        losses.add(name, 0)
    with pytest.raises(UnknownName, match=r"^unknown loss 'asll'; choose from asl, bce, gce\. Did you mean 'asl'\?$"):
        losses.get("asll")
    assert issubclass(UnknownName, DataError)


def test_an_empty_registry_says_so() -> None:
    with pytest.raises(UnknownName, match=r"unknown format 'x'; choose from \(none yet\)$"):
        Registry[int]("format").get("x")


def test_a_name_taken_already_is_refused_and_the_first_stays() -> None:
    losses = Registry[int]("loss")
    losses.add("bce", 1)
    with pytest.raises(ValueError, match="loss 'bce' is registered twice"):
        losses.add("bce", 2)
    assert losses.get("bce") == 1


def test_many_names_never_flood_a_line() -> None:
    known = [f"c{i:03d}" for i in range(264)]
    assert unknown_name("class", "x", known).endswith("choose from " + ", ".join(known[:10]) + ", … (264 in all)")
    message = unknown_name("class", "C0077", known)  # the nearest, whatever its case
    assert message.startswith("unknown class 'C0077', of 264. Did you mean ")
    assert "'c007'" in message
    assert len(message) < 80
    assert some_of(known[:30]) == ", ".join(known[:30])
    assert some_of([2, 3, 4], 2) == "2, 3, … (3 in all)"
