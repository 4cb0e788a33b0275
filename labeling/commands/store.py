"""store set, show, push, pull, check: the place on S3 that machines share, and what lies there and here."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from labeling.commands.base import AddCommand, opened

if TYPE_CHECKING:
    from labeling.storage.shared.trees import Shared
    from labeling.workspace import Workspace

TREES = "a folder of the workspace, such as runs/003-quick; by default all"


def add(command: AddCommand) -> None:
    """Add this group's commands."""
    parser = command(
        "store set", _set, "Keep runs, embeddings and exports on S3 too, so that several machines share them."
    )
    parser.add_argument("url", metavar="URL", help="s3://BUCKET/FOLDER; none for this folder alone")
    command("store show", _show, "Say which folders lie on the store, which here, and what is not sent yet.")
    for name, action, text in (
        ("push", _push, "Send what the store lacks, and see by hashes that it holds what is here."),
        ("pull", _pull, "Bring all that the store has, and see by hashes that it is here."),
        ("check", _check, "Read all that the store has, and see by hashes that it is whole."),
    ):
        parser = command(f"store {name}", action, text)
        parser.add_argument("trees", metavar="FOLDER", nargs="*", help=TREES)


def _set(args: argparse.Namespace) -> None:
    from labeling.errors import WorkspaceError
    from labeling.storage.shared.moving import lacking, try_store
    from labeling.storage.shared.objects import check_store
    from labeling.workspace import STORE_VARIABLE, write_setting

    workspace = opened(args)
    if os.environ.get(STORE_VARIABLE):
        raise WorkspaceError(f"{STORE_VARIABLE} names the store, and would go on naming it; unset it, and set it then")
    if args.url == "none":
        missing = lacking(workspace.shared) if workspace.shared else []
        if missing:
            what = f"{len(missing)} folders are whole on the store alone, as {missing[0]}"
            raise WorkspaceError(f"{what}; bring them first: store pull")
        write_setting(workspace.root, "store_url", None)
        print("no store: runs, embeddings and exports lie in the workspace's folder alone")
        return
    url = check_store(args.url)
    try_store(url)
    write_setting(workspace.root, "store_url", url)
    print(f"store {url}: it can be written to and read from. Start the app and the workers again")
    if workspace.engine.dialect.name == "sqlite":
        print("the database is a file of this machine: to share it too, database move --to a PostgreSQL")
    count = len(_store(opened(args)).local_trees())
    if count:
        print(f"{count} folders are here; to send them: store push --workspace {args.workspace}")


def _show(args: argparse.Namespace) -> None:
    shared = _store(opened(args))
    there, here = shared.trees(), shared.local_trees()
    print(
        f"{shared.url}: {len(there)} folders; {len(here)} here, at most {shared.most_bytes / 1e9:g} GB of them copies"
    )
    for tree in sorted({*there, *here}):
        unsent = len(shared.unpublished(tree)) if tree in here else 0
        where = "on the store alone" if tree not in here else "here alone" if tree not in there else "here and there"
        print(f"  {tree}: {where}" + (f", {unsent} files not sent" if unsent else ""))


def _push(args: argparse.Namespace) -> None:
    from labeling.storage.shared.moving import push

    shared = _store(opened(args))
    for tree in args.trees or shared.local_trees():
        moved = push(shared, tree, _bar(f"{tree} up"))
        sent = f"{moved.moved_bytes / 1e6:,.1f} MB sent"
        print(f"{tree}: {sent}; {moved.files} files there are as here; {moved.digest[:16]}")


def _pull(args: argparse.Namespace) -> None:
    from labeling.storage.shared.moving import pull

    shared = _store(opened(args))
    for tree in args.trees or shared.trees():
        moved = pull(shared, tree)
        print(f"{tree}: {moved.files} files here are as there; {moved.digest[:16]}")


def _check(args: argparse.Namespace) -> None:
    from labeling.storage.shared.moving import check

    shared = _store(opened(args))
    for tree in args.trees or shared.trees():
        moved = check(shared, tree)
        print(f"{tree}: {moved.files} files are whole; {moved.digest[:16]}")


def _store(workspace: Workspace) -> Shared:
    from labeling.errors import WorkspaceError

    if workspace.shared is None:
        raise WorkspaceError("this workspace has no store; give it one: store set s3://BUCKET/FOLDER")
    return workspace.shared


def _bar(label: str) -> Callable[[int, int], None]:
    from tqdm import tqdm

    bar = tqdm(desc=label, unit="B", unit_scale=True, disable=None, leave=False)

    def show(done: int, total: int) -> None:
        bar.total = total
        bar.update(done - bar.n)
        if done >= total:
            bar.close()

    return show
