"""Qflex: exploration by a flow that follows the value's gradient in the space of the actions."""

from typing import Any

import torch

from msemu.rl.flow.guidance import ascend, flow_matching_loss, point_between
from msemu.rl.off_policy.crossq import CrossQ, Value
from msemu.rl.off_policy.policy import SquashedFlow


class Qflex(CrossQ):
    """Off-policy learning whose actions a flow carries uphill (Qflex, arXiv:2601.19707).

    The policy's head is a `SquashedFlow`. Its source learns as in CrossQ; the flow learns, by conditional flow
    matching, to go from the source's actions to where a bounded ascent of the minimum of Q takes them. Both parts have
    parameters of their own, so one loss serves both. The environments get what the flow carries; the critics' next
    actions are the source's.
    """

    head = SquashedFlow

    def __init__(self, *arguments: Any, ascent_steps: int, ascent_step_size: float, **settings: Any):
        """Build the algorithm: steps of the ascent, its step size for small gradients, and `CrossQ`."""
        super().__init__(*arguments, **settings)
        self._ascent: dict[str, Any] = {"num_steps": ascent_steps, "step_size": ascent_step_size}

    def policy_loss(self, head: SquashedFlow, value: Value) -> torch.Tensor:
        """Loss of the source and of the flow; see `CrossQ.policy_loss`."""
        return super().policy_loss(head, value) + self.flow_loss(head, value)

    def flow_loss(self, head: SquashedFlow, value: Value) -> torch.Tensor:
        """Error of the velocity on straight paths from the source's actions to where they climb, within the bounds."""
        source = head.draw()[0].detach()
        target = ascend(value, source, **self._ascent).clamp(-head.action_limit, head.action_limit)
        time = torch.rand_like(source[:, :1])
        point, velocity = point_between(source, target, time)
        loss = flow_matching_loss(head.velocity(point, time), velocity)
        self.show(flow_error=loss, flow_shift=velocity.square().mean().sqrt())
        return loss
