import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microslip.core.visible import quoted, shortened, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain D²min of κ\u00a0= 3 [b]", "plain D²min of κ\u00a0= 3 [b]"),
        ("\x1b[31mred", r"\x1b[31mred"),
        ("two\nlines\r\t", r"two\x0alines\x0d\x09"),
        ("\x9b31m", r"\u009b31m"),
        ("\udcff", r"\xff"),
        ("\u202eabc", r"\u202eabc"),
        ("\ud800", r"\ud800"),
    ],
)
def test_what_a_terminal_would_obey_is_shown(text, shown):
    assert visible(text) == shown


@given(st.text(st.characters()))
def test_nothing_shown_moves_the_cursor_or_fails_to_be_written(text):
    shown = visible(text)
    assert not any(ord(one) < 0x20 or 0x7F <= ord(one) < 0xA0 for one in shown)
    shown.encode()


@pytest.mark.parametrize(
    ("path", "word"),
    [("runs/quick", "runs/quick"), ("a b", "'a b'"), ("-x", "./-x"), ("~", "'./~'"), ("it's", "'it'\"'\"'s'")],
)
def test_a_path_is_quoted_for_the_shell(path, word):
    assert quoted(path) == word


@given(st.binary(min_size=1, max_size=30).filter(lambda name: not set(name) & set(b"\0/")))
def test_bash_takes_a_quoted_name_for_the_name_itself(name):
    command = f"printf %s {quoted(name.decode('utf-8', 'surrogateescape'))}"
    command.encode()
    given_back = subprocess.run(["bash", "-c", command], capture_output=True, check=True).stdout
    assert given_back.removeprefix(b"./") == name.removeprefix(b"./")


def test_what_is_too_long_says_how_long_it_is():
    assert shortened("9" * 5000, 10) == "9999999999… (5,000 characters)"
    assert shortened("short") == "short"
