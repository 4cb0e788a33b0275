import csv

import numpy as np

from labeling.collection.formats.events import TableEvent
from models.prediction.soundscape import Result
from models.prediction.sources import Source
from models.prediction.tables import write_result


def test_class_names_are_data_too(tmp_path):
    events = (TableEvent(0.5, 1.0, "=a\n", 0.75),)
    result = Result(np.array([[0.123456, 1.0]], np.float32), events, 1.5)
    source = Source("/x/one.wav", "sub/one")
    write_result(tmp_path, source, result, ("=a\n", 'b,"c"'), 2.0, (50.0, 900.0))
    with open(tmp_path / "sub/one.segments.csv", newline="", encoding="utf-8") as lines:
        assert list(csv.reader(lines)) == [
            ["row_id", "filename", "start_s", "end_s", "'=a\n", 'b,"c"'],
            ["one_2", "one.wav", "0.0", "1.5", "0.12346", "1.0"],
        ]
    assert (tmp_path / "sub/one.labels.txt").read_text(encoding="utf-8") == "0.500000\t1.000000\t=a\\n\n"
    with open(tmp_path / "sub/one.selections.txt", newline="", encoding="utf-8") as lines:
        (event,) = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
    assert (event["Annotation"], event["Score"], event["High Freq (Hz)"]) == ("=a\\n", "0.7500", "900.0")
