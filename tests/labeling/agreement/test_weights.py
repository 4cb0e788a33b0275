"""labeling/agreement/weights.py"""

from __future__ import annotations

import pytest

from labeling.agreement.weights import rule_named
from labeling.errors import DataError
from labeling.journal import versions
from labeling.journal.rules import LabelRule
from labeling.records import Shown
from labeling.workspace import Workspace
from tests.support.workspaces.deciding import says


def test_only_the_rule_that_weighs_has_weights_and_they_stay_with_the_version(any_collection: Workspace) -> None:
    for clip_id in (1, 2, 3, 4):  # bob is right, ann and cleo are not
        says(any_collection, "bob", "present", clip_id, "daejun")
        says(any_collection, "ann", "absent", clip_id, "daejun")
        if clip_id > 1:
            says(any_collection, "zoe", "present", clip_id, "daejun", shown=Shown(adjudication=True))
    says(any_collection, "cleo", "absent", 1, "daejun")
    with any_collection.read() as connection:
        assert rule_named(connection, "majority") == LabelRule("majority")
        rule = rule_named(connection, "weighted")
        with pytest.raises(DataError, match="Did you mean 'weighted'"):
            rule_named(connection, "wieghted")
    assert set(rule.weights) == {"ann", "bob", "cleo"}
    version = versions.freeze(any_collection, "ann", rule=rule)
    with any_collection.read() as connection:
        before = versions.labels_of_version(connection, version.number)
    column = before.classes.index("daejun")
    assert before.present[:, column].tolist() == [True, True, True, True], "bob's word weighs more than two others'"
    for clip_id in (1, 2, 3, 4):
        says(any_collection, "zoe", "absent", clip_id, "daejun", shown=Shown(adjudication=True))
    with any_collection.read() as connection:
        after = versions.labels_of_version(connection, version.number)
        assert versions.get_version(connection, version.number) == version
    assert after.content_hash == before.content_hash == version.content_hash
