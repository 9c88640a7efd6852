// Integer types of exact width: the vendor's ap_int.h where it is, else an exact shim.
//
// HWGEN_USE_AP_INT asks for the vendor's header, HWGEN_USE_SHIM for the shim; without either,
// the header decides by looking whether <ap_int.h> can be included.
#pragma once

#include "hwgen/pragmas.hpp"

#if !defined(HWGEN_USE_AP_INT) && !defined(HWGEN_USE_SHIM)
#if defined(__has_include)
#if __has_include(<ap_int.h>)
#define HWGEN_USE_AP_INT
#endif
#endif
#endif

#ifdef HWGEN_USE_AP_INT
#include <ap_int.h>
#else
#include "hwgen/int_shim.hpp"
#endif
