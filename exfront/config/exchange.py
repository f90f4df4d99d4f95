"""[exchange]: what exfront is to an organisation of Exchange."""

from __future__ import annotations

from attrs import frozen

from exfront.topology import FrontEnd


@frozen
class ExchangeSection:
    """`front_end` says as which generation's front end exfront behaves; ``any`` opens mailboxes of all of them."""

    front_end: FrontEnd = "any"
