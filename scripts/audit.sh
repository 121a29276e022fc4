#!/usr/bin/env bash
# Asks PyPI for known vulnerabilities of the locked dependencies. Needs the network: where a package cannot be looked up
# this fails and says so, for not having looked is not the same as having found nothing.
set -euo pipefail
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || set -- requirements.txt requirements-dev.txt
for lock in "$@"; do
    if ! .venv/bin/uv tool run --from pip-audit==2.10.1 pip-audit \
        --strict --disable-pip --require-hashes --progress-spinner off -r "$lock"; then
        echo "$lock: NOT known to be free of vulnerabilities: some were found, or could not be looked up; see above." >&2
        exit 1
    fi
done
