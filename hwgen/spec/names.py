"""Names that are safe in Verilog, C++, Tcl, a file system and a shell, and near misses."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from itertools import islice

from hwgen.spec.limits import MAX_NAME

__all__ = [
    "NAME_PATTERN",
    "listing",
    "module_name_problem",
    "name_problem",
    "nearest",
    "quoted",
]

NAME_PATTERN = r"^[a-z][a-z0-9_]*$"

_MOST_CANDIDATES = 300  # so that a hostile spec of thousands of typing errors costs no minutes
_MOST_CHARACTERS = 80
_MOST_LISTED = 20
_LEGAL = re.compile(r"[a-z][a-z0-9_]*")

# IEEE Std 1800-2017, annex B (it contains those of IEEE Std 1364-2005).
_VERILOG = """
accept_on alias always always_comb always_ff always_latch and assert assign assume automatic
before begin bind bins binsof bit break buf bufif0 bufif1 byte case casex casez cell chandle
checker class clocking cmos config const constraint context continue cover covergroup coverpoint
cross deassign default defparam design disable dist do edge else end endcase endchecker endclass
endclocking endconfig endfunction endgenerate endgroup endinterface endmodule endpackage
endprimitive endprogram endproperty endspecify endsequence endtable endtask enum event eventually
expect export extends extern final first_match for force foreach forever fork forkjoin function
generate genvar global highz0 highz1 if iff ifnone ignore_bins illegal_bins implements implies
import incdir include initial inout input inside instance int integer interconnect interface
intersect join join_any join_none large let liblist library local localparam logic longint
macromodule matches medium modport module nand negedge nettype new nexttime nmos nor
noshowcancelled not notif0 notif1 null or output package packed parameter pmos posedge primitive
priority program property protected pull0 pull1 pulldown pullup pulsestyle_ondetect
pulsestyle_onevent pure rand randc randcase randsequence rcmos real realtime ref reg reject_on
release repeat restrict return rnmos rpmos rtran rtranif0 rtranif1 s_always s_eventually
s_nexttime s_until s_until_with scalared sequence shortint shortreal showcancelled signed small
soft solve specify specparam static string strong strong0 strong1 struct super supply0 supply1
sync_accept_on sync_reject_on table tagged task this throughout time timeprecision timeunit tran
tranif0 tranif1 tri tri0 tri1 triand trior trireg type typedef union unique unique0 unsigned until
until_with untyped use uwire var vectored virtual void wait wait_order wand weak weak0 weak1 while
wildcard wire with within wor xnor xor
"""

# ISO/IEC 14882:2017, [lex.key], and the names a generated C++ file uses at top level.
_CPP = """
alignas alignof and_eq asm auto bitand bitor bool catch char char16_t char32_t compl const_cast
constexpr decltype delete double dynamic_cast explicit false float friend goto inline long mutable
namespace noexcept not_eq nullptr operator or_eq private public register reinterpret_cast short
sizeof static_assert static_cast switch template thread_local throw true try typeid typename using
volatile wchar_t xor_eq main std hwgen
"""

# Simulators refuse a port of its module's name: docs/architecture.md lists the ports.
_PORTS = ("clk", "rst", "reg_addr", "reg_wdata", "reg_write", "reg_rdata")
_PORT_PREFIXES = ("s_axis_", "m_axis_", "trace_")

_RESERVED = frozenset((_VERILOG + _CPP).split())


def name_problem(name: str) -> tuple[str, str] | None:
    """Return why ``name`` is not legal and what would be, or None if it is legal."""
    if not _LEGAL.fullmatch(name):
        guess = re.sub(r"[^a-z0-9_]+", "_", name.lower()).strip("_")[:MAX_NAME]
        hint = "a name is a lower-case letter, then letters, digits and underscores"
        if _LEGAL.fullmatch(guess):
            hint += f", such as {guess!r}"
        return "is not a legal name", hint
    if len(name) > MAX_NAME:
        return f"has {len(name)} characters", f"a name has at most {MAX_NAME} characters"
    if name in _RESERVED:
        return "is a reserved word of Verilog or C++", f"choose another name, such as '{name}_1'"
    return None


def module_name_problem(name: str) -> tuple[str, str] | None:
    """Return the same for the name of the accelerator: its module's ports have names, too."""
    if name in _PORTS or name.startswith(_PORT_PREFIXES):
        hint = f"choose another name, such as 'net_{name}'"
        return "is, or could be, the name of one of the module's ports", hint
    return name_problem(name)


def nearest(word: str, words: Iterable[str]) -> str:
    """Return ``"did you mean 'x'? "`` for the word that is nearest to ``word``, or nothing."""
    candidates = list(islice(words, _MOST_CANDIDATES))
    found = difflib.get_close_matches(word[:MAX_NAME], candidates, n=1, cutoff=0.6)
    return f"did you mean {found[0]!r}? " if found else ""


def quoted(text: str) -> str:
    """Return a user's text for a message: in quotes, without control characters, shortened."""
    return repr(text if len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS]}...")


def listing(names: Sequence[str], separator: str = ", ") -> str:
    """Return a user's names for a message, the first ones if they are many."""
    plain = [name if _LEGAL.fullmatch(name) else quoted(name) for name in names[:_MOST_LISTED]]
    return separator.join(plain) + (f"{separator}..." if len(names) > _MOST_LISTED else "")
