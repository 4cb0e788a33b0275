"""Embeddings as jobs of the one queue: asked for and checked here, done in embedding.py. Loads no torch."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from dataclasses import dataclass

from labeling import runs
from labeling.embeddings.space import IMPORTED, list_spaces, space_path
from labeling.errors import ConfigError, DataError, EarmarkError
from labeling.records import Run
from labeling.workspace import Workspace
from models.combining.request import KINDS
from models.frozen.catalogue import FROZEN, check_installed, full_reference, parse_reference

PREFIX = "embed-"
HOPS_S = (0.01, 600.0)
PROCESSES = 256


@dataclass(frozen=True)
class EmbedRequest:
    """What to embed with. ``model`` is a reference (`catalogue`); ``hop_s`` 0 is half a window; ``processes`` 0 as many
    as there are cores; ``accepted`` that the licence of a model that asks for it is accepted."""

    model: str
    space: str = ""
    hop_s: float = 0.0
    processes: int = 0
    device: str = "auto"
    accepted: bool = False


def space_name(reference: str) -> str:
    """What a model's space is called where nobody says otherwise: ``aisfx``, ``run-003-quick``.

    >>> space_name("run:003-quick"), space_name("aisfx")
    ('run-003-quick', 'aisfx')
    """
    found, what = parse_reference(reference)
    if not what:
        return found.name
    last = what.rsplit("/", 1)[-1].removesuffix(".toml")
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", last)[:40].strip("-")
    if found.is_file:  # two files may be called alike
        plain = f"{plain}-{hashlib.sha256(what.encode()).hexdigest()[:6]}"
    return f"{found.name}-{plain}"


def resolved(workspace: Workspace, request: EmbedRequest) -> EmbedRequest:
    """The request with all that it leaves open, checked. ``model`` may be the name of a space that is there: then that
    is brought up to date.

    Raises UnknownName, ConfigError, DataError.
    """
    spaces = {facts.name: facts for facts in list_spaces(workspace)}
    model, name, hop_s = request.model, request.space, request.hop_s
    if model in spaces and model not in FROZEN.names():
        name, model = name or model, spaces[model].model
    if model.startswith(IMPORTED):
        raise ConfigError(
            f"space {name} was made elsewhere ({model}); bring newer vectors with `python -m labeling embeddings`"
        )
    model = full_reference(model)
    found, what = parse_reference(model)
    check_installed(found)
    name = name or space_name(model)
    space_path(workspace, name)
    old = spaces.get(name)
    if old and old.model != model:
        raise DataError(f"space {name!r} holds vectors of {old.model}, not of {model}; give another name with --space")
    if old and not hop_s:
        hop_s = old.hop_s
    if hop_s and not HOPS_S[0] <= hop_s <= HOPS_S[1]:
        raise ConfigError(f"--hop {hop_s:g} is outside {HOPS_S[0]:g} to {HOPS_S[1]:g} seconds")
    if not 0 <= request.processes <= PROCESSES:
        raise ConfigError(f"--processes {request.processes} is outside 1 to {PROCESSES}")
    if found.asks and not (request.accepted or old):
        raise ConfigError(
            f"the weights of {found.name} are under {found.licence}: no commercial use, and what is made from them is "
            "shared under the same terms; say that you keep to it with --accept-licence"
        )
    if found.name == "run":
        with workspace.read() as connection:
            run = runs.get_run(connection, what)
        runs.check_trained(run)
        if run.recipe in KINDS:
            raise ConfigError(
                f"run {run.id} combines other runs and has no features of its own; embed with one of those"
            )
        if run.status != "done":
            raise ConfigError(f"run {run.id} is {run.status}; embed with one that is done")
    return dataclasses.replace(request, model=model, space=name, hop_s=hop_s)


def enqueue_embedding(workspace: Workspace, request: EmbedRequest, *, worker: str = "") -> Run:
    """Queue the embedding of all clips that the space lacks. ``worker`` claims it at once.

    Raises as `resolved` does, before anything is stored; DataError where this space is being made already.
    """
    request = resolved(workspace, request)
    values = dataclasses.asdict(request)
    return runs.enqueue_job(
        workspace, runs.EMBEDDING, PREFIX + request.space, values, device=request.device, worker=worker
    )


def request_of(job: Run) -> EmbedRequest:
    """What a job was asked to do. Raises DataError where its row does not say."""
    return runs.request_of(job, EmbedRequest, "embed")


def embedding_jobs(workspace: Workspace) -> list[Run]:
    """The jobs that embed, newest first."""
    with workspace.read() as connection:
        return runs.all_jobs(connection, runs.EMBEDDING)[::-1]


def words(job: Run) -> str:
    """How far a job is, or what came of it, in a line."""
    made = job.metrics if job.status == "done" else job.progress
    if job.status == "failed":
        return job.error
    if not made:
        return {"queued": "waits for a worker", "running": "starting"}.get(job.status, job.status)
    text = f"{made.get('clips', 0):,} of {made.get('total', 0):,} new clips"
    if made.get("stretches"):
        text += f", {made['stretches']:,} stretches"
    if made.get("audio_s_per_s"):
        text += f", {made['audio_s_per_s']:,.0f} s of sound a second"
    if made.get("skipped"):
        text += f"; {made['skipped']:,} could not be read, the first: {made.get('first_reason', '')}"
    return text


def model_rows() -> list[dict[str, str]]:
    """Every kind of model as a line of a table: name, what it is, licence, and what it lacks here."""
    rows = []
    for name, found in FROZEN:
        lacks = ""
        try:
            check_installed(found)
        except EarmarkError as problem:
            lacks = str(problem)
        rows.append(
            {"name": name, "summary": found.summary, "licence": found.licence, "needs": found.needs, "lacks": lacks}
        )
    return rows
