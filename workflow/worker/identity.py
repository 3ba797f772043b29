"""Who a worker is, and whether another one on the same host is still there."""

import os
import socket
from pathlib import Path

_PID_NAMESPACE = Path("/proc/self/ns/pid")


def this_host() -> str:
    """The host's name and, on Linux, the process namespace: containers may share a name."""
    try:
        return f"{socket.gethostname()}/{os.readlink(_PID_NAMESPACE)}"
    except OSError:
        return socket.gethostname()


def is_running(host: str, pid: int) -> bool | None:
    """Whether a process of this host is there; None when it is another host's."""
    if host != this_host():
        return None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
