"""The command that makes the map of a space."""

from __future__ import annotations

import argparse
import threading

from labeling.storage.text import printable
from models.commands.base import AddCommand, progress_bar


def add(command: AddCommand) -> None:
    """Add this group's command."""
    parser = command("map", _map, "Lay the stretches of a space out on a map, and find clusters among them.")
    parser.add_argument("space", metavar="NAME", nargs="?", help="the space; without it, all are listed")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="the same seed gives the same map (0)")
    parser.add_argument("--neighbours", type=int, default=15, metavar="K",
                        help="few show detail, many the large shape (15)")  # fmt: skip
    parser.add_argument("--min-dist", type=float, default=0.1, metavar="D", help="how close points may come (0.1)")
    parser.add_argument("--queue", action="store_true", help="leave it to a worker: `python -m models work`")
    parser.epilog = (
        "The page Map shows it. One that is there is made anew; it takes one core, and memory for the vectors."
    )


def _map(args: argparse.Namespace) -> None:
    from labeling import runs
    from labeling.embeddings.space import list_spaces
    from labeling.errors import DataError
    from labeling.landscape.projection import has_projection, is_out_of_date
    from labeling.runs.execution import worker_name
    from models import worker
    from models.commands.training import stop_on_signal
    from models.mapping import jobs
    from models.mapping.making import run_map

    workspace = worker.open_for_work(args.workspace)
    if not args.space:
        spaces = list_spaces(workspace)
        if not spaces:
            print("no space yet: `earmark embed NAME -w W` hears all clips with a frozen model")
        for facts in spaces:
            state = "mapped" if has_projection(workspace, facts.name) else "no map yet"
            state = "changed since its map was made" if is_out_of_date(workspace, facts.name) else state
            print(printable(f"{facts.name:<20}{state}"))
        return
    worker.free_dead_jobs(workspace)
    request = jobs.MapRequest(args.space, args.seed, args.neighbours, args.min_dist)
    jobs.check(workspace, request)
    runs.drop_waiting(workspace, jobs.PREFIX + request.space)
    job = jobs.enqueue_map(workspace, request, worker="" if args.queue else worker_name())
    if args.queue:
        print(f"{job.id} is queued; `python -m models work` does what is queued, and the app does so by itself")
        return
    interrupted = threading.Event()
    stop_on_signal(interrupted)
    ended = run_map(
        workspace, job, worker_name(), report=progress_bar(), interrupted=interrupted, when_interrupted="stopped"
    )
    print(printable(f"map of {request.space}: {jobs.words(ended)}"))
    if ended.status != "done":
        raise DataError(f"{job.id} was {ended.status}; the same command begins anew")
