from models.config import SECTIONS, all_settings, load_recipe, parse_override
from models.config.settings import MAIN_SETTINGS, every_setting, help_of


def test_main_settings_exist_and_their_bounds_are_accepted():
    for setting in MAIN_SETTINGS:
        assert parse_override(f"{setting.key}=0")[0] == setting.key
        kind = {"int": int, "float": float}[setting.kind]
        for value in (setting.low, setting.high):
            load_recipe("demo", [f"{setting.key}={kind(value)!r}"])


def test_every_setting_is_offered_as_the_recipe_has_it_and_given_back_unchanged():
    recipe = load_recipe("sed_b0")
    rows = every_setting(recipe)
    assert [row.key for row in rows] == list(all_settings())
    again = load_recipe("demo", [f"{row.key}={row.value}" for row in rows])
    assert {name: getattr(again, name) for name in SECTIONS} == {name: getattr(recipe, name) for name in SECTIONS}


def test_every_setting_says_what_it_is():
    assert [key for key in all_settings() if not help_of(key)] == []


def test_a_setting_says_what_it_is():
    assert help_of("predict.overlap") == "Share of a window that the next one repeats."
    assert "another chunk" in help_of("augment.mixup.probability")  # a table's probability: what the table does
    assert help_of("augment.mixup.labels").startswith("union: ")
    assert [key for key in all_settings() if not help_of(key)] == []
