"""Commands that hear a collection with a frozen model."""

from __future__ import annotations

import argparse
import threading
from typing import TYPE_CHECKING

from labeling.storage.text import printable
from models.commands.base import AddCommand, add_cluster_flag, cluster_of, progress_bar

if TYPE_CHECKING:
    from labeling.workspace import Workspace


def add(command: AddCommand) -> None:
    """Add this group's commands."""
    parser = command("embed", _embed, "Hear all clips with a frozen model; keep a vector of each stretch as a space.")
    parser.add_argument("model", metavar="NAME", nargs="?", help="a frozen model, or a space to bring up to date; "
                        "without it, all of both are listed")  # fmt: skip
    parser.add_argument("--space", default="", metavar="NAME", help="what to call it (as the model)")
    parser.add_argument("--hop", type=float, default=0.0, metavar="S", help="seconds between stretches (half a window)")
    parser.add_argument("--processes", type=int, default=0, metavar="N", help="how many at a time (one a core)")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"), help="where to compute (auto)")
    parser.add_argument("--accept-licence", action="store_true", help="keep to the licence of a model that asks for it")
    parser.add_argument("--queue", action="store_true", help="leave it to a worker: `python -m models work`")
    add_cluster_flag(parser, "hear the clips")
    parser.epilog = (
        "NAME is aisfx, birdnet, panns:PATH, timm:MODEL, file:PATH.toml or run:RUN. Only clips that the space lacks, "
        "or whose sound changed, are heard; what is done is kept, also where this is stopped or killed."
    )


def _embed(args: argparse.Namespace) -> None:
    from labeling import runs
    from labeling.errors import DataError
    from labeling.runs.execution import worker_name
    from models import worker
    from models.commands.training import stop_on_signal
    from models.frozen import jobs

    workspace = worker.open_for_work(args.workspace)
    if not args.model:
        _list(workspace)
        return
    cluster = cluster_of(args)
    worker.free_dead_jobs(workspace)
    request = jobs.EmbedRequest(
        args.model, args.space, args.hop, args.processes, args.device, accepted=args.accept_licence
    )
    request = jobs.resolved(workspace, request)
    _say_licence(request.model)
    runs.drop_waiting(workspace, jobs.PREFIX + request.space)  # one that was killed; this one goes on with it
    job = jobs.enqueue_embedding(workspace, request, worker="" if args.queue else worker_name())
    if args.queue:
        print(f"{job.id} is queued; `python -m models work` does what is queued, and the app does so by itself")
        return
    interrupted = threading.Event()
    stop_on_signal(interrupted)
    ended = worker.run_job(
        workspace, job, worker_name(), report=progress_bar(), interrupted=interrupted, when_interrupted="stopped",
        cluster=cluster,
    )  # fmt: skip
    print(printable(f"space {request.space}: {jobs.words(ended)}"))
    if ended.metrics.get("skipped"):
        print(f"the reasons are in {workspace.root / 'embeddings' / f'{request.space}.log'}")
    if ended.status != "done":
        raise DataError(f"{job.id} was {ended.status}; the same command goes on where it was")


def _say_licence(reference: str) -> None:
    from models.frozen.catalogue import parse_reference

    found, _ = parse_reference(reference)
    if found.licence:
        print(f"{found.name}: weights under {found.licence}, which is kept with all that is made from them")


def _list(workspace: Workspace) -> None:
    from labeling.embeddings.space import list_spaces
    from models.frozen.jobs import model_rows

    print("frozen models:")
    for row in model_rows():
        lacks = f"\n{'':<12}{row['lacks']}" if row["lacks"] else ""
        licence = f" [{row['licence']}]" if row["licence"] else ""
        print(f"  {row['name']:<10}{row['summary']}{licence}{lacks}")
    print("spaces:")
    for facts in list_spaces(workspace):
        text = f"{facts.model}, {facts.size} numbers each {facts.hop_s:.3g} s [{facts.licence}]"
        print(printable(f"  {facts.name:<20}{text}"))
