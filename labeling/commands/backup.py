"""backup, restore, database move: the workspace kept elsewhere, and in another database."""

from __future__ import annotations

import argparse

from labeling.commands.base import AddCommand, opened


def add(command: AddCommand) -> None:
    """Add this group's commands."""
    parser = command(
        "backup",
        _backup,
        "Copy the workspace into a new folder, while it is in use, but for its sound files.",
    )
    parser.add_argument("folder", metavar="FOLDER", help="a new folder")
    parser = command("restore", _restore, "Make a workspace of a backup, after every byte of it was checked.")
    parser.add_argument("folder", metavar="FOLDER", help="what `backup` made")
    parser.add_argument(
        "--database-url", metavar="URL", default="", help="an empty PostgreSQL database to hold it; else SQLite"
    )
    parser = command(
        "database move",
        _move,
        "Move the workspace to PostgreSQL or back to SQLite; the old database refuses changes from then on.",
    )
    parser.add_argument(
        "--to",
        metavar="URL",
        required=True,
        help="an empty PostgreSQL database, or sqlite; a password is better kept in ~/.pgpass",
    )


def _backup(args: argparse.Namespace) -> None:
    from contextlib import closing

    from labeling.backup.folder import back_up
    from labeling.storage.shared.moving import lacking

    with closing(opened(args)) as workspace:
        elsewhere = lacking(workspace.shared) if workspace.shared else []
        kept = back_up(workspace, args.folder)
    print(f"{kept.folder}: {kept.decisions} decisions, {len(kept.files)} files; journal {kept.journal[:16]}")
    for name in kept.gone:
        print(f"left out, as a run removed it meanwhile: {name}")
    if elsewhere:
        what = f"{len(elsewhere)} folders that are whole on the store alone, as {elsewhere[0]}"
        print(f"not in it: {what}; store pull first")
    print("sound files are not part of a backup; keep them too")


def _restore(args: argparse.Namespace) -> None:
    from labeling.backup.folder import restore

    kept = restore(args.folder, args.workspace, args.database_url)
    print(f"{kept.folder}: {kept.decisions} decisions, {len(kept.files)} files; journal {kept.journal[:16]}")
    print(f"sound files are looked for where they were; if they lie elsewhere: relink --audio DIR -w {args.workspace}")


def _move(args: argparse.Namespace) -> None:
    from contextlib import closing

    from labeling.backup.moving import move_database

    with closing(opened(args)) as workspace:
        moved = move_database(workspace, args.to)
    print(f"moved to {moved.place}: {sum(moved.rows.values())} rows; journal {moved.journal[:16]}, the same in both")
    print("start the app and the workers again: those that run have the old database, which now refuses changes")
