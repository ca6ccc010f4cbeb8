"""How long tests wait for another process: a machine that is slow or busy may fail none of them."""

PATIENCE_S = 600.0
"""Only what hangs takes so long [s]."""
