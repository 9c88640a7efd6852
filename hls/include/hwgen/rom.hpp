// The type in which a table of constants is written down.
//
// The vendor's types keep a table as narrow as its codes.  A plain compiler reads tables of its
// own integers many times faster than tables of class objects; the codes are the same.
#pragma once

#include <cstdint>

#include "hwgen/int_types.hpp"

namespace hwgen {

#ifdef HWGEN_USE_AP_INT

template <class T>
using rom = T;

#else

template <class T>
struct native;
template <int W>
struct native<ap_int<W>> {
  typedef std::conditional_t<
      (W <= 8), std::int8_t,
      std::conditional_t<(W <= 16), std::int16_t,
                         std::conditional_t<(W <= 32), std::int32_t, std::int64_t>>>
      type;
};
template <int W>
struct native<ap_uint<W>> {
  typedef std::make_unsigned_t<typename native<ap_int<W>>::type> type;
};

template <class T>
using rom = typename native<T>::type;

// A table whose contents are the file <name>.rom in the folder of compilation: initialisers of
// millions of numbers take a compiler minutes and gigabytes.
#ifdef __APPLE__
#define HWGEN_ROM_SECTION ".const"
#else
#define HWGEN_ROM_SECTION ".section .rodata"
#endif
#define HWGEN_ROM_FILE(code, name, rows, columns)                       \
  extern const hwgen::rom<code> name[rows][columns] __asm__(#name);     \
  __asm__(HWGEN_ROM_SECTION "\n.balign 16\n.globl " #name "\n" #name ":\n" \
          ".incbin \"" #name ".rom\"\n.text\n");

#endif

}  // namespace hwgen
