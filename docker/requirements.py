"""Print what setup.py asks for, with some of its extras, a requirement a line: python requirements.py EXTRA ..."""

import sys
from pathlib import Path
from unittest import mock

import setuptools

with mock.patch.object(setuptools, "setup") as setup:
    exec(compile(Path("setup.py").read_text(encoding="utf-8"), "setup.py", "exec"), {"__file__": "setup.py"})
(_, asked) = setup.call_args
print(
    "\n".join(asked["install_requires"] + [each for extra in sys.argv[1:] for each in asked["extras_require"][extra]])
)
