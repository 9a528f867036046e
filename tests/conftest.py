"""Settings of the whole suite."""

import hypothesis

# The same examples on every run and machine; no deadline, because the first example may compile a kernel.
hypothesis.settings.register_profile("house", derandomize=True, deadline=None, print_blob=True)
hypothesis.settings.load_profile("house")
