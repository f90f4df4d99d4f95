"""Samba as an Active Directory domain controller: LDAP, LDAPS and the global catalog, on an address of its own."""

from __future__ import annotations

import base64
import json
import os
import socket
import subprocess
from collections.abc import Sequence
from contextlib import closing
from functools import cache
from pathlib import Path

from attrs import frozen

from tests.support import samba_data
from tests.support.authority import Authority
from tests.support.process import Daemon, MissingProgramError, program, remove, temporary_folder

HOST = f"dc1.{samba_data.DNS_DOMAIN}"
PACKAGES = "samba samba-ad-dc samba-ad-provision samba-dsdb-modules samba-vfs-modules python3-samba"

# The ports of Active Directory cannot be moved: each domain controller has an address of its own.
_ADDRESSES = tuple(f"127.0.0.{number}" for number in range(12, 20))
_LDAP, _LDAPS, _CATALOG, _CATALOG_TLS = 389, 636, 3268, 3269
_PORTS = (_LDAP, _LDAPS, _CATALOG, _CATALOG_TLS)
_RESERVED = 11_389  # whoever listens on it has the address
_PYTHON = Path("/usr/bin/python3")  # python3-samba is Debian's, for Debian's Python
_BUILD = Path(__file__).with_name("samba_build.py")
_BUILD_TIME = 120.0  # seconds; 15 on an idle machine
_FOLDERS = ("private", "lock", "state", "cache", "pid", "ncalrpc", "winbindd", "ntp", "usershare")


class Samba:
    """One domain controller over `folder`, which holds a built domain. `daemon` starts, stops, kills it."""

    base = samba_data.BASE
    bind_dn = samba_data.SERVICE_DN
    bind_password = samba_data.SERVICE_PASSWORD

    def __init__(self, folder: Path, address: str, configuration: Path) -> None:
        self.folder = folder
        self.address = address
        argv = [program("samba", PACKAGES), "-F", "--no-process-group", "--debug-stdout",
                f"--configfile={configuration}"]  # fmt: skip
        ports = [(address, port) for port in _PORTS]
        self.daemon = Daemon(argv, folder / "samba.log", ports)

    @property
    def url(self) -> str:
        """``ldap://…`` of the domain controller: everything, also the configuration partition."""
        return f"ldap://{self.address}:{_LDAP}"

    @property
    def tls_url(self) -> str:
        """``ldaps://…``, the same over TLS."""
        return f"ldaps://{self.address}:{_LDAPS}"

    @property
    def catalog_url(self) -> str:
        """``ldap://…`` of the global catalog: every object, some attributes."""
        return f"ldap://{self.address}:{_CATALOG}"

    def password_file(self) -> Path:
        """A file of mode 0600 that holds the service account's password."""
        file = self.folder / "directory.password"
        file.touch(mode=0o600)
        file.write_text(self.bind_password + "\n")
        return file


@frozen
class Site:
    """A running domain controller, and the authority of its certificate."""

    authority: Authority
    samba: Samba

    def change(self, dn: str, attribute: str, value: bytes) -> None:
        """Replace an attribute, as an administrator does."""
        octets = base64.b64encode(value).decode()
        self._as_administrator(
            "ldapmodify", change=f"dn: {dn}\nchangetype: modify\nreplace: {attribute}\n{attribute}:: {octets}\n"
        )

    def number(self, dn: str, attribute: str) -> int:
        """What it holds itself; 0 where there is no value."""
        found = self._as_administrator("ldapsearch", "-LLL", "-b", dn, "-s", "base", attribute)
        values = [line.partition(": ")[2] for line in found.splitlines() if line.startswith(f"{attribute}: ")]
        return int(values[0]) if values else 0

    def _as_administrator(self, tool: str, *arguments: str, change: str = "") -> str:
        file = self.samba.folder / "administrator.password"
        file.touch(mode=0o600)
        file.write_text(samba_data.ADMIN_PASSWORD)
        argv = [program(tool, "ldap-utils"), "-x", "-H", self.samba.tls_url, "-y", str(file),
                "-D", f"CN=Administrator,CN=Users,{samba_data.BASE}", *arguments]  # fmt: skip
        environment = {**os.environ, "LDAPTLS_CACERT": str(self.authority.ca_file)}
        done = subprocess.run(
            argv, input=change.encode(), capture_output=True, timeout=30, check=False, env=environment
        )
        if done.returncode:
            raise AssertionError(f"{tool}: {done.stderr.decode('utf-8', 'backslashreplace')}")
        return done.stdout.decode()

    def close(self) -> None:
        """End it and delete its folder."""
        self.samba.daemon.kill()
        remove(self.samba.folder)


def new_site(more: Sequence[samba_data.Record] = ()) -> Site:
    """A domain of its own for tests that change it, or need `more` in it; some 20 seconds. The caller closes it."""
    if os.geteuid() != 0:
        raise MissingProgramError("Samba's domain controller must be started as root: its ports cannot be moved")
    address = _free_address()
    folder = temporary_folder("samba")
    authority = Authority(folder, f"test authority {folder.name}")
    certificate = authority.issue(HOST, [address])
    configuration = _configuration(folder, address, certificate, authority.ca_file)
    _provision(folder, address)
    _build(folder, configuration, more)
    samba = Samba(folder, address, configuration)
    samba.daemon.start()
    return Site(authority, samba)


@cache
def shared_site() -> Site:
    """One domain for all tests of a process that leave it as it is; it ends with the process."""
    return new_site()


_reserved: list[socket.socket] = []


def _free_address() -> str:
    """An address that no other test run uses; ours until the process ends."""
    for address in _ADDRESSES:
        claim = socket.socket()
        try:
            claim.bind((address, _RESERVED))
            claim.listen(1)
        except OSError:
            claim.close()
            continue
        if all(_is_free(address, port) for port in _PORTS):
            _reserved.append(claim)
            return address
        claim.close()
    ports = ", ".join(map(str, _PORTS))
    raise AssertionError(f"no address of {', '.join(_ADDRESSES)} has the ports {ports} free for a domain controller")


def _is_free(address: str, port: int) -> bool:
    """Asked by a bind: a server on 0.0.0.0 takes the port of every address."""
    with closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True


def _provision(folder: Path, address: str) -> None:
    """An empty domain. The configuration file must be empty too: Debian's own makes samba-tool refuse."""
    empty = folder / "empty.conf"
    empty.touch()
    options = [f"--option={line}" for line in (*_folder_lines(folder), *_interface_lines(address))]
    argv = [
        program("samba-tool", PACKAGES), "domain", "provision", f"--configfile={empty}", f"--realm={samba_data.REALM}",
        f"--domain={samba_data.DOMAIN}", "--host-name=DC1", f"--host-ip={address}",
        f"--adminpass={samba_data.ADMIN_PASSWORD}", "--server-role=dc",
        "--dns-backend=SAMBA_INTERNAL", "--use-rfc2307", *options,
    ]  # fmt: skip
    _run(argv, "samba-tool domain provision")


def _build(folder: Path, configuration: Path, more: Sequence[samba_data.Record]) -> None:
    """Schema, organisation and people, while nothing runs."""
    file = folder / "data.json"
    file.write_text(json.dumps(samba_data.data(more)))
    probe = subprocess.run([_PYTHON, "-I", "-c", "import samba.samdb"], capture_output=True, timeout=60, check=False)
    if probe.returncode:
        raise MissingProgramError("python3-samba is not installed: apt-get install python3-samba")
    # -I: this folder, where this file is called samba too, is not searched for modules.
    _run([str(_PYTHON), "-I", str(_BUILD), str(configuration), str(file)], "samba_build.py")


def _run(argv: list[str], what: str) -> None:
    done = subprocess.run(argv, capture_output=True, timeout=_BUILD_TIME, check=False, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise AssertionError(f"{what}: {(done.stdout + done.stderr).decode('utf-8', 'backslashreplace')[-4000:]}")


def _interface_lines(address: str) -> tuple[str, ...]:
    """The mask must be /8: with any other nothing listens on a loopback address."""
    return f"interfaces={address}/8", "bind interfaces only=yes"


def _folder_lines(folder: Path) -> tuple[str, ...]:
    for name in _FOLDERS:
        (folder / name).mkdir(mode=0o750 if name in ("winbindd", "ntp") else 0o755, exist_ok=True)
    return (
        f"private dir={folder}/private", f"lock directory={folder}/lock", f"state directory={folder}/state",
        f"cache directory={folder}/cache", f"pid directory={folder}/pid", f"ncalrpc dir={folder}/ncalrpc",
        f"winbindd socket directory={folder}/winbindd", f"ntp signd socket directory={folder}/ntp",
        f"usershare path={folder}/usershare", f"log file={folder}/log.samba",
    )  # fmt: skip


def _configuration(folder: Path, address: str, certificate: Path, authority: Path) -> Path:
    lines = (
        "netbios name=DC1", f"realm={samba_data.REALM}", f"workgroup={samba_data.DOMAIN}",
        "server role=active directory domain controller", "server services=ldap, cldap, kdc, rpc",
        "ldap server require strong auth=no", "dsdb:schema update allowed=yes", "prefork children=1",
        "log level=1", "tls enabled=yes", f"tls cafile={authority}", f"tls certfile={certificate}",
        f"tls keyfile={certificate}", *_interface_lines(address), *_folder_lines(folder),
    )  # fmt: skip
    file = folder / "smb.conf"
    file.write_text("[global]\n" + "".join(f"{line}\n" for line in lines))
    return file
