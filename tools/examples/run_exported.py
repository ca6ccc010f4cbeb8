"""A policy of msemu-export, run by onnxruntime and mujoco alone: python run_exported.py FOLDER."""

import json
import sys
from pathlib import Path

import mujoco
import numpy as np
import onnxruntime


def run(folder: Path, seconds: float = 2.0) -> np.ndarray:
    """Let the policy drive its body, and return the poses, shape [T, nq]."""
    observer, policy = (onnxruntime.InferenceSession(folder / f"{name}.onnx") for name in ("observer", "policy"))
    header = json.loads(policy.get_modelmeta().custom_metadata_map["msemu"])
    model = mujoco.MjModel.from_binary_path(str(folder / "body.mjb"))
    data, poses, frequency = mujoco.MjData(model), [], header["control_frequency_hz"]
    noise = {"noise": np.zeros((1, header["noise"]), np.float32)} if header["noise"] else {}
    for name, values in header["start"].items():
        getattr(data, name)[:] = values
    mujoco.mj_forward(model, data)
    data.sensordata[:] = 0.0  # nothing has touched the floor yet
    for frame in range(round(seconds * frequency)):
        state = {each.name: np.reshape(getattr(data, each.name, frame), each.shape) for each in observer.get_inputs()}
        data.ctrl[:] = policy.run(None, {"obs": observer.run(None, state)[0]} | noise)[0][0]
        mujoco.mj_step(model, data, round(1.0 / frequency / model.opt.timestep))
        mujoco.mj_step1(model, data)  # the observer wants positions and velocities of now
        poses.append(data.qpos.copy())
    return np.array(poses)


if __name__ == "__main__":
    print(f"height of the root [m]: {run(Path(sys.argv[1]))[:, 2].round(3)}")
