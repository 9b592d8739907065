"""The fenced blocks of README.md and docs/, and how the test suite checks each of them.

    python tests/snippets.py

prints every block with its check, and the counts. Each block must fit exactly one entry of CHECKS;
a unit test fails for a new block that fits none. A block is named by its page, its heading and its
language ("output" if it has none), followed by a number if the heading has several blocks of that
language.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
_HEADING = re.compile(r"^#+ +(.*)$")
_FENCE = re.compile(r"^ *```(\w*)$")

RUN = "run as printed"
LINT = "checked by a linter or a schema"
OUTPUT = "output or structure only"
HOW = (RUN, LINT, OUTPUT)

REAL = "tests/integration/test_snippets_real.py"
MATRIX = "tests/integration/test_matrix_real.py"
WORKFLOW = "tests/integration/test_workflow_real.py"
RECIPES = "tests/integration/test_recipes_update_real.py"
LAYERS = "tests/unit/test_layers.py"


class Block(NamedTuple):
    """A fenced block of a page.

    `before` is the last line of the text between this block and the block or heading above it.
    """

    page: str
    heading: str
    language: str
    number: int
    line: int
    before: str
    text: str

    @property
    def name(self) -> str:
        number = f" {self.number}" if self.number > 1 else ""
        return f"{self.page}: {self.heading}: {self.language or 'output'}{number}"


class Check(NamedTuple):
    """How a block is checked, by which test file, and the reason if it is not run."""

    how: str
    where: str
    reason: str = ""


# By patterns of names.
CHECKS: dict[str, Check] = {
    "README.md: jitbuild: console*": Check(RUN, REAL),
    "README.md: jitbuild: output": Check(OUTPUT, REAL, "the output of the command above it"),
    "README.md: A tour: *": Check(RUN, REAL),
    "README.md: The proof: console": Check(RUN, REAL),
    "README.md: Known JIT bugs: console": Check(RUN, REAL),
    "README.md: From Python: python": Check(RUN, REAL),
    "docs/bench.md: Should I turn the JIT on? `jitbuild bench`: console": Check(RUN, REAL),
    "docs/bench.md: *: output": Check(OUTPUT, "tests/unit", "lines of reports"),
    "docs/bench.md: pyperformance: console": Check(RUN, REAL),
    "docs/bench.md: pytest-benchmark: console": Check(RUN, REAL),
    "docs/bench.md: The page: console": Check(RUN, REAL),
    "docs/bench.md: Files: console": Check(RUN, REAL),
    "docs/caches.md: Caches: console": Check(RUN, REAL),
    "docs/caches.md: Sharing between machines: console": Check(RUN, REAL),
    "docs/ci.md: nox: *": Check(RUN, REAL),
    "docs/ci.md: GitHub: console": Check(RUN, REAL),
    "docs/ci.md: GitLab: console": Check(RUN, REAL),
    "docs/ci.md: pytest: sh": Check(RUN, MATRIX),
    "docs/ci.md: tox: ini": Check(RUN, MATRIX),
    "docs/ci.md: tox: sh": Check(RUN, MATRIX),
    "docs/ci.md: *: yaml*": Check(LINT, WORKFLOW, "a pipeline needs a forge"),
    "docs/design.md: The house: output": Check(OUTPUT, LAYERS, "the folders of the package"),
    "docs/design.md: How an install travels: output": Check(
        OUTPUT, LAYERS, "the order of the stages"
    ),
    "docs/diff.md: What does the JIT change? `jitbuild diff`: console": Check(RUN, REAL),
    "docs/diff.md: *: output": Check(OUTPUT, "tests/unit", "lines of a report"),
    "docs/diff.md: Environments: console": Check(RUN, REAL),
    "docs/diff.md: Examples: console": Check(RUN, REAL),
    "docs/diff.md: Examples: yaml": Check(RUN, REAL),
    "docs/moving.md: *: console": Check(RUN, "tests/integration/test_moving_real.py"),
    "docs/moving.md: In CI: sh": Check(
        OUTPUT, "tests/unit/test_cli_export.py", "a download from a server that does not exist"
    ),
    "docs/nox.md: *": Check(RUN, REAL),
    "docs/performance.md: Results: console": Check(
        LINT, REAL, "the measurements take hours, so only their options are checked"
    ),
    "docs/pytest.md: *": Check(RUN, REAL),
    "docs/recipes.md: New releases*: console": Check(
        LINT, RECIPES, "run with the address of a server of the test in place of python.org"
    ),
    "docs/registry.md: *: console*": Check(RUN, "tests/integration/test_registry_real.py"),
    "docs/registry.md: *: yaml": Check(LINT, WORKFLOW, "a workflow needs a forge"),
    "docs/recipes.md: *: toml": Check(LINT, REAL, "excerpts of recipes, read by jitbuild"),
}


def pages() -> list[Path]:
    """Return the README and the pages of docs/."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(text: str, page: str) -> list[Block]:
    """Return the fenced blocks of a page in their order."""
    found: list[Block] = []
    heading, before, opened = "", "", None
    seen: Counter[tuple[str, str]] = Counter()
    lines: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        fence = _FENCE.match(line)
        if opened is None and fence:
            opened, lines = (number, fence[1]), []
        elif opened is not None and fence and not fence[1]:
            seen[heading, opened[1]] += 1
            count = seen[heading, opened[1]]
            code = "".join(f"{part}\n" for part in lines)
            found.append(Block(page, heading, opened[1], count, opened[0], before, code))
            before, opened = "", None
        elif opened is not None:
            lines.append(line)
        elif match := _HEADING.match(line):
            heading, before = match[1], ""
        elif line.strip():
            before = line.strip()
    assert opened is None, f"{page}: the block of line {opened} is not closed"
    return found


def all_blocks() -> list[Block]:
    """Return the blocks of all pages."""
    return [
        block
        for page in pages()
        for block in blocks(page.read_text(encoding="utf-8"), page.relative_to(ROOT).as_posix())
    ]


def checks_of(block: Block) -> list[Check]:
    """Return the entries of CHECKS that fit a block; there should be one."""
    return [check for pattern, check in CHECKS.items() if fnmatchcase(block.name, pattern)]


def counts(found: list[Block]) -> str:
    """Return the number of blocks, and of those with each kind of check."""
    by_kind = Counter(check.how for block in found for check in checks_of(block))
    return f"{len(found)} snippets: " + ", ".join(f"{by_kind[how]} {how}" for how in HOW)


def main() -> None:
    found = all_blocks()
    for block in found:
        for check in checks_of(block) or [Check("NOT CHECKED", "")]:
            reason = f" ({check.reason})" if check.reason else ""
            print(f"{block.page}:{block.line}  {block.name.partition(': ')[2]}")
            print(f"    {check.how}: {check.where}{reason}")
    print(counts(found))


if __name__ == "__main__":
    sys.exit(main())
