"""The page's own files, as they lie in the package, and how a browser is told to treat them."""

from __future__ import annotations

from pathlib import Path

_STATIC = Path(__file__).with_name("static")

TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "json": "application/json",
    "svg": "image/svg+xml",
    "txt": "text/plain; charset=utf-8",
    "bin": "application/octet-stream",
}

# Nothing from elsewhere, no script or style within the page itself; also stands in index.html for static servers.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self';"
    " base-uri 'none'; form-action 'none'"
)


def page_files() -> dict[str, Path]:
    """Path of each file by the name under which the page asks for it."""
    return {str(path.relative_to(_STATIC)): path for path in sorted(_STATIC.rglob("*")) if path.suffix[1:] in TYPES}
