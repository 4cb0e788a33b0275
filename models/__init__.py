"""Networks, and how they are trained. Importing this package loads no torch."""

import os

# Read when PyTorch loads: threads that wait for each other sleep instead of spinning. On a machine that others use
# too, spinning cost several times the work itself; alone it makes no difference that could be measured.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
