"""Recordings of the catalogue, which a machine without a network may not have."""

import pytest

from msemu.errors import MsemuError
from msemu.motion.library.catalogue import find_entry
from msemu.motion.library.obtain import load_source
from msemu.motion.source import SourceMotion


def recording_of(name: str) -> SourceMotion:
    """The recording of a clip; a test that cannot have it is skipped."""
    try:
        return load_source(find_entry(name))
    except MsemuError as error:
        pytest.skip(f"the real clip is not in the cache and cannot be fetched: {error}")
