"""What the documents tell people to type can be typed."""

import ast
import json
import re
import shlex
from functools import cache
from pathlib import Path

import pytest
import typer
from typer.main import get_command

from streetveil.cli.main import build_app

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
OTHERS = [path for path in (ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md") if path.exists()]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!\w+:)([^)#\s]+)")
ANCHOR = re.compile(r"\]\((?!\w+:)([^)#\s]*)#([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
PROGRAM = re.compile(r"`((?:tests|load-tests|scripts|src)/[\w./-]+)(?: [^`]*)?`")


def commands():
    """Every line of a shell block that runs something of this repository, with its document's name."""
    for document in DOCUMENTS + OTHERS:
        for language, block in FENCE.findall(document.read_text("utf-8")):
            if language not in {"sh", "bash", "console", "shell"}:
                continue
            for line in block.replace("\\\n", " ").splitlines():
                words = shlex.split(line.removeprefix("$ "), comments=True)
                while words and re.fullmatch(r"[A-Z][A-Z0-9_]*=.*", words[0]):
                    words = words[1:]
                words = words[: next((i for i, word in enumerate(words) if word in {"|", "&&", ";", ">", "&"}), None)]
                if words and (words[0].removeprefix(".venv/bin/") == "streetveil" or words[0].startswith("./")):
                    yield pytest.param(words, id=f"{document.relative_to(ROOT)}: {' '.join(words)[:60]}")


@cache
def program():
    return get_command(build_app())


@pytest.mark.parametrize("words", list(commands()))
def test_a_command_in_the_documents_can_be_typed(words):
    if words[0].startswith("./"):
        script = ROOT / words[0]
        assert script.is_file()
        assert script.stat().st_mode & 0o100
        if words[0] == "./start.sh":
            assert {word.partition("=")[0] for word in words[1:] if word.startswith("-")} <= {
                "--demo",
                "--port",
                "--help",
            }
        return
    command, rest = program(), words[1:]
    while hasattr(command, "commands") and rest and not rest[0].startswith("-"):
        assert rest[0] in command.commands, f"no such command: {' '.join(words)}"
        # The context's command is imported; the list's may not be yet.
        command = command.commands[rest[0]].make_context(rest[0], [], resilient_parsing=True).command
        rest = rest[1:]
    context = typer.Context(command, info_name=words[0])
    if not {"--help", "-h", "--version"} & set(rest):
        command.parse_args(context, rest)


def test_the_readmes_first_screen_holds_the_two_commands():
    first_screen = "\n".join((ROOT / "README.md").read_text("utf-8").splitlines()[:24])

    [first, *_] = [block for language, block in FENCE.findall(first_screen) if language == "sh"]
    assert [line.split()[0] for line in first.splitlines()] == ["./start.sh", "./test.sh"]


@pytest.mark.parametrize("document", DOCUMENTS + OTHERS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_within_the_repository_lead_somewhere(document):
    text = FENCE.sub("", document.read_text("utf-8"))

    assert [link for link in LINK.findall(text) if not (document.parent / link).exists()] == []


def anchors(document):
    """The names that headings have on a rendered page."""
    headings = HEADING.findall(FENCE.sub("", document.read_text("utf-8")))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS + OTHERS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_to_a_heading_find_it(document):
    for target, anchor in ANCHOR.findall(FENCE.sub("", document.read_text("utf-8"))):
        assert anchor in anchors(document.parent / target if target else document), anchor


@pytest.mark.parametrize("document", DOCUMENTS + OTHERS, ids=lambda path: str(path.relative_to(ROOT)))
def test_programs_and_tests_that_are_named_exist(document):
    named = PROGRAM.findall(document.read_text("utf-8"))

    assert [path for path in named if not (ROOT / path).exists()] == []


def test_each_decision_has_a_number_of_its_own_and_is_titled_by_it():
    pages = sorted((ROOT / "docs/decisions").glob("[0-9]*.md"))
    numbers = [int(page.name[:4]) for page in pages]

    assert len(set(numbers)) == len(numbers)
    assert [page.read_text("utf-8").partition(". ")[0] for page in pages] == [f"# {number}" for number in numbers]


@pytest.mark.parametrize("document", DOCUMENTS + OTHERS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_json_and_python_block_is_valid(document):
    for language, block in FENCE.findall(document.read_text("utf-8")):
        if language == "json":
            json.loads(block)
        elif language in {"python", "py"}:
            ast.parse(block)
