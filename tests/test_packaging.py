"""What users get: a wheel, installed in an environment that never saw the checkout, used from the root folder.

An editable install proves little of this: it finds every file of the checkout, packed or not.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path
from typing import ClassVar

from twisted.trial.unittest import SynchronousTestCase

from exfront import __version__
from tests.support.process import temporary_folder

ROOT = Path(__file__).parents[1]
_TIME = 300  # seconds for pip, which makes an environment of its own to build in
_PARTS = ("exfront", "twisted", "pyproject.toml", "setup.cfg", "MANIFEST.in", "README.rst", "LICENSE", "tests", "etc")


class PackagingTests(SynchronousTestCase):
    """The wheel is built and installed once for all tests."""

    timeout = 2 * _TIME
    folder: ClassVar[Path | None] = None

    def setUp(self) -> None:
        if PackagingTests.folder is None:
            PackagingTests.folder = temporary_folder("packaging")
            self._build(PackagingTests.folder)
            self._install(PackagingTests.folder)
        self.wheel = next((PackagingTests.folder / "wheel").glob("*.whl"))
        self.python = PackagingTests.folder / "venv" / "bin" / "python"

    def _build(self, folder: Path) -> None:
        """From a copy, so that nothing is written into the checkout."""
        source = folder / "source"
        source.mkdir()
        for part in _PARTS:
            if (ROOT / part).is_dir():
                shutil.copytree(
                    ROOT / part, source / part, ignore=shutil.ignore_patterns("__pycache__", "dropin.cache")
                )
            elif (ROOT / part).exists():
                shutil.copy(ROOT / part, source)
        self._pip("wheel", "--no-deps", "--wheel-dir", str(folder / "wheel"), str(source))

    def _install(self, folder: Path) -> None:
        """Dependencies come from the environment that runs the tests; a .pth file brings no other .pth file with it."""
        venv.create(folder / "venv", with_pip=False, symlinks=True)
        python = folder / "venv" / "bin" / "python"
        (wheel,) = (folder / "wheel").glob("*.whl")
        self._pip("--python", str(python), "install", "--no-deps", "--no-index", str(wheel))
        packages = next((folder / "venv" / "lib").glob("python*")) / "site-packages"
        (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")

    def _pip(self, *argv: str) -> None:
        command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", *argv]
        ended = subprocess.run(command, cwd="/", capture_output=True, text=True, timeout=_TIME)
        self.assertEqual(ended.returncode, 0, ended.stdout + ended.stderr)

    def run_installed(self, *argv: str) -> subprocess.CompletedProcess[str]:
        """Run with the new environment's Python, from the root folder, without this process' import path."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        return subprocess.run(
            [str(self.python), *argv], cwd="/", env=environment, capture_output=True, text=True, timeout=60
        )

    def twistd(self, *argv: str) -> subprocess.CompletedProcess[str]:
        """The script of the tests' environment, by the new one's Python."""
        return self.run_installed(str(Path(sys.executable).with_name("twistd")), *argv)

    def test_the_wheel_holds_the_package_and_the_plugin_alone(self) -> None:
        with zipfile.ZipFile(self.wheel) as wheel:
            names = [name for name in wheel.namelist() if ".dist-info/" not in name]
        plugin = "twisted/plugins/exfront_plugin.py"
        self.assertIn(plugin, names)
        self.assertEqual([name for name in names if not name.startswith("exfront/") and name != plugin], [])

    def test_the_wheel_holds_every_module_and_all_data(self) -> None:
        with zipfile.ZipFile(self.wheel) as wheel:
            packed = {name for name in wheel.namelist() if name.startswith("exfront/")}
        files = {file for file in (ROOT / "exfront").rglob("*") if file.is_file() and "__pycache__" not in file.parts}
        wanted = {file.relative_to(ROOT).as_posix() for file in files if file.suffix != ".pyc"}
        self.assertEqual(wanted - packed, set())

    def test_it_is_the_installed_package_that_runs(self) -> None:
        ended = self.run_installed("-c", "import exfront.tap; print(exfront.tap.__file__)")
        self.assertTrue(ended.stdout.startswith(str(PackagingTests.folder)), ended.stdout + ended.stderr)

    def test_twistd_lists_the_command(self) -> None:
        ended = self.twistd("--help")
        self.assertEqual(ended.returncode, 0, ended.stderr)
        self.assertRegex(ended.stdout, r"(?m)^    exfront +Mail front end")

    def test_twistd_runs_the_command(self) -> None:
        ended = self.twistd("exfront", "--version")
        self.assertEqual((ended.returncode, ended.stdout), (0, f"exfront {__version__}\n"), ended.stderr)

    def test_exfrontctl_is_there(self) -> None:
        ended = self.run_installed(str(self.python.with_name("exfrontctl")), "--version")
        self.assertEqual((ended.returncode, ended.stdout), (0, f"exfront {__version__}\n"), ended.stderr)
