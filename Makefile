# make lab     run exfront with a small directory and two mailbox servers of its own, to try it
# make test    all tests, against real servers too; what is missing is installed when root
#              (TRANSPORTS=twisted: with exfront on Twisted's own transports)
# make check   ruff and mypy
# make soak    what is too heavy or slow for make test
# make corpus  malformed HTTP through exfront, nginx, HAProxy and Apache: writes docs/http-corpus.rst anew
# make mail-corpus  hostile IMAP4 and POP3 through exfront, nginx and Dovecot: writes docs/mail-corpus.rst anew
# make docs    write docs/tests.rst, docs/explain.rst, docs/coexistence.rst and docs/cas-proxy.rst anew
# make screenshots  take the pictures in docs/screenshots anew
# make clean   remove what these made

PYTHON = python3
VENV = .venv
BIN = $(VENV)/bin

SERVERS = slapd ldap-utils samba samba-ad-dc samba-ad-provision samba-dsdb-modules samba-vfs-modules samba-common-bin \
	python3-samba ldb-tools winbind krb5-user dovecot-core dovecot-imapd dovecot-pop3d apache2 nginx libnginx-mod-mail \
	litmus curl openssl isync libsasl2-modules fetchmail getmail6 mutt procps systemd haproxy

SOAK_SERVERS = chromium chromium-driver sogo sogo-activesync postgresql testssl.sh

.PHONY: lab test check soak corpus mail-corpus screenshots docs clean servers

lab: $(VENV)/.installed
	exec $(BIN)/twistd --nodaemon --pidfile= exfront --lab

test: $(VENV)/.installed-test servers
	exec $(BIN)/python -m tests.run

check: $(VENV)/.installed-check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

soak: $(VENV)/.installed-test servers
	@.ci/need $(SOAK_SERVERS)
	exec $(BIN)/python -m tests.run soak

corpus: $(VENV)/.installed-test servers
	$(BIN)/python -m tests.corpus.peers

mail-corpus: $(VENV)/.installed-test servers
	$(BIN)/python -m tests.mail_corpus.peers

screenshots: $(VENV)/.installed-test servers
	@.ci/need $(SOAK_SERVERS)
	SCREENSHOTS=$(CURDIR)/docs/screenshots $(BIN)/python -m twisted.trial tests.soak.test_forms

docs: $(VENV)/.installed-test servers
	$(BIN)/python -m tests.catalogue
	$(BIN)/python -m tests.explained
	$(BIN)/python -m tests.coexistence_page
	$(BIN)/python -m tests.cas_page

servers:
	@.ci/need $(SERVERS)

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .hypothesis _trial_temp* twisted/plugins/dropin.cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "exfront needs Python 3.11 or later: make PYTHON=...")'
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || .ci/need python3-venv
	$(PYTHON) -m venv $(VENV)

# Editable: twistd finds the plugin through the checkout, and a changed file needs no new install.
$(VENV)/.installed: $(BIN)/python setup.cfg pyproject.toml
	$(BIN)/pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $@

$(VENV)/.installed-check: $(VENV)/.installed-test
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[test,check]'
	@touch $@
