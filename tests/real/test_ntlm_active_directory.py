"""Our NTLM messages against another implementation: Samba's, as an Active Directory domain controller.

It takes them in an LDAP bind by GSS-SPNEGO ([MS-ADTS] section 5.1.1.1).
"""

from __future__ import annotations

import socket
from contextlib import closing

from ldaptor.protocols import pureber, pureldap
from twisted.trial.unittest import SynchronousTestCase

from exfront.auth.ntlm import NtlmLogOn
from exfront.secret import Secret
from tests.support.samba import shared_site
from tests.support.samba_data import DOMAIN, HOME_2003, HOME_2010, PARTNER

_SUCCESS, _IN_PROGRESS, _INVALID_CREDENTIALS = 0, 14, 49  # RFC 4511 section 4.1.9
_MESSAGE = b"NTLMSSP\0"


class SambaTests(SynchronousTestCase):
    def log_on(self, name: str, password: bytes) -> int:
        """The result code of the bind."""
        with closing(socket.create_connection((shared_site().samba.address, 389), 20)) as line:
            log_on = NtlmLogOn(name, Secret(password))
            code, challenge = _bind(line, 1, log_on.first())
            self.assertEqual(code, _IN_PROGRESS)
            code, _ = _bind(line, 2, log_on.second(challenge))
            return code

    def test_names_with_a_domain_and_as_upn(self) -> None:
        """S-AUTH-13: NTLMv2, which is all that the domain controller takes."""
        names = (
            (f"{DOMAIN}\\{HOME_2003.name}", HOME_2003), (f"{DOMAIN}\\{HOME_2010.name}", HOME_2010),
            (HOME_2003.principal, HOME_2003), (f"{DOMAIN}\\{PARTNER.name}", PARTNER), (HOME_2003.name, HOME_2003),
        )  # fmt: skip
        for name, account in names:
            self.assertEqual(self.log_on(name, account.secret), _SUCCESS, name)

    def test_a_wrong_password(self) -> None:
        self.assertEqual(self.log_on(f"{DOMAIN}\\{HOME_2003.name}", b"wrong"), _INVALID_CREDENTIALS)


def _bind(line: socket.socket, number: int, token: bytes) -> tuple[int, bytes]:
    """One leg: the result code, and the NTLM message in the answer."""
    request = pureldap.LDAPBindRequest(version=3, dn=b"", auth=(b"GSS-SPNEGO", token), sasl=True)
    line.sendall(pureldap.LDAPMessage(request, id=number).toWire())
    octets = b""
    decoder = pureldap.LDAPBERDecoderContext_TopLevel(
        inherit=pureldap.LDAPBERDecoderContext_LDAPMessage(
            fallback=pureldap.LDAPBERDecoderContext(fallback=pureber.BERDecoderContext()),
            inherit=pureldap.LDAPBERDecoderContext(fallback=pureber.BERDecoderContext()),
        )
    )
    while True:
        try:
            answer, _ = pureber.berDecodeObject(decoder, octets)
        except pureber.BERExceptionInsufficientData:
            answer = None
        if answer is not None:
            return answer.value.resultCode, octets[octets.find(_MESSAGE) :]
        octets += line.recv(65536)
