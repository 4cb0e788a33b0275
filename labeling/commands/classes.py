"""classes list, classes add: the classes there are, and a new one."""

from __future__ import annotations

import argparse

from labeling.commands.base import AddCommand, opened
from labeling.commands.ending import asked_by, checked_text
from labeling.storage.text import printable


def add(command: AddCommand) -> None:
    """Add this group's commands."""
    command("classes list", _list, "List all classes; new are those that no import and no label version holds.")

    parser = command("classes add", _add, "Add a class that no label has yet, so that it can be decided on.")
    parser.add_argument("code", metavar="CODE", help="as labels name it")
    parser.add_argument("--name", default="", metavar="TEXT", help="to show on the pages (the code)")


def _list(args: argparse.Namespace) -> None:
    from labeling.collection import store
    from labeling.journal.new_classes import new_classes

    with opened(args).read() as connection:
        known, new = store.all_classes(connection), new_classes(connection)
    width = max((len(label_class.code) for label_class in known), default=0)
    for label_class in known:
        mark = "  new" if label_class.code in new else ""
        print(printable(f"{label_class.code:{width}}  {label_class.name}{mark}"))


def _add(args: argparse.Namespace) -> None:
    from labeling.collection import classes
    from labeling.journal.new_classes import new_classes

    code, name = checked_text("CODE", args.code), checked_text("--name", args.name)
    with opened(args).write() as connection:
        added = classes.add_class(connection, code, name, added_by=asked_by(args))
        is_new = added.code in new_classes(connection)
    state = "is there, without a label yet; decide on clips to give it some" if is_new else "was there already"
    print(printable(f"class {added.code} ({added.name}) {state}"))
