"""pages/ui/training/run_words.py"""

from __future__ import annotations

import pytest

from labeling.records import Run
from pages.ui.training import run_words


def run(recipe: str, *settings: str, run_id: str = "009-x") -> Run:
    return Run(run_id, recipe, 1, "done", "2026-01-01", settings=settings)


HEARD = ("targets.rule=and", "targets.teacher=001-demo", "targets.thresholds=[0.5]")
STAGE_3 = (*HEARD[:2], "targets.thresholds=[0.3, 0.7]", "train.members=2", "train.all_data=true")


@pytest.mark.parametrize(
    ("recipe", "settings", "purpose", "changed"),
    [
        ("demo", (), "training", ""),
        ("demo", ("epochs=3", "mixup.probability=0"), "training", "epochs 3, mixup.probability 0"),
        ("demo", ("gone.key=3",), "training", "gone.key 3"),
        ("demo", ("epochs=3", *HEARD), "labels where 001-demo hears them, threshold 0.5", "epochs 3"),
        ("demo", STAGE_3, "stage 3 on 001-demo, thresholds 0.3, 0.7", ""),
        ("demo", ("iterate.rounds=2",), "start of up to 2 rounds", ""),
        ("demo", ("iterate.rounds=1", "iterate.first_run=003-demo"), "round 1 of 2 from 003-demo", ""),
        ("demo", ("iterate.rounds=0", "iterate.first_run=003-demo"), "round 2 of 2 from 003-demo", ""),
        ("demo", ("iterate.rounds=0", "iterate.first_run=777-gone"), "a round from 777-gone", ""),
        ("ensemble", ("members=a,b",), "average of a + b", ""),
        ("ensemble", ("members=a,b", "weights=fitted", "strength=2.0"), "fitted average of a + b", "strength 2.0"),
        ("ensemble", ("members=a,b", "weights=3,1"), "weighted average of a + b", "weights 3,1"),
        ("ensemble", ("members=a,b", "vote=2", "threshold=0.3"), "vote of 2 above 0.3: a + b", ""),
        ("stack", ("members=a,b", "noisy=True"), "stack of a + b", "noisy True"),
        ("stack", ("members=a", "unknown=1"), "stack", "members=a, unknown=1"),
    ],
)  # fmt: skip
def test_what_a_run_was_for_and_what_the_user_changed(
    recipe: str, settings: tuple[str, ...], purpose: str, changed: str
) -> None:
    first = run("demo", "rounds=2", run_id="003-demo")
    assert run_words.purpose(run(recipe, *settings), [first]) == purpose
    assert run_words.settings(run(recipe, *settings)) == changed


def test_the_second_stage_says_whose_additions_it_learned_from() -> None:
    request = {"stage": 2, "after": "001-demo"}
    second = Run("002-x", "demo", 2, "done", "2026-01-01", settings=("epochs=3", "targets.rule=clip"), request=request)
    assert run_words.purpose(second, []) == "stage 2 after 001-demo"
    assert run_words.settings(second) == "epochs 3"


def test_a_recipe_of_the_users_own_is_called_by_its_file() -> None:
    assert run_words.recipe_name(run("/data/birds/recipes/night calls.toml")) == "night calls"
    assert run_words.recipe_name(run("demo")) == "demo"
