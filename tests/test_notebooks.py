"""The notebooks run from top to bottom, as a reader would run them."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.support import ROOT


@pytest.mark.parametrize("name", ["birdclef", "own_predictions", "audit"])
def test_a_notebook_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    notebook = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)
    client = NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}})
    client.execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    shown = "\n".join(str(output.get("text", "")) + str(output.get("data", "")) for output in outputs)
    wanted = {
        "birdclef": ("'done'", "spectrogram of", "1 clips changed"),
        "own_predictions": ("amecro/3.wav", "cangoo", "spectrogram of"),
        "audit": ("at_most", "Not known yet"),
    }
    for words in wanted[name]:
        assert words in shown
