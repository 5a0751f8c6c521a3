"""The page's server: this machine alone, reading alone, nothing outside the page."""

from __future__ import annotations

import http.client
import re
import signal
import socket
import subprocess
import sys
import threading
import webbrowser
from concurrent.futures import ThreadPoolExecutor
from http.server import ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from microslip.cli import app
from microslip.core.errors import MicroslipError
from microslip.data.step_state import Cause, StepState
from microslip.views.explorer.parts import read_part
from microslip.views.explorer.serving import PORT, page_server

LATE = "out of date: what fields left; fields: nonaffine.cutoff changed since. `microslip run` on this folder renews it"

COMMAND = str(Path(sys.executable).parent / "microslip")
# Starting takes a second or two here; a hang is told from slowness by a wide margin.
PATIENCE = 60


def ask(address, path="/", method="GET", headers=None, body=None):
    """Status, headers and body of one answer."""
    connection = http.client.HTTPConnection("127.0.0.1", urlsplit(address).port, timeout=PATIENCE)
    try:
        connection.request(method, path, body=body, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, dict(answer.headers), answer.read()
    finally:
        connection.close()


def raw(address, request):
    """What comes back for bytes as they are, without a client that would tidy them, until the server closes."""
    with socket.create_connection(("127.0.0.1", urlsplit(address).port), timeout=PATIENCE) as wire:
        wire.sendall(request)
        wire.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: wire.recv(65536), b""))


def test_the_page_and_its_data_are_delivered_with_their_types(address, explored, unpack):
    for path, kind in {
        "/": "text/html; charset=utf-8",
        "/index.html": "text/html; charset=utf-8",
        "/page.css": "text/css; charset=utf-8",
        "/page.js": "text/javascript; charset=utf-8",
        "/vendor/three.js": "text/javascript; charset=utf-8",
        "/vendor/three.LICENSE.txt": "text/plain; charset=utf-8",
        "/icon.svg": "image/svg+xml",
        "/data/run.json": "application/json",
        "/data/states.json": "application/json",
        "/data/stages.bin": "application/octet-stream",
        "/data/stage/3/d2min.bin?again=1": "application/octet-stream",
    }.items():
        status, headers, body = ask(address, path)
        assert (status, headers["Content-Type"]) == (200, kind), path
        assert int(headers["Content-Length"]) == len(body) > 0
    assert ask(address)[2] == ask(address, "/index.html")[2]
    assert ask(address, "/data/stage/3/d2min.bin")[2] == read_part(explored, "stage/3/d2min.bin")
    assert unpack.strict(ask(address, "/data/run.json")[2])["stages"]["n"] == len(explored.stages)


@pytest.mark.parametrize("path", ["/", "/data/run.json", "/data/grains.bin", "/nothing", "/data/stage/3/nothing.bin"])
def test_every_answer_carries_the_headers(address, path):
    _, headers, _ = ask(address, path)
    policy = dict(part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Resource-Policy"] == headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Cache-Control"] == "no-cache"
    assert "Access-Control-Allow-Origin" not in headers
    # nothing of the versions in use
    assert headers["Server"].strip() == "microslip"


def test_the_page_names_the_policy_of_the_server_itself(address):
    """For servers of exported files, which send no such header."""
    _, headers, body = ask(address)
    stated = re.search(rb'http-equiv="Content-Security-Policy" content="([^"]*)"', body)[1].decode()
    assert headers["Content-Security-Policy"] == f"{stated}; frame-ancestors 'none'"


@pytest.mark.parametrize("path", ["/", "/data/run.json", "/data/stage/3/d2min.bin", "/data/stage/999/d2min.bin"])
def test_head_says_what_get_would_send(address, path):
    status, headers, body = ask(address, path, "HEAD")
    same, others, whole = ask(address, path)
    assert (status, body) == (same, b"")
    assert headers["Content-Length"] == others["Content-Length"] == str(len(whole))


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "BREW"])
@pytest.mark.parametrize("path", ["/", "/data/run.json"])
def test_nothing_can_be_written(address, explored, method, path):
    before = sorted((path, path.stat().st_mtime_ns) for path in explored.folder.rglob("*"))
    status, headers, _ = ask(address, path, method, body=b"x" * 100)
    assert 400 <= status < 600
    assert headers.get("Content-Type", "").startswith("text/")
    assert sorted((path, path.stat().st_mtime_ns) for path in explored.folder.rglob("*")) == before


@pytest.mark.parametrize("method", ["POST", "DELETE", "OPTIONS"])
def test_a_refused_method_is_answered_with_the_headers_too(address, method):
    status, headers, body = ask(address, "/", method)
    assert status in (405, 501)
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert b"<script" not in body


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8765", "127.0.0.1.evil.example", "localhost.evil.example:80", "", "0.0.0.0"]
)
def test_another_name_of_this_machine_is_refused(address, host):
    """A page of somebody else's whose name leads here may not read the run."""
    for path in ("/", "/data/run.json"):
        status, headers, body = ask(address, path, headers={"Host": host})
        assert status == 403
        assert b"microslip view" not in body
        assert b"columns" not in body
        assert "Content-Security-Policy" in headers


def test_a_request_without_a_host_is_refused(address):
    assert raw(address, b"GET / HTTP/1.0\r\n\r\n").split(b" ", 2)[1] == b"403"


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_this_machine_s_own_names_are_served(address, name):
    port = urlsplit(address).port
    assert ask(address, headers={"Host": f"{name}:{port}"})[0] == 200
    # as a tunnel to another port asks
    assert ask(address, headers={"Host": f"{name}:1234"})[0] == 200


OUTSIDE = [
    "/../run.json",
    "/data/../../stages.csv",
    "/data/../stages.csv",
    "/../../../../../../etc/passwd",
    "//etc/passwd",
    "///etc/passwd",
    "/data//etc/passwd",
    "/%2e%2e/%2e%2e/etc/passwd",
    "/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
    "/..%2f..%2fstages.csv",
    "/..%5c..%5cstages.csv",
    "/..\\..\\stages.csv",
    "/%252e%252e/stages.csv",
    "/vendor/../index.html",
    "/vendor/..%2findex.html",
    "/vendor/",
    "/vendor",
    "/data",
    "/data/",
    "/data/run.json/",
    "/data/run.json%00.bin",
    "/page.js%00",
    "/%00",
    "/data/stage/1/../../../../stages.csv",
    "/data/stage/1/%2e%2e/d2min.bin",
    "/data/stage/-1/d2min.bin",
    "/data/stage/+1/d2min.bin",
    "/data/stage/1/d2min.bin/..",
    "/data/stage/1/D2MIN.bin",
    "/data/stage/1/d2min.bin%0a",
    "/data/stage/\u0661/d2min.bin".encode(),
    "/data/stage/%D9%A1/d2min.bin",
    "/data/frame/1e1.bin",
    "/data/frame/%20%201.bin",
    "/data/stages.csv",
    "/data/trajectory.zarr/zarr.json",
    "/trajectory.zarr/zarr.json",
    "/fields.zarr/d2min/c/0/0",
    "/config.toml",
    "/serving.py",
    "/__init__.py",
    "/static/index.html",
    "http://127.0.0.1/etc/passwd",
    "file:///etc/passwd",
    "index.html/../../serving.py",
    "*",
    "~",
]


@pytest.mark.parametrize("path", OUTSIDE)
def test_no_path_leads_outside(address, path):
    target = path if isinstance(path, bytes) else path.encode()
    answer = raw(address, b"GET " + target + b" HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert re.match(rb"HTTP/1\.[01] (400|404) ", head), head
    assert b"root:" not in body
    assert b"start_frame" not in body
    assert b"Traceback" not in answer
    # what was asked for is repeated as plain text, so that a browser runs none of it
    assert b"Content-Type: text/plain" in head


def test_markup_in_a_path_comes_back_as_plain_text(address):
    status, headers, body = ask(address, "/%3Cscript%3Ealert(1)%3C/script%3E")
    assert (status, headers["Content-Type"]) == (404, "text/plain; charset=utf-8")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert body.decode().startswith("<script>")


def test_a_line_break_in_a_path_makes_no_header(address):
    answer = raw(address, b"GET /%0d%0aSet-Cookie:%20a=b HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
    assert b"Set-Cookie" not in answer.partition(b"\r\n\r\n")[0]


@pytest.mark.parametrize(
    "request_",
    [
        b"\r\n\r\n",
        b"GET\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/9.9\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n" + b"".join(b"X%d: 1\r\n" % i for i in range(200)) + b"\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
    ids=["empty", "no path", "TLS", "version", "long", "many headers", "chunked"],
)
def test_nonsense_does_not_hurt(address, request_):
    answer = raw(address, request_)
    assert b"Traceback" not in answer
    assert ask(address)[0] == 200


def test_one_connection_serves_many_requests(address):
    connection = http.client.HTTPConnection("127.0.0.1", urlsplit(address).port, timeout=PATIENCE)
    for path, status in (
        ("/", 200), ("/data/frame/0.bin", 200), ("/nothing", 404), ("/data/stage/3/cluster.bin", 200),
        ("/data/stage/1/attribution.bin", 409), ("/data/grains.bin", 200),
    ):  # fmt: skip
        connection.request("GET", path)
        answer = connection.getresponse()
        assert answer.status == status
        answer.read()
        if path == "/":
            wire = connection.sock
        assert connection.sock is wire is not None
    connection.close()


def test_many_ask_at_once_and_each_gets_its_own(address, explored):
    names = [
        f"stage/{stage}/{field}.bin" for stage in range(0, 48, 8) for field in ("d2min", "displacement", "cluster")
    ]
    names += [f"frame/{frame}.bin" for frame in range(12)] + ["stages.bin", "grains.bin", "curve.bin"]
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda name: ask(address, f"/data/{name}"), 2 * names))
    for name, (status, _, body) in zip(2 * names, found, strict=True):
        assert status == 200
        assert body == read_part(explored, name), name


def test_a_client_that_goes_away_leaves_the_others_alone(address, capfd):
    for _ in range(20):
        wire = socket.create_connection(("127.0.0.1", urlsplit(address).port), timeout=PATIENCE)
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        # unread data and a reset instead of a farewell
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        wire.sendall(b"GET /vendor/three.js HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 3)
        wire.recv(10)
        wire.close()
    # one that never says what it wants
    with socket.create_connection(("127.0.0.1", urlsplit(address).port), timeout=PATIENCE) as silent:
        silent.sendall(b"GET / HT")
        assert ask(address)[0] == 200
    assert ask(address, "/data/run.json")[0] == 200
    assert "Traceback" not in capfd.readouterr().err


def test_it_listens_to_this_machine_alone(explored, serve):
    with page_server(explored, port=0) as server:
        assert server.server_address[0] == "127.0.0.1"
        assert server.socket.getsockname()[0] == "127.0.0.1"
        port = server.server_port
        # an own address of this machine other than the loopback, where it has one
        for family, _, _, _, (own, *_) in socket.getaddrinfo(socket.gethostname(), port, socket.AF_INET):
            if own.startswith("127.0.0.1"):
                continue
            with socket.socket(family) as wire:
                wire.settimeout(2)
                assert wire.connect_ex((own, port)) != 0


def test_results_that_are_out_of_date_are_told(explored, serve, unpack):
    states = [
        StepState("fields", "measuring", "out of date", Cause("settings", ("nonaffine.cutoff",))),
        StepState("figures", "drawing", "out of date", Cause("inputs")),
        StepState("voxels", "gridding", "current"),
        StepState("train", "training", "not done"),
    ]
    with serve(explored, lambda: states) as address:
        told = unpack.strict(ask(address, "/data/states.json")[2])
    assert told == [LATE]


def test_contents_are_told_anew_at_every_load(copied, serve, unpack):
    with serve(copied) as address:
        assert not [note for note in unpack.strict(ask(address, "/data/run.json")[2])["notes"] if "trained" in note]
        (copied.folder / "model" / "predictions.csv").unlink()
        notes = unpack.strict(ask(address, "/data/run.json")[2])["notes"]
        assert [note for note in notes if "no network has been trained" in note]


def test_what_is_damaged_is_said_and_the_rest_is_served(copied, serve, cut_short):
    cut_short(copied.folder / "fields.zarr", "d2min", 14)
    with serve(copied) as address:
        status, headers, body = ask(address, "/data/stage/14/d2min.bin")
        assert (status, headers["Content-Type"]) == (409, "text/plain; charset=utf-8")
        assert "fields.zarr/d2min/c/" in body.decode()
        assert "fails its checksum" in body.decode()
        assert ask(address, "/data/stage/14/shear_strain.bin")[0] == 200
        assert ask(address, "/data/stage/20/d2min.bin")[0] == 200


def test_what_nobody_expected_ends_one_answer_and_not_the_server(copied, serve, capfd):
    """A run folder that goes away under an open page."""
    with serve(copied) as address:
        assert ask(address, "/data/stages.bin")[0] == 200
        copied.folder.rename(copied.folder.with_name("elsewhere"))
        assert ask(address, "/data/stages.bin")[0] == 409
        assert ask(address, "/data/stage/3/d2min.bin")[0] == 409
        assert ask(address, "/data/run.json")[0] == 200
        assert ask(address)[0] == 200
    assert "Traceback" not in capfd.readouterr().err


@pytest.fixture
def taken():
    """A port on which something else listens."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


def test_a_port_that_is_taken_is_said(explored, taken):
    with pytest.raises(MicroslipError, match=f"port {taken} of 127.0.0.1 cannot be used .*--port"):
        page_server(explored, list, taken)


@pytest.mark.parametrize("port", [-1, 65536, 10**9])
def test_a_port_that_is_none_is_said(explored, port):
    with pytest.raises(MicroslipError, match=f"port {port} is none"):
        page_server(explored, list, port)


def test_the_usual_port_gives_way_to_another(explored):
    with socket.socket() as other:
        try:
            other.bind(("127.0.0.1", PORT))
            other.listen()
        except OSError:
            pass  # it is taken already, by somebody else
        with page_server(explored) as server:
            assert server.server_port not in (0, PORT)


def started(*arguments):
    return subprocess.Popen(
        [COMMAND, "view", *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.parametrize(
    ("number", "code", "said", "complained"),
    [
        (signal.SIGINT, 0, "  ended\n", ""),
        (
            signal.SIGTERM,
            143,
            "",
            "microslip: stopped by SIGTERM; what was there before stays: the page is begun anew by the same command\n",
        ),
    ],
)
def test_the_command_serves_until_it_is_stopped(explored, number, code, said, complained):
    process = started(explored.folder, "--no-browser", "--port", "0")
    watchdog = threading.Timer(PATIENCE, process.kill)
    watchdog.start()
    try:
        line = process.stdout.readline()
        address = re.search(r"http://127\.0\.0\.1:\d+/", line)
        assert address, line + process.stderr.read()
        assert ask(address[0])[0] == 200
        assert ask(address[0], "/data/stage/3/d2min.bin")[2] == read_part(explored, "stage/3/d2min.bin")
        process.send_signal(number)
        out, err = process.communicate(timeout=PATIENCE)
    finally:
        watchdog.cancel()
        process.kill()
    assert (process.returncode, out, err) == (code, said, complained)


def test_the_command_says_a_taken_port_in_one_sentence(explored, taken):
    done = subprocess.run(
        [COMMAND, "view", explored.folder, "--no-browser", "--port", str(taken)],
        capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith(f"microslip: port {taken} of 127.0.0.1 cannot be used")
    assert done.stderr.count("\n") == 1


def test_without_a_browser_the_address_is_said(explored, monkeypatch, capsys):
    asked = []
    monkeypatch.setattr(webbrowser, "open", lambda address: asked.append(address) or False)

    def stopped(server, poll_interval=0.5):
        raise KeyboardInterrupt

    monkeypatch.setattr(ThreadingHTTPServer, "serve_forever", stopped)
    app(["view", str(explored.folder), "--port", "0"], result_action="return_value")
    said = capsys.readouterr().out
    assert len(asked) == 1
    assert asked[0] in said
    assert "no browser was found here: open the address in one" in said
    assert said.endswith("ended\n")
