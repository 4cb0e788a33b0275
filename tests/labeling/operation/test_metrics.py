"""labeling/operation/metrics.py: the figures are those of the workspace, and their number does not grow with it."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa
from prometheus_client.parser import text_string_to_metric_families

from labeling import journal, runs
from labeling.operation.metrics import as_text, registry_of
from labeling.records import Decision
from labeling.storage import tables
from labeling.workspace import Workspace


def figures(workspace: Workspace) -> Mapping[tuple[str, ...], float]:
    """Name and labels of each series, as Prometheus itself reads them."""
    text = as_text(registry_of(lambda: workspace)).decode()
    return {
        (one.name, *one.labels.values()): one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
    }


def test_they_count_what_is_in_the_workspace(any_collection: Workspace) -> None:
    workspace = any_collection
    journal.append(workspace, [Decision(f"e{n}", "ann", n, "amecro", "absent") for n in (1, 2, 3)])
    for number in (1, 2):
        runs.enqueue_job(workspace, runs.EMBEDDING, f"waits-{number}", {})
    runs.enqueue_job(workspace, runs.PREDICTION, "runs-1", {}, worker="w:1")
    runs.heartbeat(workspace, "runs-1", "w:1", {"phase": "predicting", "fraction": 0.25})
    runs.worker_seen(workspace, "w:1", "cpu")
    found = figures(workspace)
    assert found["earmark_decisions_total",] == 3
    assert found["earmark_jobs", "embedding", "queued"] == 2
    assert found["earmark_jobs", "prediction", "running"] == 1
    assert found["earmark_job_progress_ratio", "prediction"] == 0.25
    assert found["earmark_workers",] == 1
    assert found["earmark_worker_heartbeat_age_seconds",] < 60
    assert found["earmark_ready", "database"] == 1
    assert 0 < found["earmark_database_latency_seconds",] < 5
    assert found["earmark_disk_free_bytes",] > 0
    assert found["process_resident_memory_bytes",] > 1e7


def test_there_are_never_more_series_than_kinds(collection: Workspace) -> None:
    before = figures(collection).keys()
    for number in range(30):
        runs.enqueue_job(collection, runs.REPLAY, f"job-{number}", {}, worker=f"host-{number}:1")
        runs.worker_seen(collection, f"host-{number}:1", "cpu")
    with collection.write() as connection:
        connection.execute(sa.update(tables.runs).where(tables.runs.c.id == "job-1").values(kind="unheard of"))
    later = figures(collection).keys()
    assert later - before == {("earmark_worker_heartbeat_age_seconds",)}
    assert not {"amecro", "job-2", "host-2"} & {label for series in later for label in series}


def test_without_a_database_the_process_is_still_measured(workspace: Workspace) -> None:
    workspace.close()
    (workspace.root / "earmark.db").rename(workspace.root / "away.db")
    found = figures(workspace)
    assert found["earmark_ready", "database"] == 0
    assert ("earmark_decisions_total",) not in found
    assert ("process_resident_memory_bytes",) in found
