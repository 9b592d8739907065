"""Count what keeps the code readable, and exit 1 when a bound is exceeded.

    python tests/house.py [--all]

Bounds: modules of at most 300 lines, functions of at most 40 lines and 6 parameters (more only for
keyword-only parameters of public functions), no class name defined twice, lines of at most 100
columns (also in tests, benchmarks and documentation), and under 1% of docstrings that open with a
question word.
"""

from __future__ import annotations

import ast
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "jitbuild"
MAX_MODULE_LINES = 300
MAX_FUNCTION_LINES = 40
MAX_PARAMETERS = 6
MAX_COLUMNS = 100
MAX_CLAUSES_PERCENT = 1.0
CLAUSE_WORDS = frozenset(
    {"What", "Whether", "Which", "That", "How", "Whose", "Where", "Who", "Why", "When"}
)
# Tables and addresses cannot be wrapped in Markdown.
UNWRAPPABLE = ("|", "http", "![", "[", "    ")

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass
class Count:
    """What was counted below one folder."""

    long_modules: list[str] = field(default_factory=list)
    long_functions: list[str] = field(default_factory=list)
    wide_functions: list[str] = field(default_factory=list)
    classes: dict[str, list[str]] = field(default_factory=dict)
    docstrings: int = 0
    clauses: list[str] = field(default_factory=list)
    modules: int = 0
    functions: int = 0

    @property
    def repeated_classes(self) -> list[str]:
        return [
            f"{name}: {', '.join(places)}"
            for name, places in sorted(self.classes.items())
            if len(places) > 1
        ]

    @property
    def clause_percent(self) -> float:
        return 100 * len(self.clauses) / max(1, self.docstrings)


def count_modules(folder: Path) -> Count:
    """Count every module below `folder`."""
    count = Count()
    for path in sorted(folder.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        name = path.relative_to(folder).as_posix()
        count.modules += 1
        if (lines := len(text.splitlines())) > MAX_MODULE_LINES:
            count.long_modules.append(f"{name}: {lines} lines")
        for node in ast.walk(ast.parse(text)):
            _count_node(node, name, count)
    return count


def _count_node(node: ast.AST, name: str, count: Count) -> None:
    if isinstance(node, Function):
        count.functions += 1
        _count_function(node, f"{name}:{node.lineno} {node.name}", count)
    if isinstance(node, ast.ClassDef):
        count.classes.setdefault(node.name, []).append(name)
    if isinstance(node, (ast.Module, ast.ClassDef, *Function.__args__)):
        docstring = ast.get_docstring(node)
        if docstring:
            count.docstrings += 1
            if docstring.split(None, 1)[0].strip("`,:") in CLAUSE_WORDS:
                count.clauses.append(f"{name}: {docstring.splitlines()[0]}")


def _count_function(node: Function, place: str, count: Count) -> None:
    lines = _lines_without_docstring(node)
    if lines > MAX_FUNCTION_LINES:
        count.long_functions.append(f"{place}: {lines} lines")
    args = node.args
    positional = [*args.posonlyargs, *args.args]
    if positional and positional[0].arg in {"self", "cls"}:
        positional = positional[1:]
    public = not node.name.startswith("_")
    parameters = len(positional) + (0 if public else len(args.kwonlyargs))
    if parameters > MAX_PARAMETERS:
        count.wide_functions.append(f"{place}: {parameters} parameters")


def _lines_without_docstring(node: Function) -> int:
    """Return the lines of a function from its `def` to its end, less its docstring."""
    end = node.end_lineno or node.lineno
    lines = end - node.lineno + 1
    first = node.body[0]
    if ast.get_docstring(node) is not None:
        lines -= (first.end_lineno or first.lineno) - first.lineno + 1
    return lines


def wide_lines(paths: list[Path]) -> list[str]:
    """Return the lines over MAX_COLUMNS in code, and in running text of Markdown."""
    wide = []
    for path in paths:
        fenced = False
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            if path.suffix == ".md" and line.startswith("```"):
                fenced = not fenced  # output is quoted as it is printed
            wrappable = path.suffix == ".py" or not (fenced or line.startswith(UNWRAPPABLE))
            if len(line) > MAX_COLUMNS and wrappable:
                wide.append(f"{path.relative_to(ROOT).as_posix()}:{number}: {len(line)} columns")
    return wide


def texts() -> list[Path]:
    """Return the files whose lines are measured."""
    folders = ("src", "tests", "benchmarks")
    code = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    return sorted([*code, ROOT / "noxfile.py", *ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])


def problems() -> dict[str, list[str]]:
    """Return every exceeded bound with the places that exceed it."""
    count = count_modules(SOURCE)
    clauses = count.clauses if count.clause_percent >= MAX_CLAUSES_PERCENT else []
    return {
        f"modules over {MAX_MODULE_LINES} lines": count.long_modules,
        f"functions over {MAX_FUNCTION_LINES} lines": count.long_functions,
        f"functions with more than {MAX_PARAMETERS} parameters": count.wide_functions,
        "class names defined twice": count.repeated_classes,
        f"lines over {MAX_COLUMNS} columns": wide_lines(texts()),
        f"docstrings that open with a clause ({MAX_CLAUSES_PERCENT}% or more)": clauses,
    }


def main() -> int:
    """Print the counts, and with --all every place."""
    count = count_modules(SOURCE)
    lengths = Counter(path.parent.name for path in SOURCE.rglob("*.py"))
    print(f"{count.modules} modules in {len(lengths)} folders, {count.functions} functions")
    print(f"{count.docstrings} docstrings, {len(count.clauses)} open with a clause")
    failed = False
    for bound, places in problems().items():
        print(f"{bound}: {len(places) or 'none'}")
        failed = failed or bool(places)
        if "--all" in sys.argv:
            print(*(f"  {place}" for place in places), sep="\n")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
