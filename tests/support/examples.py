"""How many examples a property is tried with: few in each run of the tests, ten times as many by `make thorough`."""

from typing import Any

from hypothesis import HealthCheck, settings

ORDINARY, THOROUGH = "earmark", "thorough"
COUNT, MANY = 50, 500


def register_profiles() -> None:
    """Make both known to hypothesis, and choose the ordinary one."""
    for name, count in ((ORDINARY, COUNT), (THOROUGH, MANY)):
        settings.register_profile(
            name,
            max_examples=count,
            deadline=None,  # the machine's noise is no finding
            suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
        )
    settings.load_profile(ORDINARY)


def examples(count: int, **more: Any) -> settings:
    """Settings for a property of which one example takes long: ``count`` of them in the ordinary run."""
    return settings(max_examples=count * settings.default.max_examples // COUNT, **more)
