"""[exchange]: what exfront is to an organisation of Exchange."""

from __future__ import annotations

from attrs import Factory, frozen

from exfront.topology import FrontEnd


@frozen
class ExchangeSection:
    """`front_end` says as which generation's front end exfront behaves; ``any`` opens mailboxes of all of them.

    `active_servers` are names of servers by those of databases or availability groups (2010 on).
    """

    front_end: FrontEnd = "any"
    active_servers: dict[str, str] = Factory(dict)
