"""Writing a policy for programs without msemu: its networks, its observations, its body, and what they are."""

import contextlib
import copy
import hashlib
import json
import logging
import warnings
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
import torch
from torch import nn

from msemu import __version__
from msemu.envs.motion_tracking import MotionTrackingEnv
from msemu.errors import MsemuError, blaming
from msemu.files import whole_file
from msemu.motion.clip import MotionClip
from msemu.rl.export.layout import layout
from msemu.rl.export.observer import FIELDS, Observer
from msemu.rl.export.sampler import ExportedPolicy
from msemu.rl.run_folder import RunFolder
from msemu.rl.runner import Runner
from msemu.schema import ExcitationCfg
from msemu.sim import BUILT_IN_MUSCLE

FORMAT = "msemu-policy-1"
HEADER = "msemu"
"""Key of the header among the metadata of ONNX; in TorchScript the name of an extra file."""
ENDINGS = {"onnx": ".onnx", "torchscript": ".pt"}


def require_native(run: RunFolder, space: object) -> ExcitationCfg:
    """Return the action space of a policy that excites the muscles by itself.

    Raises:
        MsemuError: It acts in another one, which msemu has to compute in every step.
    """
    if not isinstance(space, ExcitationCfg):
        kind = getattr(space, "kind", "")
        raise MsemuError(
            f"{run.path} acts in the space '{kind}', whose solver cannot leave msemu; distill it first: "
            f"msemu-distill {run.words}, then export the run that comes out"
        )
    return space


def export(run: RunFolder, env: MotionTrackingEnv, runner: Runner, kind: str, folder: Path) -> tuple[list[Path], str]:
    """Write policy, observations and body of a run on one body, and return the files, and why some are left out.

    Args:
        run: The run.
        env: One body of its task, on the CPU.
        runner: Its policy.
        kind: ``onnx`` or ``torchscript``.
        folder: Where to.

    Raises:
        MsemuError: The policy does not excite the muscles by itself.
    """
    space = require_native(run, env.cfg.env.action)
    actor = runner.alg.get_policy()
    groups = list(actor.obs_groups)
    policy = ExportedPolicy(actor, space).eval()
    header = describe(run, env, groups) | {"noise": policy.num_noise}
    files = [folder / f"policy{ENDINGS[kind]}"]
    given = {"obs": torch.zeros(2, policy.num_observations), "noise": torch.zeros(2, policy.num_noise)}
    _save(policy, given, ["excitation", "action"], files[0], header, rows=True)
    try:
        if env.cfg.sim.muscle != BUILT_IN_MUSCLE:
            raise MsemuError("MuJoCo alone does not simulate the muscles of this run (sim.muscle)")
        observer = Observer(env, groups).eval()
    except MsemuError as error:
        return files, f"{error}: only the policy is written, which takes the observations"
    files.append(folder / f"observer{ENDINGS[kind]}")
    _save(observer, _example(env), ["obs"], files[1], header, rows=False)
    files.append(folder / "body.mjb")
    with whole_file(files[2]) as unfinished:
        mujoco.mj_saveModel(_model(env), str(unfinished))
    return files, ""


def describe(run: RunFolder, env: MotionTrackingEnv, groups: list[str]) -> dict[str, Any]:
    """Return the header: what the policy sees and does, on which body, along which clip, from where."""
    clips = [_clip(clip) for clip in env.reference.clips]
    qpos, qvel = env.reference.state(torch.zeros(1, dtype=torch.long))
    env.restart(torch.zeros(1, dtype=torch.long))
    start = {"qpos": qpos[0].tolist(), "qvel": qvel[0].tolist(), "act": env.sim.act[0].tolist()}
    body = {
        "name": env.body.name,
        "mass_kg": env.body.mass,
        "strength_set": env.body.strength_set,
        "sha256": hashlib.sha256(_bytes(_model(env))).hexdigest(),
        "joint_names": list(env.body.joint_names),
        "muscle_names": list(env.body.muscle_names),
    }
    return {
        "format": FORMAT,
        "msemu": __version__,
        "task": run.task,
        "run": run.path.name,
        "observations": layout(env, groups),
        "excitation": {"unit": "-", "least": 0.0, "greatest": 1.0, "of": list(env.body.muscle_names)},
        "control_frequency_hz": env.cfg.env.control_frequency_hz,
        "timestep_s": env.cfg.sim.timestep_s,
        "muscle": json.loads(json.dumps(asdict(env.cfg.sim.muscle), default=str)),
        "body": body,
        "clips": clips,
        "start": start,
    }


def _clip(clip: MotionClip) -> dict[str, Any]:
    movement = np.concatenate((clip.qpos.ravel(), clip.qvel.ravel())).astype("<f8").tobytes()
    about = {"name": clip.name, "source": clip.source, "license": clip.license, "fps": clip.fps}
    digest = {"sha256": hashlib.sha256(movement).hexdigest(), "source_sha256": clip.source_sha256}
    return about | {"frames": clip.num_frames, "cyclic": bool(clip.cyclic)} | digest


def _model(env: MotionTrackingEnv) -> mujoco.MjModel:
    model = copy.copy(env.body.model)
    model.opt.timestep = env.cfg.sim.timestep_s
    return model


def _bytes(model: mujoco.MjModel) -> bytes:
    buffer = np.zeros(mujoco.mj_sizeModel(model), np.uint8)
    mujoco.mj_saveModel(model, None, buffer)
    return buffer.tobytes()


def _example(env: MotionTrackingEnv) -> dict[str, torch.Tensor]:
    """Return arrays of the shapes that the observer takes."""
    data = mujoco.MjData(env.body.model)
    mujoco.mj_forward(env.body.model, data)
    fields = {name: torch.from_numpy(np.array(getattr(data, name)))[None] for name in FIELDS}
    return {"frame": torch.zeros(1, dtype=torch.long)} | fields


def _save(
    module: nn.Module,
    inputs: dict[str, torch.Tensor],
    outputs: list[str],
    path: Path,
    header: dict[str, Any],
    rows: bool,
) -> None:
    """Write a module with the header; with ``rows``, its inputs and outputs may have any number of them."""
    inputs = {name: value for name, value in inputs.items() if value.shape[-1] or value.dim() == 1}
    text = json.dumps(header | {"inputs": list(inputs), "outputs": outputs})
    with whole_file(path) as unfinished, torch.no_grad(), _quiet(), blaming(f"writing the {path.stem} of this run"):
        if path.suffix == ENDINGS["onnx"]:
            program = _as_onnx(module, inputs, outputs, rows)
            program.model.metadata_props[HEADER] = text
            program.save(str(unfinished))
            return
        traced = torch.jit.trace(module, tuple(inputs.values()), check_trace=False)
        torch.jit.save(traced, str(unfinished), _extra_files={HEADER: text.encode()})


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep what the tracers say of constants and of packages that are not installed off the console."""
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)


def _as_onnx(
    module: nn.Module, inputs: dict[str, torch.Tensor], outputs: list[str], rows: bool
) -> torch.onnx.ONNXProgram:
    dimension = {0: torch.export.Dim("rows")}
    program = torch.onnx.export(
        module,
        tuple(inputs.values()),
        input_names=list(inputs),
        output_names=outputs,
        dynamic_shapes=tuple(dimension for _ in inputs) if rows else None,
        opset_version=18,
        verbose=False,
        dynamo=True,
    )
    assert program
    return program
