"""A page read as a browser would: whether tags close in order, what its text is, and what it would load."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

VOID = {"meta", "img", "br", "hr", "link", "input", "rect"}


class Page(HTMLParser):
    """Checks that tags close in order; gathers text, attributes and headings."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.source = source
        self.open: list[str] = []
        self.text = ""
        self.attributes: list[tuple[str, str, str]] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.headings: list[int] = []
        self.feed(source)
        self.close()
        assert self.open == []
        self.text = re.sub(r"\s+", " ", self.text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if re.fullmatch(r"h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag):
        assert self.open[-1:] == [tag], f"</{tag}> closes {self.open[-3:]}"
        self.open.pop()

    def handle_data(self, data):
        if self.open and self.open[-1] not in {"style", "script"}:
            self.text += data

    def values(self, tag: str, name: str) -> list[str]:
        return [value for of, key, value in self.attributes if (of, key) == (tag, name)]

    def of(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]


def check_page(page: Page) -> None:
    """What holds for every page: nothing from elsewhere, and readable with any means."""
    assert not re.search(r"https?://|<script|<link|@import|url\(|<iframe|\sstyle=|\son\w+=", page.source)
    policy = next(each["content"] for each in page.of("meta") if each.get("http-equiv") == "Content-Security-Policy")
    style = re.search(r"<style>(.*?)</style>", page.source, re.DOTALL)
    assert style
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert policy.startswith("default-src 'none'; img-src data:; ")
    assert f"style-src 'sha256-{digest}'" in policy
    assert page.of("html")[0]["lang"] == "en"
    assert page.headings[0] == 1
    assert page.headings.count(1) == 1
    for before, after in zip(page.headings, page.headings[1:], strict=False):
        assert after <= before + 1, f"h{after} follows h{before}"
    assert all(each.get("scope") in {"col", "row"} for each in page.of("th"))
    assert all(each.get("alt") for each in page.of("img"))
    assert all(each["src"].startswith("data:image/png;base64,") for each in page.of("img"))
    identifiers = [value for _, name, value in page.attributes if name == "id"]
    assert len(identifiers) == len(set(identifiers))
    assert page.of("a")[0]["href"] == "#main"
    for address in page.values("a", "href"):
        if address.startswith("#"):
            assert address[1:] in identifiers
        else:
            assert not re.match(r"[a-z]+:(?!text/|application/)", address.replace("data:", "", 1)), address
    for name in page.values("section", "aria-labelledby"):
        assert name in identifiers
