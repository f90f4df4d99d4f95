"""How a back end learns who asks where it is told by a header instead of a password (S-ROUTE-3)."""

from __future__ import annotations

from exfront.auth.next_hop import login_name
from exfront.config.virtual_site import VirtualDirectorySection
from exfront.decision import Relay
from exfront.facts import Identity
from exfront.reasons import IDENTITY_NOT_ALLOWED, Refused
from exfront.topology import LoginAs
from exfront.wire.http1.events import Headers


def identity_fields(identity: Identity, section: VirtualDirectorySection, relay: Relay) -> Headers:
    """The field that names the user; none where a password, or nothing, tells it. Raises `Refused`.

    Whoever may write this field to a server is every user there: only the servers that `header_servers` names get it.
    """
    if section.identity != "header" or identity.account is None:
        return ()
    named = {name.lower() for name in section.header_servers}
    if not named & {relay.server.name.lower(), relay.server.host.lower()}:
        raise Refused(IDENTITY_NOT_ALLOWED, f"server={relay.server.name}")
    spelling: LoginAs = "account" if relay.login_as == "typed" else relay.login_as  # the directory's word, no client's
    return ((section.identity_header.encode("ascii"), login_name(identity, spelling)),)
