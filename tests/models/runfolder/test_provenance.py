import random

import numpy as np
import pytest
import torch

from labeling.errors import ConfigError
from models.runfolder.provenance import deterministic, differences, fastest, pick_device, seeded, surroundings

CPU = torch.device("cpu")


@pytest.mark.parametrize("name", ["tpu", "cuda:x", "gpu"])
def test_devices_that_are_none(name):
    with pytest.raises(ConfigError, match=r"unknown device|no CUDA"):
        pick_device(name)


def test_the_device_of_a_process(monkeypatch):
    assert pick_device("cpu", 3) == CPU
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert [str(pick_device(name, rank)) for name, rank in (("auto", None), ("cuda", 1), ("cuda:0", 1))] == [
        "cuda",
        "cuda:1",
        "cuda:0",
    ]
    with pytest.raises(ConfigError, match="has 2 GPU"):
        pick_device("auto", 2)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert pick_device("auto", 1) == CPU
    with pytest.raises(ConfigError, match="no CUDA"):
        pick_device("cuda")


def test_all_generators_begin_anew_and_go_on_as_before():
    def draw() -> tuple[float, ...]:
        return float(torch.rand(1)), random.random(), float(np.random.random())

    sequence = np.random.SeedSequence([1, 2])
    torch.manual_seed(5)
    random.seed(5)
    np.random.seed(5)
    undisturbed = draw(), draw()
    torch.manual_seed(5)
    random.seed(5)
    np.random.seed(5)
    assert draw() == undisturbed[0]
    with seeded(sequence, CPU):
        one = draw()
    assert draw() == undisturbed[1]
    with seeded(sequence, CPU):
        assert draw() == one
    with seeded(np.random.SeedSequence([1, 3]), CPU):
        assert not set(draw()) & set(one)


def test_switches_are_set_back():
    backend = torch.backends.cudnn
    before = backend.benchmark, backend.deterministic, torch.are_deterministic_algorithms_enabled()
    backend.benchmark = True
    try:
        with deterministic(CPU):
            assert (backend.benchmark, backend.deterministic) == (False, True)
            assert torch.are_deterministic_algorithms_enabled()
        assert backend.benchmark
        assert torch.are_deterministic_algorithms_enabled() == before[2]
    finally:
        backend.benchmark, backend.deterministic = before[:2]


@pytest.mark.parametrize(("device", "on_gpu"), [("cpu", False), ("cuda", False), ("cuda", True)])
def test_a_gpu_takes_the_fastest_convolutions_unless_told_otherwise(device, on_gpu):
    backend = torch.backends.cudnn
    before = backend.benchmark, backend.deterministic
    with deterministic(torch.device(device), on_gpu):
        assert backend.deterministic is (device == "cpu" or on_gpu)
        with fastest(torch.device(device), not on_gpu):
            assert backend.benchmark is (device == "cuda" and not on_gpu)
        assert not backend.benchmark, "validation and prediction have many shapes"
    assert (backend.benchmark, backend.deterministic) == before


def test_differences_are_named(tmp_path):
    weights = tmp_path / "w.pth"
    weights.write_bytes(b"abc")
    assert surroundings(CPU, str(weights))["weights_hash"].startswith("ba7816bf8f01cfea")  # FIPS 180-2, "abc"
    now = surroundings(CPU)
    assert now["weights_hash"] == ""
    assert differences(now, now) == []
    versions = dict(now["versions"]) | {"torch": "1.0"}
    versions.pop("numpy")
    then = now | {"threads": 99, "device": "cuda:0", "device_name": "H100", "git_commit": "", "versions": versions}
    found = differences(then, now | {"git_commit": "abc"})
    assert found == [
        "device was cuda:0, is cpu",
        f"threads was 99, is {torch.get_num_threads()}",
        "commit was unknown, is abc",
        f"numpy was absent, is {np.__version__}",
        f"torch was 1.0, is {now['versions']['torch']}",
    ]
    assert differences(now | {"device_name": "old"}, now)[0].startswith("device was old, is ")
