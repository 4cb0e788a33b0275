"""earmark/training.py"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.support import ROOT

SCRIPT = """
import math, multiprocessing, sys
from concurrent.futures import ProcessPoolExecutor
from earmark.training import _main_left_alone

print("begun", flush=True)
with _main_left_alone(), ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
    print(pool.submit(math.sqrt, 9).result(), flush=True)
assert sys.modules["__main__"].__file__ == __file__
"""


def test_processes_of_a_training_do_not_run_the_users_script_again(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, script],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert done.stderr == ""
    assert done.stdout.split() == ["begun", "3.0"]
