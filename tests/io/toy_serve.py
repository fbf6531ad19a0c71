"""`odradek serve` with the toy node in the place of the real one: run as a script."""

import os
import sys
from pathlib import Path
from types import ModuleType

sys.path.insert(0, str(Path(__file__).parent))

from toy_node import ToyNode

from odradek.core.events import Stopping
from odradek.io.serve import main


class Stubborn(ToyNode):
    """Never halts when it is asked to."""

    def step(self, event, now):
        return [] if isinstance(event, Stopping) else super().step(event, now)


stand_in = ModuleType("odradek.core.node")
stand_in.Node = lambda *given: Stubborn() if os.environ.get("TOY_STUBBORN") else ToyNode()
sys.modules["odradek.core.node"] = stand_in

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
