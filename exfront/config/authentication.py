"""[authentication]: how users log on."""

from __future__ import annotations

from attrs import frozen


@frozen
class AuthenticationSection:
    """`realm` is shown in Basic challenges; `default_domain` is that of a bare user name."""

    realm: str = "Mail"
    default_domain: str = ""
    deny_users: tuple[str, ...] = ()  # DNs that never log on here, beside the service account (S-AUTH-14)
