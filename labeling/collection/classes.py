"""Classes that no clip was imported with, added by people; none that only spells one that is there in another way."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from labeling.collection import store
from labeling.errors import DataError
from labeling.records import LabelClass
from labeling.storage import database as db
from labeling.storage import tables
from labeling.storage.text import checked

MOST_SIGNS = 200
UNKNOWN = "unknown"  # who added a class, where nobody can say
_BETWEEN = re.compile(r"[\s_\-\u2010-\u2015]+")


def plain(text: str) -> str:
    """What two spellings of one name share: no case, blanks, hyphens, invisible signs, or forms of a letter.

    Examples
    --------
    >>> from labeling.collection.classes import plain
    >>> plain(" American_Crow") == plain("AMERICAN  crow") == "american crow"
    True
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    visible = "".join(sign for sign in folded if unicodedata.category(sign) != "Cf")
    return _BETWEEN.sub(" ", visible).strip()


def alike(known: Iterable[LabelClass], code: str, name: str = "") -> LabelClass | None:
    """The first class whose code or name is, but for its spelling, this code or name; None where there is none."""
    wanted = {plain(text) for text in (code, name) if text}
    return next(
        (label_class for label_class in known if wanted & {plain(label_class.code), plain(label_class.name)}), None
    )


def add_class(connection: Connection, code: str, name: str = "", *, added_by: str = UNKNOWN) -> LabelClass:
    """Add a class that no label has yet, such as a bird that nobody had listed.

    Parameters
    ----------
    connection : Connection
        From ``workspace.write()``.
    code : str
        Kept as it is, without blanks around it and in Unicode's composed form.
    name : str
        To show; the code by default.
    added_by : str
        Who added it.

    Returns
    -------
    LabelClass
        The one that is there already where the code is the same, sign by sign.

    Raises
    ------
    DataError
        No code, one that is too long or cannot be shown, or one that a class there is spelled like; the message names
        that class.

    Examples
    --------
    >>> from labeling.collection import classes
    >>> from labeling.example import example_workspace
    >>> workspace = example_workspace()
    >>> with workspace.write() as connection:
    ...     classes.add_class(connection, "eastow", "Eastern Towhee", added_by="ann")
    LabelClass(id=4, code='eastow', name='Eastern Towhee')
    >>> with workspace.write() as connection:
    ...     classes.add_class(connection, "Amecro")
    Traceback (most recent call last):
        ...
    labeling.errors.DataError: class 'Amecro' is class 'amecro' but for its spelling; use that one, or another code
    """
    code, name = _written(code, "the class's code", least=1), _written(name, "the class's name")
    db.lock_table(connection, tables.classes)
    known = store.all_classes(connection)
    same = next((label_class for label_class in known if label_class.code == code), None)
    if same and name in ("", same.name):
        return same
    if same:
        raise DataError(f"class {code!r} is there already, as {same.name!r}; use it, or give another code")
    if twin := alike(known, code, name):
        spelled = f"{twin.code!r}" + (f" ({twin.name})" if twin.name != twin.code else "")
        what = f"class {code!r}" + (f" ({name})" if name and name != code else "")
        raise DataError(f"{what} is class {spelled} but for its spelling; use that one, or another code")
    row = {"code": code, "name": name or code, "added_by": added_by.strip() or UNKNOWN}
    row_id = max((label_class.id for label_class in known), default=0) + 1
    connection.execute(sa.insert(tables.classes).values(id=row_id, **row))
    return LabelClass(row_id, row["code"], row["name"])


def _written(text: str, what: str, *, least: int = 0) -> str:
    """Raises DataError for signs that no table shows."""
    text = checked(unicodedata.normalize("NFC", text), what, MOST_SIGNS, least=least)
    if not text.isprintable():
        sign = next(sign for sign in text if not sign.isprintable())
        raise DataError(f"{what} {text[:40]!r} holds the sign {sign!r}, which cannot be shown; leave it out")
    return text
