"""Whether a request's body comes fast enough (S-HTTP-24)."""

from __future__ import annotations

from attrs import define

from exfront import limits


@define
class BodyRate:
    """Looks at windows of time; `began` in the clock's seconds, `octets` what had come by then."""

    began: float
    octets: int
    window: float = limits.HTTP_BODY_GRACE + limits.HTTP_BODY_RATE_TIME

    def too_slow(self, now: float, octets: int) -> bool:
        """To be asked at the end of each window: were there too few octets in it? Starts the next one."""
        slow = octets - self.octets < limits.HTTP_BODY_RATE * limits.HTTP_BODY_RATE_TIME
        self.began, self.octets, self.window = now, octets, limits.HTTP_BODY_RATE_TIME
        return slow
