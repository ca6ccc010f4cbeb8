"""The commands, one module each."""

import os

# OpenMP workers that wait by spinning take the cores from the physics. This must be set before torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
