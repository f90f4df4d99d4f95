"""What must hold within [mail], and for the certificates of mail clients."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.support.configuration import SMALLEST, errors, read, related, warnings


class MailTests(SynchronousTestCase):
    def test_names_in_any_case(self) -> None:
        settings, findings = read(SMALLEST + '[mail]\nhide_capabilities = ["idle", "AUTH=Login", "UTF8=ACCEPT"]\n')
        self.assertEqual(errors(findings), [])
        self.assertEqual(settings.mail.hidden, {b"IDLE", b"AUTH=LOGIN", b"UTF8=ACCEPT"})

    def test_what_cannot_be_hidden(self) -> None:
        """S-MAIL-4: settings take away; what a client must see to log on safely stays."""
        for name in (
            "starttls",
            "LOGINDISABLED",
            "IMAP4rev1",
            "STLS",
            "USER",
            "sasl",
            "",
            "A B",
            "caf\u00e9",
            "*",
            "a]",
        ):
            found = errors(related(SMALLEST + f'[mail]\nhide_capabilities = ["IDLE", "{name}"]\n'))
            self.assertEqual(len(found), 1, name)
            self.assertIn("mail.hide_capabilities[2]: found ", found[0])

    def test_tokens_are_a_warning(self) -> None:
        """S-OPS-11: wider trust."""
        self.assertIn("mail.tokens", str(warnings(related(SMALLEST + "[mail]\ntokens = true\n"))))
        self.assertNotIn("mail.tokens", str(warnings(related(SMALLEST + "[mail]\ntokens = false\n"))))


class CertificateTests(SynchronousTestCase):
    def test_mail_listeners_may_ask_for_them_with_tls(self) -> None:
        tls = '[tls]\ncertificate = "mail.pem"\n'
        for protocol in ("imap4", "pop3"):
            for mode, wrong in (("none", 1), ("starttls", 0), ("implicit", 0)):
                listener = f'[[listener]]\nprotocol = "{protocol}"\naddress = "*:1993"\ntls = "{mode}"\n'
                found = related(SMALLEST + tls + listener + 'client_ca_file = "ca.pem"\n')
                self.assertEqual(len(errors(found)), wrong, (protocol, mode))
                self.assertEqual("client_ca_file" in str(warnings(found)), not wrong)
