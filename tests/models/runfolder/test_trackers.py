"""TensorBoard is real here. MLflow and wandb are not installed: fake modules note how they are called."""

import dataclasses
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import models
from labeling.errors import ConfigError
from models.config import TrackConfig
from models.runfolder.trackers import flat, open_trackers

OFF = TrackConfig(tensorboard=False)
SETTINGS = {"train": {"epochs": 3, "select": "last"}, "features": {"channels": ("log", "pcen")}, "name": "x" * 900}


class Fake:
    """Notes each call of each of its methods."""

    def __init__(self, answers=None, fails=()):
        self.calls, self.answers, self.fails = [], answers or {}, set(fails)

    def __getattr__(self, name):
        def call(*words, **named):
            self.calls.append((name, words, named))
            if name in self.fails:
                raise ConnectionError("no route to the server")
            return self.answers.get(name)

        return call

    def named(self, name):
        return [(words, named) for called, words, named in self.calls if called == name]


@pytest.fixture
def mlflow(monkeypatch):
    made = Fake({"create_experiment": "7", "create_run": SimpleNamespace(info=SimpleNamespace(run_id="r1"))})
    monkeypatch.setitem(sys.modules, "mlflow", SimpleNamespace(MlflowClient=lambda: made))
    return made


@pytest.fixture
def wandb(monkeypatch):
    made = Fake()
    made.answers["init"] = made
    monkeypatch.setitem(sys.modules, "wandb", made)
    return made


def scalars(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder))
    events.Reload()
    return {
        tag: [(event.step, pytest.approx(event.value)) for event in events.Scalars(tag)]
        for tag in events.Tags()["scalars"]
    }, events


def test_tensorboard_files_hold_what_was_logged(tmp_path):
    tracker = open_trackers(TrackConfig(), tmp_path, "run-1", SETTINGS)
    tracker.log(0, 10, {"train_loss": 0.5, "valid_macro_ap": None})
    tracker.log(0, 20, {"train_loss": 0.25, "valid_macro_ap": 0.75})
    tracker.log(1, 10, {"train_loss": 0.125})
    tracker.close()
    assert scalars(tmp_path / "tensorboard" / "fold0")[0] == {
        "train_loss": [(10, 0.5), (20, 0.25)],
        "valid_macro_ap": [(20, 0.75)],
    }
    assert scalars(tmp_path / "tensorboard" / "fold1")[0] == {"train_loss": [(10, 0.125)]}
    _, events = scalars(tmp_path / "tensorboard")
    (text,) = events.Tensors("earmark/run-1/text_summary")
    shown = text.tensor_proto.string_val[0].decode()
    assert "| train.epochs | 3 |" in shown
    assert '| features.channels | ["log", "pcen"] |' in shown


def test_a_resumed_training_adds_to_its_curves(tmp_path):
    for step in (1, 2):
        tracker = open_trackers(TrackConfig(), tmp_path, "run-1", {})
        tracker.log(0, step, {"train_loss": float(step)})
        tracker.close()
    assert scalars(tmp_path / "tensorboard" / "fold0")[0] == {"train_loss": [(1, 1.0), (2, 2.0)]}


def test_nothing_is_loaded_or_written_where_all_is_off(tmp_path):
    code = (
        "import sys; from pathlib import Path; from models.runfolder.trackers import open_trackers\n"
        "from models.config import TrackConfig\n"
        f"t = open_trackers(TrackConfig(tensorboard=False), Path({str(tmp_path)!r}), 'r', {{}})\n"
        "t.log(0, 1, {'loss': 1.0}); t.close(); print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(models.__file__).parents[1], capture_output=True, text=True, check=True
    )
    assert not {"tensorboard", "mlflow", "wandb", "torch"} & set(done.stdout.split())
    assert list(tmp_path.iterdir()) == []


def test_mlflow_gets_settings_and_curves(tmp_path, mlflow):
    tracker = open_trackers(dataclasses.replace(OFF, mlflow=True, project="birds"), tmp_path, "run-1", SETTINGS)
    tracker.log(2, 30, {"train_loss": 0.5, "valid_loss": None})
    tracker.close()
    assert mlflow.named("get_experiment_by_name") == [(("birds",), {})]
    assert mlflow.named("create_experiment") == [(("birds",), {})]
    assert mlflow.named("create_run") == [(("7",), {"run_name": "run-1"})]
    assert (("r1", "train.select", "last"), {}) in mlflow.named("log_param")
    assert max(len(words[2]) for words, _ in mlflow.named("log_param")) == 500
    assert mlflow.named("log_metric") == [(("r1", "fold2/train_loss", 0.5), {"step": 30})]
    assert mlflow.named("set_terminated") == [(("r1",), {})]


def test_mlflow_uses_the_experiment_that_is_there(tmp_path, mlflow):
    mlflow.answers["get_experiment_by_name"] = SimpleNamespace(experiment_id="3")
    open_trackers(dataclasses.replace(OFF, mlflow=True), tmp_path, "run-1", {}).close()
    assert mlflow.named("create_experiment") == []
    assert mlflow.named("create_run") == [(("3",), {"run_name": "run-1"})]


def test_wandb_gets_settings_and_curves(tmp_path, wandb):
    tracker = open_trackers(dataclasses.replace(OFF, wandb=True, project="birds"), tmp_path, "run-1", SETTINGS)
    tracker.log(0, 30, {"train_loss": 0.5})
    tracker.log(1, 10, {"train_loss": 0.75})  # steps begin anew in each fold
    tracker.close()
    ((_, named),) = wandb.named("init")
    assert (named["project"], named["name"], named["dir"]) == ("birds", "run-1", str(tmp_path))
    assert named["config"]["train.epochs"] == "3"
    assert wandb.named("define_metric") == [((f"fold{k}/*",), {"step_metric": f"fold{k}/step"}) for k in (0, 1)]
    assert wandb.named("log") == [
        (({"fold0/train_loss": 0.5, "fold0/step": 30},), {}),
        (({"fold1/train_loss": 0.75, "fold1/step": 10},), {}),
    ]
    assert wandb.named("finish") == [((), {})]


@pytest.mark.parametrize("name", ["mlflow", "wandb"])
def test_a_missing_package_is_named_with_the_remedy(tmp_path, monkeypatch, name):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ConfigError, match=rf"pip install {name}, or set track.{name} = false"):
        open_trackers(dataclasses.replace(OFF, **{name: True}), tmp_path, "run-1", {})
    assert list(tmp_path.iterdir()) == []


def test_tensorboard_may_be_missing_too(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(ConfigError, match=r"pip install tensorboard, or set track.tensorboard = false"):
        open_trackers(TrackConfig(), tmp_path, "run-1", {})


@pytest.mark.parametrize("fails", ["init", "define_metric", "log", "finish"])
def test_a_tracker_that_fails_is_said_once_and_the_others_go_on(tmp_path, wandb, mlflow, fails):
    wandb.fails = {fails}
    said = []
    tracker = open_trackers(
        dataclasses.replace(OFF, wandb=True, mlflow=True), tmp_path, "run-1", SETTINGS, say=said.append
    )
    for step in range(3):
        tracker.log(0, step, {"train_loss": 0.5})
    tracker.close()
    tracker.close()
    assert len(wandb.named(fails)) == 1
    assert len(mlflow.named("log_metric")) == 3
    assert len(mlflow.named("set_terminated")) == 1
    (line,) = said
    assert line.startswith("wandb failed")
    assert "no route to the server" in line


def test_a_run_folder_that_cannot_be_written_costs_the_curves_only(tmp_path):
    (tmp_path / "tensorboard").write_bytes(b"a file in the way")
    said = []
    tracker = open_trackers(TrackConfig(), tmp_path, "run-1", {}, say=said.append)
    tracker.log(0, 1, {"train_loss": 0.5})
    tracker.close()
    assert len(said) == 1
    assert said[0].startswith("tensorboard failed")


def test_settings_become_flat():
    assert flat({"a": {"b": {"c": 1}, "d": (1, 2.5)}, "e": "text", "f": None}) == {
        "a.b.c": "1",
        "a.d": "[1, 2.5]",
        "e": "text",
        "f": "null",
    }
