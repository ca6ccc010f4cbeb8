"""The off-policy algorithms: their losses against independent references, what they skip, and that they learn."""

import numpy as np
import pytest
import torch
from count_reads import CountReads
from tensordict import TensorDict

from msemu.rl.flow.guidance import ascend
from msemu.rl.memory.replay import Batch
from msemu.rl.off_policy.crossq import CrossQ
from msemu.rl.off_policy.qflex import Qflex

NUM_ENVS, ACTIONS = 64, 4
HEAD = "msemu.rl.off_policy.policy"
FLOW = {"class_name": f"{HEAD}:SquashedFlow", "num_steps": 5, "velocity_hidden_dim": 16}
SETTINGS = {
    "gamma": 0.9,
    "num_steps": 1,
    "replay_size": 20000,
    "learning_starts": 256,
    "updates_per_step": 4,
    "batch_size": 128,
    "policy_delay": 1,
    "learning_rate": 0.001,
    "adam_betas": [0.5, 0.999],
}
ENTROPY = {"init_temperature": 0.3, "target_per_action": -1.0}
ASCENT = {"ascent_steps": 5, "ascent_step_size": 0.05}

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(autouse=True)
def same_seed() -> None:
    torch.manual_seed(0)


class PointTask:
    """Points in a box that an action moves, paid for being near the origin; their time is up after ten steps."""

    num_envs, num_actions = NUM_ENVS, ACTIONS

    def __init__(self) -> None:
        self.place = torch.rand(NUM_ENVS, ACTIONS) * 2 - 1
        self.age = torch.arange(NUM_ENVS) % 10

    def observe(self) -> TensorDict:
        return TensorDict({"place": self.place.clone()}, batch_size=[NUM_ENVS])

    def step(self, actions: torch.Tensor) -> tuple[TensorDict, torch.Tensor, torch.Tensor, dict]:
        self.place = (self.place + 0.5 * actions).clamp(-1.5, 1.5)
        rewards = -self.place.square().sum(1)
        after, self.age = self.observe(), self.age + 1
        ended = self.age == 10
        self.place = torch.where(ended[:, None], torch.rand(NUM_ENVS, ACTIONS) * 2 - 1, self.place)
        self.age = torch.where(ended, 0, self.age)
        return self.observe(), rewards, ended, {"time_outs": ended, "terminal_observations": after}


def make_algorithm(kind: type[CrossQ], **settings: object) -> tuple[CrossQ, PointTask]:
    task = PointTask()
    own = {"entropy": ENTROPY} if kind is CrossQ else {"entropy": None, **ASCENT}
    head = FLOW if kind is Qflex else {"class_name": f"{HEAD}:SquashedGaussian"}
    cfg = {
        "obs_groups": {"actor": ["place"], "critic": ["place"]},
        "algorithm": {"class_name": f"{kind.__module__}:{kind.__name__}", **SETTINGS, **own, **settings},
        "actor": {
            "class_name": f"{HEAD}:FlowActor" if kind is Qflex else "MLPModel",
            "hidden_dims": [32],
            "activation": "relu",
            "obs_normalization": True,
            "distribution_cfg": {**head, "action_limit": 1.0, "init_std": 0.5},
        },
        "critic": {
            "class_name": "msemu.rl.off_policy.critic:TwinCritic",
            "hidden_dims": [32, 32],
            "activation": "relu",
            "batch_renorm": {"r_max": 3.0, "d_max": 5.0, "warm_up": 10, "momentum": 0.01, "eps": 1e-3},
        },
    }
    return kind.construct_algorithm(task.observe(), task, cfg, "cpu"), task


def interact(algorithm: CrossQ, task: PointTask, steps: int, learn: bool = True) -> float:
    """Act and learn; return the mean reward."""
    total, obs = 0.0, task.observe()
    for _ in range(steps):
        with torch.no_grad():
            obs, rewards, dones, extras = task.step(algorithm.act(obs))
            algorithm.process_env_step(obs, rewards, dones, extras)
        if learn:
            algorithm.update()
        total += rewards.mean().item() / steps
    return total


@pytest.mark.parametrize("kind", [CrossQ, Qflex])
def test_a_point_task_is_learned_in_seconds(kind: type[CrossQ]) -> None:
    algorithm, task = make_algorithm(kind)
    untrained = interact(algorithm, task, 20)
    interact(algorithm, task, 90)
    learned = interact(algorithm, task, 20)
    # Going straight to the origin, half a unit a step, costs 0.05 a step.
    assert untrained < -1.5 and learned > -0.4, (untrained, learned)
    losses = algorithm.losses()
    assert losses["skipped_updates"] == 0 and losses["replay"] == 130 * NUM_ENVS
    at_origin, far = (algorithm.critic.at(torch.full((1, 4), place))(torch.zeros(1, 4)) for place in (0.0, 1.2))
    assert far < at_origin - 3.0, "one step at (1.2, 1.2, 1.2, 1.2) costs 5.8"


def test_the_critics_aim_at_their_own_values_of_the_next_actions() -> None:
    algorithm, task = make_algorithm(CrossQ)
    interact(algorithm, task, 6, learn=False)
    batch = algorithm.replay.draw(32)
    before = {name: value.clone() for name, value in algorithm.critic.state_dict().items()}
    torch.manual_seed(7)
    loss = algorithm.critic_loss(batch).item()
    algorithm.critic.load_state_dict(before)
    torch.manual_seed(7)
    head = algorithm.actor.distribution
    head.update(algorithm.actor.mlp(algorithm.actor.get_latent(batch.next_observations)))
    next_actions, log_prob = head.draw()
    places = torch.cat((batch.observations["place"], batch.next_observations["place"]))
    both = algorithm.critic(places, torch.cat((batch.actions, next_actions))).detach().double().numpy()
    soft = both[32:].min(axis=1) - 0.3 * log_prob.squeeze(1).detach().double().numpy()
    wanted = batch.returns.squeeze(1).numpy() + batch.discounts.squeeze(1).numpy() * soft
    assert loss == pytest.approx(((both[:32] - wanted[:, None]) ** 2).mean(axis=0).sum(), rel=1e-4)


def test_entropy_that_is_too_high_costs_temperature() -> None:
    algorithm, task = make_algorithm(CrossQ, entropy={"init_temperature": 0.1, "target_per_action": -3.0})
    interact(algorithm, task, 30)
    assert algorithm.losses()["temperature"] < 0.1
    algorithm, task = make_algorithm(CrossQ, entropy={"init_temperature": 0.1, "target_per_action": 0.6})
    interact(algorithm, task, 30)
    assert algorithm.losses()["temperature"] > 0.1


def quadratic(scale: np.ndarray, summit: np.ndarray):
    def value(actions: torch.Tensor) -> torch.Tensor:
        return -0.5 * (torch.tensor(scale) * (actions - torch.tensor(summit)).square()).sum(1, keepdim=True)

    return value


def test_the_flows_loss_and_gradient_are_those_of_numpy() -> None:
    algorithm, task = make_algorithm(Qflex)
    head = algorithm.actor.double().distribution
    flow = head.carrier.flow
    torch.nn.init.normal_(flow.output.weight)
    scale, summit = np.array([1.0, 4.0, 2.0, 0.5]), np.array([0.5, -0.5, 3.0, 0.0])
    head.update(algorithm.actor.mlp(algorithm.actor.get_latent(task.observe().double())))
    torch.manual_seed(5)
    loss = algorithm.flow_loss(head, quadratic(scale, summit))
    (gradient,) = torch.autograd.grad(loss, flow.output.weight)

    torch.manual_seed(5)
    source = head.draw()[0].detach()
    time = torch.rand_like(source[:, :1]).numpy()
    source, target = source.numpy(), source.numpy()
    for _ in range(5):
        slope = scale * (summit - target)
        longest = 2 * np.sqrt(4) / (np.linalg.norm(slope, axis=1, keepdims=True) + 1e-6)
        target = target + np.minimum(0.05, longest) * slope
    target = target.clip(-1, 1)
    point, velocity = (1 - time) * source + time * target, target - source
    turns = np.concatenate((time, 2 * time), axis=1) * np.pi
    features = np.concatenate((np.sin(turns), np.cos(turns)), axis=1)
    weight, clock = flow.weight.detach().numpy(), flow.time.weight.detach().numpy()
    hidden = np.tanh(head._context.detach().numpy() + point @ weight.T + features @ clock.T)
    error = hidden @ flow.output.weight.detach().numpy().T - velocity
    assert loss.item() == pytest.approx((error**2).mean())
    assert np.allclose(gradient, 2 * error.T @ hidden / error.size)
    assert (target == 1.0).any(), "the ascent ends at the bound"


def test_the_flow_learns_to_climb() -> None:
    algorithm, task = make_algorithm(Qflex)
    value = quadratic(np.full(4, 2.0), np.array([0.4, -0.4, 0.2, 0.0]))
    head = algorithm.actor.distribution

    def gain() -> float:
        observations = task.observe()
        torch.manual_seed(2)
        carried = algorithm.actor(observations, stochastic_output=True)
        torch.manual_seed(2)
        source = head.draw()[0].detach()
        climbed = ascend(value, source, 5, 0.05)
        return ((value(carried) - value(source)).mean() / (value(climbed) - value(source)).mean()).item()

    before = [each.clone() for each in algorithm.actor.mlp.first.parameters()]
    assert gain() == 0.0
    for _ in range(200):
        head.update(algorithm.actor.mlp(algorithm.actor.get_latent(task.observe())))
        loss = algorithm.flow_loss(head, value)
        gradients = torch.autograd.grad(loss, list(algorithm.actor.parameters()), allow_unused=True)
        for parameter, gradient in zip(algorithm.actor.parameters(), gradients, strict=True):
            parameter.grad = gradient
        algorithm._optimizers["actor"].step()
    assert 0.8 < gain() < 1.2
    assert all(torch.equal(one, two) for one, two in zip(before, algorithm.actor.mlp.first.parameters(), strict=True))


def state_of(algorithm: CrossQ) -> dict[str, torch.Tensor]:
    saved = algorithm.save()
    return {
        f"{part}.{key}": value.clone()
        for part in ("actor_state_dict", "critic_state_dict")
        for key, value in saved[part].items()
    }


@pytest.mark.parametrize("kind", [CrossQ, Qflex])
def test_what_is_not_finite_is_skipped_and_counted(kind: type[CrossQ], capsys: pytest.CaptureFixture) -> None:
    algorithm, task = make_algorithm(kind)
    interact(algorithm, task, 6)
    algorithm.losses()
    batch = algorithm.replay.draw(32)
    before, optimizers = state_of(algorithm), algorithm._optimizers
    moments = optimizers["critic"].state_dict()["state"][0]["exp_avg"].clone()
    place = batch.observations["place"].clone()
    place[3, 1] = torch.nan
    broken = Batch({"place": place}, *batch[1:])
    algorithm._learn(broken)
    skipped = algorithm.losses()["skipped_updates"]
    assert "no update of this iteration" in capsys.readouterr().err
    assert skipped == (3 if kind is CrossQ else 2), "critic, policy, and with entropy the temperature"
    after = state_of(algorithm)
    assert all(torch.equal(value, after[name]) for name, value in before.items())
    assert torch.equal(moments, optimizers["critic"].state_dict()["state"][0]["exp_avg"])
    algorithm._learn(Batch(batch.observations, batch.actions, batch.returns / 0.0, *batch[3:]))
    assert algorithm.losses()["skipped_updates"] == skipped + 1, "a value that is not finite; the policy can learn"
    algorithm._learn(batch)
    assert algorithm.losses()["skipped_updates"] == skipped + 1 and not capsys.readouterr().err
    assert not all(torch.equal(value, after[name]) for name, value in state_of(algorithm).items())


def test_a_velocity_that_is_not_finite_leaves_the_policy_as_it_is() -> None:
    algorithm, task = make_algorithm(Qflex)
    interact(algorithm, task, 6)
    algorithm.losses()
    with torch.no_grad():
        algorithm.actor.distribution.carrier.flow.output.weight[0, 0] = torch.inf
    before = state_of(algorithm)
    algorithm._learn(algorithm.replay.draw(32))
    after = state_of(algorithm)
    assert algorithm.losses()["skipped_updates"] == 1
    assert all(torch.equal(value, after[name]) for name, value in before.items() if name.startswith("actor"))


@pytest.mark.parametrize("kind", [CrossQ, Qflex])
def test_a_step_and_its_updates_read_nothing_back_from_the_device(kind: type[CrossQ]) -> None:
    algorithm, task = make_algorithm(kind)
    interact(algorithm, task, 6)
    with torch.no_grad():
        actions = algorithm.act(task.observe())
        outcome = task.step(actions)
    with CountReads() as guard:
        with torch.no_grad():
            algorithm.act(task.observe())
            algorithm.process_env_step(*outcome)
        algorithm.update()
    assert not guard.counts, f"reads from the device: {dict(guard.counts)}"
    with CountReads() as guard:
        algorithm.losses()
    assert sum(guard.counts.values()) <= 1


def test_nothing_is_learned_before_there_is_enough() -> None:
    algorithm, task = make_algorithm(CrossQ)
    before = state_of(algorithm)
    interact(algorithm, task, 3)
    assert "q_error" not in algorithm.losses()
    changed = [name for name, value in state_of(algorithm).items() if not torch.equal(value, before[name])]
    assert all("obs_normalizer" in name for name in changed) and changed
    interact(algorithm, task, 1)
    assert "q_error" in algorithm.losses()
