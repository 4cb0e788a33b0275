"""pages/ui/routes: what no page of ours asks is answered with a reason, and leaves nothing that cannot be read."""

from __future__ import annotations

import random
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from labeling import journal
from labeling.journal import versions
from labeling.suspects import queue
from labeling.workspace import Workspace, open_workspace
from pages.ui import signing
from tests.support.odd.requests import SECRET, Asker, bodies, ends

CASES = 100  # the same each time; python -m benchmarks.fuzz.request tries others


def _readable(workspace: Workspace) -> None:
    with workspace.read() as connection:
        journal.decisions_where(connection)
        assert len(versions.labels_at(connection).clip_ids)


def test_odd_requests_are_answered_with_a_reason(any_collection: Workspace) -> None:
    asker = Asker(any_collection, {})
    statuses = Counter(asker.ask(random.Random(seed)) for seed in range(CASES))
    assert statuses[422] > 20
    assert statuses[200] > 10  # or it would be the first check alone that is tried
    _readable(any_collection)
    with any_collection.read() as connection:
        assert journal.position(connection) > 0


def test_odd_requests_of_clips_with_sound_and_a_run(own_copy: Path) -> None:
    with closing(open_workspace(own_copy)) as workspace:
        with workspace.read() as connection:
            run_id, scorer = queue.current(connection) or ("", "")
        asker = Asker(workspace, {"run": run_id, "scorer": scorer})
        statuses = Counter(asker.ask(random.Random(seed)) for seed in range(CASES, CASES + 130))
        assert statuses[200] > 20
        _readable(workspace)


def test_the_requests_are_right_before_they_are_changed(collection: Workspace) -> None:
    asker = Asker(collection, {})
    headers = {"x-earmark": signing.api_token(SECRET, "rita")}
    for path, body in bodies({}, asker.code).items():
        answer = asker.client.post(path.partition("#")[0], json=body, headers=headers)
        assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("digits", [1, 40, 41, 5000])
def test_a_clips_number_of_any_length_is_answered(collection: Workspace, digits: int) -> None:
    asker = Asker(collection, {})
    for url in ends("9" * digits):
        answer = asker.client.get(url, headers={"x-earmark": signing.api_token(SECRET, "rita")})
        assert answer.status_code in (404, 422)
