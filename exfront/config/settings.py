"""The whole of exfront.toml as one frozen value."""

from __future__ import annotations

from attrs import Factory, frozen

from exfront.config.authentication import AuthenticationSection
from exfront.config.back_ends import BackEndsSection
from exfront.config.control import ControlSection
from exfront.config.directory import DirectorySection
from exfront.config.exchange import ExchangeSection
from exfront.config.forms import FormsSection
from exfront.config.http import HttpSection
from exfront.config.limits import LimitsSection
from exfront.config.listener import ListenerSection
from exfront.config.log import LogSection
from exfront.config.mail import MailSection
from exfront.config.process import ProcessSection
from exfront.config.proxy import ProxySection
from exfront.config.server import ServerSection
from exfront.config.tls import TlsSection
from exfront.config.virtual_site import VirtualSiteSection


@frozen
class Settings:
    """One attribute per section, named as in the file."""

    directory: DirectorySection
    listener: tuple[ListenerSection, ...]
    authentication: AuthenticationSection = Factory(AuthenticationSection)
    back_ends: BackEndsSection = Factory(BackEndsSection)
    tls: TlsSection = Factory(TlsSection)
    server: tuple[ServerSection, ...] = ()
    virtual_site: tuple[VirtualSiteSection, ...] = ()
    mail: MailSection = Factory(MailSection)
    forms: FormsSection = Factory(FormsSection)
    http: HttpSection = Factory(HttpSection)
    exchange: ExchangeSection = Factory(ExchangeSection)
    proxy: ProxySection = Factory(ProxySection)
    limits: LimitsSection = Factory(LimitsSection)
    log: LogSection = Factory(LogSection)
    process: ProcessSection = Factory(ProcessSection)
    control: ControlSection = Factory(ControlSection)
