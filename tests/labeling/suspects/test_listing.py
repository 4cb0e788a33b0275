"""labeling/suspects/listing.py: the whole of a list, as it was when a screen began to show it."""

from __future__ import annotations

import pytest

from labeling.reviewer import marks
from labeling.reviewer.marks import Mark
from labeling.suspects import listing, queue
from labeling.suspects.filter import QueueFilter
from labeling.suspects.listing import Listing, read_listing
from labeling.workspace import Workspace
from tests.support.workspaces.ranked import decide, demo, make_queue


@pytest.fixture
def queued(workspace: Workspace) -> Workspace:
    return make_queue(workspace)


def read(workspace: Workspace, version: str = "", reviewer: str = "") -> Listing:
    with workspace.read() as connection:
        return read_listing(connection, demo(connection), QueueFilter(reviewer=reviewer), version)


def test_a_listing_is_the_queue_and_stays_as_it_was_while_it_is_kept(queued: Workspace) -> None:
    before = read(queued)
    with queued.read() as connection:
        run = demo(connection)
        rows = queue.rows(connection, run, QueueFilter(), limit=None)
        assert queue.rows_at(connection, run, before.places) == rows
        assert listing.version_of(connection) == before.version
    decide(queued, 3, "amecro")  # which moves the run's position, too
    with queued.read() as connection:
        at_first = read_listing(connection, run, QueueFilter(), before.version)
        now = read_listing(connection, run, QueueFilter())
    assert at_first is before
    assert len(now.places) == len(before.places) - 1
    assert (before.position, now.position) == (0, 1)
    with queued.read() as connection:  # one that nobody has asked for: the newest
        assert read_listing(connection, run, QueueFilter(), "0.17") is now


def test_a_mark_makes_another_listing(queued: Workspace) -> None:
    before = read(queued, reviewer="ann")
    marks.add(queued, Mark("m", "ann", 4, "skip"))
    after = read(queued, reviewer="ann")
    assert after.version != before.version
    assert len(after.places) == len(before.places) - 1
