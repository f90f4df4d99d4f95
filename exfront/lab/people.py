"""Who lives in the lab. The passwords are no secrets: the lab prints them, and the LDIF holds them as {SSHA}."""

from __future__ import annotations

from attrs import frozen

DNS_DOMAIN = "fourthcoffee.com"
DOMAIN = "FOURTHCOFFEE"
SERVICE_PASSWORD = "lab-service"


@frozen
class Person:
    """A demo user; `server` is the home server."""

    account: str
    name: str
    password: str
    server: str

    @property
    def alias(self) -> str:
        """mailNickname, and the local part of the primary address."""
        return self.name.lower().replace(" ", ".")

    def answers_to(self, login: str) -> bool:
        """Whether a mailbox server takes `login`, without case, as this user's name."""
        names = (self.account, self.alias)
        known = {*names, *(f"{name}@{DNS_DOMAIN}" for name in names)}
        known |= {f"{DOMAIN}{mark}{self.account}".lower() for mark in "\\/"}
        return login.lower() in known


PEOPLE = (
    Person("anna", "Anna Arnold", "espresso-11", "chicago"),
    Person("ben", "Ben Becker", "ristretto-22", "chicago"),
    Person("clara", "Clara Conrad", "macchiato-33", "dallas"),
    Person("david", "David Dietz", "cortado-44", "dallas"),
)
SERVERS = ("chicago", "dallas")


def proven(name: bytes, password: bytes) -> Person | None:
    """Who logs on with this name and password, wherever the mailbox is: both servers trust the one domain."""
    login = name.decode("utf-8", "replace")
    for person in PEOPLE:
        if person.answers_to(login) and person.password.encode() == password:
            return person
    return None
