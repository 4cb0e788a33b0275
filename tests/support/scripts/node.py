"""node, as the wheel of requirements-dev.txt installs it beside Python: what checks and runs the browser's scripts."""

from __future__ import annotations

import sysconfig
from pathlib import Path

NODE = str(Path(sysconfig.get_path("scripts")) / "node")
