"""When the exploring of preferences stops."""

from itertools import islice
from types import SimpleNamespace

import numpy as np
import pytest
from made_up_atlas import BINS, LOADS, MUSCLE_MASS, made_up

from msemu.analysis.study import solutions
from msemu.analysis.study.atlas import Tolerances
from msemu.schema import PreferenceCfg


@pytest.mark.parametrize(("minutes", "tried"), [(0.1, 4), (1.9, 4), (2.0, 6), (2.7, 8), (None, 9)])
def test_no_batch_is_begun_that_would_end_too_late(
    monkeypatch: pytest.MonkeyPatch, minutes: float | None, tried: int
) -> None:
    now, room, batch_s = [0.0], 2, 40.0

    def follow(*_: object) -> object:
        now[0] += batch_s
        return made_up([[0.1, 0.2, 0.3]] * room)

    monkeypatch.setattr(solutions, "follow", follow)
    monkeypatch.setattr(solutions, "time", SimpleNamespace(monotonic=lambda: now[0]))
    cfg = SimpleNamespace(sim=SimpleNamespace(muscle=SimpleNamespace(level="mujoco")))
    subject = SimpleNamespace(
        env=SimpleNamespace(cfg=cfg),
        policy=None,
        starts=8,
        steps=500,
        room=room,
        muscle_mass=MUSCLE_MASS,
        prefer=lambda preferences: None,
        matrix=lambda level: np.ones((BINS, 1, 3)),
        loads=lambda level: LOADS,
    )
    named = {"cubed": PreferenceCfg(exponent=3.0), "tense": PreferenceCfg(tone=0.1)}
    randoms = islice(solutions.random_preferences(5.0, 0.1, 0), 6)
    atlas, preferences = solutions.explore(subject, named, randoms, Tolerances(), minutes)
    assert list(preferences)[:4] == ["base", "cubed", "tense", "random 0"]
    assert len(preferences) == len(atlas.names) == tried
