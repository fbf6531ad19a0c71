"""The tests of this room share `disk_model` and `log_world`, which lie beside them."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
