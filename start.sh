#!/usr/bin/env bash
# Sets everything up, starts the embedded service and shows it at work on a sample photo.
set -euo pipefail
cd "$(dirname "$0")"
. scripts/setup.sh

usage() {
    cat <<'TEXT'
Usage: ./start.sh [--demo] [--port PORT]

Installs what is missing, fetches the default models, starts the service, sends it a sample photo
and shows the result. The service then runs until Ctrl-C.

  --demo        end after the sample photo
  --port PORT   port to listen on (default: 8000, or PORT from the environment or .env)
  --help        this text
TEXT
}

valid_port() {
    case $1 in ''|*[!0-9]*) die "--port needs a number, not '$1'" ;; esac
    [ "${#1}" -le 5 ] && [ "$1" -ge 1 ] && [ "$1" -le 65535 ] || die "--port must be from 1 to 65535, not $1"
}

demo=
port=
while [ $# -gt 0 ]; do
    case $1 in
        --demo) demo=1 ;;
        --port) [ $# -ge 2 ] || die "--port needs a number"; port=$2; shift; valid_port "$port" ;;
        --port=*) port=${1#--port=}; valid_port "$port" ;;
        -h|--help) usage; exit 0 ;;
        *) usage >&2; die "unknown option: $1" ;;
    esac
    shift
done
install_turbojpeg
install_environment runtime

# Settings may come from the environment, .env or PIPELINE_CONFIG: the program itself knows.
settings=$(.venv/bin/python scripts/start_settings.py ${port:+--port "$port"}) || exit 3
read -r host port database queue tuning <<< "$settings"
# Whoever has the port would be taken for our own service.
if (exec 3<>"/dev/tcp/$host/$port") 2>/dev/null; then
    die "port $port is taken; choose another with --port"
fi
.venv/bin/streetveil models pull > /dev/null

# On any way out all get SIGTERM, finish their running jobs and are waited for.
started=()
trap 'for pid in "${started[@]}"; do kill -TERM "$pid" 2>/dev/null || true; done; wait' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

if [ "$database" = server ]; then
    say "bringing the database to this version's schema"
    .venv/bin/streetveil db upgrade
fi
say "starting the service on port $port"
.venv/bin/streetveil serve --port "$port" &
service=$!
started+=("$service")
if [ "$queue" = server ]; then
    say "starting a worker"
    .venv/bin/streetveil worker &
    started+=("$!")
fi

.venv/bin/python scripts/demo.py --url "http://$host:$port" --pid "$service"
[ -n "$demo" ] && exit 0
[ "$tuning" = tune ] && say "this processor can work on photos in as little as half the time: .venv/bin/streetveil models tune" \
    "finds out how, in a minute; then start again"
say "the service runs at http://$host:$port (documentation: /docs); Ctrl-C ends it"
wait "$service"
