// For compilers that do not synthesise: loop labels are names in Vitis HLS's reports, not unused
// jump targets.  (`#pragma HLS` needs -Wno-unknown-pragmas: before GCC 13 a pragma cannot say so.)
#pragma once

#if defined(__GNUC__) && !defined(__SYNTHESIS__)
#pragma GCC diagnostic ignored "-Wunused-label"
#endif
