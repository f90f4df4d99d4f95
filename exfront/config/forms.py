"""[forms]: how long a log-on by form lasts, where its password lies, and who is never shown a form."""

from __future__ import annotations

from typing import Annotated, Literal

from attrs import frozen

from exfront import limits
from exfront.config.kinds import Range

LogonTime = Annotated[
    float,
    Range(
        limits.LOGON_SHORTEST_TIME,
        limits.LOGON_LONGEST_TIME,
        f"seconds, from {limits.LOGON_SHORTEST_TIME:g} to {limits.LOGON_LONGEST_TIME:.0f} (1 to 43200 minutes)",
    ),
]

# Office, Entourage and the WebDAV clients of Windows, macOS and Linux: none of them shows a page.
_BASIC_AGENTS = (
    "Microsoft Office", "ms-office", "MSOffice", "MSFrontPage", "Microsoft Data Access Internet Publishing Provider",
    "Microsoft-WebDAV-MiniRedir", "Microsoft Outlook", "MacOutlook", "Entourage", "WebDAVFS", "WebDAVLib", "gvfs",
    "davfs2", "cadaver", "neon", "Evolution",
)  # fmt: skip


@frozen
class FormsSection:
    """Times are seconds without a request by the user. `password` says where the password for the next hop lies."""

    public_time: LogonTime = limits.LOGON_PUBLIC_TIME
    private_time: LogonTime = limits.LOGON_PRIVATE_TIME
    private_time_2003: LogonTime = limits.LOGON_PRIVATE_TIME_2003
    password: Literal["cookie", "memory"] = "cookie"
    basic_agents: tuple[str, ...] = ()  # words of User-Agent, in any case, beside those that exfront knows

    def idle_time(self, private: bool, old_form: bool) -> float:
        """On a public computer, or one's own; never less there."""
        if not private:
            return self.public_time
        return max(self.public_time, self.private_time_2003 if old_form else self.private_time)

    @property
    def agents(self) -> tuple[str, ...]:
        """Words of the User-Agents that are asked for Basic."""
        return (*_BASIC_AGENTS, *self.basic_agents)

    @property
    def longest(self) -> float:
        """Of the idle times."""
        return max(self.public_time, self.private_time, self.private_time_2003)
