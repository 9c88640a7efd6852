"""What every test relies on."""

from amaranth._unused import MustUse
from hypothesis.internal.conjecture import providers

# Tests build components only to look at them.  The linter option of a file reaches what that file
# builds itself, not the parts of its components.
MustUse._MustUse__silence = True

# Hypothesis also draws constants of the modules that are imported: what a seed means would depend
# on the tests that ran before in the same process.
assert callable(providers._get_local_constants)
providers._get_local_constants = lambda: providers._local_constants
