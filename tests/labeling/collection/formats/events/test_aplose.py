from pathlib import Path

import pytest

from labeling.collection.annotation.base import Attribution
from labeling.collection.formats.events.aplose import FORMAT
from labeling.errors import FormatError
from labeling.records import Region

HEADER = (
    "dataset,start_frequency,end_frequency,annotation,annotator,start_datetime,end_datetime,is_box,"
    "confidence_indicator_label,confidence_indicator_level\n"
)
DAY = "2012-10-03T"
ROWS = (
    f'D,"","",click,ann,{DAY}10:00:00.800+00:00,{DAY}10:00:01.800+00:00,1,sure,1/1\n'
    f"D,32416,32416,point,ann,{DAY}10:00:02+00:00,{DAY}10:00:02+00:00,1,sure,1/2\n"
    f"D,100,200,both,ann,{DAY}12:59:58+02:00,{DAY}11:00:08+00:00,1,,\n"
    f"D,0,64000,weak,ann,{DAY}10:00:00+00:00,{DAY}11:00:00+00:00,0,sure,1/1\n"
    f"D,0,64000,early,ann,{DAY}01:00:00+00:00,{DAY}01:10:00+00:00,1,sure,1/1\n"
)
TIMES = f"filename,timestamp\na.wav,{DAY}10:00:00.000+0000\nb.wav,{DAY}11:00:00.000Z\nc.wav,{DAY}23:00:00Z\n"


def test_times_of_day_are_times_in_recordings(tmp_path: Path):
    (tmp_path / "results.csv").write_text(HEADER + ROWS)
    for name in ("a.wav", "b.wav", "c.wav"):
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(FormatError, match=r"times of day.*lay timestamp.csv with the columns filename and timestamp"):
        FORMAT.read(tmp_path, None, {})
    (tmp_path / "timestamp.csv").write_text(TIMES)
    assert FORMAT.find(tmp_path) == tmp_path
    table = FORMAT.read(tmp_path, None, {})
    first, second, third = table.clips
    assert first.labels == ("click", "point", "both", "weak")
    assert first.regions == (
        ("click", Region(0.8, 1.8)),
        ("point", Region(2.0, 2.001)),
        ("both", Region(3598.0, 3600.0, 100.0, 200.0)),
    )
    assert first.said_by["point", Region(2.0, 2.001)] == Attribution("ann", 0.5)
    assert first.said_by["weak", None] == Attribution("ann", 1.0)
    assert second.regions == (("both", Region(0.0, 8.0, 100.0, 200.0)),)
    assert third.partial
    told = [problem.reason for problem in table.problems]
    assert told == ["no recording has its time; skipped", "1 event without a length was read as 1 ms from its point on"]


def test_starts_may_be_in_names_and_newer_tables_need_none(tmp_path: Path):
    (tmp_path / "r.csv").write_text(HEADER + ROWS.splitlines()[0] + "\n")
    (tmp_path / "SITE_20121003_100000.wav").write_bytes(b"")
    table = FORMAT.read(tmp_path, None, {})
    assert table.clips[0].regions == (("click", Region(0.8, 1.8)),)
    assert "read from its name, as UTC" in table.problems[0].reason
    (tmp_path / "r.csv").write_text(
        "dataset,filename,start_time,end_time,annotation,annotator,start_datetime,end_datetime,is_box\n"
        f"D,x.wav,1.5,2.5,click,ann,{DAY}10:00:00Z,{DAY}10:00:01Z,1\n"
        f"D,x.wav,0,9,weak,ann,{DAY}10:00:00Z,{DAY}10:00:01Z,0\n"
    )
    clip = FORMAT.read(tmp_path, None, {}).clips[0]
    assert (clip.labels, clip.regions) == (("click", "weak"), (("click", Region(1.5, 2.5)),))
