"""models/cluster/ on a real cluster of two nodes, both on this machine: what it gives is what one machine gives."""

from __future__ import annotations

import json
import pickle
import re
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from labeling.embeddings.space import open_space
from labeling.errors import ClusterError, DataError, Stopped
from labeling.workspace import open_workspace
from models.__main__ import main
from models.cluster.bridge import AHEAD
from models.cluster.places import CACHE_VARIABLE
from models.cluster.spreading import spread
from models.cluster.work import Died, Piece, Work
from models.training.resume import load_training
from tests.support.cluster.machines import add_node, two_nodes
from tests.support.servers.faults import Faults
from tests.support.servers.s3 import KEY
from tests.support.training.tiny import RATE, SETTINGS, assert_same_evidence, same_oof, tiny_workspace

LONG_S = 600  # only a failure waits so long, on a machine however busy
EPOCHS = 30
PIECES = "tests.support.cluster.pieces"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, s3_servers: tuple[Faults, Any]) -> Iterator[Any]:
    """Two nodes, which know a store on S3 and where to keep copies of it."""
    own = KEY | {"AWS_ENDPOINT_URL": s3_servers[0].url, CACHE_VARIABLE: str(tmp_path_factory.mktemp("copies"))}
    with two_nodes(own) as made:
        made.environment = own
        yield made


@pytest.fixture(scope="module")
def tones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A closed workspace with a run that one machine trained."""
    root = tiny_workspace(tmp_path_factory.mktemp("tones") / "w")
    assert train(root) == 0
    return root


def train(root: Path, *more: str) -> int:
    settings = [word for one in (*SETTINGS, f"epochs={EPOCHS}") for word in ("--set", one)]
    return main(["train", "demo", "--version", "1", "--device", "cpu", "--workspace", str(root), *settings, *more])


def pieces(*names: str) -> list[Piece]:
    return [Piece(name, name) for name in names]


def work(function: str, folder: Path, **more: Any) -> Work:
    return Work(f"{PIECES}:{function}", pickle.dumps(str(folder)), "cpu", **more)


def wait_for(what: str, found: Any) -> Any:
    until = time.monotonic() + LONG_S
    while not (value := found()):
        assert time.monotonic() < until, what
        time.sleep(0.05)
    return value


def test_a_node_is_gone_and_the_run_is_the_same_bit_for_bit(cluster: Any, tones: Path) -> None:
    """Both folds begin, one on each node; one node is killed, and its fold goes on from its checkpoint on the other."""
    folder, lost = tones / "runs" / "002-demo", cluster.worker_nodes.copy().pop()
    seen: dict[str, Any] = {}

    def end_the_node() -> None:
        def fold_there() -> str | None:
            log = (folder / "log.txt").read_text() if (folder / "log.txt").exists() else ""
            begun = re.search(rf"node \S+ {lost.node_id[:6]}: (fold\d)\.m0: \d+ clips to train on", log)
            return begun.group(1) if begun else None

        fold = wait_for("no fold begins on the second node", fold_there)
        state = folder / "checkpoints" / f"{fold}.m0.resume.safetensors"
        wait_for("no epoch ends", state.exists)
        cluster.remove_node(lost, allow_graceful=False)
        seen.update(fold=fold, epoch=load_training(state).state.epoch if state.exists() else EPOCHS)

    ending = threading.Thread(target=end_the_node, daemon=True)
    ending.start()
    assert train(tones, "--cluster", cluster.address) == 0
    ending.join()
    alone = tones / "runs" / "001-demo"
    assert same_oof(alone, folder)
    assert_same_evidence(alone, folder)
    one, other = (json.loads((place / "run.json").read_text()) for place in (alone, folder))
    assert one["identity"] == other["identity"]
    log = (folder / "log.txt").read_text()
    resumed = re.search(rf"node \S+ (\w+): {seen['fold']}\.m0: resumed after epoch (\d+)", log)
    assert resumed, log
    assert resumed.group(1) != lost.node_id[:6]
    assert EPOCHS > int(resumed.group(2)) >= seen["epoch"] >= 1  # none of what was there is trained again
    assert set(other["cluster"]) == {"fold0.m0", "fold1.m0"}
    assert not list((folder / "checkpoints").glob("*.resume.*"))
    add_node(cluster, cluster.environment)


def test_nodes_that_share_a_store_need_no_folder(cluster: Any, tones: Path, tmp_path: Path, s3: Faults) -> None:
    """A run, and a prediction with it, whose files go by way of S3: the nodes never see the workspace."""
    root = tmp_path / "w"
    shutil.copytree(tones, root)
    shutil.rmtree(root / "runs")
    (root / ".cluster.json").unlink(missing_ok=True)
    (root / "runs").mkdir()
    (root / "earmark.toml").write_text('store_url = "s3://birds/team"\n', encoding="utf-8")
    few = ["--set", "epochs=2", "--set", "train.members=2"]
    assert train(root, *few) == 0
    assert train(root, *few, "--cluster", cluster.address) == 0
    alone, together = sorted((root / "runs").iterdir())[-2:]
    assert same_oof(alone, together)
    names = {f"fold{fold}.m{member}" for fold in range(2) for member in range(2)}
    assert set(json.loads((together / "run.json").read_text())["cluster"]) == names
    copies = {path.name for path in Path(cluster.environment[CACHE_VARIABLE]).glob("*/folds/*")}
    assert copies == {f"{together.name}.{name}" for name in names}
    workspace = open_workspace(root)
    assert workspace.shared is not None
    assert not workspace.shared.trees("folds")  # what was on its way is no more there than it must be
    workspace.close()
    soundfile.write(tmp_path / "take.wav", np.sin(np.arange(2 * RATE) / 3), RATE, subtype="PCM_16")
    command = ["predict", together.name, "-w", str(root), "--device", "cpu", "--audio", str(tmp_path / "take.wav")]
    assert main([*command, "--out", str(tmp_path / "alone")]) == 0
    assert main([*command, "--out", str(tmp_path / "together"), "--cluster", cluster.address]) == 0
    assert tables(tmp_path / "alone") == tables(tmp_path / "together")


def recordings(folder: Path) -> Path:
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(5):
        soundfile.write(folder / f"take{number}.wav", 0.1 * rng.standard_normal(3 * RATE), RATE, subtype="PCM_16")
    (folder / "bad.wav").write_bytes(b"RIFF" + bytes(400))
    return folder


def tables(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_recordings_are_predicted_as_on_one_machine_and_a_bad_one_is_told(
    cluster: Any, tones: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    audio = recordings(tmp_path / "audio")
    command = ["predict", "001-demo", "--workspace", str(tones), "--device", "cpu", "--audio", str(audio), "--out"]
    assert main([*command, str(tmp_path / "alone")]) == 0
    alone = capsys.readouterr()
    assert main([*command, str(tmp_path / "together"), "--cluster", cluster.address]) == 0
    together = capsys.readouterr()
    assert tables(tmp_path / "alone") == tables(tmp_path / "together")
    assert "1 of 6 recordings could not be read" in together.err
    assert "5 recordings predicted" in together.out
    assert together.err.splitlines()[-1].replace("together", "alone") == alone.err.splitlines()[-1]


def test_clips_are_embedded_as_on_one_machine_and_a_bad_one_is_told(
    cluster: Any, tones: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = (tones / "clip03.wav").read_bytes()
    (tones / "clip03.wav").write_bytes(b"RIFF" + bytes(400))
    try:
        command = ["embed", "run:001-demo", "--workspace", str(tones), "--device", "cpu", "--hop", "0.5"]
        assert main([*command, "--space", "alone", "--processes", "1"]) == 0
        assert main([*command, "--space", "together", "--cluster", cluster.address]) == 0
    finally:
        (tones / "clip03.wav").write_bytes(whole)
    workspace = open_workspace(tones)
    alone, together = open_space(workspace, "alone"), open_space(workspace, "together")
    workspace.close()
    assert len(set(together.clip_ids.tolist())) == 11
    order = [np.lexsort((space.onset_s, space.clip_ids)) for space in (alone, together)]
    for name in ("clip_ids", "onset_s", "offset_s", "vectors"):
        mine, theirs = (
            np.asarray(getattr(space, name))[rows] for space, rows in zip((alone, together), order, strict=True)
        )
        np.testing.assert_array_equal(mine, theirs, err_msg=name)
    reasons = [(tones / "embeddings" / f"{name}.log").read_text() for name in ("alone", "together")]
    assert reasons[0] == reasons[1]
    assert "clip03.wav" in reasons[0]


def test_few_pieces_are_in_flight_and_one_whose_process_dies_is_told(cluster: Any, tmp_path: Path) -> None:
    """No more are begun, ever, than were taken, the cluster can work on, and may wait there."""
    names = [f"piece{number}" for number in range(16)]
    died = []
    todo = pieces(*names[:4], "bad", *names[4:])
    asked = work("big", tmp_path, retries=1)
    for count, ended in enumerate(spread(cluster.address, asked, todo, lambda: False), start=1):
        assert len(list(tmp_path.glob("*.began"))) <= count + 1 + AHEAD * 2
        if isinstance(ended, Died):
            died.append((ended.name, ended.why.rpartition(", ")[2]))
        else:
            assert len(ended.value) == 4 << 20
            names.remove(ended.name)
    assert died == [("bad", "2 times")]
    assert not names


def test_stop_reaches_every_node(cluster: Any, tmp_path: Path) -> None:
    def both() -> bool:
        return len(list(tmp_path.glob("*.began"))) == 2

    with pytest.raises(Stopped):
        list(spread(cluster.address, work("until_stopped", tmp_path), pieces("a", "b"), both))
    assert sorted(path.name for path in tmp_path.glob("*.stopped")) == ["a.stopped", "b.stopped"]


def test_what_cannot_be_done_is_said_with_its_words(cluster: Any, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="a cannot be used; bring another"):
        list(spread(cluster.address, work("refuses", tmp_path), pieces("a"), lambda: False))
    with_gpu = Work(f"{PIECES}:big", b"", "cuda")
    with pytest.raises(ClusterError, match=r"no node of the cluster at .* has a GPU; give --device cpu"):
        list(spread(cluster.address, with_gpu, pieces("a"), lambda: False))
