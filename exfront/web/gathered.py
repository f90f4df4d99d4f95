"""A short request body as a whole: for exfront itself, or to be sent a second time."""

from __future__ import annotations

from exfront.reasons import BODY_TOO_LARGE, Refused
from exfront.web.answer import Answer
from exfront.web.body import RequestBody
from exfront.web.form_body import FormBody

_CONTINUE = 100


async def gather(body: RequestBody, answer: Answer, most: int, *, expects_continue: bool) -> bytes:
    """All of a body of at most `most` octets. Raises `Refused` for more (413), and where it does not come."""
    body.limit = min(body.limit, most)
    if body.too_large:
        raise Refused(BODY_TOO_LARGE, f"over {body.limit} octets")
    if body.ended:
        return b""
    if expects_continue:
        answer.interim(_CONTINUE)
    gathered = FormBody()
    gathered.take(body)
    return await gathered.whole
