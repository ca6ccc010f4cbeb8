"""Packaging of msemu.

``envs``, ``models`` and ``cfg`` at the top of the repository are ``msemu.envs``, ``msemu.models`` and ``msemu.cfg``:
``src/msemu`` links to them.
"""

from pathlib import Path

from setuptools import find_packages, setup

EXTRAS = {
    "viewer": ["viser>=1.1"],  # the page in the browser; videos need none of it
    "gym": ["gymnasium>=1.1"],  # every task as an id of gymnasium.make_vec
    "export": ["onnxruntime"],  # what runs the policies of msemu-export, see tools/examples/run_exported.py
    "notebook": ["pandas"],  # Rollout.to_pandas
    "wandb": ["wandb"],  # --agent.logger wandb
    "docs": ["mkdocs-material", "nbconvert", "pandas"],  # tools/site/build.sh
    "tune": ["cma"],  # the search of tools/tune_controller.py
}
UNTESTED = ("wandb",)
"""Extras that the test suite does without."""

setup(
    name="msemu",
    version="0.1.0",
    description="Muscle-driven whole-body human motion reproduction: training, viewing, measuring.",
    long_description=Path(__file__).with_name("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE"],
    python_requires=">=3.11",
    classifiers=[f"Programming Language :: Python :: {version}" for version in ("3.11", "3.12", "3.13")],
    packages=find_packages("src"),
    package_dir={"": "src"},
    package_data={
        "msemu.cfg": ["**/*.yaml", "**/*.csv"],
        "msemu.models": ["pretrained/**/*.yaml", "pretrained/**/*.pt", "pretrained/**/*.npz"],
        "msemu": ["py.typed"],
    },
    install_requires=[
        "torch>=2.11",  # policies, vectorized environment
        "mujoco==4.0.*",  # CPU physics, model editing
        "mujoco-warp==4.0.*",  # CUDA physics, released in step with mujoco
        "warp-lang==1.19.*",  # muscle kernels
        "rsl-rl-lib==5.5.*",  # PPO and its runner
        "tensordict",  # observation groups of rsl-rl
        "numpy",
        "scipy",  # rotations, smoothing, sparse algebra
        "pyyaml",  # configuration values
        "tyro",  # command line from the configuration dataclasses
        "rich",  # progress bars, tables
        "tensorboard",  # training curves
        "mink>=1.3",  # inverse kinematics for retargeting
        "daqp",  # the quadratic-program solver that mink calls
        "matplotlib",  # plots, and video frames where there is no OpenGL
        "imageio-ffmpeg",  # mp4 writing with a bundled encoder
        "musclemimic-models==1.0.6",  # the default body; coupling and muscle data are tested against this release
    ],
    extras_require=EXTRAS
    | {
        "test": [
            *("pytest", "pytest-timeout"),
            "pytest-xdist",  # files of tests side by side on all cores
            *("hypothesis", "ruff", "mypy", "types-PyYAML", "build"),
            "ezc3d",  # writes the C3D files that the tests read
            "stable-baselines3",  # tools/examples/train_with_sb3.py
            *sorted({package for name, packages in EXTRAS.items() if name not in UNTESTED for package in packages}),
        ],
    },
    entry_points={
        "console_scripts": [
            "msemu-train = msemu.cli.commands:train",
            "msemu-play = msemu.cli.commands:play",
            "msemu-eval = msemu.cli.commands:evaluate",
            "msemu-distill = msemu.cli.commands:distill",
            "msemu-export = msemu.cli.commands:export",
            "msemu-report = msemu.cli.commands:report",
            "msemu-track = msemu.cli.commands:track",
            "msemu-stabilize = msemu.cli.commands:stabilize",
            "msemu-motion = msemu.cli.commands:motion",
            "msemu-model = msemu.cli.commands:model",
            "msemu-analyze = msemu.cli.commands:analyze",
            "msemu-study = msemu.cli.commands:study",
            "msemu-bench = msemu.cli.commands:bench",
        ],
        "msemu.tasks": ["msemu = msemu.envs.tasks:register"],
    },
)
