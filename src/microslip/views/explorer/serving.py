"""A server for the page of one run: this machine only, reading only, and nothing but the page's own files and data."""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable, Iterable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

from microslip.core.errors import MicroslipError
from microslip.data.run import Run
from microslip.data.step_state import StepState
from microslip.views.explorer.contents import describe_contents, describe_states
from microslip.views.explorer.files import POLICY, TYPES, page_files
from microslip.views.explorer.parts import NoSuchPart, as_json, read_part

# Not 8000 or 8080, where others listen already.
PORT = 8765

_ADDRESS = "127.0.0.1"
# Under another name a page of somebody else's could reach this server through its own address.
_HOSTS = ("127.0.0.1", "localhost")

HEADERS = {
    "Content-Security-Policy": f"{POLICY}; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    # a run may be measured again while its page is open
    "Cache-Control": "no-cache",
}


def page_server(
    run: Run, states: Callable[[], Iterable[StepState]] = tuple, port: int | None = None
) -> ThreadingHTTPServer:
    """A server, not yet started, of the page of a run on this machine's loopback address.

    Parameters
    ----------
    run, states
        The run, and what tells the state of its steps, asked whenever the page is loaded.
    port
        0 for any free one; the usual one, or any free one where it is taken, if left out.

    Raises
    ------
    MicroslipError
        The port asked for is taken or not allowed.
    """
    handler = _handler(run, states)
    for number in (PORT, 0) if port is None else (port,):
        try:
            return _Server((_ADDRESS, number), handler)
        except OverflowError:
            raise MicroslipError(f"port {number} is none: choose one from 1024 to 65535, or leave --port out") from None
        except OSError as problem:
            if port is None and number and problem.errno == errno.EADDRINUSE:
                continue
            raise MicroslipError(
                f"port {number} of {_ADDRESS} cannot be used ({problem.strerror}):"
                " choose another with --port, or leave it out for a free one"
            ) from None
    raise AssertionError("a free port is always tried")


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # the port of a server that has just ended may be used again
    allow_reuse_address = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        # a reader may go away between two requests as well
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


def _handler(run: Run, states: Callable[[], Iterable[StepState]]) -> type[BaseHTTPRequestHandler]:
    files = page_files()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        server_version = "microslip"
        sys_version = ""
        timeout = 30

        def do_GET(self) -> None:
            self._answer(with_body=True)

        def do_HEAD(self) -> None:
            self._answer(with_body=False)

        def _answer(self, with_body: bool) -> None:
            host = self.headers.get("Host", "").rsplit(":", 1)[0]
            if host not in _HOSTS:
                self._send(HTTPStatus.FORBIDDEN, b"this page is served to this machine alone\n", "txt", with_body)
                return
            name = unquote(urlsplit(self.path).path).removeprefix("/") or "index.html"
            if name in files:
                self._send(HTTPStatus.OK, files[name].read_bytes(), name.rsplit(".", 1)[-1], with_body)
                return
            try:
                if name == "data/run.json":
                    self._send(HTTPStatus.OK, as_json(describe_contents(run)), "json", with_body)
                elif name == "data/states.json":
                    self._send(HTTPStatus.OK, as_json(describe_states(states())), "json", with_body)
                elif name.startswith("data/"):
                    self._send(HTTPStatus.OK, read_part(run, name.removeprefix("data/")), "bin", with_body)
                else:
                    raise NoSuchPart(f"{name} is not a part of this page")
            except NoSuchPart as problem:
                self._send(HTTPStatus.NOT_FOUND, f"{problem}\n".encode(), "txt", with_body)
            except MicroslipError as problem:
                # the page shows the sentence in the place of what it asked for
                self._send(HTTPStatus.CONFLICT, f"{problem}\n".encode(), "txt", with_body)

        def _send(self, status: HTTPStatus, body: bytes, ending: str, with_body: bool) -> None:
            try:
                self.send_response(status)
                self.send_header("Content-Type", TYPES[ending])
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if with_body:
                    self.wfile.write(body)
            except (BrokenPipeError, ConnectionResetError):
                # the reader went on to another stage
                self.close_connection = True

        def end_headers(self) -> None:
            # the standard library's own refusals pass here too
            for name, value in HEADERS.items():
                self.send_header(name, value)
            super().end_headers()

        def log_message(self, format: str, *values: object) -> None:
            """Nothing: a line per stage would bury the address."""

    return Handler
