"""The floors and arrows of the architecture, held against the imports that the source really has.

Imports go downwards; on one floor only along the arrows; within a room freely, without cycles. Imports inside of
functions and under TYPE_CHECKING count like all others.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

ROOT = Path(__file__).parents[1]

# Each room and its floor; a room is a module or a package, by its name below exfront.
FLOORS: Mapping[str, int] = {
    **dict.fromkeys(
        ("", "reasons", "limits", "because", "secret", "addresses", "site_links"), 0
    ),  # "" is exfront/__init__.py: the version
    **dict.fromkeys(("wire", "names", "config", "interfaces", "routing", "facts", "decision", "topology"), 1),
    **dict.fromkeys(("auth", "directory", "net", "backends", "sessions"), 2),
    "steps": 3,
    **dict.fromkeys(("mail", "web", "operate", "lab"), 4),
    **dict.fromkeys(("service", "core", "explain", "check"), 5),
    **dict.fromkeys(("tap", "control"), 6),
}

# Within a floor; arrows chain.
ARROWS: Mapping[str, tuple[str, ...]] = {
    "interfaces": ("facts",),
    "routing": ("names", "facts"),
    "facts": ("decision", "names"),  # a login may name another mailbox: facts hold its keys
    "decision": ("topology",),
    "config": ("topology",),  # [[server]] is read into the values that routing works with
    "auth": ("directory",),
    "directory": ("net",),
    "backends": ("net",),
    "service": ("core", "explain", "check"),
}

# Values and rules: no Twisted, and nothing that does input or output.
PURE = (
    "reasons",
    "limits",
    "because",
    "secret",
    "addresses",
    "site_links",
    "wire",
    "names",
    "routing",
    "facts",
    "decision",
    "topology",
)
INPUT_OUTPUT = ("socket", "select", "selectors", "ssl", "asyncio", "threading", "subprocess", "logging", "OpenSSL")
WITHOUT_TWISTED = (*PURE, "config")

LDAPTOR_ROOMS = ("directory", "lab")
REACTOR_ROOMS = ("tap", "control")
LAB_ROOMS = ("lab", "tap")

Imports = Mapping[str, tuple[str, ...]]  # by module below exfront ("wire.imap4"): the dotted names it imports


def imports_of(source: str, module: str, is_package: bool = False) -> tuple[str, ...]:
    """Every dotted name that a source imports; ``from a import b`` is ``a.b``, since b may be a module."""
    found: list[str] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(part for part in (_base(node.level, module, is_package), node.module) if part)
            found += [f"{base}.{alias.name}" for alias in node.names]
    return tuple(found)


def _base(level: int, module: str, is_package: bool) -> str:
    """What the dots of a relative import stand for."""
    if not level:
        return ""
    parts = ["exfront", *(part for part in module.split(".") if part)]
    return ".".join(parts[: len(parts) - level + is_package])


def violations(imports: Imports) -> list[str]:
    """All that the architecture forbids, each as a sentence."""
    return [*_unplaced(imports), *_wrong_ways(imports), *_foreign(imports), *_cycles(imports)]


def _unplaced(imports: Imports) -> Iterator[str]:
    for module in imports:
        if _room(module) not in FLOORS:
            yield f"{module} stands on no floor"


def _wrong_ways(imports: Imports) -> Iterator[str]:
    for module, target in _inner(imports):
        room, other = _room(module), _room(target)
        if room == other or room not in FLOORS:
            continue
        if other not in FLOORS or not _may(room, other):
            yield f"{module} imports {target}"


def _may(room: str, other: str) -> bool:
    if other == "lab":
        return room in LAB_ROOMS
    return FLOORS[room] > FLOORS[other] or other in _reachable(room)


def _reachable(room: str) -> set[str]:
    near = ARROWS.get(room, ())
    return set(near).union(*(_reachable(each) for each in near))


def _foreign(imports: Imports) -> Iterator[str]:
    for module, names in imports.items():
        for name in names:
            if not _may_use(_room(module), name):
                yield f"{module} imports {name}"


def _may_use(room: str, name: str) -> bool:
    """Whether a room may import a module of others."""
    top = name.partition(".")[0]
    if top == "twisted" and room in WITHOUT_TWISTED:
        return False
    if top in INPUT_OUTPUT and room in PURE:
        return False
    if top == "ldaptor":
        return room in LDAPTOR_ROOMS
    return room in REACTOR_ROOMS or not _is_reactor(name)


def _is_reactor(name: str) -> bool:
    return name == "twisted.internet.reactor" or name.startswith("twisted.internet.reactor.")


def _cycles(imports: Imports) -> Iterator[str]:
    """Modules of one room that import each other, directly or over others."""
    edges: dict[str, set[str]] = {module: set() for module in imports}
    for module, target in _inner(imports):
        if _room(module) == _room(target) and module != target:
            edges[module].add(target)
    for module in edges:
        if module in _behind(module, edges):
            yield f"{module} imports itself, over others of its room"


def _behind(module: str, edges: Mapping[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    waiting = list(edges[module])
    while waiting:
        each = waiting.pop()
        if each not in seen:
            seen.add(each)
            waiting += edges[each]
    return seen


def _inner(imports: Imports) -> Iterator[tuple[str, str]]:
    """Each import of one exfront module by another."""
    for module, names in imports.items():
        for name in names:
            if name == "exfront" or name.startswith("exfront."):
                yield module, _module(name.removeprefix("exfront").removeprefix("."), imports)


def _module(name: str, modules: Iterable[str]) -> str:
    """The module that a dotted name means: the longest part of it that is one; else the name itself."""
    parts = name.split(".")
    for length in range(len(parts), -1, -1):
        candidate = ".".join(parts[:length])
        if candidate in modules and (candidate or len(parts) == 1):
            return candidate
    return name


def _room(module: str) -> str:
    return module.partition(".")[0]


def _source() -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for file in sorted((ROOT / "exfront").rglob("*.py")):
        parts = file.relative_to(ROOT / "exfront").with_suffix("").parts
        is_package = parts[-1] == "__init__"
        module = ".".join(parts[:-1] if is_package else parts)
        found[module] = imports_of(file.read_text("utf-8"), module, is_package)
    return found


class ArchitectureTests(SynchronousTestCase):
    def test_the_source_keeps_to_floors_and_arrows(self) -> None:
        found = _source()
        self.assertGreater(len(found), 30)
        self.assertEqual(violations(found), [])

    def test_the_plugin_imports_nothing_of_exfront(self) -> None:
        """Every `twistd --help` of the machine imports it."""
        source = (ROOT / "twisted" / "plugins" / "exfront_plugin.py").read_text("utf-8")
        self.assertEqual([name for name in imports_of(source, "") if name.startswith("exfront")], [])

    def test_no_room_is_a_box_for_anything(self) -> None:
        boxes = {"utils", "util", "helpers", "common", "misc", "manager"}
        self.assertEqual([module for module in _source() if boxes & set(module.split("."))], [])


# A module, what it imports, and whether it may.
_CASES: list[tuple[str, str, bool]] = [
    ("wire.imap4", "from exfront import limits", True),
    ("wire.imap4", "from exfront.reasons import Refused", True),
    ("wire.imap4", "from exfront.names import decode", False),
    ("wire.imap4", "import twisted.internet.defer", False),
    ("wire.imap4", "import socket", False),
    ("wire.imap4", "import logging", False),
    ("limits", "from exfront.reasons import Reason", False),  # one floor, no arrow
    ("limits", "from exfront import __version__", False),
    ("reasons", "from exfront.wire.imap4 import x", False),
    ("routing.mail", "from exfront.names import parse_login", True),
    ("routing.mail", "from exfront.topology import Server", True),  # arrows chain
    ("routing.mail", "from exfront.config.server import ServerSection", False),
    ("routing.mail", "import ssl", False),
    ("topology", "from exfront.decision import Relay", False),  # against the arrow
    ("interfaces", "from twisted.internet.defer import Deferred", True),
    ("config.load", "from twisted.logger import Logger", False),
    ("auth.portal", "from exfront.directory.lookup import Directory", True),
    ("auth.portal", "from exfront.net.tls import client_options", True),
    ("auth.portal", "from exfront.backends.dial import Dialer", False),
    ("directory.lookup", "from exfront.auth.portal import Portal", False),
    ("directory.lookup", "import ldaptor.protocols.ldap.ldapclient", True),
    ("auth.portal", "from ldaptor.protocols import pureldap", False),
    ("sessions", "from exfront.net.relay import Relay", False),
    ("steps", "from exfront.sessions import SessionTable", True),
    ("steps", "from exfront.mail.protocol import x", False),
    ("mail.protocol", "from exfront.steps import Steps", True),
    ("mail.protocol", "from exfront.web.protocol import x", False),
    ("mail.protocol", "def f():\n    from exfront.web import protocol", False),
    ("mail.protocol", "if TYPE_CHECKING:\n    from exfront.operate import drain", False),
    ("mail.protocol", "from twisted.internet import reactor", False),
    ("mail.protocol", "import twisted.internet.reactor as r", False),
    ("mail.protocol", "from twisted.internet import defer", True),
    ("mail.protocol", "from .login import Dialogue", True),
    ("mail.protocol", "from ..web import protocol", False),
    ("mail.protocol", "from .. import limits", True),
    ("lab.start", "from exfront.service import build", False),
    ("lab.start", "from exfront.config.settings import Settings", True),
    ("lab.start", "from ldaptor.inmemory import x", True),
    ("service", "from exfront.lab.start import lab_service", False),
    ("service", "from exfront.mail.protocol import x", True),
    ("service", "from exfront.explain import x", True),
    ("service", "from exfront.core import core", True),
    ("core", "from exfront.service import build", False),
    ("explain", "from exfront.core import core", False),
    ("tap", "def f():\n    from exfront.lab.start import lab_service", True),
    ("tap", "from twisted.internet import reactor", True),
    ("control", "from exfront.lab.start import lab_service", False),
    ("control", "from exfront.tap import Options", False),
    ("service", "from exfront.tap import Options", False),
    ("brand_new", "", False),
]


class CheckerTests(SynchronousTestCase):
    """The checker itself: it sees what it should."""

    def test_single_imports(self) -> None:
        for module, source, allowed in _CASES:
            modules: dict[str, tuple[str, ...]] = dict.fromkeys(_MODULES, ())
            modules[module] = imports_of(source, module)
            found = violations(modules)
            self.assertEqual(found == [], allowed, (module, source, found))

    def test_cycles_within_a_room(self) -> None:
        chain = {"mail.a": ("exfront.mail.b.x",), "mail.b": ("exfront.mail.c",), "mail.c": ()}
        self.assertEqual(violations(chain), [])
        self.assertEqual(len(violations({**chain, "mail.c": ("exfront.mail.a",)})), 3)

    def test_a_package_that_passes_on_what_its_modules_say_is_no_cycle(self) -> None:
        package = imports_of("from .home_server import decide", "routing", is_package=True)
        self.assertEqual(package, ("exfront.routing.home_server.decide",))
        self.assertEqual(violations({"routing": package, "routing.home_server": ()}), [])

    def test_a_module_that_imports_its_own_package_back_is_a_cycle(self) -> None:
        both = {"routing": ("exfront.routing.mail.decide",), "routing.mail": ("exfront.routing.decide",)}
        self.assertEqual(len(violations(both)), 2)


_MODULES = ("", "limits", "reasons", "names", "topology", "decision", "steps", "sessions", "service", "core", "explain",
            "tap", "mail", "mail.login", "web", "web.protocol", "lab.start", "wire.imap4", "operate.drain")  # fmt: skip
