"""[http]: what holds for all virtual sites."""

from __future__ import annotations

from attrs import frozen


@frozen
class HttpSection:
    """Settings add to the fields that are removed from every request (S-HTTP-18), and take none away."""

    removed_headers: tuple[str, ...] = ()
