"""The systemd units in etc/: systemd-analyze has nothing to say against them, and they are hardened."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.support.configuration import read
from tests.support.process import program

_FOLDER = Path(__file__).parents[1] / "etc"
_UNITS = ("exfront.service", "exfront-lab.service")
_EXPOSURE = 20  # tenths; building.md measured 1.9 as what can be had


class UnitTests(SynchronousTestCase):
    def analyze(self, *argv: str) -> subprocess.CompletedProcess[str]:
        """Run systemd-analyze; it needs no running systemd for this."""
        command = [program("systemd-analyze", "systemd"), *argv]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)

    def unit(self, name: str) -> str:
        """The unit's path, its program replaced by one that is here: `verify` looks for it."""
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        text = (_FOLDER / name).read_text("utf-8")
        self.assertIn("ExecStart=/opt/exfront/bin/twistd --nodaemon --pidfile= exfront ", text)
        here = str(Path(sys.executable).with_name("twistd"))
        (folder / name).write_text(text.replace("/opt/exfront/bin/twistd", here))
        return str(folder / name)

    def test_units_are_verified_without_a_word(self) -> None:
        for name in _UNITS:
            ended = self.analyze("verify", self.unit(name))
            self.assertEqual((ended.returncode, ended.stdout, ended.stderr), (0, "", ""), name)

    def test_the_sockets_are_those_of_the_example(self) -> None:
        """S-OPS-12: systemd finds nothing to say, and each listener of etc/exfront.toml finds a socket there."""
        folder = Path(self.unit("exfront.service")).parent
        shutil.copy(_FOLDER / "exfront.socket", folder)
        ended = self.analyze("verify", str(folder / "exfront.socket"))
        self.assertEqual((ended.returncode, ended.stdout, ended.stderr), (0, "", ""))
        opened = re.findall(r"(?m)^ListenStream=(\S+)$", (_FOLDER / "exfront.socket").read_text())
        settings, _ = read((_FOLDER / "exfront.toml").read_text())
        self.assertLessEqual({str(each.address) for each in settings.listener}, set(opened))

    def test_a_misspelt_unit_is_noticed(self) -> None:
        unit = Path(self.unit(_UNITS[0]))
        unit.write_text(unit.read_text().replace("Type=simple", "Type=simpel"))
        self.assertNotEqual(self.analyze("verify", str(unit)).stderr, "")

    def test_units_are_hardened(self) -> None:
        """S-OPS-1: the exposure level is below 2.0."""
        for name in _UNITS:
            ended = self.analyze("security", "--offline=true", f"--threshold={_EXPOSURE}", self.unit(name))
            level = re.search(rf"Overall exposure level for {name}: ([0-9.]+)", ended.stdout)
            assert level is not None, ended.stdout + ended.stderr
            self.assertLess(float(level[1]), _EXPOSURE / 10, name)
            self.assertEqual(ended.returncode, 0, ended.stdout)

    def test_tls_can_work(self) -> None:
        """pyOpenSSL's callbacks are memory that is written and then executed."""
        for name in _UNITS:
            settings = [line for line in (_FOLDER / name).read_text().splitlines() if not line.startswith("#")]
            self.assertEqual([line for line in settings if "MemoryDenyWriteExecute" in line], [])

    def test_low_ports_are_opened_without_root(self) -> None:
        """S-OPS-1: an own user and the one capability."""
        lines = (_FOLDER / "exfront.service").read_text().splitlines()
        for line in ("User=exfront", "AmbientCapabilities=CAP_NET_BIND_SERVICE", "UMask=0077"):
            self.assertIn(line, lines)
