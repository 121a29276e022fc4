#!/usr/bin/env bash
# Installs what tests need and runs every check that decides whether a change may land.
# Arguments go to pytest: ./test.sh -k redact
set -euo pipefail
cd "$(dirname "$0")"
. scripts/setup.sh

# The servers of the integration tests; each test run starts its own, on free ports.
command -v redis-server >/dev/null || install_packages redis-server
[ -x /usr/sbin/mariadbd ] || install_packages mariadb-server
# promtool and amtool judge what is in monitoring/, and the dashboards are tried on a Prometheus.
command -v promtool >/dev/null || install_packages prometheus
command -v amtool >/dev/null || install_packages prometheus-alertmanager
install_turbojpeg
install_environment dev
.venv/bin/streetveil models pull > /dev/null

say "lint";            .venv/bin/ruff check . && .venv/bin/ruff format --check .
say "types";           .venv/bin/mypy
say "import rules";    .venv/bin/lint-imports --no-cache
say "secrets";         .venv/bin/python scripts/scan_secrets.py
# Two at a time: many tests wait for processes they started. A file stays together, for its servers are shared.
say "tests";           .venv/bin/pytest -n 2 --dist loadfile "$@"
