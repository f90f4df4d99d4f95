"""The files of the lab: its configuration, written once and then the user's; certificates, new at each start."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from attrs import frozen

from exfront.config.settings import Settings
from exfront.lab.certificates import make_certificates, write_private
from exfront.lab.people import DNS_DOMAIN, SERVICE_PASSWORD

_ALWAYS = ("localhost", f"mail.{DNS_DOMAIN}", "127.0.0.1")


@frozen
class LabFolder:
    """Where the lab's files lie; relative paths in the configuration are taken from here.

    What is written at each start is called ``lab-…``, so that a folder given by mistake loses nothing.
    """

    path: Path

    @property
    def configuration(self) -> Path:
        """exfront.toml."""
        return self.path / "exfront.toml"

    @property
    def authority(self) -> Path:
        """The certificate that clients may trust."""
        return self.path / "lab-ca.pem"

    @property
    def certificate(self) -> Path:
        """Key and certificate of the listeners."""
        return self.path / "lab-mail.pem"

    def fill(self) -> None:
        """Make the folder and all files in it; a configuration that is there already is kept. Raises OSError."""
        self.path.mkdir(parents=True, exist_ok=True)
        if not self.configuration.exists():
            self.configuration.write_bytes(files("exfront.lab").joinpath("exfront.toml").read_bytes())
        write_private(self.path / "lab-directory.password", f"{SERVICE_PASSWORD}\n".encode())
        make_certificates(self.authority, self.certificate, _ALWAYS)

    def certify(self, settings: Settings) -> None:
        """Make the certificate again if listeners have other addresses than 127.0.0.1. Raises OSError."""
        others = {listener.address.host for listener in settings.listener}.difference(_ALWAYS)
        if others:
            make_certificates(self.authority, self.certificate, (*_ALWAYS, *sorted(others)))
