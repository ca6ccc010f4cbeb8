"""``msemu-stabilize``: a linear feedback about a movement that msemu-track found."""

import time
from dataclasses import asdict, replace

from rich.console import Console

from msemu.analysis.evaluation import Evaluation, tabulate
from msemu.cli.tracking.options import StabilizeCfg
from msemu.console import progress, write_json
from msemu.errors import MsemuError
from msemu.models import load_body
from msemu.models.body import Body
from msemu.motion.clip import MotionClip
from msemu.registry import find_body
from msemu.schema import JointCfg, TrainCfg
from msemu.tracking.environment import tracking_task
from msemu.tracking.feedback.learning import FeedbackLearner, Round, with_feedback
from msemu.tracking.learning import clip_of_track, with_track

SUFFIX = ".stable.npz"
_FIGURES = "survival", "survival_time_s", "episode_length_s", "joint_angle_error_deg", "body_position_error_cm"


def stabilize(args: StabilizeCfg) -> None:
    """Learn in rounds, write the clip with the best feedback, and show trials before and after."""
    began = time.monotonic()
    cfg, body, clip = _subject(args)
    name = args.found.name.removesuffix(".npz").removesuffix(".clip")
    out = args.out or args.found.with_name(name + SUFFIX)
    if out.resolve() == clip_of_track(args.found).resolve():
        raise MsemuError(f"--out {out} is read as what was found; give another file")
    learner = FeedbackLearner(cfg, body, clip, args.led, args.bodies, args.noise_deg, args.seed)
    console = Console()
    trials: dict[str, Evaluation] = {}
    rounds: list[Round] = []
    try:
        with progress("without feedback") as advance:
            trials["without"] = learner.trial(None, advance)
        _learn(args, learner, began, trials, rounds, console)
    finally:
        if rounds:
            number, best = max(enumerate(rounds, 1), key=lambda each: each[1].rank)
            with_feedback(clip, best.feedback).save(out)
            title = f"{len(learner.joint_names)} joints led, starts up to {args.noise_deg:g} deg off"
            console.print(tabulate(trials, _FIGURES, "feedback", title))
            console.print(f"clip: {out}, with the feedback of round {number}", soft_wrap=True)
            if args.json:
                about = _figures(args, learner, trials, best)
                write_json(args.json, about | _effort(rounds, time.monotonic() - began))


def _learn(
    args: StabilizeCfg,
    learner: FeedbackLearner,
    began: float,
    trials: dict[str, Evaluation],
    rounds: list[Round],
    console: Console,
) -> None:
    """Go through the rounds, with a line and a trial each."""
    with progress("bodies that try") as advance:
        for found in learner.rounds(args.rounds, advance):
            rounds.append(found)
            trials[f"round {len(rounds)}"] = found.trial
            console.print(
                f"{time.monotonic() - began:6.0f} s  round {len(rounds)}: {100 * found.explained:.0f} % of the variance"
                f" explained, {100 * found.trial.survival:.0f} % come to the end"
            )
            if args.minutes and time.monotonic() - began > 60.0 * args.minutes:
                return


def _subject(args: StabilizeCfg) -> tuple[TrainCfg, Body, MotionClip]:
    """Return the values of the task of what was found, its body and its clip.

    Raises:
        MsemuError: Nothing was found there, not to the end, or the body cannot be had.
    """
    path = clip_of_track(args.found)
    clip = MotionClip.load(path)
    if clip.simulated is None:
        raise MsemuError(f"{path} is a clip that nobody simulated; find a simulation of it with msemu-track")
    if (share := clip.quality.get("completed", 1.0)) < 1.0:
        raise MsemuError(f"{path} goes through {100 * share:.0f} % of the clip; go on with msemu-track --resume first")
    name = args.body or find_body(clip.body).name
    cfg = tracking_task(name, clip.simulated.followed).load_training()
    body_path = str(args.body_path) if args.body_path else None
    action = cfg.env.action if isinstance(cfg.env.action, JointCfg) else JointCfg()
    cfg = replace(cfg, body=name, body_path=body_path, motion=clip.simulated.followed, from_track=path)
    cfg = with_track(replace(cfg, env=replace(cfg.env, action=action)))
    cfg.sim = replace(cfg.sim, num_threads=args.threads)
    return cfg, load_body(name, body_path), clip


def _figures(
    args: StabilizeCfg, learner: FeedbackLearner, trials: dict[str, Evaluation], best: Round
) -> dict[str, object]:
    return {
        "found": str(args.found),
        "joint_names": list(learner.joint_names),
        "noise_deg": args.noise_deg,
        "bodies": args.bodies,
        "seed": args.seed,
        "without": asdict(trials["without"]),
        **asdict(best.trial),
        "explained": best.explained,
    }


def _effort(rounds: list[Round], wall_s: float) -> dict[str, float]:
    return {"rounds": len(rounds), "control_steps": rounds[-1].control_steps, "wall_s": wall_s}
