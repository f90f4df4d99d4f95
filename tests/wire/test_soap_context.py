"""SerializedSecurityContext of EWS: written, read, and refused."""

from __future__ import annotations

from xml.etree import ElementTree

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from exfront import limits
from exfront.wire import soap_context
from exfront.wire.security_context import BadContext, Group, SecurityContext
from exfront.wire.soap_header import SOAP_1_1, EnvelopeReader

_SID = "S-1-5-21-1-2-3-1104"
_T = "{http://schemas.microsoft.com/exchange/services/2006/types}"
_CONTEXT = SecurityContext(_SID, "alice@fourthcoffee.com", "SOAP", (Group("S-1-1-0"), Group("S-1-5-21-1-2-3-513", 5)))
_NUMBERS = st.integers(0, 2**32 - 1)
_SIDS = st.lists(_NUMBERS, min_size=1, max_size=5).map(lambda numbers: "S-1-5-" + "-".join(map(str, numbers)))
_GROUPS = st.lists(st.builds(Group, _SIDS, _NUMBERS), max_size=5).map(tuple)


def read(block: bytes) -> SecurityContext:
    """What a server gets of it."""
    octets = f'<s:Envelope xmlns:s="{SOAP_1_1}"><s:Header>'.encode() + block + b"</s:Header><s:Body/></s:Envelope>"
    envelope = EnvelopeReader(10_000_000, contexts=True).receive(octets)
    assert envelope is not None and envelope.context is not None
    return soap_context.read(envelope.parts)


class WritingTests(SynchronousTestCase):
    def test_the_schemas_elements_in_its_order(self) -> None:
        """The EWS reference, by an independent reader."""
        block = ElementTree.fromstring(soap_context.write(evolve(_CONTEXT, restricted=(Group("S-1-5-9"),)), "a&b@x.y"))
        self.assertEqual(block.tag, _T + "SerializedSecurityContext")
        self.assertEqual([child.tag.removeprefix(_T) for child in block],
                         ["UserSid", "GroupSids", "RestrictedGroupSids", "PrimarySmtpAddress"])  # fmt: skip
        self.assertEqual([block[0].text, block[3].text], [_SID, "a&b@x.y"])
        groups = block.findall(f"{_T}GroupSids/{_T}GroupIdentifier")
        self.assertEqual([(each.get("Attributes"), each.findtext(_T + "SecurityIdentifier")) for each in groups],
                         [("7", "S-1-1-0"), ("5", "S-1-5-21-1-2-3-513")])  # fmt: skip
        self.assertEqual(len(block.findall(f"{_T}RestrictedGroupSids/{_T}RestrictedGroupIdentifier")), 1)

    def test_as_many_groups_as_a_token_has(self) -> None:
        """They fit into what a server reads of an envelope; more are not written."""
        sid = "S-1-5-21-4294967295-4294967295-4294967295-4294967295"
        block = soap_context.write(evolve(_CONTEXT, groups=(Group(sid, 2**32 - 1),) * limits.CONTEXT_GROUPS))
        self.assertLess(len(block) + limits.SOAP_START_OCTETS, limits.SOAP_CONTEXT_OCTETS)
        with self.assertRaises(ValueError):
            soap_context.write(evolve(_CONTEXT, groups=(Group(sid),) * (limits.CONTEXT_GROUPS + 1)))

    @given(_SIDS, _GROUPS, _GROUPS, st.sampled_from(["", "a@b.c", "<&'\"@x.y"]))
    def test_what_was_written_is_read(
        self, user: str, groups: tuple[Group, ...], restricted: tuple[Group, ...], address: str
    ) -> None:
        context = SecurityContext(user, address or user, soap_context.AUTHENTICATION, groups, restricted)
        self.assertEqual(read(soap_context.write(context, address)), context)


class ReadingTests(SynchronousTestCase):
    """S-AUTH-14: a peer's, and strictly of the schema."""

    def refused(self, inner: str) -> None:
        block = f'<t:SerializedSecurityContext xmlns:t="{soap_context.TYPES}">{inner}</t:SerializedSecurityContext>'
        with self.assertRaises(BadContext) as caught:
            read(block.encode())
        self.assertNotIn("S-1-5", str(caught.exception))

    def test_white_space_and_a_qualified_attribute(self) -> None:
        """The reference's pages write the attribute with a prefix too."""
        block = soap_context.write(_CONTEXT, "alice@fourthcoffee.com").replace(b"><", b">\n <")
        self.assertEqual(read(block.replace(b" Attributes", b" t:Attributes")), _CONTEXT)

    def test_what_is_none(self) -> None:
        user = f"<t:UserSid>{_SID}</t:UserSid>"
        group = (
            "<t:GroupIdentifier Attributes='7'><t:SecurityIdentifier>S-1-1-0</t:SecurityIdentifier></t:GroupIdentifier>"
        )
        for inner in (
            "", "x", "<t:UserSid/>", "<t:UserSid>me</t:UserSid>", user + user, f"<t:GroupSids/>{user}", f"{user}x",
            f"{user}<t:Other/>", f"{user}<UserSid/>", f"{user}<t:GroupSids>x</t:GroupSids>",
            f"{user}<t:GroupSids><t:RestrictedGroupIdentifier/></t:GroupSids>", f"<t:UserSid a='1'>{_SID}</t:UserSid>",
            f"{user}<t:GroupSids>{group.replace('7', '-7')}</t:GroupSids>", f"<t:UserSid><b/>{_SID}</t:UserSid>",
            f"{user}<t:GroupSids>{group.replace('7', '4294967296')}</t:GroupSids>",
            f"{user}<t:GroupSids>{group.replace(' Attributes', ' Other')}</t:GroupSids>",
            f"{user}<t:GroupSids>{group.replace('S-1-1-0', 'x')}</t:GroupSids>",
            f"{user}<t:GroupSids><t:GroupIdentifier Attributes='7'/></t:GroupSids>",
            f"{user}<t:PrimarySmtpAddress>{'a' * 1000}</t:PrimarySmtpAddress>",
            f"{user}<t:GroupSids>{group * 1025}</t:GroupSids>",
        ):  # fmt: skip
            self.refused(inner)
