"""The start of SOAP envelopes: a block put in, a context found, what is no envelope; however the octets are split."""

from __future__ import annotations

from xml.etree import ElementTree

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from exfront.wire.soap_header import (
    SOAP_1_1,
    SOAP_1_2,
    BadEnvelope,
    Envelope,
    EnvelopeReader,
    ForeignContext,
    OtherEncoding,
)
from tests.support.splits import cuts, octet_by_octet

_T = "http://schemas.microsoft.com/exchange/services/2006/types"
_BLOCK = f'<t:Mine xmlns:t="{_T}">x</t:Mine>'.encode()
_MOST = 4096
_BODY = "<s:Body><a>1</a></s:Body>"


def envelope(header: str = "", body: str = _BODY, soap: str = SOAP_1_1, start: str = "") -> bytes:
    return f'{start}<s:Envelope xmlns:s="{soap}" xmlns:t="{_T}">{header}{body}</s:Envelope>'.encode()


def read(octets: bytes, most: int = _MOST, *, contexts: bool = False, pieces: list[bytes] | None = None) -> Envelope:
    """All of it, in these pieces or in one."""
    reader = EnvelopeReader(most, contexts)
    rest = list(pieces or [octets])
    while rest:
        found = reader.receive(rest.pop(0))
        if found is not None:
            return evolve(found, octets=found.octets + b"".join(rest))
    reader.end()
    raise AssertionError("it has raised")


def structure(octets: bytes) -> list[str]:
    """The header's blocks, and the children of the Envelope, by an independent reader."""
    root = ElementTree.fromstring(octets)
    header = root.find(f"{root.tag.removesuffix('Envelope')}Header")
    return [each.tag.rpartition("}")[2] for each in [*root, *(header if header is not None else ())]]


class InsertionTests(SynchronousTestCase):
    """S-ROUTE-3: the block is the last one of the header, whatever that looks like."""

    def test_headers_of_all_kinds(self) -> None:
        for header, blocks in (
            ("", []),
            ("<s:Header/>", []),
            ("<s:Header></s:Header>", []),
            ("<s:Header  a='/>' b=\"&gt;'\"\n/>", []),
            ("<s:Header a='>'><t:V/><!-- </s:Header> --></s:Header\t>", ["V"]),
            ("<s:Header><t:V>x</t:V><t:W><t:X/></t:W></s:Header>", ["V", "W"]),
            ("<!-- <s:Header/> <s:Body> --><s:Header><![CDATA[</s:Header>]]></s:Header> ", []),
            (f'<Header xmlns="{SOAP_1_1}"><b xmlns=""/></Header>', ["b"]),
        ):
            for start in ("", "\ufeff", '<?xml version="1.0" encoding="utf-8"?>\n', "<!-- c -->\n"):
                octets = envelope(header, start=start)
                made = read(octets).with_block(_BLOCK)
                self.assertEqual(structure(made), ["Header", "Body", *blocks, "Mine"], octets)
                self.assertTrue(made.endswith(b"<a>1</a></s:Body></s:Envelope>"))
                self.assertEqual(made.count(_BLOCK), 1)

    def test_soap_1_2_and_other_prefixes(self) -> None:
        octets = f'<E:Envelope xmlns:E="{SOAP_1_2}"><E:Body/></E:Envelope>'.encode()
        self.assertEqual(structure(read(octets).with_block(_BLOCK)), ["Header", "Body", "Mine"])
        octets = f'<Envelope xmlns="{SOAP_1_2}"><Body><Body/></Body></Envelope>'.encode()
        self.assertEqual(structure(read(octets).with_block(_BLOCK)), ["Header", "Body", "Mine"])

    def test_what_comes_behind_is_not_looked_at(self) -> None:
        """Neither held nor judged: the Body is the mailbox server's business."""
        octets = envelope(body="<s:Body>") + b"\x00\xff<!DOCTYPE a><?pi?>" + b"&x;" * 10_000
        reader = EnvelopeReader(_MOST)
        found = reader.receive(octets)
        assert found is not None
        self.assertEqual(len(found.with_block(_BLOCK)), len(octets) + len(_BLOCK) + len(found.soap) + 32)

    @settings(max_examples=100)
    @given(
        cuts(
            st.builds(
                envelope,
                st.sampled_from(["", "<s:Header/>", "<s:Header><t:V a='&lt;'>\u00e9</t:V></s:Header>", "<s:Header>"]),
                st.sampled_from([_BODY, "<s:Body/>", "<x/>", "<s:Header/><s:Body/>"]),
                st.sampled_from([SOAP_1_1, SOAP_1_2, "urn:x"]),
                st.sampled_from(
                    ["", "\ufeff", '<?xml version="1.0"?>', "<?xml version='1.0' encoding='latin1'?>", " "]
                ),
            )
        )
    )
    def test_any_split_gives_the_same(self, case: tuple[bytes, list[bytes]]) -> None:
        """Octet by octet too; and a refusal is the same refusal."""
        stream, pieces = case

        def made(pieces: list[bytes]) -> bytes | str:
            try:
                return read(stream, pieces=pieces).with_block(_BLOCK)
            except BadEnvelope as why:
                return type(why).__name__

        whole = made([stream])
        self.assertEqual(made(pieces), whole)
        self.assertEqual(made(octet_by_octet(stream)), whole)

    @given(st.binary(max_size=300))
    def test_nothing_but_the_named_error_is_raised(self, octets: bytes) -> None:
        for start in (b"", envelope()[:60]):
            try:
                read(start + octets)
            except BadEnvelope as why:
                self.assertNotIn(repr(octets), str(why))


class RefusalTests(SynchronousTestCase):
    def refused(self, octets: bytes, error: type[BadEnvelope] = BadEnvelope, **more: bool) -> None:
        for pieces in ([octets], octet_by_octet(octets)):
            with self.assertRaises(BadEnvelope) as caught:
                read(octets, pieces=pieces, **more)  # type: ignore[arg-type]
            self.assertIs(type(caught.exception), error, octets[:200])

    def test_what_is_no_envelope(self) -> None:
        for octets in (
            b"",
            b" ",
            b"<",
            b"abcd",
            b"<a/>",
            b"<Envelope><Body/></Envelope>",
            envelope(soap="urn:x"),
            envelope(body=""),
            envelope("<s:Header/><s:Header/>"),
            envelope("<t:Other/>"),
            envelope("<s:Header>"),
            envelope("<s:Header/>", ""),
            envelope("<s:Header>&undefined;</s:Header>"),
            envelope("<s:Header a='1' a='2'/>"),
            envelope("<s:Header><u:x/>"),
            envelope("<s:Header>\x01</s:Header>"),
            envelope()[:-1].replace(b"<s:Body>", b"<s:Body "),
            b"\xff" * 10,
            envelope(start='<?xml version="1.1"?>'),
            envelope().replace(b"s:Body", b"s:body"),
            b'{"Header": {}}',
            envelope("<s:Header>\xe9</s:Header>").replace(b"\xc3\xa9", b"\xe9"),
        ):
            self.refused(octets)

    def test_document_types_and_instructions(self) -> None:
        """No entity is ever expanded."""
        bomb = '<!DOCTYPE e [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>'
        for octets in (
            envelope(start=bomb),
            envelope(start="<!DOCTYPE e SYSTEM 'file:///etc/passwd'>"),
            envelope(start="<?pi x?>"),
            envelope("<s:Header><?pi x?></s:Header>"),
            envelope("<s:Header/><?pi?>"),
            envelope(start="<?xml-stylesheet?>"),
        ):
            self.refused(octets)

    def test_other_encodings(self) -> None:
        """UTF-16 in both orders, with and without a mark; UTF-32; what is declared to be another one."""
        text = envelope().decode()
        for octets in (
            text.encode("utf-16"),
            text.encode("utf-16-le"),
            text.encode("utf-16-be"),
            text.encode("utf-32"),
            text.encode("utf-32-be"),
            envelope(start='<?xml version="1.0" encoding="utf-16"?>'),
            envelope(start='<?xml version="1.0" encoding="iso-8859-1"?>'),
            envelope(start='<?xml version="1.0" encoding="utf-7"?>'),
        ):
            self.refused(octets, OtherEncoding)
        for name in ("utf-8", "UTF-8", "us-ascii"):
            read(envelope(start=f'<?xml version="1.0" encoding="{name}"?>'))

    def test_a_start_that_is_too_long(self) -> None:
        """10 MB of white space, wherever it stands; a tag, a comment, a text; and how much is held of it."""
        space = " " * 10_000_000
        for octets in (
            envelope(start=space), envelope(space), envelope(f"<s:Header>{space}</s:Header>"),
            envelope(f"<s:Header{space}/>"), envelope(f"<s:Header/><!--{space}-->"), envelope(body=f"<s:Body{space}/>"),
            envelope(f"<s:Header>{'<a>' * 100_000}"),
        ):  # fmt: skip
            reader = EnvelopeReader(_MOST)
            given = 0
            with self.assertRaises(BadEnvelope):
                for start in range(0, len(octets), 1000):
                    given += 1000
                    self.assertIs(reader.receive(octets[start : start + 1000]), None)
            self.assertLessEqual(given, _MOST + 1000)

    def test_the_last_octet_that_is_allowed(self) -> None:
        """The Body's tag must be complete by then; however the octets come."""
        octets = envelope()
        end = octets.index(b"<s:Body>") + len(b"<s:Body>")
        for pieces in ([octets], octet_by_octet(octets)):
            read(octets, end, pieces=pieces)
            with self.assertRaises(BadEnvelope):
                read(octets, end - 1, pieces=pieces)


class ContextTests(SynchronousTestCase):
    """S-ROUTE-3, S-AUTH-14: nobody but a proven peer says who somebody is."""

    FOREIGN = ("SerializedSecurityContext", "ProxySecurityContext", "OpenAsAdminOrSystemService",
               "serializedsecuritycontext")  # fmt: skip

    def test_a_clients_own_is_refused(self) -> None:
        """Once or twice, by any prefix and name space, wherever in the header, in any case; not in the Body.

        Bad input: a SOAP header with a security context, once or twice, by any prefix.
        """
        for name in self.FOREIGN:
            for block in (
                f"<t:{name}/>",
                f"<t:{name}/><t:{name}/>",
                f'<x:{name} xmlns:x="{_T}">a</x:{name}>',
                f'<{name} xmlns="{_T}"/>',
                f"<{name}/>",
                f"<a><b><t:{name}/></b></a>",
            ):
                with self.assertRaises(ForeignContext):
                    read(envelope(f"<s:Header>{block}</s:Header>"))
            read(envelope(body=f"<s:Body><t:{name}/></s:Body>"))
            read(envelope(f"<s:Header><!-- <t:{name}/> --><t:V>{name}</t:V></s:Header>"))

    def test_a_peers_is_found_and_taken_out(self) -> None:
        for context in (
            "<t:SerializedSecurityContext><t:UserSid>S</t:UserSid></t:SerializedSecurityContext >",
            "<t:SerializedSecurityContext a='>'/>",
            f'<q:SerializedSecurityContext xmlns:q="{_T}"><!-- </q:x> --></q:SerializedSecurityContext>',
        ):
            for before, after in (("", ""), ("<t:V/>", "<t:W>x</t:W>")):
                octets = envelope(f"<s:Header>{before}{context}{after}</s:Header>")
                found = read(octets, contexts=True)
                left = found.without_context()
                self.assertEqual(left, octets.replace(context.encode(), b""))
                self.assertIs(read(left).context, None)

    def test_what_a_peer_may_not_say_either(self) -> None:
        one = "<t:SerializedSecurityContext/>"
        for header in (one + one, f"<t:a>{one}</t:a>", "<SerializedSecurityContext/>", "<t:ProxySecurityContext/>",
                       "<t:OpenAsAdminOrSystemService/>", "<t:serializedsecuritycontext/>"):  # fmt: skip
            with self.assertRaises(ForeignContext):
                read(envelope(f"<s:Header>{header}</s:Header>"), contexts=True)

    def test_without_one_nothing_is_taken_out(self) -> None:
        octets = envelope("<s:Header><t:V/></s:Header>")
        self.assertEqual(read(octets, contexts=True).without_context(), octets)
