"""Show what has grown large enough to look at again: `python -m tests.sizes`. A look, not a limit."""

import ast
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
FILE_LINES, FUNCTION_LINES = 400, 60


def main() -> int:
    """Print the large files and functions; always well."""
    print("Large enough to look at again:")
    for path in sorted(path for folder in ("bot", "plugins", "tests") for path in (ROOT / folder).rglob("*.py")):
        if "node_modules" in path.parts:
            continue
        name, text = path.relative_to(ROOT), path.read_text()
        if (lines := text.count("\n")) > FILE_LINES:
            print(f"{name}: {lines} lines")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > FUNCTION_LINES:
                    print(f"{name}:{node.lineno}: {node.name} has {lines} lines")
    return 0


if __name__ == "__main__":
    sys.exit(main())
