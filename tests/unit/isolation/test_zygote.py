import json
import socket
import subprocess
import sys
from dataclasses import asdict

from streetveil.isolation.limits import Limits


def test_a_parent_that_is_gone_before_the_models_are_loaded_leaves_no_traceback():
    """As Ctrl-C does in the first second of a run."""
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    order = {"build": "builtins:repr", "argument": 1, "limits": asdict(Limits(memory_bytes=1 << 30))}
    with ours, its:
        ours.send(json.dumps(order).encode())
        ours.close()

        ended = subprocess.run(
            [sys.executable, "-m", "streetveil.isolation.zygote", str(its.fileno())],
            pass_fds=[its.fileno()],
            capture_output=True,
            check=False,
        )

    assert (ended.returncode, ended.stderr) == (0, b"")
