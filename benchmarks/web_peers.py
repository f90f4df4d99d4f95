"""HTTP proxies as peers, each in front of one back end, in the clear and by TLS; one worker each, as exfront is one.

None of them asks who the user is but `Apache`, by LDAP with mod_ldap's cache, and `Nginx` where it is given an address
to ask (auth_request).
"""

from __future__ import annotations

from pathlib import Path

from attrs import frozen

from tests.support.apache import LdapSource
from tests.support.process import Address, Daemon, free_port, program, temporary_folder

_ADDRESS = "127.0.0.31"
_MODULES = (
    "mpm_event", "authn_core", "authz_core", "authz_user", "auth_basic", "ldap", "authnz_ldap", "proxy", "proxy_http",
    "ssl", "socache_shmcb",
)  # fmt: skip


@frozen
class Peer:
    """A proxy's process, and where it listens."""

    daemon: Daemon
    plain: Address
    secure: Address


def nginx(back_end: Address, certificate: Path, ask: Address | None = None) -> Peer:
    """nginx; with `ask` each request is first shown to a server there, which says 2xx."""
    folder, plain, secure = _place("nginx")
    asks = "auth_request /auth;" if ask else ""
    asked = f"upstream asked {{ server {at(ask)}; keepalive 64; }}" if ask else ""
    answers = (
        """location = /auth {
      internal; proxy_pass http://asked/auth; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_pass_request_body off; proxy_set_header Content-Length "";
    }"""
        if ask
        else ""
    )
    text = f"""user root; daemon off; worker_processes 1; pid {folder}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 8192; }}
http {{
  access_log {folder}/access.log;
  client_max_body_size 0; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  keepalive_requests 1000000000; proxy_read_timeout 3600s; ssl_protocols TLSv1.2 TLSv1.3;
  upstream back {{ server {at(back_end)}; keepalive 64; keepalive_requests 1000000000; }}
  {asked}
  server {{
    listen {at(plain)} backlog=4096; listen {at(secure)} ssl backlog=4096;
    ssl_certificate {certificate}; ssl_certificate_key {certificate};
    location / {{
      {asks}
      proxy_pass http://back; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host;
      proxy_buffering off; proxy_request_buffering off;
    }}
    {answers}
  }}
}}
"""
    configuration = _written(folder / "nginx.conf", text)
    argv = [program("nginx", "nginx"), "-p", str(folder), "-c", configuration]
    return Peer(Daemon(argv, folder / "log", [plain, secure]), plain, secure)


def haproxy(back_end: Address, certificate: Path) -> Peer:
    """haproxy, HTTP mode, one thread; its access log goes where nobody reads it."""
    folder, plain, secure = _place("haproxy")
    text = f"""global
  nbthread 1
  maxconn 4000
  log stdout format raw local0
defaults
  mode http
  log global
  option httplog
  timeout connect 5s
  timeout client 3600s
  timeout server 3600s
frontend front
  bind {at(plain)} backlog 4096
  bind {at(secure)} ssl crt {certificate} backlog 4096
  default_backend back
backend back
  server one {at(back_end)}
"""
    configuration = _written(folder / "haproxy.cfg", text)
    return Peer(
        Daemon([program("haproxy", "haproxy"), "-db", "-f", configuration], folder / "log", [plain, secure]),
        plain,
        secure,
    )


def apache(back_end: Address, certificate: Path, ldap: LdapSource) -> Peer:
    """Apache with mod_authnz_ldap: Basic and the look-up, remembered for ten minutes."""
    folder, plain, secure = _place("apache")
    modules = "\n".join(f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so" for name in _MODULES)
    text = f"""{modules}
User nobody
Group nogroup
ServerRoot {folder}
ServerName mail.fourthcoffee.com
PidFile {folder}/apache.pid
DefaultRuntimeDir {folder}
Mutex file:{folder} default
ErrorLog {folder}/error.log
LogFormat "%h %u \\"%r\\" %>s %B" short
CustomLog {folder}/access.log short
ServerLimit 1
StartServers 1
ThreadLimit 2000
ThreadsPerChild 2000
MaxRequestWorkers 2000
MinSpareThreads 1
MaxSpareThreads 2000
ListenBacklog 4096
KeepAlive On
KeepAliveTimeout 60
MaxKeepAliveRequests 0
LimitRequestBody 0
ProxyTimeout 3600
Listen {at(plain)}
Listen {at(secure)} https
SSLSessionCache none
<VirtualHost {at(secure)}>
  SSLEngine on
  SSLCertificateFile {certificate}
</VirtualHost>
<VirtualHost {at(plain)}>
</VirtualHost>
<Location />
  AuthType Basic
  AuthName mail
  AuthBasicProvider ldap
  AuthLDAPURL "{ldap.url}"
  AuthLDAPBindDN "{ldap.bind_dn}"
  AuthLDAPBindPassword "{ldap.bind_password}"
  Require valid-user
  ProxyPass http://{at(back_end)}/
</Location>
"""
    configuration = _written(folder / "apache.conf", text)
    argv = [program("apache2", "apache2"), "-DFOREGROUND", "-f", configuration]
    return Peer(Daemon(argv, folder / "error.log", [plain, secure]), plain, secure)


def pages(page: bytes) -> tuple[Daemon, Address]:
    """A back end of nginx's: the same page for each path, and 204 at /auth."""
    folder, plain, _ = _place("pages")
    (folder / "page").write_bytes(page)
    text = f"""user root; daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log stderr warn;
events {{ worker_connections 8192; }}
http {{
  access_log off; keepalive_requests 1000000000; root {folder};
  server {{
    listen {at(plain)} backlog=4096;
    location = /auth {{ return 204; }}
    location / {{ try_files /page =404; }}
  }}
}}
"""
    configuration = _written(folder / "nginx.conf", text)
    argv = [program("nginx", "nginx"), "-p", str(folder), "-c", configuration]
    return Daemon(argv, folder / "log", [plain]), plain


def at(address: Address) -> str:
    """As configuration files write it."""
    return f"{address[0]}:{address[1]}"


def _place(name: str) -> tuple[Path, Address, Address]:
    return temporary_folder(name), (_ADDRESS, free_port(_ADDRESS)), (_ADDRESS, free_port(_ADDRESS))


def _written(file: Path, text: str) -> str:
    file.touch(mode=0o600)
    file.write_text(text)
    return str(file)
