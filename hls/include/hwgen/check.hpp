// Faults of a design that only simulation can see; nothing of it is synthesised.
#pragma once

#ifdef __SYNTHESIS__
#define HWGEN_CHECK(condition, message)
#else
#include <cstdio>
#include <cstdlib>
#define HWGEN_CHECK(condition, message)              \
  do {                                               \
    if (!(condition)) {                              \
      std::fprintf(stderr, "hwgen: %s\n", (message)); \
      std::exit(3);                                  \
    }                                                \
  } while (false)
#endif
