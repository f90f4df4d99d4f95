"""ActiveSync's field of the access log: ``&Log=…`` behind the query that a phone sent, as Exchange writes it."""

from __future__ import annotations

from exfront.decision import SessionRecord
from exfront.facts import World
from exfront.reasons import NO_MAILBOX, NTLM_NOT_ON_DESTINATION, Reason
from exfront.wire.activesync import Command
from exfront.wire.activesync_log import log_value
from exfront.wire.wbxml_peek import peek

_NOT_PROVISIONED = "449"  # MS-ASHTTP, until 12.1
PEEKED = frozenset({"Sync", "Ping"})  # commands whose beginning is looked at
# What Exchange itself says; of all other reasons the log tells the cause.
_ERRORS: dict[Reason, str] = {
    NTLM_NOT_ON_DESTINATION: "NTLM not on the destination CAS",
    NO_MAILBOX: "UserHasNoMailbox",
}


def note(
    record: SessionRecord, command: Command, version: int, world: World, came_from: str = "", body: bytes = b""
) -> None:
    """Append it to the target of a request that is over; not before it is known who asks, as with IIS.

    `version` is the protocol's, `came_from` the address of the Client Access server that has proxied the request,
    `body` how the command begins. The last ``Log=`` of a line is ours, whatever a phone has written into its query.
    """
    if record.account_id == "-" and record.back_end == "-":
        return
    server = world.topology.find(record.back_end)
    sent_to = "" if record.back_end == "-" else server.host if server is not None else record.back_end
    value = log_value(version or command.version, command.collection, sent_to, came_from, _error(record), peek(body))
    if value:
        record.target += f"{'&' if '?' in record.target else '?'}Log={value}"


def _error(record: SessionRecord) -> str:
    if record.reason is not None:
        return _ERRORS.get(record.reason, record.reason.cause)
    return "DeviceNotProvisioned" if record.back_end_status == _NOT_PROVISIONED else ""
