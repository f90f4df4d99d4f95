"""Virtual sites and directories: which of them a request means, as IIS chose them; built from [[virtual_site]].

Source: *Exchange 2000/2003 Front End Server Logon Process*, step 3.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

from attrs import field, frozen

from exfront.config.bindings import own_addresses, sites_at
from exfront.config.listener import ListenerSection
from exfront.config.virtual_site import VirtualDirectorySection, VirtualSiteSection
from exfront.facts import Facts, Identity
from exfront.names import ANY_NAME, BadName, LookupKey, NameRules, mailbox_keys
from exfront.reasons import MAILBOX_NOT_FOUND, Refused
from exfront.topology import Mailbox
from exfront.web.applications import APPLICATIONS, Application
from exfront.web.paths import checked
from exfront.wire.http1.target import parse_target

_HOMES = ("owa", "exchange", "public")
_NOTHING = VirtualSiteSection(name="nothing", public_name="localhost")


@frozen(eq=False)
class VirtualDirectory:
    """A published path; `segments` are its own, in lower case. One object each: what is known of it is kept by it."""

    section: VirtualDirectorySection
    application: Application
    segments: tuple[bytes, ...]
    methods: frozenset[bytes]
    rules: NameRules = ANY_NAME
    anonymous: bool = field(init=False)  # nobody is asked
    asks_form: bool = field(init=False)  # browsers log on by a page
    asks_password: bool = field(init=False)  # Basic, or a form, is proven here
    passes_through: bool = field(init=False)  # other schemes are the back end's business
    body_limit: int = field(init=False)  # octets

    @anonymous.default
    def _anonymous(self) -> bool:
        return "anonymous" in self.section.authentication

    @asks_password.default
    def _asks_password(self) -> bool:
        return "basic" in self.section.authentication or self.asks_form

    @asks_form.default
    def _asks_form(self) -> bool:
        return "forms" in self.section.authentication

    @passes_through.default
    def _passes_through(self) -> bool:
        return "passthrough" in self.section.authentication

    @body_limit.default
    def _body_limit(self) -> int:
        octets = self.section.body_octets
        return (self.application.body_octets if octets is None else octets) or sys.maxsize

    @property
    def path(self) -> str:
        """As configured."""
        return self.section.path

    @property
    def allow(self) -> bytes:
        """The value of Allow."""
        return b", ".join(sorted(self.methods))

    def contains(self, segments: Sequence[bytes]) -> bool:
        """Whether a checked path lies here: whole segments, ASCII without case."""
        own = self.segments
        if self.application.alone and tuple(segments[len(own) :]) not in ((), (b"",)):
            return False
        return len(segments) >= len(own) and all(
            mine == theirs.lower() for mine, theirs in zip(own, segments, strict=False)
        )

    def lacks_slash(self, segments: Sequence[bytes]) -> bool:
        """Whether the path is the directory's own without a slash, where the application needs one."""
        return self.application.slash and len(segments) == len(self.segments)

    def mailbox_keys(self, segments: Sequence[bytes]) -> tuple[LookupKey, ...]:
        """The keys of the mailbox that a path in this directory names (explicit logon); none for the user's own.

        Raises `Refused` for a name that no mailbox has.
        """
        rest = segments[len(self.segments) :]
        if not rest or not self._names_mailbox(rest[0]):
            return ()
        if not rest[0]:
            if len(rest) > 1:
                raise Refused(MAILBOX_NOT_FOUND, "empty name")
            return ()
        try:
            return mailbox_keys(rest[0].decode("utf-8"), self.section.smtp_domain, self.rules)
        except (BadName, UnicodeDecodeError):
            raise Refused(MAILBOX_NOT_FOUND, "not a mailbox name") from None

    def facts(self, identity: Identity, mailbox: Mailbox | None, *, explicit_logon: bool) -> Facts:
        """What routing is told of a request here."""
        section = self.section
        return Facts(
            "http",
            identity,
            mailbox,
            application=self.application.name,
            explicit_logon=explicit_logon,
            named_server=section.server,
            port=section.back_end_port,
            tls=section.back_end_tls,
            smtp_domain=section.smtp_domain,
            smtp_domain_match=section.smtp_domain_match,
        )

    def _names_mailbox(self, segment: bytes) -> bool:
        when = self.application.names_mailbox
        return when == "always" or (when == "address" and b"@" in segment)


@frozen(eq=False)
class VirtualSite:
    """The virtual directories under some host names."""

    section: VirtualSiteSection
    public_name: bytes
    host_names: frozenset[bytes]
    directories: tuple[VirtualDirectory, ...]  # the longest paths first

    decisive: int = field(init=False)  # so many segments of a path decide on virtual directory and mailbox

    home: VirtualDirectory | None = field(init=False)  # where a browser goes that asks for nothing more than the site

    @home.default
    def _find_home(self) -> VirtualDirectory | None:
        """Of those that log on by form, Outlook Web Access first; None where no form is used at all."""
        asking = [each for each in self.directories if each.asks_form]
        order = {name: place for place, name in enumerate(_HOMES)}
        return min(asking, key=lambda each: order.get(each.application.name, len(order)), default=None)

    @decisive.default
    def _count_segments(self) -> int:
        return max((len(directory.segments) for directory in self.directories), default=0) + 1

    def directory(self, segments: Sequence[bytes]) -> VirtualDirectory | None:
        """The virtual directory of a checked path; None means 404 without look-up (S-HTTP-22)."""
        for directory in self.directories:
            if directory.contains(segments):
                return directory
        return None

    def host_for_back_end(self, authority: bytes) -> bytes:
        """The Host for a back end: the client's where it is a listed name, else the public one (S-HTTP-5)."""
        return authority if _host_name(authority) in self.host_names else self.public_name

    def url(self, secure: bool) -> bytes:
        """Scheme and public name, without a slash at the end: the beginning of every URL that exfront writes."""
        return (b"https://" if secure else b"http://") + self.public_name

    def names(self, authority: bytes) -> bool:
        """Whether ``host[:port]`` is a name of this site."""
        return _host_name(authority.lower()) in self.host_names

    def reaches(self, directory: VirtualDirectory, destination: bytes) -> bool:
        """Whether a Destination, a URL or an absolute path, lies in `directory` (S-HTTP-20; RFC 4918 section 10.3).

        Raises `exfront.web.paths.BadPath`.
        """
        target = parse_target(b"COPY", destination)
        if target is None or (target.authority is not None and _host_name(target.authority) not in self.host_names):
            return False
        return self.directory(checked(target.path)) is directory

    @property
    def allow(self) -> bytes:
        """The value of Allow for ``OPTIONS *``."""
        return b", ".join(sorted(frozenset().union(*(directory.methods for directory in self.directories))))


class VirtualSites:
    """The sites of a listener; the first one is the default, and the first of several with one host name is meant."""

    def __init__(
        self, sections: Sequence[VirtualSiteSection], rules: NameRules = ANY_NAME, *, strict: bool = False
    ) -> None:
        sites = [_site(section, rules) for section in sections or (_NOTHING,)]
        self._default = sites[0]
        self._by_name = {name: site for site in reversed(sites) for name in site.host_names}
        self._strict = strict

    def site(self, authority: bytes) -> VirtualSite:
        """The site whose host name the client used (`authority` is ``host[:port]`` in lower case), else the default."""
        return self._by_name.get(_host_name(authority), self._default)

    def refuses(self, authority: bytes) -> bool:
        """Whether no site has this name and the listener is strict (S-HTTP-4); HTTP/1.0 may name none."""
        return self._strict and authority != b"" and _host_name(authority) not in self._by_name

    def lists(self, authority: bytes) -> bool:
        """Whether the site was chosen by its host name."""
        return _host_name(authority) in self._by_name


@frozen
class ListenerSites:
    """The sites of a listener, and of those of its own addresses that some site is bound to."""

    sites: VirtualSites
    by_address: Mapping[str, VirtualSites] = field(factory=dict)
    removed: frozenset[bytes] = frozenset()  # names of fields never believed, in lower case (S-HTTP-18)

    def at(self, address: str) -> VirtualSites:
        """Those of a connection that came in at the own `address`."""
        return self.by_address.get(address, self.sites)


def listener_sites(
    sections: Sequence[VirtualSiteSection],
    listener: ListenerSection,
    listeners: Sequence[ListenerSection],
    rules: NameRules = ANY_NAME,
    removed: frozenset[bytes] = frozenset(),
) -> ListenerSites:
    """What is served at `listener`, one of `listeners`; `removed` as in `removed_fields`."""

    def at(address: str) -> VirtualSites:
        here = sites_at(sections, listener, address, listeners)
        return VirtualSites(here, rules, strict=listener.strict_hosts)

    by_address = {address: at(address) for address in own_addresses(sections, listener, listeners)}
    return ListenerSites(at(listener.address.host), by_address, removed)


def removed_fields(sections: Sequence[VirtualSiteSection], more: Sequence[str]) -> frozenset[bytes]:
    """The names that the configuration adds to the fields removed from every request.

    A header that tells a back end who asks is removed everywhere: the same back end may be reached by another way.
    """
    directories = (directory for site in sections for directory in site.virtual_directory)
    identities = (each.identity_header for each in directories if each.identity == "header")
    return frozenset(name.lower().encode("ascii") for name in (*identities, *more))


def _host_name(authority: bytes) -> bytes:
    """Without port and without the dot of an absolute name."""
    host, colon, port = authority.rpartition(b":")
    if not colon or not port.isdigit():  # an IPv6 literal without port ends in "]"
        host = authority
    return host.rstrip(b".")


def _site(section: VirtualSiteSection, rules: NameRules) -> VirtualSite:
    public_name = section.public_name.lower().encode("ascii")
    names = {_host_name(public_name), *(name.lower().encode("ascii").rstrip(b".") for name in section.host_names)}
    found = [_directory(directory, rules) for directory in section.virtual_directory]
    directories = sorted(found, key=lambda one: -len(one.segments))
    return VirtualSite(section, public_name, frozenset(names), tuple(directories))


def _directory(section: VirtualDirectorySection, rules: NameRules) -> VirtualDirectory:
    application = APPLICATIONS[section.application]
    segments = tuple(segment for segment in section.path.lower().encode("utf-8").split(b"/") if segment)
    methods = frozenset(method.encode("ascii") for method in section.methods) or application.methods
    return VirtualDirectory(section, application, segments, methods, rules)
