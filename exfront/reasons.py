"""Every refusal that exfront can give: its stable code, its text and code in each protocol, and how loud the log is.

A code is ``XF-`` and the event's word of the reliability table (docs/security.rst). Refusals that a guesser must not
be able to tell apart (S-AUTH-6) share `shown` and `text`; `code` and `cause` go to the log only.
"""

from __future__ import annotations

from enum import Enum

from attrs import field, frozen


class Severity(Enum):
    """How odd the event is: of daily life, of a fault, or one that needs a person."""

    ORDINARY = "info"
    FAULT = "warn"
    ALARM = "error"


@frozen
class Reason:
    """Why a session or request is refused."""

    code: str
    cause: str
    http_status: int
    imap_code: str
    pop3_code: str
    text: str
    severity: Severity = Severity.ORDINARY
    shown: str = field(default="")
    retry_after: int | None = None
    substatus: int = 0  # of IIS, beside the HTTP status in the access log
    mail_text: str = ""  # for IMAP4 and POP3, where `text` is that of a page

    @property
    def public_code(self) -> str:
        """The code that the client sees."""
        return self.shown or self.code

    def imap_text(self) -> bytes:
        """What follows NO, BAD or BYE (RFC 5530)."""
        return f"[{self.imap_code}] {self.mail_text or self.text} ({self.public_code})".encode("ascii")

    def pop3_text(self) -> bytes:
        """What follows -ERR (RFC 2449 section 8, RFC 3206)."""
        return f"[{self.pop3_code}] {self.mail_text or self.text} ({self.public_code})".encode("ascii")


class Refused(Exception):  # noqa: N818 - a refusal is an answer, not an error of the program
    """A step says no. `detail` is for the log: what failed, where; the client never sees it."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(reason.code, reason.cause, detail)
        self.reason = reason
        self.detail = detail


def _wrong_credentials(cause: str, code: str = "XF-AUTH-FAIL") -> Reason:
    text = "The user name or password is not correct."
    return Reason(code, cause, 401, "AUTHENTICATIONFAILED", "AUTH", text, shown="XF-AUTH-FAIL", substatus=1)


def _form(code: str, cause: str) -> Reason:
    return Reason(code, cause, 440, "AUTHENTICATIONFAILED", "AUTH", "Log on again.")


def _unavailable(
    code: str,
    cause: str,
    status: int = 503,
    *,
    retry: int | None = None,
    severity: Severity = Severity.FAULT,
    substatus: int = 0,
) -> Reason:
    text = "The mailbox is temporarily unavailable."
    return Reason(
        code, cause, status, "UNAVAILABLE", "SYS/TEMP", text, severity, retry_after=retry, substatus=substatus
    )


def _by_generation(cause: str, text: str, status: int = 403) -> Reason:
    return Reason("XF-GENERATION", cause, status, "CONTACTADMIN", "SYS/PERM", text)


# Who are you?
UNKNOWN_USER = _wrong_credentials("unknown user")
WRONG_PASSWORD = _wrong_credentials("wrong password")
EMPTY_PASSWORD = _wrong_credentials("empty user or password")
MALFORMED_CREDENTIALS = _wrong_credentials("malformed name or password")
DISABLED_ACCOUNT = _wrong_credentials("account disabled")
LOCKED_ACCOUNT = _wrong_credentials("account locked in the directory")
SERVICE_ACCOUNT = _wrong_credentials("service account")
AMBIGUOUS_LOGIN = _wrong_credentials("two entries for one login name", "XF-AMBIGUOUS")
ACCOUNT_EXPIRED = _wrong_credentials("account expired")
WRONG_TOKEN = _wrong_credentials("token refused by the back end")
LOGON_HOURS = _wrong_credentials("outside of the log-on hours")
WORKSTATION_NOT_ALLOWED = _wrong_credentials("log-on from here not allowed")
SOFT_LOCK = _wrong_credentials("soft lock-out", "XF-SOFT-LOCK")
PASSWORD_EXPIRED = Reason(
    "XF-EXPIRED", "password expired", 401, "EXPIRED", "AUTH", "The password has expired.", substatus=1
)
PASSWORD_MUST_CHANGE = Reason(
    "XF-EXPIRED", "password must be changed", 401, "EXPIRED", "AUTH", "The password must be changed.", substatus=1
)
HIDDEN_EXPIRED = _wrong_credentials("password expired", "XF-EXPIRED")
HIDDEN_MUST_CHANGE = _wrong_credentials("password must be changed", "XF-EXPIRED")
TOO_MANY_LOGON_FAILURES = Reason(
    "XF-LIMIT", "failed log-ons", 429, "LIMIT", "SYS/TEMP", "Too many failed log-ons; try again later.",
    Severity.FAULT, retry_after=60,
)  # fmt: skip
PROTOCOL_OFF = _wrong_credentials("protocol switched off for the user", "XF-PROTOCOL-OFF")
APPLICATION_OFF = Reason(
    "XF-PROTOCOL-OFF", "application switched off for the user", 403, "NOPERM", "SYS/PERM",
    "This user may not use this service.",
)  # fmt: skip
AUTHORIZATION_FAILED = Reason(
    "XF-AUTHZ", "authorization identity differs", 403, "AUTHORIZATIONFAILED", "AUTH",
    "This user may not act for that one.",
)  # fmt: skip
PRIVACY_REQUIRED = Reason(
    "XF-TLS-REQUIRED", "log-on without TLS", 403, "PRIVACYREQUIRED", "SYS/PERM",
    "Log on over a secure connection (TLS).", substatus=4,
)  # fmt: skip
TOO_MANY_FAILURES = Reason(
    "XF-AUTH-FAIL", "too many failures on one connection", 401, "AUTHENTICATIONFAILED", "AUTH", "Too many failures.",
)  # fmt: skip

# Where is the mailbox?
NO_MAILBOX = Reason(
    "XF-NO-MAILBOX", "the account has no mailbox", 403, "CONTACTADMIN", "SYS/PERM", "This user has no mailbox.",
)  # fmt: skip
MAILBOX_NOT_FOUND = Reason(
    "XF-MAILBOX-NOT-FOUND", "no such mailbox", 404, "CONTACTADMIN", "SYS/PERM", "There is no such mailbox.",
)  # fmt: skip
AMBIGUOUS_MAILBOX = _unavailable("XF-AMBIGUOUS", "two entries for one mailbox", severity=Severity.ALARM)
INCONSISTENT_MAILBOX = _unavailable("XF-AMBIGUOUS", "the mailbox's entry contradicts itself", severity=Severity.ALARM)
DIRECTORY_DOWN = _unavailable("XF-DIR-UNAVAILABLE", "no directory server answers", retry=30)
DIRECTORY_TIMEOUT = _unavailable("XF-LDAP-TIMEOUT", "the directory is too slow", retry=30)
DIRECTORY_CERTIFICATE = _unavailable(
    "XF-LDAP-CERT", "the directory's certificate is wrong", retry=30, severity=Severity.ALARM
)
SERVICE_BIND_REFUSED = _unavailable(
    "XF-LDAP-SERVICE-BIND", "the directory refuses the service account", retry=30, severity=Severity.ALARM
)

# What HTTP serves
CREDENTIALS_NEEDED = Reason(
    "XF-AUTH-NEEDED", "no credentials yet", 401, "AUTHENTICATIONFAILED", "AUTH",
    "Log on with a user name and a password.", substatus=2,
)  # fmt: skip
FORM_NEEDED = _form("XF-FORM-NEEDED", "not logged on yet")
FORM_COOKIE = _form("XF-FORM-COOKIE", "a log-on cookie that is not ours")
FORM_TIMED_OUT = _form("XF-FORM-TIMEOUT", "the log-on has timed out")
FORM_REVOKED = _form("XF-FORM-REVOKED", "the log-on was ended")
FORM_FOREIGN = Reason(
    "XF-FORM-FOREIGN", "the form was not sent by its own page", 403, "NOPERM", "SYS/PERM",
    "Log on by the page of this site.",
)  # fmt: skip
CERTIFICATE_NEEDED = Reason(
    "XF-CERT-NEEDED", "no client certificate", 403, "NOPERM", "SYS/PERM", "This page needs a client certificate.",
    substatus=7,
)  # fmt: skip
CERTIFICATE_UNKNOWN = Reason(
    "XF-CERT-UNKNOWN", "the client certificate is nobody's here", 403, "NOPERM", "SYS/PERM",
    "This client certificate belongs to no user here.", substatus=16,
)  # fmt: skip
NOT_PUBLISHED = Reason(
    "XF-NOT-PUBLISHED", "no such virtual directory", 404, "CANNOT", "SYS/PERM", "There is no such page."
)
ADDRESS_NOT_ALLOWED = Reason(
    "XF-ADDRESS", "client address not allowed here", 403, "NOPERM", "SYS/PERM", "This page is not for this network.",
    substatus=6,
)  # fmt: skip
MISDIRECTED = Reason(
    "XF-HOST", "no site has this host name", 421, "CANNOT", "SYS/PERM", "There is no site of this name here."
)
METHOD_NOT_ALLOWED = Reason(
    "XF-METHOD", "method not allowed here", 405, "CANNOT", "SYS/PERM", "This method is not allowed here."
)
METHOD_UNKNOWN = Reason("XF-METHOD", "unknown method", 501, "CANNOT", "SYS/PERM", "This method is not known.")
DESTINATION_ELSEWHERE = Reason(
    "XF-DESTINATION", "Destination outside of the virtual directory", 502, "CANNOT", "SYS/PERM",
    "The destination is not on this site.",
)  # fmt: skip
RPC_ENDPOINT = Reason(
    "XF-RPC-ENDPOINT", "RPC endpoint not allowed", 503, "CANNOT", "SYS/PERM", "RPC Error: 6ba"
)  # MS-RPCH 2.1.2.1.3
BODY_TOO_LARGE = Reason("XF-TOO-LARGE", "body over the limit", 413, "LIMIT", "SYS/PERM", "The request is too large.")

# May we go there?
SERVER_UNKNOWN = _unavailable("XF-BACKEND-NOT-ALLOWED", "home server unknown", severity=Severity.ALARM)
BACK_END_NOT_ALLOWED = _unavailable("XF-BACKEND-NOT-ALLOWED", "back end not in the allow list", severity=Severity.ALARM)
IDENTITY_NOT_ALLOWED = _unavailable(
    "XF-BACKEND-NOT-ALLOWED", "the back end may not be told by a header who asks", severity=Severity.ALARM
)
PROTOCOL_NOT_SERVED = _unavailable(
    "XF-BACKEND-NOT-ALLOWED", "the home server has no such protocol", severity=Severity.ALARM
)
CONTRADICTORY_TOPOLOGY = _unavailable(
    "XF-BACKEND-NOT-ALLOWED", "the home server holds no mailboxes", severity=Severity.ALARM
)
VERSION_UNKNOWN = _unavailable(
    "XF-TOPOLOGY", "the directory does not tell which Exchange the home server is", severity=Severity.ALARM
)
SERVER_TWICE = _unavailable(
    "XF-TOPOLOGY", "the directory has two servers with the home server's name", severity=Severity.ALARM
)
LOOP = _unavailable("XF-LOOP", "the route leads back here", 508, severity=Severity.ALARM)

# What Exchange's own front ends say. Sources: *Exchange 2000/2003 Front End Server Logon Process* (2000/2003), *How
# Exchange Server 2007 CAS Proxying works for OWA* (2007 OWA); the texts of its step 2 are word for word.
_PROBLEM = "If the problem continues, contact technical support for your organization and tell them the following:"
_CAS_DOWN = (
    "The available Microsoft Exchange Client Access servers in the target Active Directory site are not responding."
)
_CAS_CONFIGURATION = (
    "There is no Microsoft Exchange Client Access server that has the necessary configuration in the Active Directory "
    "site where the mailbox is stored."
)
CAS_DOWN = Reason(
    "XF-CAS-DOWN", "no Client Access server answers in the mailbox's site", 503, "UNAVAILABLE", "SYS/TEMP",
    "Outlook Web Access is not currently available for the user mailbox that you are trying to access. Please try "
    f"again in a few minutes. {_PROBLEM} {_CAS_DOWN}",
    Severity.FAULT, retry_after=60, mail_text=_CAS_DOWN,
)  # fmt: skip
CAS_CONFIGURATION = Reason(
    "XF-CAS-CONFIG", "no Client Access server of the mailbox's site can be proxied to", 503, "UNAVAILABLE", "SYS/TEMP",
    f"Outlook Web Access is not available. {_PROBLEM} {_CAS_CONFIGURATION}",
    Severity.ALARM, retry_after=300, mail_text=_CAS_CONFIGURATION,
)  # fmt: skip
EXTERNAL_URL_NOT_SHOWN = Reason(
    "XF-EXTERNAL-URL", "ExternalURL is not to be shown", 503, "UNAVAILABLE", "SYS/TEMP",
    f"Outlook Web Access is not available. {_PROBLEM} The external address of the Active Directory site where the "
    "mailbox is stored is not allowed.",
    Severity.ALARM, retry_after=300, mail_text="The mailbox is temporarily unavailable.",
)  # fmt: skip
MAILBOX_ON_2003 = Reason(
    "XF-LEGACY-MAILBOX", "a mailbox of Exchange 2000 or 2003 is not opened by this path", 403, "CANNOT", "SYS/PERM",
    f"Outlook Web Access could not find a mailbox for this user. {_PROBLEM} The mailbox may be stored on a Microsoft "
    "Exchange 2000 or Microsoft Exchange 2003 server, or the Active Directory user account was created recently and "
    "has not yet replicated to the Active Directory site where this Client Access server is hosted.",
    mail_text="The mailbox is not opened by this path.",
)  # fmt: skip
MAILBOX_NEWER = _by_generation(
    "the mailbox is newer than the front end", "The mailbox is on a newer Exchange, which has an address of its own."
)
GENERATIONS_APART = _by_generation(
    "front end and mailbox are of generations that do not work together",
    "The mailbox is on an older Exchange, which has an address of its own.",
)
NO_SUCH_SERVICE = _by_generation(
    "the mailbox's version of Exchange has no such service",
    "The Exchange that the mailbox is on does not have this service.",
    404,
)
OTHER_ADDRESS = _by_generation(
    "clients get another address from Autodiscover", "The mailbox is reached by the address that Autodiscover gives."
)
MAIL_IN_OTHER_SITE = Reason(
    "XF-OTHER-SITE", "POP3 and IMAP4 of a 2007 mailbox are its own site's", 403, "CONTACTADMIN", "SYS/PERM",
    "The mailbox is in another Active Directory site. Use the POP3 or IMAP4 server of that site.",
)  # fmt: skip
LEGACY_BLOCKED = Reason(  # BlockLegacyMailboxes of web.config
    "XF-LEGACY-MAILBOX", "ActiveSync of mailboxes of Exchange 2003 is blocked", 403, "CANNOT", "SYS/PERM",
    "This mailbox is not synchronized here.",
)  # fmt: skip
SMTP_DOMAIN_MISMATCH = Reason(  # KB293386
    "XF-SMTP-DOMAIN", "the user has no address in the virtual directory's SMTP domain", 401, "NOPERM", "SYS/PERM",
    "Error: Access is denied.", substatus=5,
)  # fmt: skip
PROXY_NOT_POSSIBLE = _unavailable(
    "XF-CAS-PROXY", "the server takes a security context or a token only, and [proxy] proves nothing to it",
    severity=Severity.ALARM,
)  # fmt: skip
TOKEN_IN_CLEAR = _unavailable("XF-CAS-PROXY", "a token is said over TLS only", severity=Severity.ALARM)
CONTEXT_NOT_POSSIBLE = _unavailable(
    "XF-CAS-PROXY", "no security context or token can be made of the account", severity=Severity.ALARM
)
CSC_LOOP = Reason(
    "XF-CSC-LOOP", "the proxy log-on does not help", 502, "UNAVAILABLE", "SYS/TEMP", CAS_DOWN.text,
    Severity.ALARM, retry_after=60, mail_text=_CAS_DOWN,
)  # fmt: skip
CSC_LOG_ON_REFUSED = Reason(
    "XF-CSC-LOGIN", "the second Client Access server does not take us for one", 502, "UNAVAILABLE", "SYS/TEMP",
    CAS_DOWN.text, Severity.ALARM, retry_after=300, mail_text=_CAS_DOWN,
)  # fmt: skip
TOKEN_REFUSED = _unavailable(
    "XF-CSC-LOGIN", "the mailbox server does not take us for a Client Access server", 502, retry=300,
    severity=Severity.ALARM,
)  # fmt: skip
DATABASE_DOWN = _unavailable("XF-BE-REFUSED", "no server with a copy of the mailbox's database answers", retry=60)

# As the second Client Access server; no client gets these
CSC_NEEDED = Reason(
    "XF-CSC-NEEDED", "no security context of the user is known", 441, "CANNOT", "SYS/PERM", "Log on for this user."
)
CSC_PEER = Reason(
    "XF-CSC-PEER", "a proxy log-on of who is no Client Access server", 403, "NOPERM", "SYS/PERM",
    "This is for Client Access servers.", Severity.FAULT,
)  # fmt: skip
CSC_ACCOUNT = Reason(
    "XF-CSC-ACCOUNT", "the user of a security context may not log on here", 403, "NOPERM", "SYS/PERM",
    "This user may not log on here.", Severity.FAULT,
)  # fmt: skip
CSC_MALFORMED = Reason(
    "XF-CSC-BAD", "not a security context", 400, "CLIENTBUG", "SYS/PERM", "This is no security context.", Severity.FAULT
)

# EWS
SOAP_MALFORMED = Reason(
    "XF-SOAP", "not the start of a SOAP envelope", 400, "CLIENTBUG", "SYS/PERM", "This is no SOAP envelope."
)
SOAP_ENCODING = Reason(
    "XF-SOAP", "SOAP in an encoding that is not read", 415, "CLIENTBUG", "SYS/PERM",
    "SOAP is taken in UTF-8, without compression.",
)  # fmt: skip
SOAP_CONTEXT = Reason(
    "XF-SOAP-CONTEXT", "a SOAP header with what only Client Access servers say to each other", 403, "NOPERM",
    "SYS/PERM", "This SOAP header is for Client Access servers.", Severity.FAULT,
)  # fmt: skip

# How do we log on there? The text is that of the log line of *CASProxy mit Exchange 2007*, and so is the status.
_NEXT_HOP = "The mailbox server does not take this log-on."
NTLM_NOT_ON_DESTINATION = Reason(
    "XF-NO-NTLM", "NTLM+not+on+the+destination+CAS", 401, "UNAVAILABLE", "SYS/TEMP", _NEXT_HOP, Severity.FAULT,
    substatus=5,
)  # fmt: skip
NEXT_HOP_REFUSED = Reason(
    "XF-BE-AUTH-MISMATCH", "refused by NTLM a password that the directory accepted", 401, "UNAVAILABLE", "SYS/TEMP",
    _NEXT_HOP, Severity.FAULT, substatus=5,
)  # fmt: skip
DOUBLE_HOP = Reason(
    "XF-DOUBLE-HOP", "NTLM and Negotiate leave no password for the next server", 401, "AUTHENTICATIONFAILED", "AUTH",
    "Log on with a user name and a password: the log-on of Windows cannot be passed on to the mailbox server.",
    substatus=2,
)  # fmt: skip
WITHOUT_PASSWORD = Reason(
    "XF-NO-PASSWORD", "the next hop is logged on to by a password alone", 403, "CANNOT", "SYS/PERM",
    "Log on with a password: the mailbox server takes nothing else.", Severity.FAULT,
)  # fmt: skip

MASTER_NAME = Reason(
    "XF-BE-LOGIN-REFUSED", "the name holds the separator of master log-ons", 403, "CONTACTADMIN", "SYS/PERM",
    "This name cannot be passed on to the mailbox server.", Severity.FAULT,
)  # fmt: skip

# What the back end did
BACK_END_REFUSED = _unavailable("XF-BE-REFUSED", "connection refused", 502, retry=10)
BACK_END_NO_ADDRESS = _unavailable("XF-BE-REFUSED", "the back end's name has no address", 502, retry=10)
BACK_END_OUT = _unavailable(  # told once by the table, when it goes out
    "XF-BE-REFUSED", "left alone after failed connections", 502, retry=10, severity=Severity.ORDINARY
)
BACK_END_CONNECT_TIMEOUT = _unavailable("XF-BE-TIMEOUT", "phase=connect", 504, retry=10)
BACK_END_ANSWER_TIMEOUT = _unavailable("XF-BE-TIMEOUT", "phase=head", 504, retry=10)
BACK_END_LOGIN_TIMEOUT = _unavailable("XF-BE-TIMEOUT", "phase=login", 504, retry=10)
BACK_END_LOGIN_LOST = _unavailable("XF-BE-LOGIN-LOST", "closed during the login", 502, retry=10)
BACK_END_RESET = _unavailable("XF-BE-RESET", "closed before an answer", 502, retry=10)
BACK_END_CERTIFICATE = _unavailable("XF-BE-CERT", "certificate not verified", 502, severity=Severity.ALARM)
BACK_END_PROTOCOL = _unavailable("XF-BE-PROTOCOL", "malformed answer", 502)
BACK_END_TRUNCATED = _unavailable("XF-BE-TRUNCATED", "closed within an answer", 502)
BACK_END_AUTH_MISMATCH = _unavailable(
    "XF-BE-AUTH-MISMATCH", "refused a password that the directory accepted", 502, severity=Severity.ALARM, substatus=5
)
BACK_END_LOGIN_REFUSED = _unavailable("XF-BE-LOGIN-REFUSED", "refused the login for now", 503, retry=10)
MAILBOX_REFUSED = _unavailable(  # what one mailbox or user may not do just now is no fault of the server
    "XF-BE-LOGIN-REFUSED", "refused the login to this mailbox", 503, retry=10, severity=Severity.ORDINARY
)
TOO_MANY_AT_BACK_END = Reason(
    "XF-LIMIT", "connections to one back end", 503, "UNAVAILABLE", "SYS/TEMP", "Too many connections; try again later.",
    Severity.FAULT, retry_after=10,
)  # fmt: skip

# nginx asks where a mail client goes
AUTH_METHOD_NOT_SERVED = Reason(
    "XF-METHOD", "nginx asks for what no password answers", 501, "CANNOT", "SYS/PERM",
    "This way to log on is not supported.",
)  # fmt: skip
NOT_FOR_NGINX = _unavailable(
    "XF-BACKEND-NOT-ALLOWED", "the back end cannot be reached by nginx as exfront would", severity=Severity.ALARM
)

# The connection itself
TOO_MANY_CONNECTIONS = Reason(
    "XF-LIMIT", "connections", 503, "LIMIT", "SYS/TEMP", "Too many connections.", Severity.FAULT, retry_after=10
)
PROXY_HEADER = Reason(
    "XF-PROXY-HDR", "no PROXY header of a listed load balancer", 400, "CLIENTBUG", "SYS/PERM", "No PROXY header.",
    Severity.FAULT,
)  # fmt: skip
TOO_MANY_OF_A_USER = Reason(
    "XF-LIMIT", "connections of one account", 503, "LIMIT", "SYS/TEMP", "Too many connections of this user.",
    Severity.FAULT, retry_after=10,
)  # fmt: skip
TOO_MANY_LOG_ONS = Reason(
    "XF-LIMIT",
    "log-ons",
    503,
    "LIMIT",
    "SYS/TEMP",
    "Too many log-ons; try again later.",
    Severity.FAULT,
    retry_after=10,
)
TOO_MUCH_MEMORY = Reason(
    "XF-LIMIT", "memory", 503, "LIMIT", "SYS/TEMP", "Too many connections.", Severity.FAULT, retry_after=10
)
DRAINING = Reason(
    "XF-DRAIN", "the service is stopping", 503, "UNAVAILABLE", "SYS/TEMP", "The service is stopping.", retry_after=30
)
CLIENT_TIMEOUT = Reason(
    "XF-CLIENT-TIMEOUT", "the client was too slow", 408, "UNAVAILABLE", "SYS/TEMP", "Time-out; try again."
)
CLIENT_IDLE = Reason("XF-CLIENT-TIMEOUT", "phase=idle", 408, "UNAVAILABLE", "SYS/TEMP", "Closed after a long silence.")
CLIENT_GONE = Reason("XF-CLIENT-GONE", "the client closed the connection", 499, "UNAVAILABLE", "SYS/TEMP", "Gone.")
TOO_MANY_ERRORS = Reason(
    "XF-BAD-COMMANDS", "too many bad commands", 400, "CLIENTBUG", "SYS/PERM", "Too many bad commands."
)
TOO_MANY_COMMANDS = Reason(
    "XF-BAD-COMMANDS", "too many commands before a log-on", 400, "CLIENTBUG", "SYS/PERM",
    "Too many commands without a log-on.",
)  # fmt: skip
BAD_INPUT = Reason(
    "XF-BAD-INPUT", "the client broke the protocol", 400, "CLIENTBUG", "SYS/PERM", "The input is not valid."
)
INTERNAL_ERROR = Reason(
    "XF-INTERNAL",
    "a fault in exfront",
    500,
    "UNAVAILABLE",
    "SYS/TEMP",
    "An internal fault; it is logged.",
    Severity.ALARM,
)
