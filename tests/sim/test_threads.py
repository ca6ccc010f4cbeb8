"""Tests of sharing work among threads."""

import os
import subprocess
import sys

import pytest

from msemu.sim.threads import available_cores, split

_COUNT_ON_ONE_CORE = """
import os
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
from msemu.sim.threads import available_cores
print(available_cores())
"""


@pytest.mark.parametrize("count, parts", [(10, 3), (3, 10), (1, 1), (64, 2)])
def test_ranges_cover_everything_once_and_differ_by_one_at_most(count: int, parts: int) -> None:
    ranges = split(count, parts)
    assert [number for each in ranges for number in each] == list(range(count))
    assert len(ranges) == min(count, parts)
    assert max(map(len, ranges)) - min(map(len, ranges)) <= 1


def test_available_cores_are_those_of_the_process() -> None:
    assert 1 <= available_cores() <= os.cpu_count()


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system does not restrict a process to cores")
def test_a_process_that_is_held_on_one_core_counts_one() -> None:
    run = subprocess.run([sys.executable, "-c", _COUNT_ON_ONE_CORE], capture_output=True, text=True, check=True)
    assert int(run.stdout) == 1
