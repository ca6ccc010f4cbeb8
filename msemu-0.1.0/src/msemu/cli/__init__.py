"""The commands, one module each."""

import os

# OpenMP workers that spin while they wait take the cores from the physics; ones that sleep at once come too late for
# the learner's next operation. So they spin for a moment (docs/understand/performance.md). To be set before torch is
# imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "100000")
