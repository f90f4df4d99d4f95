"""Exchange Web Services at a Client Access server, for clients and for other Client Access servers.

Source: the EWS reference of Exchange 2007 and 2010 (*SerializedSecurityContext*, *UserSid*, *GroupSids*,
*GroupIdentifier*, *RestrictedGroupSids*, *PrimarySmtpAddress*; *ResponseCode* for ErrorTokenSerializationDenied).
What no document says is marked (ours).
"""

from __future__ import annotations

import re
from typing import Protocol
from xml.etree import ElementTree

from tests.exchange.cas_asked import Answer, Asked
from tests.support import ews

_SOAP = {
    b"text/xml": "{http://schemas.xmlsoap.org/soap/envelope/}",
    b"application/soap+xml": "{http://www.w3.org/2003/05/soap-envelope}",
}  # SOAP 1.1 and 1.2, as ASP.NET tells them apart
_T = "{http://schemas.microsoft.com/exchange/services/2006/types}"
_CONTEXT = _T + "SerializedSecurityContext"
_ORDER = ("UserSid", "GroupSids", "RestrictedGroupSids", "PrimarySmtpAddress")
_SID = re.compile(r"S-1(?:-\d{1,10}){2,15}")
_FAULT = (
    "<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'><s:Body><s:Fault><faultcode>s:Client</faultcode>"
    "<faultstring>{0}</faultstring></s:Fault></s:Body></s:Envelope>"
)
_XML = b"Content-Type: text/xml; charset=utf-8\r\n"


class BadSoapError(Exception):
    """What came is not what a first Client Access server sends."""


class ClientAccessServer(Protocol):
    """What this needs of it."""

    host: str


def answer(cas: ClientAccessServer, asked: Asked, user: str) -> Answer:
    """`user` has proven who he is by a password; empty for all others."""
    if not asked.peer and not user:
        return Answer(401, fields=b'WWW-Authenticate: Basic realm="cas"\r\n')
    if asked.path != "/ews/exchange.asmx":
        return Answer(404)
    if asked.method != "POST":
        return Answer(405, fields=b"Allow: POST\r\n")
    try:
        header = _header(asked)
        sid = _sid(header, asked.peer)
    except (BadSoapError, ElementTree.ParseError) as why:
        return Answer(500, _FAULT.format(why).encode(), _XML)
    status, page = ews.answer(user or sid, asked.body)
    return Answer(status, page, _XML + b"X-Cas: %b\r\n" % cas.host.encode(), sid)


def _header(asked: Asked) -> ElementTree.Element:
    """The SOAP header; an empty one where there is none."""
    (kind,) = asked.head.values(b"content-type")
    name, _, parameters = kind.partition(b";")
    if name not in _SOAP or b"utf-8" not in parameters.lower() or asked.head.values(b"content-encoding"):
        raise BadSoapError(f"not SOAP: {kind!r}")
    root, space = ElementTree.fromstring(asked.body), _SOAP[name]
    if root.tag != space + "Envelope" or [each.tag for each in root][-1:] != [space + "Body"]:
        raise BadSoapError("not an Envelope with a Body")
    headers = root.findall(space + "Header")
    if len(root) != 1 + len(headers) or len(headers) > 1:
        raise BadSoapError("something beside Header and Body")
    return headers[0] if headers else ElementTree.Element("none")


def _sid(header: ElementTree.Element, peer: str) -> str:
    """Whose SID a Client Access server tells; nobody else may tell one."""
    found = header.findall(_CONTEXT)
    if not peer:
        if found:  # *ResponseCode*: without the right ms-Exch-EPI-Token-Serialization
            raise BadSoapError("ErrorTokenSerializationDenied")
        return ""
    if len(found) != 1:
        raise BadSoapError(f"{len(found)} contexts")  # (ours)
    (context,) = found
    names = [child.tag.removeprefix(_T) for child in context]
    if names != [name for name in _ORDER if name in names] or names[:2] != ["UserSid", "GroupSids"]:
        raise BadSoapError(f"not in the order of the schema: {names}")
    for kind in ("Group", "RestrictedGroup"):
        for group in context.iterfind(f"{_T}{kind}Sids/*"):
            if group.tag != f"{_T}{kind}Identifier" or not group.get("Attributes", "").isdigit():
                raise BadSoapError("not a group with Attributes")
            _checked(group.findtext(_T + "SecurityIdentifier"))
    return _checked(context.findtext(_T + "UserSid"))


def _checked(sid: str | None) -> str:
    if sid is None or not _SID.fullmatch(sid):
        raise BadSoapError("not a SID")
    return sid
