// Between the accelerator's AXI4-Streams and its inner streams of beats.
#pragma once

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

// The beats of one tensor as they come in, up to `last`: what is missing reads as the code ZERO,
// and what is too much is dropped, so that the next tensor begins where it should.
template <class T, int BITS, int L, long long ZERO>
class entry {
 public:
  explicit entry(hls::stream<axis_beat<BITS * L>>& in) : in_(in) {}

  beat<T, L> next() {
#pragma HLS inline
    beat<T, L> item;
    for (int l = 0; l < L; ++l) {
#pragma HLS unroll
      item.lane[l] = T(ZERO);
    }
    if (!ended_) {
      const axis_beat<BITS * L> taken = in_.read();
      ended_ = taken.last.to_int() == 1;
      item = unpack<T, BITS, L>(taken.data);
    }
    return item;
  }

  void drop() {
#pragma HLS inline
    while (!ended_) {
#pragma HLS pipeline II = 1
      ended_ = in_.read().last.to_int() == 1;
    }
  }

 private:
  hls::stream<axis_beat<BITS * L>>& in_;
  bool ended_ = false;
};

// One tensor of BEATS beats in.
template <int BITS, int BEATS, long long ZERO, class T, int L>
void receive(hls::stream<axis_beat<BITS * L>>& in, hls::stream<beat<T, L>>& out) {
  entry<T, BITS, L, ZERO> beats(in);
  for (int i = 0; i < BEATS; ++i) {
#pragma HLS pipeline II = 1
    out.write(beats.next());
  }
  beats.drop();
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
