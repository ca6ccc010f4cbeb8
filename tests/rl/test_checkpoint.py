"""A checkpoint comes back as it was written, or one line says why not."""

import copy
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import small_run

from msemu.envs.motion_tracking import MotionTrackingEnv
from msemu.errors import MsemuError
from msemu.models import Body
from msemu.motion.clip import MotionClip
from msemu.rl.checkpoints import checkpoint
from msemu.rl.runner import Runner
from msemu.schema import TrainCfg


def content() -> dict[str, Any]:
    return {"actor_state_dict": {"weight": torch.arange(300.0).view(3, 100)}, "iter": 7, "best_error_cm": float("inf")}


def refused(path: Path, *words: str) -> str:
    with pytest.raises(MsemuError) as caught:
        checkpoint.read(path, "cpu")
    message = str(caught.value)
    assert "\n" not in message and "weights_only" not in message
    assert all(word in message for word in (str(path), *words)), message
    return message


def write_earlier(path: Path, values: dict[str, Any]) -> None:
    """As releases did that knew no SHA-256."""
    torch.save({"format": "msemu-checkpoint-1", **values}, path)


@pytest.mark.parametrize("write", [checkpoint.write, write_earlier])
def test_no_changed_bit_is_taken_for_what_was_written(write: Any, tmp_path: Path) -> None:
    path, bad, random = tmp_path / "model_0.pt", tmp_path / "bad.pt", np.random.default_rng(1)
    write(path, content())
    good, accepted = path.read_bytes(), 0
    for place in random.integers(8 * len(good), size=400):
        changed = bytearray(good)
        changed[place // 8] ^= 1 << place % 8
        bad.write_bytes(changed)
        try:
            found = checkpoint.read(bad, "cpu")
        except MsemuError:
            continue
        accepted += 1
        assert torch.equal(found["actor_state_dict"]["weight"], content()["actor_state_dict"]["weight"])
    assert write is write_earlier or accepted == 0
    assert checkpoint.read(path, "cpu")["iter"] == 7


@pytest.mark.parametrize(
    "dtype", ["bool", "uint8", "uint16", "uint32", "uint64", "int32", "int64", "bfloat16", "float64"]
)
def test_tensors_of_every_type_come_back(dtype: str, tmp_path: Path) -> None:
    path, written = tmp_path / "model_0.pt", torch.tensor([0, 1, 1]).to(getattr(torch, dtype))
    checkpoint.write(path, content() | {"env": {"state": written}})
    found = checkpoint.read(path, "cpu")["env"]["state"]
    assert found.dtype == written.dtype and found.tolist() == written.tolist()


def test_no_shortened_file_is_taken(tmp_path: Path) -> None:
    path, bad = tmp_path / "model_0.pt", tmp_path / "bad.pt"
    checkpoint.write(path, content())
    for length in (0, 1, 200, path.stat().st_size - 77, path.stat().st_size - 1):
        bad.write_bytes(path.read_bytes()[:length])
        refused(bad)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_neither_written_nor_read(value: float, tmp_path: Path) -> None:
    path, bad = tmp_path / "model_0.pt", content()
    checkpoint.write(path, content())
    bad["actor_state_dict"]["weight"][1, 2] = value
    with pytest.raises(MsemuError, match=r"actor_state_dict.weight is not finite"):
        checkpoint.write(path, bad)
    assert checkpoint.read(path, "cpu")["best_error_cm"] == float("inf"), "the last good one is as it was"
    write_earlier(path, bad)
    refused(path, "actor_state_dict.weight is not finite")


class Call:
    """What unpickles as the result of a call."""

    def __init__(self, function: Any, *arguments: Any):
        self._call = function, arguments

    def __reduce__(self) -> tuple:
        return self._call


@pytest.mark.parametrize("call", [Call(bytearray, 10**10), Call(os.system, "exit 1"), Call(eval, "1")])
def test_a_file_that_calls_something_is_refused_before_it_is_read(call: Call, tmp_path: Path) -> None:
    path = tmp_path / "model_0.pt"
    write_earlier(path, {"value": call})
    refused(path, "tensors, numbers and strings only")


def test_a_file_that_unpacks_to_more_is_refused(tmp_path: Path) -> None:
    path, packed = tmp_path / "model_0.pt", tmp_path / "packed.pt"
    write_earlier(path, {"weight": torch.zeros(10**6)})
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            target.writestr(name, source.read(name))
    refused(packed, "packed")
    write_earlier(path, {"weight": torch.zeros(1).expand(10**12)})
    refused(path, "weight is too large")


def test_a_content_that_others_have_written_is_not_taken_for_msemus(tmp_path: Path) -> None:
    path = tmp_path / "model_0.pt"
    checkpoint.write(path, content())
    torch.save(torch.load(path, weights_only=True) | {"iter": 8}, path)
    refused(path, "SHA-256 is missing")


@pytest.fixture(scope="module")
def runner(legs: Body, march: MotionClip, tmp_path_factory: pytest.TempPathFactory) -> Runner:
    """One that has learned a little, so that its optimizer remembers something."""
    cfg = small_run(march, tmp_path_factory.mktemp("run"))
    made = Runner(MotionTrackingEnv(cfg, legs, march), cfg.agent, None, "cpu")
    loss = sum(parameter.square().sum() for net in (made.alg.actor, made.alg.critic) for parameter in net.parameters())
    loss.backward()
    made.alg.optimizer.step()
    return made


def without(values: dict, *path: Any) -> None:
    for key in path[:-1]:
        values = values[key]
    del values[path[-1]]


def test_every_wrong_entry_is_named_in_one_line(runner: Runner, tmp_path: Path) -> None:
    good, bad = tmp_path / "model_0.pt", tmp_path / "bad.pt"
    runner.save(str(good))
    state = copy.deepcopy(checkpoint.read(good, "cpu"))
    without(state, "actor_state_dict", "mlp.0.bias")
    without(state, "optimizer_state_dict", "state", 2, "exp_avg")
    without(state, "env", "frame")
    without(state, "random")
    state["critic_state_dict"]["mlp.0.weight"] = state["critic_state_dict"]["mlp.0.weight"][:, :-3]
    state["critic_state_dict"]["extra"] = torch.zeros(1)
    state["actor_state_dict"]["mlp.2.bias"] = state["actor_state_dict"]["mlp.2.bias"].double()
    state["optimizer_state_dict"]["param_groups"][0]["lr"] = "fast"
    state["logger"]["tot_time"], state["iter"], state["skipped_updates"] = "long", None, [3]
    state.pop("format")
    checkpoint.write(bad, state)
    with pytest.raises(MsemuError) as caught:
        runner.load(str(bad))
    message = str(caught.value)
    assert "\n" not in message and str(bad) in message
    for word in (
        "actor_state_dict.mlp.0.bias is missing",
        "optimizer_state_dict.state.2.exp_avg is missing",
        "optimizer_state_dict.param_groups",
        "env.frame is missing",
        "random is missing",
        "critic_state_dict.mlp.0.weight is float32 [32, ",
        "critic_state_dict.extra is unknown",
        "actor_state_dict.mlp.2.bias is float64 [80], not float32 [80]",
        "logger.tot_time is a str, not a number",
        "iter is a NoneType, not a number",
        "skipped_updates is a list, not a number",
    ):
        assert word in message, (word, message)
    runner.load(str(good))


def test_what_an_optimizer_remembers_has_the_shape_of_its_parameters(runner: Runner, tmp_path: Path) -> None:
    path = tmp_path / "model_0.pt"
    runner.save(str(path))
    state = copy.deepcopy(checkpoint.read(path, "cpu"))
    state["optimizer_state_dict"]["state"][1]["exp_avg"] = torch.zeros(3)
    state.pop("format")
    checkpoint.write(path, state)
    with pytest.raises(MsemuError, match=r"optimizer.state.1.exp_avg"):
        runner.load(str(path))


def test_a_policy_alone_is_no_checkpoint_to_go_on_from(runner: Runner, tmp_path: Path) -> None:
    path = tmp_path / "best.pt"
    checkpoint.write_policy(path, runner._learned())
    runner.load_policy(path)
    with pytest.raises(MsemuError, match=r"best\.pt holds a policy alone.* --checkpoint last"):
        runner.load(str(path))


def test_a_new_run_may_begin_with_the_networks_of_another(
    runner: Runner, train_cfg: TrainCfg, legs: Body, march: MotionClip, tmp_path: Path
) -> None:
    full, policy = tmp_path / "model_0.pt", tmp_path / "best.pt"
    runner.save(str(full))
    checkpoint.write_policy(policy, runner._learned())
    for path, critic_too in ((full, True), (policy, False)):
        new = Runner(MotionTrackingEnv(train_cfg, legs, march), train_cfg.agent, None, "cpu")
        new.start_from(path)
        for part, same in (("actor", True), ("critic", critic_too)):
            one, two = (getattr(each.alg, part).mlp[0].weight for each in (runner, new))
            assert torch.equal(one, two) == same
        assert not new.alg.optimizer.state and new.current_learning_iteration == 0


def test_checkpoints_are_those_named_by_an_iteration(tmp_path: Path) -> None:
    names = [
        "model_10.pt",
        "model_9.pt",
        "model_good.pt",
        "model_3 (copy).pt",
        "model_1_0.pt",
        "model_-1.pt",
        "model_.pt",
    ]
    for name in [*names, "model_٣.pt", "model_007.pt", "best.pt"]:
        (tmp_path / name).touch()
    (tmp_path / "model_11.pt").mkdir()
    assert [path.name for path in checkpoint.numbered(tmp_path)] == ["model_9.pt", "model_10.pt"]


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o027, 0o640)])
def test_the_mode_of_a_file_is_what_the_umask_leaves(mask: int, mode: int, tmp_path: Path) -> None:
    previous = os.umask(mask)
    try:
        checkpoint.write(tmp_path / "model_0.pt", content())
    finally:
        os.umask(previous)
    assert (tmp_path / "model_0.pt").stat().st_mode & 0o777 == mode


def test_a_full_disk_is_named(tmp_path: Path) -> None:
    with pytest.raises(MsemuError, match=r"cannot write /dev/full: No space left on device; .* the disk has room"):
        checkpoint.write(Path("/dev/full"), {"weight": torch.zeros(10**6)})
