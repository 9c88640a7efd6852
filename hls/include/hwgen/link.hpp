// Between the accelerator's AXI4-Streams and its inner streams of beats.
#pragma once

#include "hwgen/check.hpp"
#include "hwgen/stream.hpp"

namespace hwgen {

// The lanes of a beat from TDATA; BITS per lane, the first one in the least significant bits.
template <class T, int BITS, int L>
beat<T, L> unpack(const ap_uint<BITS * L>& data) {
#pragma HLS inline
  beat<T, L> item;
  for (int l = 0; l < L; ++l) {
#pragma HLS unroll
    item.lane[l] = T(ap_uint<BITS>(data.range(BITS * l + BITS - 1, BITS * l)));
  }
  return item;
}

template <int BITS, class T, int L>
ap_uint<BITS * L> pack(const beat<T, L>& item) {
#pragma HLS inline
  ap_uint<BITS * L> data;
  for (int l = 0; l < L; ++l) {
#pragma HLS unroll
    data.range(BITS * l + BITS - 1, BITS * l) = ap_uint<BITS>(item.lane[l]);
  }
  return data;
}

// One transfer with all bytes valid.
template <int W>
axis_beat<W> transfer(const ap_uint<W>& data, bool last) {
#pragma HLS inline
  axis_beat<W> item;
  item.data = data;
  item.keep = -1;
  item.strb = -1;
  item.last = last ? 1 : 0;
  return item;
}

// One tensor of BEATS beats in; `last` has to come with the last one.
template <int BITS, int BEATS, class T, int L>
void receive(hls::stream<axis_beat<BITS * L>>& in, hls::stream<beat<T, L>>& out) {
  for (int i = 0; i < BEATS; ++i) {
#pragma HLS pipeline II = 1
    const axis_beat<BITS * L> item = in.read();
    HWGEN_CHECK((item.last.to_int() == 1) == (i == BEATS - 1), "TLAST is in the wrong place");
    out.write(unpack<T, BITS, L>(item.data));
  }
}

// One tensor of BEATS beats out.
template <int BITS, int BEATS, class T, int L>
void send(hls::stream<beat<T, L>>& in, hls::stream<axis_beat<BITS * L>>& out) {
  for (int i = 0; i < BEATS; ++i) {
#pragma HLS pipeline II = 1
    out.write(transfer<BITS * L>(pack<BITS>(in.read()), i == BEATS - 1));
  }
}

}  // namespace hwgen
