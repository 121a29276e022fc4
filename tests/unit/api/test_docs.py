"""docs/errors.md and docs/api.md cannot drift away from the code."""

import inspect
import re
from pathlib import Path

from streetveil import errors
from streetveil.api.errors import MethodNotAllowedError, status_of
from streetveil.errors import StreetveilError

DOCS = Path(__file__).parents[3] / "docs"


def error_classes() -> list[type[StreetveilError]]:
    return [kind for kind in vars(errors).values() if inspect.isclass(kind) and issubclass(kind, StreetveilError)]


def test_the_table_of_errors_lists_exactly_the_codes_there_are():
    kinds: list[type[StreetveilError]] = [*error_classes(), MethodNotAllowedError]
    expected = {(kind.code, f"{status_of(kind):d}", "yes" if kind.retryable else "no") for kind in kinds}
    rows = re.findall(
        r"^\| `(\w+)` \| (\d{3}) \| (yes|no) \| .+ \| .+ \|$", (DOCS / "errors.md").read_text(), re.MULTILINE
    )

    assert set(rows) == expected
    assert len(rows) == len(expected)


def test_no_two_errors_share_a_code():
    # A photo that needs review is the same trouble for who waits for it and for who asks for it later.
    others = [kind for kind in error_classes() if kind is not errors.HeldBackError]
    assert errors.HeldBackError.code == errors.NeedsReviewError.code
    assert len({kind.code for kind in others}) == len(others)


def test_every_route_stands_in_the_documentation(running):
    text = (DOCS / "api.md").read_text()
    for path, methods in running.app.openapi()["paths"].items():
        for method in methods:
            assert f"`{method.upper()} {path}`" in text
