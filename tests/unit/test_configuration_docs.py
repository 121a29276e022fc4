"""docs/configuration.md lists every setting as it is."""

from datetime import timedelta
from enum import Enum
from pathlib import Path

from streetveil.domain.durations import duration_text
from streetveil.settings import Settings

_DOCS = Path(__file__).parents[2]


def _row(name):
    field = Settings.model_fields[name]
    default = field.default.value if isinstance(field.default, Enum) else field.default
    if isinstance(default, timedelta):
        default = duration_text(default)
    return f"| `{name.upper()}` | {'' if default is None else f'`{default}`'} | {field.description} |"


def test_the_table_of_settings_is_complete_and_right():
    lines = (_DOCS / "docs/configuration.md").read_text().splitlines()
    table = [line for line in lines if line.startswith("| `")]
    assert table == [_row(name) for name in Settings.model_fields]


def test_the_example_file_names_only_settings_that_exist():
    lines = (_DOCS / ".env.example").read_text().splitlines()
    named = {line[1:].partition("=")[0].lower() for line in lines if line.startswith("#") and "=" in line}
    assert named
    assert named <= Settings.model_fields.keys()
