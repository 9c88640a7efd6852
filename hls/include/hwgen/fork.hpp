// One stream to several readers: each gets every beat.
#pragma once

#include "hwgen/stream.hpp"

namespace hwgen {

template <class Beat>
void write_all(const Beat&) {}

template <class Beat, class First, class... Rest>
void write_all(const Beat& item, First& first, Rest&... rest) {
#pragma HLS inline
  first.write(item);
  write_all(item, rest...);
}

template <int BEATS, class Beat, class... Out>
void fork(hls::stream<Beat>& in, Out&... out) {
  for (int i = 0; i < BEATS; ++i) {
#pragma HLS pipeline II = 1
    const Beat item = in.read();
    write_all(item, out...);
  }
}

}  // namespace hwgen
