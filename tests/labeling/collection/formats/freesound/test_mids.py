"""labeling/collection/formats/freesound/mids.py"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from labeling.collection.formats.freesound.mids import mids_of, named
from labeling.errors import FormatError

ONTOLOGY = [
    {"id": "/m/025rv6n", "name": "Chicken, rooster", "child_ids": []},
    {"id": "/m/02sgy", "name": "Electric guitar", "child_ids": []},
    {"id": "/m/01", "name": "Rumble", "child_ids": []},
    {"id": "/m/02", "name": "Rumble", "child_ids": []},
]


def test_a_class_is_known_by_its_id_its_code_or_its_name(tmp_path: Path) -> None:
    file = tmp_path / "ontology.json"
    file.write_text(json.dumps(ONTOLOGY))
    vocabulary = tmp_path / "vocabulary.csv"
    vocabulary.write_text("0,Crushing,/m/07plct2\n1,Electric_guitar,/m/other\nx\n")
    indices = tmp_path / "class_labels_indices.csv"
    indices.write_text('index,mid,display_name\n0,/m/09x0r,"Speech, human"\n')
    classes = {"/t/dd00130": "", "Chicken_and_rooster": "", "g": "Electric Guitar", "Rumble": "", "owl": ""}
    assert mids_of(classes, [named(file)]) == {
        "/t/dd00130": "/t/dd00130", "Chicken_and_rooster": "/m/025rv6n", "g": "/m/02sgy",
    }  # fmt: skip
    first = mids_of({"Electric_guitar": "", "Speech and human": ""}, [named(vocabulary), named(file), named(indices)])
    assert first == {"Electric_guitar": "/m/other", "Speech and human": "/m/09x0r"}


@pytest.mark.parametrize(("name", "text"), [("a.json", "[1]"), ("a.json", "{"), ("a.json", "[]"), ("a.csv", "a,b,c\n")])
def test_what_has_no_mids_is_told(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(FormatError, match=r"ontology\.json"):
        named(tmp_path / name)
    with pytest.raises(FormatError, match="no table at"):
        named(tmp_path / "none.json")
