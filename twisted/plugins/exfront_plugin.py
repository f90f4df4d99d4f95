"""Names the ``twistd exfront`` command; every ``twistd --help`` imports this file, so it imports nothing of exfront."""

from twisted.application.service import ServiceMaker

exfront = ServiceMaker(
    "exfront", "exfront.tap", "Mail front end: HTTP, IMAP4 and POP3 over many mailbox servers.", "exfront"
)
