"""[limits]: every default stands in exfront/limits.py with its reason. Times are seconds, sizes octets."""

from __future__ import annotations

from attrs import frozen

from exfront import limits
from exfront.config.kinds import Count, CountOrNone, Octets, Seconds, SecondsOrNone


@frozen
class LimitsSection:
    """What an administrator may change."""

    connections: Count = limits.CONNECTIONS
    connections_per_address: Count = limits.CONNECTIONS_PER_ADDRESS
    connections_per_account: Count = limits.CONNECTIONS_PER_ACCOUNT
    connections_per_account_and_address: Count = limits.CONNECTIONS_PER_ACCOUNT_AND_ADDRESS
    log_ons_per_address: Count = limits.LOG_ONS_PER_ADDRESS
    log_ons_per_second: CountOrNone = 0
    log_ons_per_second_per_address: CountOrNone = 0
    memory: Octets = 0
    drain_time: Seconds = limits.DRAIN_TIME
    tls_handshake_time: Seconds = limits.TLS_HANDSHAKE_TIME
    certificate_watch_time: Seconds = limits.CERTIFICATE_WATCH_TIME
    mail_login_time: Seconds = limits.MAIL_LOGIN_TIME
    imap4_idle_time: Seconds = limits.IMAP4_IDLE_TIME
    pop3_idle_time: Seconds = limits.POP3_IDLE_TIME
    stall_time: Seconds = limits.STALL_TIME
    failure_floor: Seconds = limits.FAILURE_FLOOR
    remembered_logon_time: Seconds = limits.REMEMBERED_LOGON_TIME
    back_end_connect_time: Seconds = limits.BACK_END_CONNECT_TIME
    connections_per_back_end: Count = limits.BACK_END_CONNECTIONS
    back_end_queue: Count = limits.BACK_END_QUEUE
    back_end_queue_time: SecondsOrNone = limits.BACK_END_QUEUE_TIME
    back_end_probe_period: Seconds = limits.BACK_END_PROBE_PERIOD
    back_end_probe_time: Seconds = limits.BACK_END_PROBE_TIME
    back_end_login_time: Seconds = limits.BACK_END_LOGIN_TIME
    ldap_connect_time: Seconds = limits.LDAP_CONNECT_TIME
    ldap_tls_time: Seconds = limits.LDAP_TLS_TIME
    ldap_bind_time: Seconds = limits.LDAP_BIND_TIME
    ldap_search_time: Seconds = limits.LDAP_SEARCH_TIME
    ldap_lookup_time: Seconds = limits.LDAP_LOOKUP_TIME
    http_head_time: Seconds = limits.HTTP_HEAD_TIME
    http_idle_time: Seconds = limits.HTTP_IDLE_TIME
    http_write_time: Seconds = limits.HTTP_WRITE_TIME
    http_answer_time: Seconds = limits.HTTP_ANSWER_TIME
    http_back_end_idle_time: SecondsOrNone = limits.HTTP_BACK_END_IDLE_TIME
