"""The README tells the truth: its table of APIs is the one the broker serves.

`python tests/test_readme.py` prints the table, to be pasted when it changed.
"""

from pathlib import Path

from odradek.core.requests.dispatch import SERVED
from odradek.core.requests.versions import advertised, served_range
from odradek.core.wire.registry import APIS

README = Path(__file__).parent.parent / "README.md"


def support_table() -> str:
    """Key, name and versions of every API that is served, as Markdown."""
    lines = ["| key | API | versions |", "|---|---|---|"]
    for told in advertised(SERVED):
        low, high = served_range(told.api_key)
        note = "" if told.min_version == low else f" (advertised from {told.min_version}, for old librdkafka)"
        lines.append(f"| {told.api_key} | {APIS[told.api_key].name} | {low}–{high}{note} |")
    return "\n".join(lines)


def test_the_readmes_table_is_what_is_served() -> None:
    assert support_table() in README.read_text(encoding="utf-8")


if __name__ == "__main__":
    print(support_table())
