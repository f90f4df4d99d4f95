"""The lab's LDAP directory: ldaptor's server over fourthcoffee.ldif, made to answer as a domain controller would.

Nobody searches before a bind, nobody changes anything, and no answer holds a password.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from ldaptor import inmemory
from ldaptor.interfaces import IConnectedLDAPEntry
from ldaptor.protocols import pureldap
from ldaptor.protocols.ldap import distinguishedname, ldaperrors
from ldaptor.protocols.ldap.ldapserver import LDAPServer
from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import ServerFactory
from twisted.python.failure import Failure
from zope.interface import implementer

_PASSWORD = "userPassword"
# What Active Directory says with result 49; the word after "data" is the Windows error in hexadecimal.
_WRONG = b"80090308: LdapErr: DSID-0C090434, comment: AcceptSecurityContext error, data %s, v2580"
_NO_SUCH_USER, _BAD_PASSWORD = b"525", b"52e"


class Entry(inmemory.ReadOnlyInMemoryLDAPEntry):  # type: ignore[misc]  # ldaptor has no types
    """An entry whose password is not among its attributes, and whose octet strings can be searched for."""

    def __init__(self, dn: object, attributes: Any) -> None:
        super().__init__(dn, attributes)
        self._digests = self.get(_PASSWORD, ())
        for key in [key for key in self if key.lower() == _PASSWORD.lower().encode()]:
            del self[key]

    def match(self, sought: Any) -> bool:
        """Equality of octets is decided here: ldaptor's own takes all values for UTF-8."""
        if not isinstance(sought, pureldap.LDAPFilter_equalityMatch):
            return bool(super().match(sought))
        value = _folded(sought.assertionValue.value)
        return value in {_folded(each) for each in self.get(sought.attributeDesc.value, ())}

    def _bind(self, password: bytes) -> Entry:
        account = inmemory.ReadOnlyInMemoryLDAPEntry(self.dn, {_PASSWORD: self._digests})
        try:
            account._bind(password)
        except ldaperrors.LDAPInvalidCredentials:
            raise ldaperrors.LDAPInvalidCredentials(_WRONG % _BAD_PASSWORD) from None
        return self


class Server(LDAPServer):  # type: ignore[misc]  # ldaptor has no types
    """One connection."""

    def handle_LDAPBindRequest(self, request: Any, controls: Any, reply: Any) -> Any:
        """A simple bind with a distinguished name; ldaptor does the rest. Raises `LDAPException`."""
        self.boundUser = None
        if not isinstance(request.auth, bytes):
            raise ldaperrors.LDAPAuthMethodNotSupported(b"simple binds only")
        if not _is_name(request.dn):
            raise ldaperrors.LDAPInvalidCredentials(_WRONG % _NO_SUCH_USER)
        return super().handle_LDAPBindRequest(request, controls, reply)

    def handle_LDAPSearchRequest(self, request: Any, controls: Any, reply: Any) -> Any:
        """Only the rootDSE is for everybody. Raises `LDAPException`."""
        if request.baseObject == b"" and request.scope == pureldap.LDAP_SCOPE_baseObject:
            return self.getRootDSE(request, reply)
        if self.boundUser is None:
            raise ldaperrors.LDAPOperationsError(b"a successful bind must be completed on the connection")
        if not _is_name(request.baseObject):
            raise ldaperrors.LDAPInvalidDNSyntax(b"no distinguished name")
        return super().handle_LDAPSearchRequest(request, controls, reply)

    def getRootDSE(self, request: Any, reply: Any) -> Any:
        """What the server is; ldaptor's own promises changes of passwords."""
        base = self.factory.dn.getText()
        contexts = [("namingContexts", [base]), ("defaultNamingContext", [base]), ("supportedLDAPVersion", ["3"])]
        reply(pureldap.LDAPSearchResultEntry(objectName="", attributes=contexts))
        return pureldap.LDAPSearchResultDone(resultCode=ldaperrors.Success.resultCode)

    def _refuse(self, request: Any, controls: Any, reply: Any) -> None:
        raise ldaperrors.LDAPUnwillingToPerform(b"neither changes nor extensions are offered")

    handle_LDAPAddRequest = handle_LDAPDelRequest = handle_LDAPModifyRequest = _refuse
    handle_LDAPModifyDNRequest = handle_LDAPExtendedRequest = _refuse


@implementer(IConnectedLDAPEntry)
class DirectoryFactory(ServerFactory):
    """Serves one tree of entries."""

    protocol = Server
    noisy = False

    def __init__(self, root: Entry) -> None:
        self.lookup = root.lookup  # what ldaptor's server asks of its factory
        self.dn = root.dn


class _Reader(inmemory.InMemoryLDIFProtocol):  # type: ignore[misc]  # ldaptor has no types
    """Builds the tree of `Entry`; children take the class of their parent."""

    db: Entry | None

    def gotEntry(self, entry: Any) -> None:
        if self.db is None:
            self.db = Entry(entry.dn, entry)
            self._deferred.callback(self.db)
        else:
            super().gotEntry(entry)


def directory_factory() -> DirectoryFactory:
    """The lab's directory, ready to listen."""
    return DirectoryFactory(read_ldif(files("exfront.lab").joinpath("fourthcoffee.ldif").read_bytes()))


def read_ldif(ldif: bytes) -> Entry:
    """The tree of an LDIF: root first, parents before children, an empty line at the end."""
    reader = _Reader()
    reader.dataReceived(ldif)
    reader.connectionLost(Failure(ConnectionDone()))
    root: list[Entry] = []
    reader.completed.addCallback(root.append)  # it has fired: all is in memory
    return root[0]


def _is_name(dn: bytes) -> bool:
    try:
        distinguishedname.DistinguishedName(dn)
    except (distinguishedname.InvalidRelativeDistinguishedName, UnicodeDecodeError):
        return False
    return True


def _folded(value: bytes) -> bytes:
    """Text compares without case; octets that are no text compare as they are."""
    try:
        return value.decode("utf-8").casefold().encode()
    except UnicodeDecodeError:
        return value
