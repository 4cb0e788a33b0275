"""Small collections of every format: real samples from a folder, and made files with what is odd in the wild."""

from __future__ import annotations

import json
import shutil
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from labeling.collection.annotation.base import ImportedTable
from labeling.collection.formats import detect_format, find_table, formats

LEAST_S = 5.0


@dataclass(frozen=True)
class Collection:
    """Files of a collection by their places in its folder: paths in the folder of samples, or bytes.

    ``sounds`` are recordings that no table names, with their seconds. ``format`` is the one that it must be found as;
    of what is only read, another's words are written.
    """

    name: str
    format: str
    files: Mapping[str, str | bytes]
    sounds: Mapping[str, float] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    table: str = ""


def _one(name: str, format: str, source: str, place: str = "", **more: Any) -> Collection:
    return Collection(name, format, {place or source.rsplit("/", 1)[-1]: source}, **more)


_BIRDNET = "birdnet_analyzer/{}/split/site1/{}"
_STEMS = {"maad_spinetail": 30.0, "opso_birds_10s": 10.0, "opso_rugr_drum": 20.0}
_SITE = {f"site1/{stem}.wav": seconds for stem, seconds in _STEMS.items()}


def _birdnet(kind: str, format: str, tail: str) -> Collection:
    files = {f"site1/{stem}{tail}": _BIRDNET.format(kind, stem + tail) for stem in _STEMS}
    return Collection(f"BirdNET {kind}", format, files, _SITE)


REAL: Sequence[Collection] = (
    *(_one(f"BirdCLEF {year}", "birdclef", f"birdclef/{year}_train_metadata_head.csv", "train_metadata.csv")
      for year in (2022, 2023, 2024)),
    _one("BirdCLEF 2025", "birdclef", "birdclef/2025_train_head.csv", "train.csv"),
    Collection("FSD50K", "fsd50k", {
        "FSD50K.ground_truth/dev.csv": "fsd/FSD50K_ground_truth_dev_head.csv",
        "FSD50K.ground_truth/vocabulary.csv": "fsd50k/vocabulary_head.csv",
        "FSD50K.metadata/pp_pnp_ratings_FSD50K.json": "fsd50k/pp_pnp_ratings_head.json",
    }),
    Collection("FSDKaggle2019", "fsdkaggle2019", {
        "train_curated.csv": "fsd/FSDKaggle2019_train_curated_head.csv",
        "train_noisy.csv": "fsd/FSDKaggle2019_train_noisy_head.csv",
    }),
    _one("FSDnoisy18k", "fsdnoisy18k", "fsdnoisy18k/test_head.csv", "FSDnoisy18k.meta/test.csv"),
    _one("UrbanSound8K", "urbansound8k", "urbansound8k/UrbanSound8K_head.csv", "metadata/UrbanSound8K.csv"),
    _one("AudioSet", "audioset", "audioset/shape_from_docs.csv", "balanced_train_segments.csv"),
    Collection("DCASE strong", "dcase_strong", {
        "strong.tsv": "dcase/strong_shape_from_docs.tsv",
        "durations.tsv": "dcase/durations_shape_from_docs.tsv",
    }),
    _one("DCASE soft", "dcase_soft", "dcase/dcase23_task4b_soft_cafe_restaurant_14.txt",
         "soft_labels_cafe_restaurant_14.txt", sounds={"cafe_restaurant_14.wav": 10.0},
         options={"threshold": 0.3}),
    _one("URBAN-SED", "audacity", "dcase/urbansed_soundscape_train_uniform1736.txt",
         "soundscape_train_uniform1736.txt", sounds={"soundscape_train_uniform1736.wav": 10.0}),
    _one("OpenSoundscape one-hot", "onehot", "opensoundscape/to_resample.csv"),
    _one("OpenSoundscape windows", "onehot", "opensoundscape/LOCA_2021_detections.csv"),
    _one("OpenSoundscape localizer", "onehot", "opensoundscape/localizer_preds.csv"),
    _one("bacpipe", "bacpipe", "bacpipe/annotations.csv"),
    _one("BirdSet Hawaii", "birdset", "perch_hoplite/hawaii.csv"),
    Collection("Raven", "raven", {
        "Recording_1_Segment_02.Table.1.selections.txt":
            "raven/crowsetta_Recording_1_Segment_02.Table.1.selections.txt",
        "EmptyExample.Table.1.selections.txt": "raven/opso_EmptyExample.Table.1.selections.txt",
        "MSD-0003_20180427_2minstart00.Table.1.selections.txt":
            "raven/opso_MSD-0003_20180427_2minstart00.Table.1.selections.txt",
        "note.txt": b"no table\n",
    }, {"Recording_1_Segment_02.wav": 300.0, "EmptyExample.wav": 10.0, "MSD-0003_20180427_2minstart00.wav": 120.0}),
    _one("Raven, Annotation", "raven", "raven/opso_raven_with_Annotation_col.txt", "a.selections.txt",
         sounds={"a.wav": 10.0, "b.wav": 3.0}),
    Collection("Audacity", "audacity", {
        "cold_forest.txt": "audacity/crowsetta_extended_cold_forest.txt",
        "spinetail.txt": "audacity/crowsetta_extended_spinetail.txt",
        "405_marron1.audacity.txt": "audacity/crowsetta_standard_405_marron1.audacity.txt",
        "cold_forest_daylight_label.txt": "audacity/maad_cold_forest_daylight_label.txt",
    }, {"cold_forest.wav": 120.0, "spinetail.wav": 30.0, "405_marron1.wav": 60.0, "cold_forest_daylight.wav": 120.0}),
    _one("TextGrid", "textgrid", "textgrid/crowsetta_AVO-maea-basic.TextGrid", "AVO-maea-basic.TextGrid",
         sounds={"AVO-maea-basic.wav": 60.0}),
    Collection("AviaNZ", "avianz", {
        "kiwi_1min.wav.data": "avianz/kiwi_1min.wav.data",
        "Y0GGO5npJzWI_0.000_10.000.wav.data": "avianz/Y0GGO5npJzWI_0.000_10.000.wav.data",
    }, {"kiwi_1min.wav": 60.0, "Y0GGO5npJzWI_0.000_10.000.wav": 10.0}),
    *(
        Collection(f"APLOSE {kind}", "aplose", {
            "annotation.csv": f"aplose/{kind}_annotation.csv" if kind != "no_frequency" else "aplose/no_frequency.csv",
            "timestamp.csv": b"filename,timestamp\nsound000.wav,2012-10-03T10:00:00.000Z\n"
                             b"sound001.wav,2012-10-03T11:00:00.000Z\n",
        }, {"sound000.wav": 900.0 if kind == "weak_one_file" else 3600.0, "sound001.wav": 60.0})
        for kind in ("strong_one_file", "strong_two_files", "weak_one_file", "point", "no_frequency")
    ),
    _birdnet("table", "raven", ".BirdNET.selection.table.txt"),
    _birdnet("audacity", "audacity", ".BirdNET.results.txt"),
    _birdnet("kaleidoscope", "kaleidoscope", ".BirdNET.results.kaleidoscope.csv"),
    *(_one(f"AOEF {name}", "aoef", f"aoef/{name}.json") for name in (
        "soundevent_example_dataset", "soundevent_nips4b_plus_sample", "whombat_example_annotation_project",
        "whombat_example_evaluation_set", "whombat_example_dataset", "soundevent_example_evaluation_set",
    )),
    _one("Label Studio", "labelstudio", "labelstudio/validated_by_sdk_2.1.2.json", "tasks.json"),
    Collection("Hoplite", "hoplite", {
        f"hoplite.sqlite{tail}": f"perch_hoplite/db_400_windows/hoplite.sqlite{tail}" for tail in ("", "-wal", "-shm")
    }),
    _one("Hugging Face Parquet", "huggingface", "huggingface/train-00000-of-00001.parquet"),
)  # fmt: skip
_UMLAUTS = "Käuzchen über Öd"
_NFC, _NFD = (unicodedata.normalize("NFC", _UMLAUTS), unicodedata.normalize("NFD", _UMLAUTS))
_RAVEN = "Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\tLow Freq (Hz)\tHigh Freq (Hz)\tSpecies"
MADE: Sequence[Collection] = (
    Collection("table: BOM, CRLF, semicolons, decimal commas", "table", {
        "Liste.csv": "\ufeffDatei;Art;Beginn;Ende\r\n"
                     f"{_NFC}.wav;Käuzchen;0,5;1,25\r\n\r\n"
                     f"{_NFC}.wav;Möwe;2,0;2,5\r\n"
                     'b c.wav;"Möwe; groß";;\r\n'
                     'd.wav;"sagt ""k""";1;2\r\n'.encode(),
    }, {f"{_NFD}.wav": 5.0, "b c.wav": 5.0, "d.wav": 5.0},
        {"path_column": "Datei", "label_column": "Art", "onset_column": "Beginn", "offset_column": "Ende"}),
    Collection("table: NFD in the table, NFC on the disk", "table", {
        "labels.csv": f"filename,label\n{_NFD}.wav,owl\nx.wav,jay\n".encode(),
    }, {f"{_NFC}.wav": 5.0, "x.wav": 5.0}),
    Collection("table: Latin-1, tabs, no line end at the end", "table", {
        "labels.tsv": "filename\tlabels\nMöwe 1.wav\tMöwe;Käuzchen\nb.wav\tjay".encode("latin-1"),
    }, {"Möwe 1.wav": 5.0, "b.wav": 5.0}),
    Collection("table: case, blanks, backslashes, absolute paths, twice", "table", {
        "labels.csv": b"filename,label,note\nC:\\data\\sub\\A one.WAV,owl,\"two\nlines\"\n/data/x/sub/b.wav,jay,\n"
                      b" sub/C.wav ,owl,\nsub/C.wav,jay,again\n\n\nsub\\d.wav,tit,\n",
    }, {"sub/a one.wav": 5.0, "sub/b.wav": 5.0, "sub/c.wav": 5.0, "sub/d.wav": 5.0}),
    Collection("table: UTF-16", "table", {
        "labels.csv": "filename,label\r\na.wav,猫\r\nb.wav,jay\r\n".encode("utf-16"),
    }, {"a.wav": 5.0, "b.wav": 5.0}),
    Collection("table: numbers, zeros in front, words for nothing", "table", {
        "labels.csv": b"filename,labels\n001.wav,007\n002.wav,\"['1e5', '007']\"\n003.wav,\n004.wav,nan\n",
    }, {f"{number:03d}.wav": 5.0 for number in range(1, 5)}),
    Collection("BirdCLEF: CRLF, quotes, a folder in other case", "birdclef", {
        "train_metadata.csv": "\ufeffprimary_label,secondary_labels,type,filename,author\r\n"
                              "owl,\"['jay', \"\"o'tit\"\"]\",['song'],Owl/XC1.ogg,\"A, \"\"B\"\"\"\r\n"
                              "jay,[],['call'],jay/XC2.ogg,Ö\r\n".encode(),
    }, {"train_audio/owl/XC1.ogg": 5.0, "train_audio/jay/XC2.ogg": 5.0}),
    Collection("Raven: CRLF, decimal commas, two views, offsets, blank lines", "raven", {
        "ä b.Table.1.selections.txt": (
            f"{_RAVEN}\r\n1\tWaveform 1\t1\t0,5\t1,5\t\t\tMöwe\r\n"
            "1\tSpectrogram 1\t1\t0,5\t1,5\t100\t2000\tMöwe\r\n\r\n"
            '2\tSpectrogram 1\t1\t2\t3\t100,5\t2000\t"Käuz, klein"\r\n'
        ).encode("latin-1"),
        "both.selections.txt": (
            b"Selection\tView\tBegin Time (s)\tEnd Time (s)\tBegin Path\tFile Offset (s)\tAnnotation\n"
            b"1\tSpectrogram 1\t0.5\t1.0\tD:\\rec\\One.WAV\t0.5\towl\n"
            b"2\tSpectrogram 1\t5.5\t6.0\tD:\\rec\\two.wav\t0.5\tjay\n"
        ),
    }, {"ä b.wav": 5.0, "rec/one.wav": 5.0, "rec/two.wav": 5.0}),
    Collection("Audacity: BOM, CRLF, decimal commas, points, open bands", "audacity", {
        "a 1.txt": "\ufeff0,500000\t1,500000\tMöwe\r\n\\\t-1,000000\t2000,000000\r\n2,0\t2,0\tPunkt\r\n"
                   "3,0\t3,5\t\r\n".encode(),
        "b.txt": b"",
    }, {"a 1.wav": 5.0, "b.wav": 5.0, "c.wav": 5.0}),
    Collection("one-hot: BOM, semicolons, NaN", "onehot", {
        "labels.csv": "\ufefffile;owl;jay\r\nsub\\a.wav;1;NaN\r\nsub/B.wav;0;1\r\n".encode(),
    }, {"sub/a.wav": 5.0, "sub/b.wav": 5.0}),
    Collection("row_id", "row_id", {
        "train_soundscape_labels.csv": b"row_id,site,audio_id,seconds,birds\r\n7_COR_5,COR,7,5,nocall\r\n"
                                       b"7_COR_10,COR,7,10,owl jay\r\n8_SSW_5,SSW,8,5,jay\r\n",
    }, {"train_soundscapes/7_COR_20190904.ogg": 10.0, "train_soundscapes/8_SSW_20190904.ogg": 10.0}),
    Collection("soundscapes", "soundscapes", {
        "train_soundscapes_labels.csv": b"filename,start,end,primary_label\na_S1_20250101_.ogg,00:00:00,00:00:05,1;2\n"
                                        b"a_S1_20250101_.ogg,00:00:05,00:00:10,2\nb_S2_20250101_.ogg,00:00:00,00:00:05,3\n",
    }, {"train_soundscapes/a_S1_20250101_.ogg": 10.0, "train_soundscapes/b_S2_20250101_.ogg": 10.0}),
    Collection("table: sep=; on top, blanks around, carriage returns", "table", {
        "labels.csv": b"sep=;\rFileName ; LABEL\r a.wav ; owl \rb.wav;jay\r",
    }, {"a.wav": 5.0, "b.wav": 5.0}),
    Collection("table: signs of URLs in names, names that differ in case", "table", {
        "labels.csv": b"filename,label\n\"a #1?%20.wav\",owl\na.wav,jay\nA.wav,tit\n",
    }, {"a #1?%20.wav": 5.0, "a.wav": 5.0, "A.wav": 5.0}),
    Collection("Raven: UTF-16", "raven", {
        "a.selections.txt": f"{_RAVEN}\r\n1\tSpectrogram 1\t1\t0.5\t1.5\t100\t2000\tMöwe\r\n".encode("utf-16"),
    }, {"a.wav": 5.0}),
    Collection("AviaNZ: BOM", "avianz", {
        "a b.wav.data": '\ufeff[{"Operator":"x","Reviewer":"y","Duration":5.0},[0.5,1.0,0,0,[{"species":"Möwe",'
                        '"certainty":100,"filter":"M"}]]]'.encode(),
    }, {"a b.wav": 5.0}),
    Collection("AudioSet: BOM, CRLF", "audioset", {
        "segments.csv": '\ufeff# YTID, start_seconds, end_seconds, positive_labels\r\n'
                        '--PJHxphWEs, 30.000, 40.000, "/m/09x0r,/t/dd00088"\r\n'.encode(),
    }, {"--PJHxphWEs_30.wav": 5.0}),
    Collection("Label Studio: BOM, signs in URLs", "labelstudio", {
        "tasks.json": "\ufeff".encode() + json.dumps([{
            "id": 1, "data": {"audio": "/data/local-files/?d=sub%20a/M%C3%B6we%20%231.wav"},
            "annotations": [{"result": [{"id": "a", "from_name": "l", "to_name": "audio", "type": "labels",
                                         "value": {"start": 0.5, "end": 1, "labels": ["owl"]}}]}],
        }]).encode(),
    }, {"sub a/Möwe #1.wav": 5.0}),
    Collection("JSON lines: BOM, CRLF, a blank line", "huggingface", {
        "metadata.jsonl": '\ufeff{"file_name": "sub\\\\a.wav", "label": "öwl"}\r\n\r\n'
                          '{"file_name": "b.wav", "label": null}\r\n'.encode(),
    }, {"sub/a.wav": 5.0, "b.wav": 5.0}),
    Collection("ESC-50", "esc50", {
        "meta/esc50.csv": b"filename,fold,target,category,esc10,src_file,take\n1-a-A-0.wav,1,0,dog,True,1,A\n"
                          b"2-b-A-36.wav,2,36,vacuum_cleaner,False,2,A\n",
    }),
    Collection("FSDKaggle2018", "fsdkaggle2018", {
        "train.csv": b"fname,label,manually_verified\n00044347.wav,Hi-hat,0\n001ca53d.wav,Saxophone,1\n",
    }),
    Collection("DCASE weak", "dcase_weak", {
        "weak.tsv": b"filename\tevent_labels\na.wav\tSpeech,Dog\nb.wav\tCat\n",
    }),
    Collection("AudioSet strong", "audioset_strong", {
        "audioset_train_strong.tsv": b"segment_id\tstart_time_seconds\tend_time_seconds\tlabel\n"
                                     b"b0RFKhbpFJA_30000\t0.1\t4.5\t/m/03m9d0z\nx_1\t1\t2\t/m/07qv_x_\n",
    }),
    Collection("cleanlab", "cleanlab", {
        "label_issues.csv": b"filename,given_label,is_label_issue,label_score,predicted_label\n"
                            b"a.wav,owl,False,0.9,owl\nb.wav,jay,True,0.1,owl\n",
    }),
    Collection("folders", "folders", {}, {"owl/a b.wav": 5.0, "jay+tit/a b.wav": 4.0, "jay/\u00fc.wav": 3.0}),
    Collection("segments", "segments", {}, {
        "Owl/Positive/0.900_1_rec_3.0s_6.0s.wav": 3.0, "Owl/Negative/0.500_1_rec_6.0s_9.0s.wav": 3.0,
        "Jay/Positive/0.900_2_rec_9.0s_12.0s.wav": 3.0,
    }),
    Collection("audiofolder, CSV", "table", {
        "metadata.csv": b"file_name,label\ndata/a.wav,owl\ndata/b.wav,jay\n",
    }, {"data/a.wav": 5.0, "data/b.wav": 5.0}),
    Collection("audiofolder, JSON lines", "huggingface", {
        "metadata.jsonl": b'{"file_name": "a.wav", "labels": ["owl", "jay"]}\n{"file_name": "b.wav", "labels": []}\n',
    }, {"a.wav": 5.0, "b.wav": 5.0}),
    Collection("Xeno-canto", "xenocanto", {
        "recordings.json": json.dumps({"recordings": [
            {"id": "1", "gen": "Tyto", "sp": "alba", "en": "Barn Owl", "also": ["Parus major"], "file-name": "XC1.mp3"},
            {"id": "2", "gen": "Parus", "sp": "major", "en": "Great Tit", "also": [""], "file-name": "XC2.mp3"},
        ]}).encode(),
    }, {"XC1.wav": 5.0, "XC2.wav": 5.0}),
    Collection("iNaturalist", "inaturalist", {
        "observations.csv": b"id,taxon_id,scientific_name,common_name,sound_url\n"
                            b"1,7,Tyto alba,Barn Owl,https://static.example.org/sounds/11.wav\n"
                            b"2,8,Parus major,Great Tit,https://static.example.org/sounds/12.wav\n",
    }, {"11.wav": 5.0, "12.wav": 5.0}),
)  # fmt: skip


def lay(collection: Collection, folder: Path, samples: Path | None) -> ImportedTable:
    """Put a collection into a folder, with a sound file for each recording, and read it."""
    folder.mkdir(parents=True)
    for place, content in collection.files.items():
        path = folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            assert samples is not None
            shutil.copyfile(samples / content, path)
            path.chmod(0o644)
    for number, (name, seconds) in enumerate(collection.sounds.items()):
        _sound(folder / name, seconds, number)
    format = collection.format if collection.options else detect_format(folder)
    if format != collection.format:
        raise ValueError(f"found as {format}")
    table = formats.get(format).read(find_table(folder, format), None, dict(collection.options))
    for number, clip in enumerate(table.clips, start=len(collection.sounds)):
        path = Path(clip.path)
        if not path.suffix:
            path = path.with_name(path.name + ".wav")
        if not path.exists() and folder in path.parents:
            ends = [region.offset_s for _, region in clip.regions]
            _sound(path, float(clip.metadata.get("duration") or max([LEAST_S, *ends])), number)
    return table


def _sound(path: Path, seconds: float, number: int) -> None:
    """A file of its kind with faint noise, another one for each number; a long one at a lower rate."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rate = 48_000 if seconds < 1000 else 8_000
    count = round(seconds * rate)
    wave = 0.01 * np.sin(np.arange(count, dtype=np.float32) * np.float32(0.01 + 0.001 * number))
    wave[: rate // 100] += np.random.default_rng(number).normal(0, 0.1, rate // 100).astype(np.float32)[:count]
    with soundfile.SoundFile(path, "w", rate, 1) as file:
        file.write(wave)


def all_of(samples: Path | None) -> Iterator[Collection]:
    """The made collections, and the real ones where their folder is given."""
    yield from REAL if samples is not None else ()
    yield from MADE
