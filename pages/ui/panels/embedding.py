"""Hear the collection with a frozen model: which spaces there are, and a button for one more."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from labeling import runs
from labeling.embeddings.space import IMPORTED, list_spaces
from labeling.records import Run
from models import worker
from models.combining.request import KINDS
from models.frozen import jobs
from models.frozen.catalogue import FROZEN, is_installed, parse_reference
from models.frozen.jobs import EmbedRequest
from pages.ui import session
from pages.ui.panels import active_job
from pages.ui.panels.active_job import ACTIVE


def panel(every_run: Sequence[Run]) -> None:
    """The embeddings that run, the spaces that are there, and a form."""
    workspace = session.workspace()
    with session.messages():
        every_job = jobs.embedding_jobs(workspace)
        spaces = list_spaces(workspace)
    active = [job for job in every_job if job.status in ACTIVE]
    active_job.show(active, _title, jobs.words, "The embedding ends in a moment; what is done is kept")
    with st.expander("Embeddings: hear all clips with a frozen model", icon=":material/hearing:", key="embed_form"):
        st.caption(
            "A model that was trained elsewhere gives every stretch of every clip a vector; stretches that sound alike "
            "lie near each other. It is done once, and again only for clips that are new."
        )
        if spaces:
            st.dataframe(
                [
                    {"space": facts.name, "model": facts.model.removeprefix(IMPORTED), "licence": facts.licence,
                     "numbers": facts.size, "window (s)": facts.window_s, "hop (s)": facts.hop_s}
                    for facts in spaces
                ],
                hide_index=True,
            )  # fmt: skip
        for job in every_job:
            if job.status not in ACTIVE:
                st.caption(session.plain(f"{job.id} {job.status}: {jobs.words(job)}"))
        _form(every_run, [facts.name for facts in spaces if not facts.model.startswith(IMPORTED)])


def _form(every_run: Sequence[Run], spaces: Sequence[str]) -> None:
    plain = [name for name, found in FROZEN if not found.needs and is_installed(found)]
    others = (runs.IMPORTED, *KINDS)  # these have no network of their own
    trained = [f"run:{run.id}" for run in reversed(every_run) if run.status == "done" and run.recipe not in others]
    choices = list(dict.fromkeys([*plain, *spaces, *trained]))
    if not choices:
        st.caption("No frozen model is installed; `make` installs aisfx, `make birdnet` adds BirdNET.")
        return
    model = st.selectbox(
        "Model", choices, key="embed:model", accept_new_options=True,
        help="Or write panns:PATH, timm:MODEL, or the path of a .toml that describes an ONNX or TFLite file.",
    )  # fmt: skip
    accepted = _licence(model, spaces)
    if st.button("Embed", key="embed:start", icon=":material/play_arrow:", disabled=not (model and accepted)):
        with session.messages():
            session.check_typed(str(model))
            jobs.enqueue_embedding(session.workspace(), EmbedRequest(str(model), accepted=accepted))
            worker.ensure_worker(session.workspace())
            st.rerun()


def _licence(model: str | None, spaces: Sequence[str]) -> bool:
    """Show the licence of a model's weights; whether one may go on."""
    if model in FROZEN.names():
        found, _ = parse_reference(str(model))
        if found.asks and model not in spaces:
            return st.checkbox(
                f"I keep to {found.licence}: no commercial use, and what is made from the weights is shared alike",
                key="embed:accept",
            )
        if found.licence:
            st.caption(f"Weights: {found.licence}. {found.summary}.")
    return True


def _title(job: Run) -> str:
    return f"**{session.plain(job.id)}**"
