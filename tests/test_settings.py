from models.config import SECTIONS, load_recipe, parse_override
from models.settings import MAIN_SETTINGS


def test_main_settings_exist_and_their_bounds_are_accepted():
    for setting in MAIN_SETTINGS:
        section, key, _ = parse_override(f"{setting.key}=0")
        assert key in SECTIONS[section].__dataclass_fields__
        kind = {"int": int, "float": float}[setting.kind]
        for value in (setting.low, setting.high):
            load_recipe("demo", [f"{setting.key}={kind(value)!r}"])
