"""What every test shares: how Hypothesis draws.

In CI (CI=true) it draws the same examples in every run, so that a commit is judged for itself; elsewhere it draws new
ones.
"""

import os

from hypothesis import HealthCheck, settings

settings.register_profile("ci", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("here", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")
