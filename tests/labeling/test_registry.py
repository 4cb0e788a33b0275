"""labeling/registry.py"""

from __future__ import annotations

import pytest

from labeling.errors import DataError, UnknownName
from labeling.registry import Registry, unknown_name


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


def test_a_long_list_of_names_is_cut_and_counted() -> None:
    known = [f"c{i:03d}" for i in range(400)]
    message = unknown_name("class", "c0077", known)
    assert "c029, … (400 in all)" in message
    assert "c030" not in message
    assert message.endswith(("Did you mean 'c007'?", "Did you mean 'c077'?"))
