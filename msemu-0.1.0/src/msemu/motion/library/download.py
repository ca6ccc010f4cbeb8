"""Downloading packages that carry clips: wheels by pip, source distributions from the package index."""

import hashlib
import json
import os
import re
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urljoin

from msemu.errors import MsemuError
from msemu.files import whole_file
from msemu.motion.library.catalogue import Package

_TIMEOUT_S = 900
_STALL_S = 60
_PIPS_DEFAULT = "from pip._internal.models.index import PyPI; print(PyPI.simple_url)"
_JSON = "application/vnd.pypi.simple.v1+json"


def download(package: Package, folder: Path) -> Path:
    """Put the archive of a package into ``folder`` and return its path; nothing of it is installed or run.

    Raises:
        MsemuError: No network, no pip, or another file than the catalogue says.
    """
    return _download_wheel(package, folder) if package.sdist_sha256 is None else _download_sdist(package, folder)


def _download_wheel(package: Package, folder: Path) -> Path:
    """Let pip download the wheel."""
    wanted = f"{package.package}=={package.version}"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary=:all:", "--python-version", package.python_version, "--platform", package.platform]
    command += ["--dest", str(folder), wanted]
    result = _run(command, wanted)
    wheels = list(folder.glob("*.whl"))
    if result.returncode != 0 or not wheels:
        lines = [line for line in result.stderr.strip().splitlines() if line.startswith("ERROR")]
        reason = lines[-1].removeprefix("ERROR: ") if lines else f"pip ended with code {result.returncode}"
        raise MsemuError(
            f"pip cannot download {wanted} ({reason}); check the network, or download the wheel elsewhere and"
            " give it with: msemu-motion fetch NAME --wheel FILE.whl"
        )
    return wheels[0]


def _download_sdist(package: Package, folder: Path) -> Path:
    """Take the source distribution from the index that pip is set to.

    pip itself would run the package's build system to learn its name and version; this only reads.
    """
    name = f"{package.package}-{package.version}.tar.gz"
    try:
        page = f"{_index().rstrip('/')}/{package.package}/"
        request = urllib.request.Request(page, headers={"Accept": f"{_JSON}, text/html;q=0.2"})
        with urllib.request.urlopen(request, timeout=_STALL_S) as answer:
            address = _address_of(name, page, answer.read(50 * 2**20).decode("utf-8", "replace"))
        if not address.startswith("https://"):
            raise ValueError(f"the index gives the insecure address {address[:60]}")
        with urllib.request.urlopen(address, timeout=_STALL_S) as answer:
            content = answer.read()
    except (urllib.error.URLError, TimeoutError, ValueError, LookupError, ConnectionError) as error:
        raise MsemuError(
            f"cannot download {name} ({' '.join(str(error).split())}); check the network, or download it elsewhere and"
            f" give it with: msemu-motion fetch NAME --wheel {name}"
        ) from error
    found = hashlib.sha256(content).hexdigest()
    if found != package.sdist_sha256:
        raise MsemuError(f"{name} has sha256 {found:.12}..., the catalogue says {package.sdist_sha256:.12}...")
    path = folder / name
    with whole_file(path) as unfinished:
        unfinished.write_bytes(content)
    return path


def _index() -> str:
    """Return the address of the package index that pip uses."""
    if os.environ.get("PIP_NO_INDEX"):
        raise LookupError("PIP_NO_INDEX is set")
    if os.environ.get("PIP_INDEX_URL"):
        return os.environ["PIP_INDEX_URL"]
    for arguments in (("-m", "pip", "config", "get", "global.index-url"), ("-c", _PIPS_DEFAULT)):
        command = [sys.executable, *arguments]
        result = subprocess.run(command, capture_output=True, text=True, timeout=_STALL_S, check=False)
        if result.stdout.strip():
            return result.stdout.strip()
    raise LookupError("pip names no index; set PIP_INDEX_URL")


def _address_of(name: str, page: str, text: str) -> str:
    """Return where a file of a package lies, from the index's page (JSON or HTML)."""
    if text.lstrip().startswith("{"):
        addresses = [file["url"] for file in json.loads(text)["files"] if file["filename"] == name]
    else:
        addresses = re.findall(rf'href="([^"#]*{re.escape(name)})[#"]', text)
    if not addresses:
        raise LookupError(f"the index does not list {name}")
    return urljoin(page, addresses[0])


def _run(command: list[str], wanted: str) -> subprocess.CompletedProcess:
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        raise MsemuError(
            f"pip did not get {wanted} within {_TIMEOUT_S} s; check the network and run it again"
        ) from None
    if "No module named pip" in result.stderr:
        raise MsemuError(f"{sys.executable} has no pip; get it with: {sys.executable} -m ensurepip")
    return result
