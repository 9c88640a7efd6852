"""What every test relies on."""

from amaranth._unused import MustUse

# Tests build components only to look at them.  The linter option of a file reaches what that file
# builds itself, not the parts of its components.
MustUse._MustUse__silence = True
