import re
import subprocess
import sys
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.errors import ConfigError, UnknownName
from models.config import (
    Recipe,
    TrainConfig,
    load_recipe,
    parse_override,
    recipe_from_table,
    recipe_names,
    recipe_of,
    recipe_to_toml,
    setting_value,
)
from models.networks.catalogue import NETWORKS
from tests.support import ROOT


def test_the_catalogue_is_read_without_torch():
    code = (
        "import sys, models, models.config as config; config.load_recipe('demo');"
        "print(*(name in sys.modules for name in ('torch', 'librosa')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


@pytest.mark.parametrize("name", recipe_names())
def test_each_recipe_is_whole_and_survives_a_round_trip(name, tmp_path):
    recipe = load_recipe(name)
    assert recipe.name == name
    assert recipe.title
    assert recipe.source
    assert recipe.description
    NETWORKS.get(recipe.network.name)
    file = tmp_path / "copy.toml"
    file.write_text(recipe_to_toml(recipe), encoding="utf-8")
    assert load_recipe(str(file)) == recipe


@given(st.text(), st.floats(1e-6, 1), st.integers(1, 1000))
def test_a_round_trip_keeps_any_text_and_number(text, rate, epochs):
    recipe = Recipe("x", "t", "", text, train=TrainConfig(learning_rate=rate, epochs=epochs))
    assert recipe_from_table(tomllib.loads(recipe_to_toml(recipe))) == recipe


def test_overrides_by_full_and_bare_key():
    recipe = load_recipe("demo", ["train.epochs=7", "hop_length=500", 'channels=["log", "delta"]', "top_db=80"])
    assert recipe.train.epochs == 7
    assert recipe.features.hop_length == 500
    assert recipe.features.channels == ("log", "delta")
    assert recipe.features.top_db == 80.0


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        *((f"network.dropout={text}", 0.5) for text in (".5", "+.5", "0.5", "5e-1", "5.e-1", ".5E0", "0.500")),
        *((f"train.epochs={text}", 20) for text in ("20", "+20", "20.", "20.0", "2e1", "2_0", "020", "0x14")),
        *((f"train.learning_rate={text}", 1e-3) for text in ("1e-3", "1E-3", "1.e-3", ".001", "1e-03")),
        *((f"features.top_db={text}", None) for text in ("none", "None", "null")),
        ("features.top_db=80", 80.0),
        ("data.chunk_s=1_0", 10.0),
        *((f"features.precompute={text}", True) for text in ("true", "True", "TRUE", "yes", "on")),
        *((f"features.precompute={text}", False) for text in ("false", "False", "no", "Off")),
        *((f"targets.thresholds={text}", (0.3, 0.5)) for text in ("[.3, .5]", "[0.3,0.5,]", "(.3,.5)", "[3e-1, .5]")),
        *(
            (f"features.channels={text}", ("log", "delta"))
            for text in ('["log", "delta"]', "['log','delta']", "[log,delta]")
        ),
        ("network.widths=[8., 1_6]", (8, 16)),
        *((f"network.weights={text}", "12") for text in ("12", '"12"', "'12'")),
        ("network.weights=2026-01-01", "2026-01-01"),
        ("network.weights=C:/a b/é.pth", "C:/a b/é.pth"),
    ],
)
def test_values_are_read_as_people_write_them(setting, value):
    given = setting_value(*parse_override(setting))
    assert (given, type(given)) == (value, type(value))


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("train.learning_rate=0,001", "'0,001' must be a number; write 0.001"),
        ("network.dropout=30%", "'30%' must be a number; write 0.3"),
        ("train.epochs=1,000", "'1,000' must be a whole number; write 1000"),
        ("train.epochs=1.5", "1.5 must be a whole number"),
        ("train.epochs=1__0", "'1__0' must be a whole number"),
        ("train.epochs=２０", "must be a whole number"),
        ("train.epochs=true", "True must be a whole number"),
        ("train.epochs=2020-01-01", "'2020-01-01' must be a whole number"),
        ("train.epochs=2\nfolds=3", "must be a whole number"),
        ("train.learning_rate=1e999", "must be a number"),
        ("train.learning_rate=", "'' must be a number"),
        ("features.precompute=1", "1 must be true or false"),
        ("targets.thresholds=.3,.5", "must be a list"),
        ("targets.thresholds=[0,3]x", "must be a list"),
    ],
)
def test_a_value_of_another_type_says_which_it_must_have(setting, words):
    with pytest.raises(ConfigError) as refused:
        setting_value(*parse_override(setting))
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("override", "error", "words"),
    [
        ("train.epoch=7", UnknownName, "epochs"),
        ("trian.epochs=7", UnknownName, "train"),
        ("epohcs=7", UnknownName, "Did you mean 'epochs'"),
        ("batch_size=7", ConfigError, "exists in train, predict; write train.batch_size="),
        ("epochs", ConfigError, "KEY=VALUE"),
        ("epochs=many", ConfigError, "whole number"),
        ("epochs=1.5", ConfigError, "whole number"),
        ("train.epochs=0", ConfigError, "between 1 and"),
        ("learning_rate=nan", ConfigError, "a number"),
        ("precompute=1", ConfigError, "true or false"),
        ("widths=8", ConfigError, "list"),
        ("time_pool=[2, 2]", ConfigError, "4 network.widths"),
        ("fmax_hz=20000", ConfigError, "half of sample_rate"),
        ("channels=[]", ConfigError, "at least one"),
        ('channels=["logg"]', UnknownName, "Did you mean 'log'"),
        ("patience=3", ConfigError, "select"),
        ("gain.gain_db=[3, -3]", ConfigError, "lower first"),
        ("chunk_s=0.1", ConfigError, "frames"),
        ("folds=1", ConfigError, "between 2"),
        ("ema_decay=1", ConfigError, "0.99999"),
        ("features.top_db=0", ConfigError, "at least 1"),
        ("pretrained=true", ConfigError, "nobody released weights of 'cnn'"),
        ("pretrain_clips=reviewed", ConfigError, "train.pretrain_epochs to 1 or more"),
        ("train.batch_size=1", ConfigError, "augment.mixup needs a second chunk"),
        ("mixing_share=0", ConfigError, "leaves it out of every epoch"),
        ("positive_weight=3", ConfigError, "read by loss.name = 'weighted_bce' alone, not by 'bce'"),
        ("sce_beta=2", ConfigError, "set loss.name = 'sce' or loss.sce_beta = 1"),
        ("positive_weight_max=3", ConfigError, "read by loss.name = 'weighted_bce' alone"),
        ("loss.pool=logits", UnknownName, "Did you mean 'logit'"),
        ("normalize=peak", ConfigError, "features.precompute = true keeps no samples"),
        ("train.accumulate=0", ConfigError, "between 1 and"),
        ("sampling=even", UnknownName, "choose from each, balanced"),
    ],
)
def test_what_does_not_belong_says_what_would(override, error, words):
    with pytest.raises(error, match=words):
        load_recipe("demo", [override])


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (("targets.rule=and", "teacher=newest", "thresholds=[0.3, 0.5]"), "set train.members = 2"),
        (("schedule=constant", "learning_rate_min=1e-5"), "never falls"),
        (("select=best", "epochs=3"), "leaves one in train.epochs = 3"),
        (("loss.name=weighted_bce", "positive_weight=3", "positive_weight_max=50"), "set loss.positive_weight = 0"),
        (("loss.name=sce", "sce_alpha=0", "sce_beta=0"), "leave no loss"),
        (("tta_views=2", 'tta=["gain"]', "standardize=none", "tta_gain_db=0"), "predict.tta_gain_db = 0"),
        (("tta_views=2", 'tta=["spec_augment"]', "tta_mask_share=0"), "predict.tta_mask_share = 0"),
        (("tta_views=2", 'tta=["gain"]', "standardize=image"), "takes the level out"),
        (("time_pad.probability=1", "time_pad.fill=other", "mixup.probability=0", "train.batch_size=1"), "time_pad"),
    ],
)
def test_settings_that_contradict_each_other(settings, words):
    with pytest.raises(ConfigError, match=re.escape(words)):
        load_recipe("demo", settings)


def test_what_only_looks_like_a_contradiction_is_taken():
    load_recipe("demo", ["targets.rule=two_way", "teacher=newest", "thresholds=[0.3, 0.5]"])
    load_recipe("demo", ["targets.rule=and", "teacher=newest", "thresholds=[0.3, 0.5]", "members=3"])
    load_recipe("demo", ["train.batch_size=1", "mixup.probability=0"])
    load_recipe("demo", ["tta_views=2", 'tta=["gain"]', "standardize=image", 'channels=["pcen"]'])


def test_unknown_recipe_and_unreadable_files(tmp_path):
    with pytest.raises(UnknownName, match="demo"):
        load_recipe("dmeo")
    with pytest.raises(ConfigError, match="no recipe file"):
        load_recipe(str(tmp_path / "none.toml"))
    broken = tmp_path / "broken.toml"
    broken.write_bytes(b"title = \xff")
    with pytest.raises(ConfigError, match="TOML"):
        load_recipe(str(broken))
    broken.write_text("title = 'x'\n[trian]\nepochs = 3\n")
    with pytest.raises(UnknownName, match="trian"):
        load_recipe(str(broken))
    broken.write_text("title = 'x'\ntrain = 3\n")
    with pytest.raises(ConfigError, match="table"):
        load_recipe(str(broken))
    broken.write_text("title = ''\n")
    with pytest.raises(ConfigError, match="title"):
        load_recipe(str(broken))


def test_a_linear_head_takes_no_setting_of_a_network():
    assert load_recipe("linear").linear.space == "aisfx"
    for setting, message in (
        ("epochs=5", "train.epochs = 5 describes a network"),
        ("members=2", "train.members = 2 describes a network"),
        ("mixup.probability=0.5", "augment.mixup.probability = 0.5 describes a network"),
        ("window_s=5", "predict.window_s = 5.0 describes a network"),
    ):
        with pytest.raises(ConfigError, match=message):
            load_recipe("linear", [setting])
    with pytest.raises(ConfigError, match=r"targets.rule = 'and' describes a network"):
        load_recipe("linear", ["targets.rule=and", "targets.teacher=newest"])
    changed = load_recipe("linear", ["secondary=mask", "seed=3", "neighbours=4", "folds.by=recording", "all_data=true"])
    assert changed.train.seed == 3
    with pytest.raises(ConfigError, match=r"linear.space is empty"):
        load_recipe("quick", ["linear.sharpness=2"])


def test_what_a_runs_file_lacks_means_what_happened_then(tmp_path):
    """A run of before the bound on the classes' weights had none, and goes on without."""
    file = tmp_path / "recipe.toml"
    weighted = load_recipe("birdclef22")
    file.write_text(recipe_to_toml(weighted))
    assert recipe_of(tmp_path) == weighted
    assert weighted.loss.positive_weight_max == 100
    file.write_text("".join(line for line in file.open() if "positive_weight_max" not in line))
    assert recipe_of(tmp_path).loss.positive_weight_max == 0
    assert load_recipe(str(file)).loss.positive_weight_max == 100  # a recipe of one's own, trained today
    file.write_text(recipe_to_toml(load_recipe("demo")))
    assert recipe_of(tmp_path) == load_recipe("demo")


def test_every_recipe_that_follows_a_source_says_where_it_departs():
    text = (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8")
    table = text.partition("## Where the recipes depart")[2].partition("\n## ")[0]
    followers = [name for name in recipe_names() if load_recipe(name).source != "Earmark"]
    assert [name for name in followers if f"`{name}`" not in table] == []
    assert len(followers) == 10
