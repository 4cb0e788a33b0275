"""labeling/storage/shared/objects.py: one object, written in the place of what is known to be there."""

from __future__ import annotations

import pytest

from labeling.errors import WorkspaceUnreachable
from labeling.storage.shared.objects import Objects
from tests.support.servers.faults import Faults


@pytest.mark.parametrize("status", [409, 412])
def test_where_another_was_quicker_nothing_is_written(s3: Faults, status: int) -> None:
    objects = Objects("s3://birds/team")
    s3.first(status, times=99, method="PUT")
    assert objects.put("manifest", b"mine", instead_of="") is False
    with pytest.raises(WorkspaceUnreachable, match="could not write manifest"):
        objects.put("manifest", b"mine")


def test_a_refusal_is_told_by_its_status_and_not_by_what_the_name_holds(s3: Faults) -> None:
    s3.first(403, times=99, method="PUT")
    with pytest.raises(WorkspaceUnreachable, match="could not write tried/4094"):
        Objects("s3://birds/team").put("tried/4094", b"", instead_of="")
