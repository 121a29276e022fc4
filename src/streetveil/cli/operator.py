"""Who types commands, as the audit log knows them."""

from __future__ import annotations

import os
import pwd

from streetveil.domain.audit import Actor


def operator() -> Actor:
    """The account on this machine that the command runs under."""
    number = os.getuid()
    try:
        name = pwd.getpwuid(number).pw_name
    except KeyError:  # containers may run under numbers without a name
        name = f"uid {number}"
    return Actor(name, origin="cli")
