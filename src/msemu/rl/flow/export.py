"""The integrated flow as modules that leave Python: TorchScript and ONNX."""

import copy
from pathlib import Path

import torch
from rsl_rl.models import MLPModel
from torch import nn

from msemu.files import whole_file
from msemu.rl.flow.velocity import VelocityFlow


class MeanOfFlow(nn.Module):
    """From a network's output to the action that the mean of the source is carried to."""

    std: torch.Tensor

    def __init__(self, flow: VelocityFlow, std: torch.Tensor):
        """Copy a flow, and the deviation of its source, shape [A]."""
        super().__init__()
        self.flow = copy.deepcopy(flow)
        self.sizes = [len(std), flow.hidden_dim]
        self.register_buffer("std", std.detach().clone())

    def forward(self, mlp_output: torch.Tensor) -> torch.Tensor:
        """Return the action, shape [N, A], of a network's output, shape [N, A + hidden_dim]."""
        return self.sampled(mlp_output, torch.zeros_like(self.std))

    def sampled(self, mlp_output: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        """Return the action for standard normal noise of the source, shape [N, A] or [A]."""
        mean, context = mlp_output.split(self.sizes, dim=1)
        return self.flow(mean + self.std * noise, mean, self.std, context)


class FlowSampler(nn.Module):
    """From observations and the source's standard normal noise to an action, without residual noise."""

    def __init__(self, actor: MLPModel):
        """Copy a policy whose head is a `msemu.rl.flow.distribution.FlowDistribution`."""
        super().__init__()
        self.obs_normalizer = copy.deepcopy(actor.obs_normalizer)
        self.mlp = copy.deepcopy(actor.mlp)
        self.head = actor.distribution.as_deterministic_output_module()
        self.num_observations = actor.obs_dim
        self.num_actions = actor.distribution.output_dim

    def forward(self, obs: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        """Actions [N, A] of observations [N, num_observations] and noise [N, A]."""
        return self.head.sampled(self.mlp(self.obs_normalizer(obs)), noise)


def export_sampler(actor: MLPModel, path: Path) -> None:
    """Write the sampler of a policy with a flow head as ONNX (``.onnx``, any number of rows) or else as TorchScript."""
    sampler = FlowSampler(actor).to("cpu").eval()
    with whole_file(path) as unfinished:
        if unfinished.suffix != ".onnx":
            torch.jit.script(sampler).save(str(unfinished))
            return
        rows = torch.export.Dim("rows")
        torch.onnx.export(
            sampler,
            (torch.zeros(2, sampler.num_observations), torch.zeros(2, sampler.num_actions)),
            str(unfinished),
            input_names=["obs", "noise"],
            output_names=["actions"],
            dynamic_shapes={"obs": {0: rows}, "noise": {0: rows}},
            opset_version=18,
            verbose=False,
        )
