"""labeling/collection/annotation/bundle.py"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.collection.annotation.bundle import pack, unpack
from labeling.errors import FormatError
from tests.support.examples import examples

NAMES = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=120).filter(
    lambda name: name.strip("/ ") == name and "//" not in name
)


@given(st.dictionaries(NAMES, st.binary(max_size=200), max_size=5))
@examples(30)
def test_files_come_back_and_the_same_files_are_the_same_bytes(files: dict[str, bytes]) -> None:
    packed = pack(files)
    assert unpack(packed) == files
    assert pack(dict(reversed(files.items()))) == packed


def test_other_bytes_are_refused_in_words() -> None:
    with pytest.raises(FormatError, match="import them again"):
        unpack(b"filename,label\n" * 100)
