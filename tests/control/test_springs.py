"""How hard a body is pulled to its reference."""

import torch

from msemu.control.mass_matrix import MassMatrix
from msemu.control.tracking.springs import within_reach


class _Mass(MassMatrix):
    """Mass matrices that are given whole."""

    def __init__(self, dense: torch.Tensor):
        self.__dict__["dense"] = dense


def test_what_is_wanted_is_within_reach_and_what_can_be_reached_is_left_alone() -> None:
    mass = _Mass(torch.tensor([[[2.0, 1.0], [1.0, 4.0]], [[1.0, 0.0], [0.0, 8.0]]]))
    capacity, wanted = torch.tensor([10.0, 100.0]), torch.tensor([[40.0, 60.0], [-40.0, -20.0]])
    found = within_reach(wanted, capacity, mass, reach=3.0)
    torch.testing.assert_close(found, torch.tensor([[15.0, 60.0], [-30.0, -20.0]]))
    assert torch.equal(within_reach(wanted, capacity, mass, reach=0.0), wanted)
