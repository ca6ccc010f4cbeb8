"""``msemu-motion fetch``: obtain recordings from packages."""

from rich.console import Console
from rich.table import Table

from msemu.cli.motion.options import FetchCfg
from msemu.motion.library import fetch as fetching
from msemu.motion.library.catalogue import catalogue, clip_sets, find_entries


def fetch(args: FetchCfg) -> None:
    """Obtain clips, or list them."""
    console = Console()
    if not args.names:
        for table in (_catalogue_table(), _package_table(), _set_table()):
            console.print(table)
        return
    entries = find_entries(args.names)
    for package in dict.fromkeys(entry.package for entry in entries):
        wanted = [entry for entry in entries if entry.package == package]
        with console.status(
            f"{package.package} {package.version} ({package.megabytes} MB, only when not in the cache)"
        ):
            paths = [fetching.fetch(entry, args.wheel) for entry in wanted]
        for entry, path in zip(wanted, paths, strict=True):
            console.print(f"{entry.name}: {path}", soft_wrap=True)
        console.print(f"license of {package.package}'s clips: {package.license}", soft_wrap=True)


def _catalogue_table() -> Table:
    table = Table("clip", "what", "repeats", "from")
    for entry in catalogue().values():
        table.add_row(entry.name, entry.about, "yes" if entry.cyclic else "", entry.package.package)
    return table


def _package_table() -> Table:
    table = Table("package", "download", "license of the clips", "recorded by")
    for package in dict.fromkeys(entry.package for entry in catalogue().values()):
        name = f"{package.package} {package.version}"
        table.add_row(name, f"{package.megabytes} MB", package.license, package.origin)
    return table


def _set_table() -> Table:
    table = Table("set", "clips")
    for name, members in clip_sets().items():
        table.add_row(name, "every clip above" if name == "all" else ", ".join(members))
    return table
