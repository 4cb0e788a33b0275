import errno
import json
import os

import pytest
import torch

from labeling.errors import ArtefactError, ConfigError, WorkspaceFull, WorkspaceReadOnly
from models.networks.checkpoints import load_foreign, load_tensors, save_tensors, write_json

TENSORS = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.tensor(3), "c": torch.rand(4).half()}


def test_round_trip_with_meta(tmp_path):
    shared = torch.rand(3)
    save_tensors(tmp_path / "x.safetensors", TENSORS | {"d": shared, "e": shared[1:]}, {"epoch": 3, "ap": None})
    tensors, meta = load_tensors(tmp_path / "x.safetensors")
    assert meta == {"epoch": 3, "ap": None}
    assert set(tensors) == set("abcde")
    for name, value in TENSORS.items():
        assert torch.equal(tensors[name], value)
        assert tensors[name].dtype == value.dtype
    assert os.listdir(tmp_path) == ["x.safetensors"]


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_file_cut_short_is_refused(tmp_path, share):
    file = tmp_path / "x.safetensors"
    save_tensors(file, TENSORS, {})
    whole = file.read_bytes()
    file.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(ArtefactError, match="not a whole checkpoint"):
        load_tensors(file)
    with pytest.raises(ArtefactError):
        load_tensors(tmp_path / "none.safetensors")


@pytest.mark.parametrize(("number", "error"), [(errno.ENOSPC, WorkspaceFull), (errno.EROFS, WorkspaceReadOnly)])
def test_a_disk_that_refuses_leaves_the_old_file(tmp_path, monkeypatch, number, error):
    file = tmp_path / "x.json"
    write_json(file, {"old": 1})

    def refuse(handle):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(error, match=r"x\.json"):
        write_json(file, {"new": 2})
    assert json.loads(file.read_text()) == {"old": 1}
    assert os.listdir(tmp_path) == ["x.json"]


def test_json_never_holds_nan(tmp_path):
    with pytest.raises(ValueError, match="Out of range"):
        write_json(tmp_path / "x.json", {"ap": float("nan")})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("wrap", [None, "model", "state_dict"])
def test_foreign_weights_are_unwrapped(tmp_path, wrap):
    file = tmp_path / "w.pth"
    torch.save({wrap: TENSORS, "epoch": 1} if wrap else TENSORS, file)
    loaded = load_foreign(str(file))
    assert set(loaded) == set(TENSORS)


class Bomb:
    def __reduce__(self):
        return (os.mkdir, ("went_off",))


def test_a_pickle_with_code_is_refused_and_not_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"model": TENSORS, "bomb": Bomb()}, "bomb.pth")
    with pytest.raises(ConfigError, match="plain tensors"):
        load_foreign("bomb.pth")
    assert not (tmp_path / "went_off").exists()
    torch.save({"model": {"a": 1}}, "numbers.pth")
    with pytest.raises(ConfigError, match="state dict"):
        load_foreign("numbers.pth")
    (tmp_path / "text.pth").write_text("hello")
    with pytest.raises(ConfigError, match="plain tensors"):
        load_foreign("text.pth")
