"""Importlib mode: the fuzzer's world stands beside its test, in no package."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
