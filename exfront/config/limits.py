"""[limits]: every default stands in exfront/limits.py with its reason. Times are seconds, sizes octets."""

from __future__ import annotations

from attrs import frozen

from exfront import limits


@frozen
class LimitsSection:
    """What an administrator may change."""

    connections: int = limits.CONNECTIONS
    connections_per_address: int = limits.CONNECTIONS_PER_ADDRESS
    drain_time: float = limits.DRAIN_TIME
    tls_handshake_time: float = limits.TLS_HANDSHAKE_TIME
    mail_login_time: float = limits.MAIL_LOGIN_TIME
    imap4_idle_time: float = limits.IMAP4_IDLE_TIME
    pop3_idle_time: float = limits.POP3_IDLE_TIME
    stall_time: float = limits.STALL_TIME
    failure_floor: float = limits.FAILURE_FLOOR
    remembered_logon_time: float = limits.REMEMBERED_LOGON_TIME
    back_end_connect_time: float = limits.BACK_END_CONNECT_TIME
    back_end_login_time: float = limits.BACK_END_LOGIN_TIME
    ldap_connect_time: float = limits.LDAP_CONNECT_TIME
    ldap_bind_time: float = limits.LDAP_BIND_TIME
    ldap_search_time: float = limits.LDAP_SEARCH_TIME
    ldap_lookup_time: float = limits.LDAP_LOOKUP_TIME
    http_head_time: float = limits.HTTP_HEAD_TIME
    http_idle_time: float = limits.HTTP_IDLE_TIME
    http_write_time: float = limits.HTTP_WRITE_TIME
    http_answer_time: float = limits.HTTP_ANSWER_TIME
