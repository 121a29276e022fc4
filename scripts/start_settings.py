"""Prints what start.sh must know of the settings: host, port, and whose database and queue: `own` or `server`."""

from __future__ import annotations

import argparse
import sys

from streetveil.errors import ConfigurationError
from streetveil.settings import load_settings


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, help="the port of the command line")
    try:
        settings = load_settings({"port": parser.parse_args().port}).settings
    except ConfigurationError as error:
        sys.exit(f"error: {error.detail}")
    # A service that listens on every address is asked on this machine's own.
    host = "127.0.0.1" if settings.host in ("0.0.0.0", "::") else settings.host  # noqa: S104
    print(host, settings.port, *("server" if url else "own" for url in (settings.database_url, settings.redis_url)))


if __name__ == "__main__":
    main()
