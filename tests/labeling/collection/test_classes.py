"""labeling/collection/classes.py: a class that no label has yet, and the spellings that are one."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from labeling.collection import classes, store
from labeling.collection.classes import alike, plain
from labeling.errors import DataError
from labeling.records import LabelClass
from labeling.storage import tables
from labeling.workspace import Workspace

CROW, OWL = LabelClass(1, "amecro", "American Crow"), LabelClass(2, "Käuzchen", "Käuzchen")


def test_a_class_is_added_once(any_collection: Workspace) -> None:
    with any_collection.write() as connection:
        added = classes.add_class(connection, " norcar ", " Cardinal ", added_by="ann")
        assert (added.code, added.name) == ("norcar", "Cardinal")
        assert classes.add_class(connection, "norcar") == added
        assert classes.add_class(connection, "norcar", "Cardinal", added_by="bob") == added
        assert store.class_id(connection, "norcar") == added.id
        by = dict(connection.execute(sa.select(tables.classes.c.code, tables.classes.c.added_by)).tuples().all())
        assert (by["norcar"], by["amecro"]) == ("ann", "")
        with pytest.raises(DataError, match=r"unknown class 'norcra'; choose from .*Did you mean 'norcar'"):
            store.class_id(connection, "norcra")
        with pytest.raises(DataError, match="'norcar' is there already, as 'Cardinal'; use it"):
            classes.add_class(connection, "norcar", "Northern Cardinal")
        assert classes.add_class(connection, 'o\'owl; "x"').name == 'o\'owl; "x"'


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("Amecro", ""), (" AMECRO\u00a0", ""), ("ame\u00adcro\u200b", ""), ("ａｍｅｃｒｏ", ""),
        ("American Crow", ""), ("american_crow", ""), ("American\u2010crow", ""), ("x", "AMERICAN  CROW"),
        ("x", "amecro"),
        ("Ka\u0308uzchen", "Kauz"), ("KÄUZCHEN", ""),
    ],
)  # fmt: skip
def test_another_spelling_is_no_other_class(code: str, name: str) -> None:
    twin = alike([CROW, OWL], code, name)
    assert twin == (OWL if "zchen" in code.lower() else CROW)


def test_other_names_are_other_classes() -> None:
    for code, name in (
        ("fiscro", "Fish Crow"),
        ("amecro1", ""),
        ("ame cro", ""),
        ("amécro", ""),
        ("crow", ""),
        ("amer. crow", ""),
    ):
        assert alike([CROW, OWL], code, name) is None


def test_names_of_one_spelling_are_alike_whatever_the_form() -> None:
    forms = ["Straße no", "STRASSE_NO", "stra\u00adsse no", " straße\u2014no ", "ｓtraße\u3000no"]
    assert {plain(form) for form in forms} == {"strasse no"}
    assert plain("Éa") == plain("e\u0301a".upper())
    assert plain("ﬁnch\u200b") == "finch"


@pytest.mark.parametrize(
    ("code", "name", "words"),
    [
        ("", "", "the class's code has 0 signs"),
        ("  ", "Crow", "give 1 to 200"),
        ("x" * 201, "", "give 1 to 200"),
        ("x", "y" * 201, "the class's name has 201 signs"),
        ("a\nb", "", "holds the sign '\\n', which cannot be shown; leave it out"),
        ("a\x00b", "", "NUL"),
        ("a\u202eb", "", "cannot be shown"),
        ("\ud800", "", "not valid Unicode"),
        (
            "AMERICAN CROW",
            "",
            r"class 'AMERICAN CROW' is class 'amecro' (American Crow) but for its spelling; use that",
        ),
        ("other", "amecro", "class 'other' (amecro) is class 'amecro' (American Crow)"),
    ],
)
def test_what_cannot_be_a_class_says_why(any_collection: Workspace, code: str, name: str, words: str) -> None:
    with pytest.raises(DataError) as refused, any_collection.write() as connection:
        classes.add_class(connection, code, name)
    assert words in str(refused.value)
    with any_collection.read() as connection:
        assert len(store.all_classes(connection)) == 4
