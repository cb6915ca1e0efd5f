"""Kernels that start in a moment: forks of a process that has loaded what their cells will import.

A hundred tests open a notebook, and each of their kernels would spend two seconds on torch alone.
`warm_kernels` is that process; Jupyter starts `python -m tests.browser.warm_kernels`, which stands
for the fork: it ends with it, and hands on the signals that Jupyter sends.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NAME = "warm"
"""Of the kernel, in a notebook."""
SOCKET = "LONGLIVE_WARM_KERNELS"
"""The variable with the address at which forks are asked for."""
LOADED = "import longlive_widget, ipykernel.kernelapp, longlive_widget.widget.studio"
REQUEST_BYTES = 2**20


@contextmanager
def warm_kernels(folder: Path) -> Iterator[dict[str, str]]:
    """Offer them to each server that has this in its environment; all files are under `folder`."""
    spec = folder / "kernels" / NAME
    spec.mkdir(parents=True)
    argv = [sys.executable, "-m", __name__, "{connection_file}"]
    told = {"argv": argv, "display_name": "Warm", "language": "python"}
    (spec / "kernel.json").write_text(json.dumps(told))
    environment = {SOCKET: str(folder / "socket"), "JUPYTER_PATH": str(folder)}
    with (
        socket.socket(socket.AF_UNIX) as listening,
        (folder / "log").open("wb") as log,
    ):
        listening.bind(environment[SOCKET])
        listening.listen()
        command = [sys.executable, "-c", f"{LOADED}; from {__name__} import _fork_all as f; f()"]
        parent = subprocess.Popen(
            command, cwd=Path(__file__).parents[2], stdin=listening, stdout=log, stderr=log
        )
        try:
            yield environment
        finally:
            parent.kill()
            parent.wait()


def _fork_all() -> None:
    """Fork at each request at the socket that is the standard input, until killed."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them
    listening = socket.socket(fileno=os.dup(0))
    while True:
        asked, _ = listening.accept()
        request, files, _, _ = socket.recv_fds(asked, REQUEST_BYTES, 2)
        if os.fork() == 0:
            listening.close()
            _become_kernel(asked, json.loads(request), files)
        asked.close()
        for file in files:
            os.close(file)


def _become_kernel(asked: socket.socket, request: dict[str, object], files: list[int]) -> None:
    """Run a kernel in this process as whoever asked would have, and end."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    for file, number in zip(files, (1, 2), strict=True):
        os.dup2(file, number)
        os.close(file)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["environment"])
    asked.sendall(f"{os.getpid()}\n".encode())
    threading.Thread(target=_end_with, args=(asked,), daemon=True).start()
    sys.argv = ["ipykernel_launcher", "-f", request["connection"]]
    sys.path[0] = ""
    from ipykernel import kernelapp

    kernelapp.launch_new_instance()
    os._exit(0)


def _end_with(asked: socket.socket) -> None:
    asked.recv(1)
    os._exit(1)


def _stand_for_kernel(connection: str) -> None:
    """Ask for a fork, and be here for as long as it is."""
    with socket.socket(socket.AF_UNIX) as asking:
        asking.connect(os.environ[SOCKET])
        request = {
            "connection": connection,
            "cwd": str(Path.cwd()),
            "environment": dict(os.environ),
        }
        socket.send_fds(asking, [json.dumps(request).encode()], [1, 2])
        kernel = int(asking.makefile().readline())
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda number, _: os.kill(kernel, number))
        asking.recv(1)


if __name__ == "__main__":
    _stand_for_kernel(sys.argv[1])
