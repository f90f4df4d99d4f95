"""OpenLDAP's slapd as a directory shaped like Active Directory: LDAP (with StartTLS) and LDAPS, its queries counted."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from functools import cache
from pathlib import Path
from threading import get_ident

from attrs import frozen

from tests.support.authority import Authority
from tests.support.population import BASE, SERVICE_DN, SERVICE_PASSWORD, Attributes, Population, population
from tests.support.process import Daemon, free_port, program, remove, temporary_folder

_SCHEMAS = ("core", "cosine", "inetorgperson", "misc")
_SYSTEM_SCHEMAS = Path("/etc/ldap/schema")
_OWN_SCHEMA = Path(__file__).with_name("ad.schema")
_MODULES = Path("/usr/lib/ldap")
_INDEX = "objectClass,sAMAccountName,userPrincipalName,proxyAddresses,mail,mailNickname,uid,homeMDB,objectGUID eq"
_ADDRESS = "127.0.0.1"
_ROOT = f"cn=root,{BASE}"
_ROOT_PASSWORD = "of-the-test-alone"
_FREEZE_TIME = 10.0  # seconds; a busy machine takes a moment
_LOAD_TIME = 300.0  # seconds; 100,000 users take 20 on an idle machine


@frozen
class Query:
    """One search as slapd logged it: `filter` is slapd's own spelling."""

    base: str
    scope: int
    filter: str


class Slapd:
    """Serves `population` on `address`, from a database and configuration in `folder`.

    `certificate` is a PEM file with key and chain. Ports: `ldap`, `ldaps`. `bind_dn` and `bind_password` are the
    account that may read everything but passwords. `daemon` starts, stops, kills; a restarted slapd has its data still.
    With another `log` level than ``stats`` nothing can be counted.
    """

    bind_dn = SERVICE_DN
    bind_password = SERVICE_PASSWORD
    base = BASE

    def __init__(
        self, address: str, folder: Path, certificate: Path, population: Population, log: str = "stats"
    ) -> None:
        self.address = address
        self.folder = folder
        self.ldap, self.ldaps = free_port(address), free_port(address)
        self.configuration = folder / "slapd.conf"
        (folder / "data").mkdir(mode=0o700)
        self.configuration.touch(mode=0o600)
        self.configuration.write_text(_configuration(folder, certificate))
        self._load(population)
        urls = f"ldap://{address}:{self.ldap} ldaps://{address}:{self.ldaps}"
        argv = [program("slapd", "slapd"), "-d", log, "-f", str(self.configuration), "-h", urls]
        self.daemon = Daemon(argv, folder / "slapd.log", [(address, self.ldap), (address, self.ldaps)])

    @property
    def url(self) -> str:
        """``ldap://…``: in the clear, or with StartTLS."""
        return f"ldap://{self.address}:{self.ldap}"

    @property
    def tls_url(self) -> str:
        """``ldaps://…``."""
        return f"ldaps://{self.address}:{self.ldaps}"

    def start(self) -> None:
        """Run it until it answers on both ports; also again after a stop or a kill."""
        self.daemon.start()

    def stop(self) -> None:
        """Ask it to end and wait."""
        self.daemon.stop()

    def kill(self) -> None:
        """SIGKILL: connections break without a notice."""
        self.daemon.kill()

    def freeze(self) -> None:
        """SIGSTOP: the kernel still accepts connections, and nobody answers once all threads have stopped."""
        os.kill(self.daemon.pid, signal.SIGSTOP)
        until = time.monotonic() + _FREEZE_TIME
        while not _stopped(self.daemon.pid):
            if time.monotonic() > until:
                raise AssertionError(f"slapd runs on, {_FREEZE_TIME:g} s after SIGSTOP")
            time.sleep(0.001)

    def thaw(self) -> None:
        """SIGCONT."""
        os.kill(self.daemon.pid, signal.SIGCONT)

    def password_file(self) -> Path:
        """A file of mode 0600 that holds the service account's password."""
        file = self.folder / "directory.password"
        new = self.folder / f"directory.password.{get_ident()}"
        new.touch(mode=0o600)
        new.write_text(self.bind_password + "\n")
        return new.replace(file)  # at once: some process may be reading it

    def replace(self, dn: str, attributes: Attributes) -> None:
        """Write these attributes of an entry anew, as an administrator does."""
        lines = [f"dn: {dn}", "changetype: modify"]
        for name, values in attributes.items():
            lines += [f"replace: {name}", *(f"{name}: {value!s}" for value in values), "-"]
        argv = [program("ldapmodify", "ldap-utils"), "-x", "-H", self.url, "-D", _ROOT, "-w", _ROOT_PASSWORD]
        done = subprocess.run(argv, input="\n".join(lines).encode(), capture_output=True, timeout=20, check=False)
        if done.returncode:
            raise AssertionError(f"ldapmodify: {done.stderr.decode('utf-8', 'backslashreplace')}")

    def searches(self) -> list[Query]:
        """All searches so far, in order."""
        line = r'SRCH base="([^"]*)" scope=(\d) deref=\d filter="(.*)"$'
        found = re.findall(line, self.daemon.log_text(), re.MULTILINE)
        return [Query(base, int(scope), text) for base, scope, text in found]

    def binds(self) -> list[str]:
        """The DNs of all simple binds asked for so far, in order and as slapd spells them (lower-case types)."""
        return re.findall(r'BIND dn="([^"]*)" method=128$', self.daemon.log_text(), re.MULTILINE)

    def user_binds(self) -> list[str]:
        """`binds` but those of the service account."""
        return [dn for dn in self.binds() if dn.lower() != self.bind_dn.lower()]

    def connections(self) -> int:
        """How many connections were accepted so far, the probes of `start` among them."""
        return len(re.findall(r"conn=\d+ fd=\d+ ACCEPT", self.daemon.log_text()))

    def _load(self, population: Population) -> None:
        data = self.folder / "population.ldif"
        data.touch(mode=0o600)
        data.write_bytes(population.ldif())
        argv = [program("slapadd", "slapd"), "-q", "-f", str(self.configuration), "-l", str(data)]
        done = subprocess.run(argv, capture_output=True, timeout=_LOAD_TIME, check=False)
        if done.returncode:
            raise AssertionError(f"slapadd: {done.stderr.decode('utf-8', 'backslashreplace')[-4000:]}")


@frozen
class Site:
    """A running slapd, and the authority of its certificate."""

    authority: Authority
    slapd: Slapd

    def close(self) -> None:
        """End it and delete its folder."""
        self.slapd.kill()
        remove(self.slapd.folder)


def new_site(users: int = 40, log: str = "stats") -> Site:
    """A slapd of its own for one test, which must close it."""
    return site_of(population(users), log)


def site_of(people: Population, log: str = "stats") -> Site:
    """The same, with these people."""
    folder = temporary_folder("slapd")
    authority = Authority(folder, f"test authority {folder.name}")
    certificate = authority.issue("ldap.fourthcoffee.com", [_ADDRESS])
    slapd = Slapd(_ADDRESS, folder, certificate, people, log)
    slapd.start()
    return Site(authority, slapd)


@cache
def shared_site() -> Site:
    """One slapd for all tests of a process that leave it as it is; it ends with the process."""
    return new_site()


def _stopped(pid: int) -> bool:
    """Whether each thread has, by its state in proc(5)."""
    stats = (task.read_text() for task in Path(f"/proc/{pid}/task").glob("*/stat"))
    return all(stat.rpartition(")")[2].split()[0] == "T" for stat in stats)


def _configuration(folder: Path, certificate: Path) -> str:
    schemas = [_SYSTEM_SCHEMAS / f"{name}.schema" for name in _SCHEMAS] + [_OWN_SCHEMA]
    for schema in schemas[:-1]:
        if not schema.exists():
            raise AssertionError(f"{schema} is missing: apt-get install slapd")
    includes = "\n".join(f"include {schema}" for schema in schemas)
    return f"""{includes}
modulepath {_MODULES}
moduleload back_mdb
pidfile {folder}/slapd.pid
TLSCACertificateFile {certificate}
TLSCertificateFile {certificate}
TLSCertificateKeyFile {certificate}
TLSVerifyClient never
threads 4
database mdb
suffix "{BASE}"
rootdn "{_ROOT}"
rootpw {_ROOT_PASSWORD}
directory {folder}/data
maxsize 2147483648
dbnosync
index {_INDEX}
limits dn.exact="{SERVICE_DN}" size=unlimited size.prtotal=unlimited
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="{SERVICE_DN}" read by anonymous auth by * none
"""
