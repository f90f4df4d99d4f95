"""What must hold within a [[server]]: pins and probes."""

from __future__ import annotations

import base64
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.support.configuration import SMALLEST, errors, read, related, warnings

_SERVER = '[[server]]\nname = "chicago"\nhost = "chicago.fourthcoffee.com"\nimap4_tls = "implicit"\n'
_HEX = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
_LINE = 8 + 4


def section(text: str) -> str:
    """The smallest file with one server, in which `text` begins at `_LINE`."""
    return SMALLEST + _SERVER + text + "\n"


class PinTests(SynchronousTestCase):
    def test_every_spelling_of_one_digest_is_the_same(self) -> None:
        """S-ROUTE-8: as openssl prints it, with colons and capitals, in base64, or as bare digits."""
        digest = bytes.fromhex(_HEX)
        colons = ":".join(_HEX[place : place + 2] for place in range(0, 64, 2)).upper()
        pins = ", ".join(f'"sha256:{text}"' for text in (_HEX, colons, base64.b64encode(digest).decode()))
        settings, findings = read(section(f"tls_pin = [{pins}]"))
        self.assertEqual(errors(findings), [])
        self.assertEqual(settings.server[0].as_server().tls_pins, (digest,) * 3)
        self.assertEqual(str(settings.server[0].tls_pin[0]), f"sha256:{_HEX}")

    def test_what_is_no_pin(self) -> None:
        """S-ROUTE-8: an error with its line, never a server that takes any certificate."""
        for bad in (
            "",
            "sha256:",
            f"sha1:{_HEX}",
            _HEX,
            f"sha256:{_HEX[:-2]}",
            f"sha256:{_HEX}00",
            f"sha256:{'z' * 64}",
        ):
            found = errors(related(section(f'tls_pin = ["{bad}"]')))
            self.assertEqual(len(found), 1, bad)
            self.assertTrue(found[0].startswith(f"{_LINE} server[1].tls_pin[1]: found "), found)

    def test_a_pin_that_means_nothing_is_a_warning(self) -> None:
        pin = f'tls_pin = ["sha256:{_HEX}"]\n'
        self.assertEqual(warnings(related(section(pin))), warnings(related(section(""))))
        self.assertIn(f"{_LINE} server[1].ca_file", warnings(related(section('ca_file = "a"\n' + pin))))
        clear = section(pin).replace('imap4_tls = "implicit"\n', "")
        self.assertIn(f"{_LINE - 1} server[1].tls_pin", warnings(related(clear)))


class NextHopTests(SynchronousTestCase):
    def test_one_or_several_in_their_order(self) -> None:
        for text, schemes in (('"ntlm"', ("ntlm",)), ('["negotiate", "basic"]', ("negotiate", "basic")), ("[]", ())):
            settings, findings = read(section(f"next_hop = {text}"))
            self.assertEqual(errors(findings), [])
            self.assertEqual(settings.server[0].as_server().next_hop, schemes)

    def test_what_is_none(self) -> None:
        for text in ('"kerberos"', '["ntlm", "ntlm"]'):
            found = errors(related(section(f"next_hop = {text}")))
            self.assertEqual(len(found), 1, found)
            self.assertTrue(found[0].startswith(f"{_LINE} server[1].next_hop"), found)


class MasterTests(SynchronousTestCase):
    BOTH = 'master_user = "exfront"\nmaster_password_file = "password"\npop3 = 0\n'

    def test_a_master_s_password_is_read_from_its_file(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir()
        (folder / "password").write_bytes(b" m \n")
        settings, findings = read(section(self.BOTH + 'master_separator = "*"'), folder)
        self.assertEqual(errors(findings), [])
        master = settings.server[0].as_server().master
        assert master is not None
        self.assertEqual((master.user, master.secret.reveal(), master.separator), ("exfront", b" m ", "*"))
        self.assertNotIn(" m ", repr(settings.server[0].as_server()))  # S-AUTH-11

    def test_one_needs_the_other(self) -> None:
        for text, key in (
            ('master_user = "exfront"', "master_user"),
            ('master_password_file = "password"', "master_password_file"),
            ('master_separator = "*"', "master_separator"),
            (self.BOTH.replace('"exfront"', '"ex*front"') + 'master_separator = "*"', "master_user"),
        ):
            found = errors(related(section(text)))
            self.assertEqual(len(found), 1, found)
            self.assertTrue(found[0].startswith(f"{_LINE} server[1].{key}: "), found)

    def test_a_master_s_password_in_clear_is_a_warning(self) -> None:
        self.assertIn(f"{_LINE} server[1].master_user", warnings(related(section(self.BOTH.replace("pop3 = 0", "")))))


class ForwardingTests(SynchronousTestCase):
    def test_the_ways(self) -> None:
        for way in ("none", "commands", "proxy_v1", "proxy_v2"):
            settings, findings = read(section(f'forward_client = "{way}"'))
            self.assertEqual(errors(findings), [])
            self.assertEqual(settings.server[0].as_server().forward_client or "none", way)

    def test_what_is_none(self) -> None:
        _, findings = read(section('forward_client = "proxy"'))
        (found,) = errors(findings)
        self.assertTrue(found.startswith(f"{_LINE} server[1].forward_client: "), found)


class ProbeTests(SynchronousTestCase):
    def test_paths_by_application(self) -> None:
        settings, findings = read(section('probe = true\nprobe_paths = { owa = "/owa/healthcheck.htm" }'))
        self.assertEqual((errors(findings), settings.server[0].probe), ([], True))
        self.assertEqual(settings.server[0].probe_paths, {"owa": "/owa/healthcheck.htm"})

    def test_unknown_applications_and_bad_paths(self) -> None:
        """A path is written into a request: one line, no space."""
        found = related(section('probe = true\n[server.probe_paths]\nowo = "/"\nexchange = "x"\npublic = "/a b"\n'))
        place = _LINE + 2
        self.assertEqual(
            errors(found),
            [
                f"{place} server[1].probe_paths.owo: no such application",
                f"{place + 1} server[1].probe_paths.exchange: found 'x'",
                f"{place + 2} server[1].probe_paths.public: found '/a b'",
            ],
        )
        self.assertEqual(found.errors[0].nearest, "owa")

    def test_paths_that_nobody_asks_for_are_a_warning(self) -> None:
        for text in ('probe_paths = { owa = "/" }', 'probe_paths = { owa = "/" }\nprobe = true\nhttp = 0'):
            self.assertIn(f"{_LINE} server[1].probe_paths", warnings(related(section(text))))
