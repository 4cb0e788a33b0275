"""benchmarks/planted_errors.py: the same errors lie elsewhere, and the truth of them is told."""

from __future__ import annotations

from collections import Counter

from benchmarks.planted_errors import NEAR, Rows, planted_by_chance, replanted

CLASSES = ("owl", "wren", "rook")


def collection() -> tuple[dict[str, list[str]], Rows]:
    """Ninety clips in which two of three classes are heard, and errors of each kind in six of them."""
    truth = {f"{k}.ogg": [CLASSES[k % 3], CLASSES[(k + 1) % 3]] for k in range(90)}
    noise = []
    for k in range(3):
        noise.append({"filename": f"{k}.ogg", "label": CLASSES[(k + 1) % 3], "kind": "missing"})
        noise.append({"filename": f"{k + 3}.ogg", "label": CLASSES[(k + 2) % 3], "kind": "spurious"})
        noise.append({"filename": f"{k + 6}.ogg", "label": CLASSES[k], "kind": "missing_primary"})
        noise.append({"filename": f"{k + 6}.ogg", "label": CLASSES[(k + 2) % 3], "kind": "wrong_primary"})
    return truth, noise


def test_errors_are_moved_and_each_is_one() -> None:
    truth, noise = collection()
    clips = replanted(truth, noise, {}, 1)
    found = {(name, code): kind for name, clip in clips.items() for code, kind in clip.wrong.items()}
    assert Counter(found.values()) == Counter(row["kind"] for row in noise)
    assert set(found) != {(row["filename"], row["label"]) for row in noise}
    for name, clip in clips.items():  # what is wrong is what truth and labels differ in
        assert clip.true == truth[name]
        assert set(clip.wrong) == set(clip.true) ^ set(clip.given)
        assert len(set(clip.given)) == len(clip.given)
    of_class = Counter((code, kind) for (_, code), kind in found.items())
    assert of_class == Counter((row["label"], row["kind"]) for row in noise)


def test_a_seed_says_where_they_lie() -> None:
    truth, noise = collection()
    first, again, other = (replanted(truth, noise, {}, seed) for seed in (1, 1, 2))
    assert first == again != other


def test_a_faint_sound_that_was_missed_is_one_again() -> None:
    truth, noise = collection()
    missing = [row for row in noise if row["kind"] == "missing"][:1]
    owner = [name for name, labels in truth.items() if missing[0]["label"] in labels[1:]]
    loudness = {(name, missing[0]["label"]): 3.0 * place for place, name in enumerate(owner)}
    for seed in range(20):
        clips = replanted(truth, missing, loudness, seed)
        (name,) = (name for name, clip in clips.items() if clip.wrong)
        level = loudness[missing[0]["filename"], missing[0]["label"]]
        nearer = sum(abs(one - level) < abs(loudness[name, missing[0]["label"]] - level) for one in loudness.values())
        assert nearer < NEAR


def test_errors_lie_anywhere_in_about_the_shares_that_their_name_stands_for() -> None:
    truth, _ = collection()
    clips = planted_by_chance(truth, "missing", 1)
    assert all(clip.given and clip.true == truth[name] for name, clip in clips.items())
    assert all(set(clip.wrong) == set(clip.true) ^ set(clip.given) for clip in clips.values())
    kinds = Counter(kind for clip in clips.values() for kind in clip.wrong.values())
    # of 180 labels 40 % are to go; of the two of a clip both may, one time in six, and then they stay
    assert 25 <= kinds["missing"] <= 60
    assert 1 <= kinds["spurious"] <= 15
