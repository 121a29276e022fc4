"""A verb whose module is imported when it is used: each takes its room's libraries with it, up to a second long."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command


class CommandLater(TyperCommand):
    """Stands in a list of commands for one that is not imported yet."""

    def __init__(self, name: str, place: str, summary: str) -> None:
        """`place` is like `package.module:function`, of a command, or of `build_app` that returns a group of them."""
        super().__init__(name, help=summary)
        self._place = place

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:  # noqa: ANN401 - Typer's own, whose types are private
        """The context of the command itself, so that from here on this one plays no part."""
        return self._imported().make_context(info_name, args, parent, **extra)

    def _imported(self) -> Any:  # noqa: ANN401
        module, _, function = self._place.partition(":")
        found = getattr(import_module(module), function)
        app = typer.Typer(rich_markup_mode="rich", pretty_exceptions_show_locals=False)
        app.callback()(_nothing)
        if function == "build_app":
            app.add_typer(found(), name=self.name)
        else:
            app.command(self.name)(found)
        group = get_command(app)
        if not isinstance(group, TyperGroup):
            raise TypeError("an app with a callback is a group")
        return group.commands[self.name or ""]


def _nothing() -> None:
    pass
