"""Every command: where its options are, and what runs.

Modules are imported when their command is chosen: what takes long is imported by a running command, which Ctrl-C ends.
"""

import sys
from collections.abc import Callable
from pkgutil import resolve_name
from typing import NamedTuple

from msemu.errors import MsemuError, command, suggestion


class Command(NamedTuple):
    """A command that is chosen by its words.

    Attributes:
        options: ``module:Class`` of its options; the module imports neither torch nor an engine.
        run: ``module:function`` that takes them.
        first: Options that the first help page shows; all of them by default.
    """

    options: str
    run: str
    first: str = ""


_BENCH, _ANALYZE = "msemu.bench.options", "msemu.cli.analyze.options"
_MECHANICS = "msemu.cli.analyze.mechanics_options"
_STUDY = "msemu.cli.analyze.study_options"
_TRACKING = "msemu.cli.tracking"
_MOTION, _MODEL = "msemu.cli.motion.options", "msemu.cli.model.options"
_RUN = "run pretrained checkpoint clip"

COMMANDS = {
    "play": Command("msemu.cli.options:PlayCfg", "msemu.cli.play:play", f"{_RUN} seconds video"),
    "report": Command(f"{_MECHANICS}:ReportCfg", "msemu.cli.analyze.report:report"),
    "eval": Command("msemu.cli.options:EvalCfg", "msemu.cli.eval:evaluate", f"{_RUN} episodes seconds json plots"),
    "distill": Command(
        "msemu.cli.options:DistillCfg",
        "msemu.cli.policy.distill:distill",
    ),
    "export": Command("msemu.cli.options:ExportPolicyCfg", "msemu.cli.policy.export:export_policy"),
    "track": Command(
        f"{_TRACKING}.options:TrackCfg",
        f"{_TRACKING}.track:track",
        "clip body out resume seconds particles passes minutes strength begin_strength strength_set json",
    ),
    "stabilize": Command(f"{_TRACKING}.options:StabilizeCfg", f"{_TRACKING}.stabilize:stabilize"),
    "motion fetch": Command(f"{_MOTION}:FetchCfg", "msemu.cli.motion.fetch:fetch"),
    "motion import": Command(
        f"{_MOTION}:ImportCfg",
        "msemu.cli.motion.import_clip:import_motion",
        "file body out body_path fps name cyclic treadmill retarget json",
    ),
    "motion prepare": Command(f"{_MOTION}:PrepareCfg", "msemu.cli.motion.prepare:prepare"),
    "motion info": Command(f"{_MOTION}:InfoCfg", "msemu.cli.motion.show:info"),
    "motion play": Command(f"{_MOTION}:PlayClipCfg", "msemu.cli.motion.show:play"),
    "motion check": Command(f"{_MOTION}:CheckCfg", "msemu.cli.motion.check:check"),
    "motion repair": Command(f"{_MOTION}:RepairCfg", "msemu.cli.motion.check:repair"),
    "motion export": Command(f"{_MOTION}:ExportCfg", "msemu.cli.motion.export:export"),
    "model list": Command(f"{_MODEL}:ListCfg", "msemu.cli.model.bodies:show_list"),
    "model info": Command(f"{_MODEL}:InfoCfg", "msemu.cli.model.bodies:info"),
    "model check": Command(f"{_MODEL}:CheckCfg", "msemu.cli.model.bodies:check"),
    "model draft": Command(f"{_MODEL}:DraftCfg", "msemu.cli.model.draft:draft"),
    "model scale": Command(f"{_MODEL}:ScaleBodyCfg", "msemu.cli.model.scale:scale"),
    "model strength": Command(f"{_MODEL}:StrengthCfg", "msemu.cli.model.strength:strength"),
    "model muscles": Command(f"{_MODEL}:MusclesCfg", "msemu.cli.model.muscles:muscles"),
    "model calibrate": Command(f"{_MODEL}:CalibrateCfg", "msemu.cli.model.calibrate:calibrate_body"),
    "analyze static-optimization": Command(
        f"{_ANALYZE}:ExplainClipCfg", "msemu.cli.analyze.static_optimization:static_optimization"
    ),
    "analyze gait": Command(f"{_ANALYZE}:GaitCfg", "msemu.cli.analyze.gait:analyze_gait", f"{_RUN} episodes json plot"),
    "analyze mechanics": Command(f"{_MECHANICS}:MechanicsCfg", "msemu.cli.analyze.mechanics:mechanics"),
    "analyze export": Command(f"{_MECHANICS}:ExportCfg", "msemu.cli.analyze.export:export"),
    "analyze ranges": Command(
        f"{_ANALYZE}:RangesCfg",
        "msemu.cli.analyze.solutions:analyze_ranges",
        "clip body effort tolerance window jobs json plot",
    ),
    "analyze sample": Command(
        f"{_ANALYZE}:SampleCfg", "msemu.cli.analyze.solutions:analyze_samples", "clip body samples seed jobs json plot"
    ),
    "study solutions": Command(
        f"{_STUDY}:SolutionsCfg",
        "msemu.cli.analyze.study:study_solutions",
        "run pretrained minutes randoms names starts seconds angle_deg ground_bw survival perturbed seed json out",
    ),
    "bench capacity": Command(f"{_BENCH}:CapacityBenchCfg", "msemu.bench.capacity:bench_capacity"),
    "bench decoder": Command(f"{_BENCH}:DecoderBenchCfg", "msemu.bench.decoder:bench_decoder"),
    "bench env": Command(f"{_BENCH}:EnvBenchCfg", "msemu.bench.env:bench_env"),
    "bench motion": Command(f"{_BENCH}:MotionBenchCfg", "msemu.bench.motion:bench_motion"),
    "bench muscle": Command(f"{_BENCH}:MuscleBenchCfg", "msemu.bench.muscle:bench_muscle"),
    "bench paths": Command(f"{_BENCH}:PathsBenchCfg", "msemu.bench.paths:bench_paths"),
    "bench prior": Command(f"{_BENCH}:PriorBenchCfg", "msemu.bench.prior:bench_prior"),
    "bench step": Command(
        f"{_BENCH}:StepBenchCfg", "msemu.bench.step:bench_step", "body motion num_envs engine device json trace"
    ),
    "bench train": Command(
        f"{_BENCH}:TrainBenchCfg",
        "msemu.bench.train:bench_train",
        "bodies motion num_envs engine agent device json plot",
    ),
}
ALIASES = {"analyze so": "analyze static-optimization", "bench so": "bench decoder"}
TITLES = {
    "motion": "Fetch, import, inspect, show, check, repair and export motion clips.",
    "model": "Musculoskeletal bodies: what there is, what is in them, what is wrong with them, measured muscles.",
    "analyze": "What moves a body: muscle activity, which other would, timing, forces, moments, powers, costs.",
    "study": "Many solutions of one movement, side by side: which muscles they take, what they bear.",
    "bench": "How fast it runs, as ratios measured in one run.",
}
"""What the commands with sub-commands are for."""


def program(name: str) -> Callable[[], None]:
    """Entry point of ``msemu-<name>``."""

    @command
    def main() -> None:
        from msemu.cli.parsing import HELP, HELP_ALL, VERSION

        words, arguments = name, sys.argv[1:]
        if name in TITLES:
            if not arguments or arguments[0] in (*HELP, HELP_ALL):
                print(overview(name))
                return
            if arguments[0] != VERSION:
                words, arguments = _with_subcommand(name, arguments[0]), arguments[1:]
        run(words, arguments)

    return main


def run(words: str, arguments: list[str]) -> None:
    """Run the command of these words, such as ``motion import``, with its arguments."""
    from msemu.cli.checks import check_files, check_given
    from msemu.cli.parsing import VERSION, parse_options, version

    if VERSION in arguments:
        print(version())
        return
    chosen = COMMANDS[words]
    kind, first = resolve_name(chosen.options), chosen.first.split()
    options = parse_options(kind, args=arguments, prog=f"msemu-{words}", first=first)
    check_given(options, arguments)
    from msemu.files import unwritten  # it brings NumPy, which a page of help does not wait for

    with unwritten(check_files(options)):
        resolve_name(chosen.run)(options)


def subcommands(name: str) -> list[str]:
    """Sub-commands of ``msemu-<name>``."""
    return [words.split()[1] for words in COMMANDS if words.startswith(f"{name} ")]


def overview(name: str) -> str:
    """Help page of a command that has sub-commands."""
    import inspect
    import textwrap

    lines = [f"usage: msemu-{name} SUB-COMMAND [options]", "", TITLES[name], ""]
    for subcommand in subcommands(name):
        about = inspect.getdoc(resolve_name(COMMANDS[f"{name} {subcommand}"].options)) or ""
        summary = about.partition("\n")[0]
        lines.append(textwrap.fill(f"  {subcommand:20} {summary}", 100, subsequent_indent=23 * " "))
    return "\n".join([*lines, "", f"options of one of them: msemu-{name} SUB-COMMAND --help; release: --version"])


def _with_subcommand(name: str, subcommand: str) -> str:
    words = ALIASES.get(f"{name} {subcommand}", f"{name} {subcommand}")
    if words not in COMMANDS:
        known = subcommands(name)
        raise MsemuError(f"msemu-{name} has no sub-command {subcommand}{suggestion(subcommand, known)}")
    return words


@command
def train() -> None:
    """Entry point of ``msemu-train``."""
    resolve_name("msemu.cli.train:main")()


play, evaluate, distill, export = map(program, ("play", "eval", "distill", "export"))
track, stabilize = map(program, ("track", "stabilize"))
report, motion, model, analyze = map(program, ("report", "motion", "model", "analyze"))
study, bench = map(program, ("study", "bench"))
