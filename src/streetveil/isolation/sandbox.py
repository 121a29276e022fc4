"""What the kernel no longer lets a child do (Landlock, landlock(7)), should a photo take it over.

It reads Python's and the system's libraries, and no other file; it writes none, opens no TCP connection, and neither
signals nor inspects (ptrace, /proc/PID/environ) any process outside: the parent's secrets stay its own. Each kernel
forbids what it knows: files and inspection from 5.13, TCP from 6.7, signals from 6.12.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from collections.abc import Sequence
from pathlib import Path

# The same numbers on every architecture.
_CREATE_RULESET = 444
_ADD_RULE = 445
_RESTRICT_SELF = 446
_ASK_VERSION = 1
_PATH_BENEATH = 1
_READ = 1 << 2 | 1 << 3  # files, folders

_LIBRARIES = ("/usr/lib", "/usr/lib64", "/usr/local/lib", "/lib", "/lib64", "/etc/ld.so.cache", "/usr/share/zoneinfo")


def confine() -> int:
    """Confines this process for good; needs `no_new_privs`.

    Returns:
        The version of Landlock that it is confined by; 0 where the kernel has none, or has it switched off.

    Raises:
        OSError: the kernel has it and refuses.
    """
    version = landlock_version()
    if version > 0:
        ruleset = _ruleset(version)
        for path in _readable():
            _allow(ruleset, path)
        _call(_RESTRICT_SELF, ruleset, 0)
        os.close(ruleset)
    return max(0, version)


def landlock_version() -> int:
    """What the running kernel has of Landlock; 0: nothing."""
    try:
        return _call(_CREATE_RULESET, None, 0, _ASK_VERSION)
    except OSError:
        return 0


def _ruleset(version: int) -> int:
    """A ruleset that forbids all that this version knows. Struct landlock_ruleset_attr: files, network, scopes."""
    known = {1: 13, 2: 14, 3: 15, 4: 15}.get(version, 16)
    files = (1 << known) - 1
    network = 0b11 if version >= 4 else 0
    scopes = 0b11 if version >= 6 else 0
    fields = [files] + [network] * (version >= 4) + [scopes] * (version >= 6)
    attributes = struct.pack(f"={len(fields)}Q", *fields)
    return _call(_CREATE_RULESET, attributes, len(attributes), 0)


def _readable() -> Sequence[str]:
    own = [sys.prefix, sys.base_prefix, sys.exec_prefix, *sys.path]
    return sorted({path for path in (*own, *_LIBRARIES) if path and path != "/" and Path(path).exists()})


def _allow(ruleset: int, path: str) -> None:
    rights = _READ if Path(path).is_dir() else 1 << 2
    beneath = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        _call(_ADD_RULE, ruleset, _PATH_BENEATH, struct.pack("=Qi", rights, beneath), 0)
    finally:
        os.close(beneath)


def _call(number: int, *arguments: int | bytes | None) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    given = [ctypes.c_long(item) if isinstance(item, int) else item for item in arguments]
    result = int(libc.syscall(ctypes.c_long(number), *given))
    if result < 0:
        raise OSError(ctypes.get_errno(), f"landlock ({number})")
    return result
