"""The history checker: what clients saw, judged by rules that know nothing of the broker.

Knows: histories.  Does not know: `odradek.core`; the same checker judges any broker's clients.
Invariant: nothing here imports the system under test.
"""

from odradek.sim.history.findings import CLASSES, Finding, Verdict
from odradek.sim.history.judge import judge
from odradek.sim.history.reader import Malformed, Reader
from odradek.sim.history.terms import Terms

__all__ = ["CLASSES", "Finding", "Malformed", "Reader", "Terms", "Verdict", "judge"]
