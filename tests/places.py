"""Folders that tests look into."""

from pathlib import Path

TESTS = Path(__file__).parent
ROOT = TESTS.parent
PLUGIN = TESTS / "plugin_example"
