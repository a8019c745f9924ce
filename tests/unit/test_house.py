"""Rules of the house: sizes of folders, files and functions, and names that are gone."""

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
MAX_FILES = 20  # Python files in a folder
MAX_LINES = 400  # in a file
MAX_FUNCTION_LINES = 75  # one screen
FORMER_NAMES = {
    *("agreed", "scratch", "traded", "used", "keeping", "gate", "arrival", "handover", "seldom", "finding", "nursery"),
    *("said", "come_up", "recall", "weigh", "rehearse", "lose_books"),
}


def _files(*folders: str) -> list[Path]:
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


def _functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """All functions of a file, methods and nested functions among them."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_no_folder_has_more_than_20_python_files():
    counts = Counter(path.parent.relative_to(ROOT) for path in _files("service", "models", "tests"))
    assert {str(folder): count for folder, count in counts.items() if count > MAX_FILES} == {}


def test_no_file_has_more_than_400_lines():
    lengths = {path: len(path.read_text().splitlines()) for path in _files("service", "models")}
    assert {str(path.relative_to(ROOT)): length for path, length in lengths.items() if length > MAX_LINES} == {}


def test_no_function_is_longer_than_a_screen():
    long = [
        f"{path.relative_to(ROOT)}: {function.name}"
        for path in _files("service", "models")
        for function in _functions(path)
        if (function.end_lineno or 0) - function.lineno >= MAX_FUNCTION_LINES
    ]
    assert long == []


def test_no_module_class_or_function_has_a_former_name():
    found = []
    for path in _files("service", "models", "tests"):
        classes = (node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ClassDef))
        functions = (function.name for function in _functions(path))
        names = (path.stem, *classes, *functions)
        found += [f"{path.relative_to(ROOT)}: {name}" for name in names if name.strip("_").lower() in FORMER_NAMES]
    assert found == []


def test_nothing_waits_with_select():
    """It fails for descriptors above 1,023."""
    calls = [
        path.relative_to(ROOT)
        for path in _files("service", "models", "tests")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and ast.unparse(node) == "select.select"
    ]
    assert calls == []
