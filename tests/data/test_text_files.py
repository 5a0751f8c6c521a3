"""Things that are no text file where one is expected."""

import codecs
import os
import socket

import pytest

from microslip.config import load_config
from microslip.core.errors import MicroslipError
from microslip.data.text_files import read_text, regular_file
from microslip.study.plan import load_study

CONTENT = "seed = 5\n"


def pipe(path):
    os.mkfifo(path)


def listening(path):
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(path))


def device(path):
    path.symlink_to("/dev/zero")


def dangling(path):
    path.symlink_to("nowhere")


def in_a_circle(path):
    path.symlink_to(path.name)


def huge(path):
    path.write_text("# " + "x" * 10_000_100)


def utf16(path):
    path.write_text(CONTENT, encoding="utf-16")


def latin1(path):
    path.write_bytes(b'seed = 5\n[engine]\nkind = "l\xe9"\n')


def null(path):
    path.write_bytes(b"seed = 5\0\n")


@pytest.mark.parametrize("read", [load_config, load_study])
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (pipe, "is a pipe and no file"),
        (listening, "is a socket and no file"),
        (device, "is a device and no file"),
        (dangling, "is a link to nowhere, which does not exist"),
        (in_a_circle, "cannot be read"),
        (huge, "is larger than 10 MB"),
        (utf16, "is in UTF-16, not in UTF-8: save it as UTF-8"),
        (latin1, "is not in UTF-8 .byte 0xe9 in line 3.: save it as UTF-8"),
        (null, "is not valid TOML"),
    ],
    ids=lambda one: getattr(one, "__name__", ""),
)
def test_what_is_no_text_file_is_refused_in_a_sentence(tmp_path, monkeypatch, read, make, message):
    # the name of a socket may not be long
    monkeypatch.chdir(tmp_path)
    path = tmp_path.relative_to(tmp_path) / "run.toml"
    make(path)
    with pytest.raises(MicroslipError, match=message):
        read(path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_said(tmp_path):
    path = tmp_path / "run.toml"
    path.write_text(CONTENT)
    path.chmod(0)
    with pytest.raises(MicroslipError, match="cannot be read"):
        load_config(path)


@pytest.mark.parametrize(
    "content", [codecs.BOM_UTF8 + CONTENT.encode(), CONTENT.replace("\n", "\r\n").encode()], ids=["mark", "crlf"]
)
def test_a_byte_order_mark_and_line_ends_of_windows_are_taken(tmp_path, content):
    (tmp_path / "run.toml").write_bytes(content)
    assert load_config(tmp_path / "run.toml").simulation.seed == 5


def test_a_name_that_is_too_long_is_said(tmp_path):
    with pytest.raises(MicroslipError, match=r"cannot be read .File name too long"):
        regular_file(tmp_path / ("x" * 300), "give another")


def test_text_is_read_as_utf8_whatever_the_locale(tmp_path, monkeypatch):
    monkeypatch.setenv("LC_ALL", "de_DE.ISO-8859-1")
    (tmp_path / "a").write_bytes("κ".encode())
    assert read_text(tmp_path / "a", "") == "κ"
