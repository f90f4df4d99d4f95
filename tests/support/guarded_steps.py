"""A small world whose portal has a guard, as in production."""

from __future__ import annotations

from typing import Any

from exfront.auth.credential_cache import CredentialCache
from exfront.auth.guard import Guard
from exfront.auth.guarded import GuardedPasswords
from exfront.config.authentication import AuthenticationSection
from tests.support.steps import SmallWorld


def put_guard(world: SmallWorld, **settings: Any) -> Guard:
    """Give `world` a guard with these settings of [authentication]; returns it."""
    section = AuthenticationSection(**settings)
    guard = Guard(section, world.clock.seconds)
    cache = CredentialCache(section, world.clock.seconds)
    world.steps.portal.guarded = GuardedPasswords(world.passwords, guard, cache)
    return guard
