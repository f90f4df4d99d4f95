"""Every limit and time-out of exfront, with its unit and why that number.

[limits] in exfront.toml takes its defaults here. Times are seconds, sizes octets.
"""

from __future__ import annotations

# --- the process (S-OPS-4, S-OPS-7)
CONNECTIONS = 10_000  # S-OPS-4: client connections in all
CONNECTIONS_PER_ADDRESS = 200  # S-OPS-4: from one IPv4 /32 or IPv6 /64
CONNECTIONS_PER_ACCOUNT = 40  # S-OPS-4: of IMAP4 and POP3; a user's desk, notebook and phone have some five each
CONNECTIONS_PER_ACCOUNT_AND_ADDRESS = 20  # S-MAIL-13
LOG_ONS_PER_ADDRESS = 32  # S-OPS-4: proven at a time; further ones of that network wait
LOG_ON_NETWORKS = 20_000  # networks whose log-ons a second are counted; some 0.2 kB each
DRAIN_TIME = 30.0  # S-OPS-7: what a running request or session gets after SIGTERM
BYE_SPREAD_TIME = 20.0  # S-OPS-7: IMAP4 clients come back at once, so they are sent away one after the other
LAB_LINE_OCTETS = 64 * 1024  # of a client to the lab's mailbox servers; mbsync lists its UIDs on one line
LAB_LITERAL_OCTETS = 16 * 1024 * 1024  # a mail with a photograph, held in memory

# --- the control socket (S-OPS-3)
CONTROL_LINE_OCTETS = 4 * 1024  # of a question; a login name and a password take less than half of it
CONTROL_CLIENTS = 8  # at once: administrators and their scripts
CONTROL_IDLE_TIME = 60.0  # between two questions of one connection
CONTROL_ANSWER_OCTETS = 8 * 1024 * 1024  # that exfrontctl reads; 5,000 addresses of one entry are 0.5 MB
CONTROL_ANSWER_TIME = 30.0  # that exfrontctl waits; a look-up ends within 10 s, a bind within 5 s
SOCKET_PATH_OCTETS = 100  # of a Unix socket's path: the kernel takes 107

# --- exfrontctl check
CHECK_TIME = 30.0  # for everything; what has no answer by then is an error
CHECK_TOPOLOGY_TIME = 15.0  # of that; the rest is judged by what it names, and needs time too
CHECK_BACK_ENDS = 20  # looked at side by side; a directory may name hundreds
CHECK_SAMPLE = 200  # users of each directory server that are read for missing home servers and double addresses
CHECK_QUESTIONS = 20  # addresses asked for at the same time
CHECK_LAST_QUESTION = 10.0  # before the end of CHECK_TIME none is asked any more: a search may take 5 s
CERTIFICATE_WARNING_DAYS = 30  # S-ROUTE-8: said that long before it expires
CERTIFICATE_WATCH_TIME = 30.0  # S-TLS-5: between two looks at the files
CLOCK_WARNING_TIME = 60.0  # a directory's clock that far away; Kerberos stops at 300 s

# --- transports (net/lean)
LOOP_TURN = 0.002  # then the reactor has its turn; one event more may follow, of at most 3 ms
ACCEPT_PAUSE = 0.25  # no descriptor is free: until the next try, while clients wait in the backlog
DEADLINE_TICK = 0.25  # so late may a deadline of a connection come, and a long one by a 64th of itself
TLS_UNREAD_TIME = 1.0  # a peer that takes nothing so long may wait for us to read

MEMORY_LOOK_TIME = 1.0  # S-OPS-6: between two looks at the process's memory
LOOP_LOOK_TIME = 0.5  # S-OPS-13: between two looks at the loop ...
LOOP_LATE_TIME = 0.2  # ... which tell when it came so much late
DESCRIPTORS_HIGH = 0.9  # S-OPS-5: of RLIMIT_NOFILE; from there on who calls waits in the backlog ...
DESCRIPTORS_LOW = 0.8  # ... until there are so few
DESCRIPTORS_RESERVE = 256  # S-OPS-5: files, the directory, listeners, idle connections to back ends
DESCRIPTORS_LOOK_TIME = 0.5  # between two counts while nobody is taken
DESCRIPTORS_PER_CLIENT = 4  # a client, its back end, a splice's pipe: how soon it is counted again

# --- TLS
TLS_TICKET_KEY_TIME = 12 * 3600.0  # S-TLS-7: then sessions are resumed by new keys only
TLS_HANDSHAKE_TIME = 10.0  # S-HTTP-24: from accept to the end of the handshake

# --- authentication (S-AUTH)
USER_NAME_OCTETS = 256  # S-AUTH-1
PASSWORD_OCTETS = 1024  # S-AUTH-1
FAILURE_FLOOR = 0.5  # S-AUTH-6: no refused log-on is answered sooner
FAILURE_JITTER = 0.1  # S-AUTH-6: added to the floor, at random
REMEMBERED_LOGON_TIME = 60.0  # S-AUTH-9: a proven Basic header on the same connection
CREDENTIAL_CACHE_TIME = 60.0  # S-AUTH-9: a proven password, over HTTP
CREDENTIAL_CACHE_MOST = 600.0  # S-AUTH-9: a disabled account works no longer than this
CREDENTIALS = 50_000  # accounts in that cache; some 0.4 kB each
ACCOUNT_FAILURES = 5  # S-AUTH-7: failed binds of one account in a window
LOCKOUT_THRESHOLD = 5  # S-AUTH-7: taken for the domain's as long as that is not known
LOCKOUT_MARGIN = 2  # S-AUTH-7: left below the domain's threshold, for the user's own machines
LOCKOUT_WINDOW = 30 * 60.0  # Active Directory's lockOutObservationWindow before Windows Server 2022
LOCKOUT_POLICY_TIME = 3600.0  # S-AUTH-7: the domain's threshold is read again ...
LOCKOUT_POLICY_RETRY = 60.0  # ... sooner where that failed
KNOWN_NETWORK_TIME = 30 * 86400.0  # S-AUTH-7: a network with a good log-on
KNOWN_NETWORKS = 8  # S-AUTH-7: of one account: home, office, a phone's few
KNOWN_NETWORK_FRESH = 86400.0  # a good log-on is written down again after a day, not each time
GUARDED_ACCOUNTS = 100_000  # some 0.5 kB each; those without a failure go first
GUARD_WRITE_TIME = 1.0  # S-AUTH-7: state is written at most so often, and at most a twentieth of the time
GUARD_FILE_OCTETS = 128 * 1024 * 1024  # 100,000 accounts with 8 networks each are 50 MB
FAILURE_MEMORY_TIME = 600.0  # S-AUTH-8: a wrong password is not tried again
WRONG_PASSWORDS = 50_000  # S-AUTH-8: remembered at once; some 0.3 kB each
FAILURE_DELAY = 2.0  # S-MAIL-11: the first failure of a network is held back so long, each further twice as long ...
FAILURE_DELAY_MOST = 15.0  # ... up to this
FAILURE_DELAY_MEMORY = 600.0  # without a failure: the delay begins anew
FAILURES_PER_NETWORK = 20  # S-AUTH-10: in ...
NETWORK_FAILURE_TIME = 60.0  # ... a minute
NETWORK_DIGESTS = 64  # credentials of one network that are known to have failed
GUARDED_NETWORKS = 20_000  # client networks with failures; at most 10 kB each
SPRAY_ACCOUNTS = 10  # S-AUTH-10: one password that failed on more accounts than this in ...
SPRAY_TIME = 600.0  # ... ten minutes is sprayed
SPRAY_PASSWORDS = 20_000  # passwords watched for that
SPRAY_NETWORKS = 256  # networks that tried one password

# --- directory (S-DIR-1)
LDAP_CONNECT_TIME = 3.0
LDAP_TLS_TIME = 3.0
LDAP_BIND_TIME = 5.0
LDAP_SEARCH_TIME = 5.0
LDAP_LOOKUP_TIME = 10.0
LDAP_SIZE_LIMIT = 2  # S-DIR-8: two entries are enough to know that a name is ambiguous
LDAP_PDU_OCTETS = 512 * 1024  # S-DIR-8: ldaptor decodes in quadratic time
LDAP_PDU_ELEMENTS = 8192  # the other factor of that square; 5,000 addresses of one mailbox fit
LDAP_PDU_DEPTH = 16  # S-DIR-8: nested elements; a search result has 5
LDAP_CLOSE_TIME = 1.0  # for the server to close after our unbind
LDAP_SEARCHES = 50  # outstanding at once; OpenLDAP closes a connection at 100 (conn_max_pending)
LDAP_SEARCH_CONNECTIONS = 2  # of long life to one server: a long answer on one holds up the other not
LDAP_BIND_CONNECTIONS = 8  # one bind at a time on each (S-AUTH-2)
LDAP_ABANDONED = 200  # searches given up whose end did not come, on one connection; then it is closed
LDAP_RECONNECT_FIRST = 1.0  # after a lost connection; also between two tries when all servers are down
LDAP_SILENCE_TIME = 1.0  # a server that owes answers and says nothing so long: searches go elsewhere
LDAP_PROBE_FIRST = 10.0  # S-DIR-2: a server that is down is tried again after this ...
LDAP_PROBE_MOST = 300.0  # ... doubling to this
LDAP_PAGE_SIZE = 500  # entries; half of what Active Directory gives at most (MaxPageSize)
LDAP_RANGES = 100  # parts of one attribute; 1,500 values each at Active Directory
SRV_LEAST_TIME = 10.0  # S-DIR-2: DNS is asked again by TTL, not more often than this ...
SRV_MOST_TIME = 3600.0  # ... and not less often than this
SERVICE_BIND_PAUSE = 60.0  # S-DIR-3: a refused service account is tried once a minute

# --- what the directory said, kept for a while (S-DIR-5..7)
CACHE_ENTRIES = 100_000  # names that lead to a mailbox; some 1 kB each
CACHE_TIME = 300.0  # S-DIR-5: a mailbox that moves is missed once, and then looked up anew (S-ROUTE-10)
NEGATIVE_CACHE_TIME = 30.0  # S-DIR-7: until a new user may log on
NEGATIVE_CACHE_ENTRIES = 20_000  # S-DIR-7: names that lead to nobody; a guesser makes them
CACHE_STALE_TIME = 3600.0  # S-DIR-5: past its life, while no server answers ...
CACHE_STALE_MOST = 86_400.0  # ... and what an administrator may make of it
CACHE_YOUNG_TIME = 1.0  # what was read a moment ago is not doubted: wrong passwords must not make a search each
CACHE_NAMES_PER_ACCOUNT = 64  # more spellings of one account than people use
CACHE_RENEWALS = 20  # at the same time, in the background; look-ups that people wait for go first

ACTIVESYNC_PEEKED_OCTETS = 512  # of a Sync or Ping, for the log; a Ping has some 100, a Sync of one folder 60

# --- between Client Access servers (S-ROUTE-6)
CONTEXT_GROUPS = 1024  # of one user; Windows puts no more than 1,015 into a token
CONTEXT_OCTETS = 96 * 1024  # of a serialized context: so many groups of 76 octets, with room for names
CONTEXT_NAME_CHARACTERS = 512  # of a log-on name in it
CONTEXT_TIME = 3600.0  # a context that was received serves so long; then 441 again, with groups as they are now
CONTEXTS = 10_000  # received; some 1.5 kB each with 200 groups
TOKEN_GROUPS_TIME = 600.0  # a user's groups are read again after so long
TOKEN_GROUPS = 10_000  # users whose groups are held; some 1.2 kB each with 200 groups
ACCESS_TOKEN_OCTETS = 60_000  # of X-CommonAccessToken: http.sys of the back end takes no field over 65,534 octets
ACCESS_TOKEN_TIME = 60.0  # a client connection says the same token for so long; then one of groups as they are known
ACTIVE_COPY_TIME = 300.0  # where a database's active copy was found is remembered for so long
ACCESS_TOKENS = 1_000  # written tokens that are held; 14 kB each with 200 groups
CAS_SESSIONS = 50_000  # pairs of a user and a second Client Access server, with its cookies
CAS_COOKIES = 20  # of one such pair ...
CAS_COOKIE_OCTETS = 4096  # ... each so long at most
CAS_HELD_OCTETS = 64 * 1024  # S-ROUTE-6: a longer body is sent once only, so the proxy log-on comes before it
SOAP_START_OCTETS = 64 * 1024  # of an EWS request up to its SOAP Body; exchangelib's and Outlook's have 1 to 4 kB
SOAP_CONTEXT_OCTETS = 256 * 1024  # the same from a Client Access server: 1,024 groups of some 170 octets are in it
CAS_LOG_ON_TIME = 20.0  # a proxy log-on's whole answer

TOPOLOGY_TIME = 300.0  # between two readings of the configuration partition
TOPOLOGY_RETRY_TIME = 30.0  # after a reading that failed
TOPOLOGY_SLICE = 50  # objects read in one turn of the event loop; some 0.1 ms each
TOPOLOGY_NAMED_CHANGES = 20  # names of one kind in one log line

# --- back ends (S-ROUTE-12)
BACK_END_CONNECT_TIME = 5.0
BACK_END_CONNECTIONS = 1000  # S-OPS-4: to one server, all protocols together
BACK_END_QUEUE = 500  # S-OPS-4: log-ons that wait for a place at one server; a second of a morning's rush
BACK_END_QUEUE_TIME = 5.0  # that one waits; mail clients give up after some 10 s
BACK_END_CONNECT_FAILURES = 3  # in a row: then the service is out for ...
BACK_END_OUT_FIRST = 10.0  # ... this, doubling with each probe that fails ...
BACK_END_OUT_MOST = 60.0  # ... to this
BACK_END_ONLY_PAUSE = 1.0  # between two probes where nobody else has the mailbox: its users wait for that server
BACK_END_BAD_ANSWERS = 5  # of one application in a row: a single broken mailbox is not the application
BACK_END_PROBE_PERIOD = 10.0  # between two probes of our own
BACK_END_PROBE_TIME = 5.0  # for a greeting or an answer, after the connection
BACK_END_PROBE_JITTER = 0.2  # of the period, up or down: several front ends must not probe in step
BACK_END_TLS_TIME = 5.0
BACK_END_LOGIN_TIME = 20.0  # a Dovecot penalised for failures may take 15 s
BACK_END_LOGIN_LINES = 64  # S-MAIL-9
BACK_END_LOGIN_OCTETS = 64 * 1024  # S-MAIL-9

# --- IMAP4 and POP3 (S-MAIL)
MAIL_LOGIN_TIME = 60.0  # S-MAIL-12: in total, before login
IMAP4_LINE_OCTETS = 10_240  # S-MAIL-6: Exchange's default
POP3_LINE_OCTETS = 512  # S-MAIL-6: Exchange's default
SASL_RESPONSE_OCTETS = 64 * 1024  # S-MAIL-6
IMAP4_LITERAL_OCTETS = 8 * 1024  # S-MAIL-5
IMAP4_LITERALS = 2  # S-MAIL-5: in one command, before login
BAD_COMMANDS = 10  # S-MAIL-6
COMMANDS_BEFORE_LOG_ON = 200  # S-MAIL-6: their answers wait in memory for a client that does not read
IMAP4_LOGIN_FAILURES = 5  # S-MAIL-11: on one connection
POP3_LOGIN_FAILURES = 3  # S-MAIL-11
PIPELINED_OCTETS = 64 * 1024  # S-MAIL-10: held behind a login
IMAP4_IDLE_TIME = 30 * 60.0 + 60  # S-MAIL-12: more than RFC 3501's 30 min, for IDLE's 29 min
POP3_IDLE_TIME = 10 * 60.0 + 60  # S-MAIL-12: more than RFC 1939's 10 min
STALL_TIME = 5 * 60.0  # S-MAIL-20: no progress to a reader
RELAY_WATCH_TIME = 60.0  # between two looks at a relay: its time-outs come at most so much late
HALF_CLOSE_TIME = 30.0  # S-MAIL-19: for the answer after the client's end
CLIENT_GONE_TIME = 5.0  # S-MAIL-19: until the back end gets its FIN
INTERJECT_SILENCE = 1.0  # a BYE of ours only after that much silence both ways
CAPABILITIES = 200  # of one back end, as remembered; Dovecot has 45
CAPABILITY_OCTETS = 100  # of one of them
CAPABILITY_TIME = 300.0  # until one log-on more asks a POP3 server, which says nothing by itself
CAPABILITY_FILE_OCTETS = 16 * 1024 * 1024  # 1,000 servers with 50 names each are 1 MB
ID_PAIRS = 30  # RFC 2971 section 3.3, S-MAIL-16
ID_FIELD_OCTETS = 30
ID_VALUE_OCTETS = 1024
ALERT_CHARACTERS = 400  # S-MAIL-9: of a back end's [ALERT]
AUTH_HTTP_WAIT = 1  # seconds that nginx waits at least: with 0 it would close its client's connection
MAIL_HOPS = 5  # S-MAIL-16: mail proxies in a row, this one included; Dovecot's own number
TCP_KEEPALIVE = 120  # S-MAIL-12
PROXY_V1_OCTETS = 107  # S-MAIL-15: the longest line of version 1, with its end
PROXY_HEADER_TIME = 5.0  # S-MAIL-15: from accept to the end of the header
PROXY_HEADERS = 1000  # connections whose header has not come yet
PROXY_V2_OCTETS = 2 * 1024  # S-MAIL-15: version 2 with its TLVs

# --- HTTP (S-HTTP)
HTTP_METHOD_OCTETS = 64  # S-HTTP-1: the longest in IANA's registry has 17
HTTP_TARGET_OCTETS = 8 * 1024  # S-HTTP-8
HTTP_HEAD_OCTETS = 64 * 1024  # S-HTTP-8: without the Authorization line
HTTP_LINE_OCTETS = 16 * 1024  # S-HTTP-8
HTTP_AUTHORIZATION_OCTETS = 65_535  # S-HTTP-8: Kerberos tokens
HTTP_HEADER_LINES = 200  # S-HTTP-8
HTTP_CHUNK_EXTENSION_OCTETS = 4 * 1024  # S-HTTP-11: a request
HTTP_TRAILER_OCTETS = 16 * 1024  # S-HTTP-12
HTTP_HEAD_TIME = 20.0  # S-HTTP-24: after the head's first octet
HTTP_IDLE_TIME = 65.0  # S-HTTP-24
HTTP_WRITE_TIME = 60.0  # S-HTTP-24: a client that does not read
HTTP_BODY_GRACE = 10.0  # S-HTTP-24: before a body's rate counts
HTTP_BODY_RATE = 240  # S-HTTP-24: octets a second ...
HTTP_BODY_RATE_TIME = 30.0  # ... over this long
HTTP_BODY_OCTETS = 64 * 1024 * 1024  # S-HTTP-25: a virtual directory's default
HTTP_HOPS = 3  # S-ROUTE-5: front ends in a row; two are a proxy between sites, more is a loop
HTTP_VERDICTS = 8192  # kept of virtual directory, method and client; some 300 octets each
HTTP_ANSWER_TIME = 120.0  # S-HTTP-26: until the back end's head; a virtual directory may say otherwise
HTTP_DRAIN_OCTETS = 256 * 1024  # S-HTTP-17: of an unread request body
HTTP_DRAIN_TIME = 2.0  # S-HTTP-17
HTTP_RESPONSE_HEAD_OCTETS = 128 * 1024  # S-HTTP-27
HTTP_INTERIM_RESPONSES = 8  # S-HTTP-28
HTTP_CONTINUE_TIME = 1.0  # S-HTTP-15: a back end's silence before our own 100
WEB_SOCKET_IDLE_TIME = 15 * 60.0  # silence both ways; peers ping far more often
OTHER_SERVERS = 2  # that are tried instead of one that cannot be reached, within one request or log-on
HTTP_BACK_END_IDLE = 1000  # idle connections to back ends in all
HTTP_BACK_END_IDLE_OF_A_USER = 8  # S-HTTP-33: of one account at one service
HTTP_BACK_END_IDLE_TIME = 55.0  # S-HTTP-33: below IIS's 120 s
LOGON_FORM_OCTETS = 16 * 1024  # S-HTTP-39: a destination of 2 KiB and a password of 1 KiB, each octet as %XX, and more
LOGON_FORM_FIELDS = 32  # Exchange's own has ten
LOGON_DESTINATION_OCTETS = 2048  # S-HTTP-39
LOGON_KEY_TIME = 3600.0  # S-HTTP-35: a key seals for an hour
LOGON_KEYS = 800  # an hour each, kept for the longest idle time: 30 days are 720
LOGON_PUBLIC_TIME = 900.0  # S-HTTP-36: idle, on a public computer
LOGON_PRIVATE_TIME = 8 * 3600.0  # S-HTTP-36: on one's own
LOGON_PRIVATE_TIME_2003 = 24 * 3600.0  # as Exchange 2003 had it
LOGON_SHORTEST_TIME = 60.0  # what Exchange lets an administrator set: 1 ...
LOGON_LONGEST_TIME = 43_200 * 60.0  # ... to 43200 minutes
LOGON_ABSOLUTE_TIME = 24 * 3600.0  # S-HTTP-36: whatever happens on it; or the idle time, where that is longer
LOGON_RENEWALS = 15  # a cookie is renewed so often in an idle time, at most: it may end a fifteenth of that early
LOGONS_REVOKED = 20_000  # S-HTTP-37: 48 octets each; when there are more, all that end as early as the first are void
LOGONS_HELD = 100_000  # passwords in memory, where they do not lie in the cookie
LOGON_STATE_OCTETS = 8 * 1024 * 1024  # of the file; 20,000 that were ended are 1.5 MB
NEXT_HOP_SCHEMES = 4096  # what virtual directories of servers offer, as learned
NEXT_HOP_SCHEME_TIME = 300.0  # before that is asked anew
NEXT_HOP_LOG_ONS = 50_000  # accounts at servers, whose password was taken or refused there; some 300 octets each
NEXT_HOP_REFUSAL_TIME = 600.0  # S-AUTH-8: a password that a back end refused is not sent there again
NEXT_HOP_LOG_ON_TIME = 3600.0  # one that it took needs no waiting for the outcome of others
BUFFER_OCTETS = 64 * 1024  # S-HTTP-25, S-MAIL-20: held a direction
