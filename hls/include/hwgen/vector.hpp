// The engine behind the ops that need no weights: fold the elements of a window, V channels at
// once, then scale.
#pragma once

#include "hwgen/scaling.hpp"
#include "hwgen/window.hpp"
#include "hwgen/work.hpp"

namespace hwgen {

// y = clamp(((acc * M + offset) rounded >> shift) + zero_point)
template <class Out, int W>
Out scale(const ap_int<W>& acc, const ap_uint<16>& multiplier, std::int64_t offset,
          const scaling& s) {
#pragma HLS inline
  const ap_int<scaled_bits(W)> product = acc * multiplier;
  return finish<Out, scaled_bits(W)>(product + ap_int<scaled_bits(W) - 1>(offset), s);
}

// What a fold has seen so far: a value and the step it came from.
template <class Acc>
struct folded {
  Acc value;
  int step;
};

// The fold of relu, requantize, flatten and concat: the one element as it is.
struct copy_fold {
  template <class Acc>
  static void take(folded<Acc>& state, const Acc& x, int) {
    state.value = x;
  }
  template <class Acc>
  static Acc result(const folded<Acc>& state) {
    return state.value;
  }
};

// One tensor through the engine, from a buffer that may know the rows before it.
template <class C, class Fold, class Buffer>
void vector_tensor(Buffer& buffer, hls::stream<beat<typename C::In, C::IN_LANES>>& in,
                   hls::stream<beat<typename C::Out, C::L>>& out) {
#pragma HLS inline
  constexpr work w = C::shape();
  constexpr scaling s = C::scale();
rows:
  for (int r = 0; r < w.row.count; ++r) {
  columns:
    for (int c = 0; c < w.column.count; ++c) {
      buffer.fill(in, w.need(r, c));
    channels:
      for (int g = 0; g < w.channel.count; g += C::L) {
        const position p = w.at(r, c, g);
        folded<typename C::Acc> state[C::L];
#pragma HLS array_partition variable = state type = complete
        int k = 0;
      outer:
        for (int i = 0; i < w.outer.count; ++i) {
        inner:
          for (int j = 0; j < w.inner.count; ++j, ++k) {
#pragma HLS pipeline II = 1
            const int y = p.y + i * w.outer.dy + j * w.inner.dy;
            const int start = p.x + i * w.outer.dx + j * w.inner.dx;
            for (int l = 0; l < C::L; ++l) {
#pragma HLS unroll
              const bool real = w.inside(y, start + l);
              const typename C::Acc x =
                  real ? typename C::Acc(buffer.read(w.index(y, start + l)))
                       : typename C::Acc(w.pad);
              Fold::take(state[l], x, k);
            }
          }
        }
        beat<typename C::Out, C::L> packed;
        for (int l = 0; l < C::L; ++l) {
#pragma HLS unroll
          packed.lane[l] =
              scale<typename C::Out>(Fold::result(state[l]), C::MULTIPLIER, C::OFFSET, s);
        }
        out.write(packed);
      }
    }
    buffer.fill(in, w.release(r));
    buffer.release(w.release(r));
  }
}

// One tensor through the engine.  C holds the sizes and types of the plan:
//   In, Acc, Out              element types
//   L                         channels at once, and lanes of `out`
//   IN_LANES, DEPTH, BANKS    the window buffer
//   shape(), scale(), MULTIPLIER, OFFSET
template <class C, class Fold>
void vector(hls::stream<beat<typename C::In, C::IN_LANES>>& in,
            hls::stream<beat<typename C::Out, C::L>>& out) {
  constexpr work w = C::shape();
  static_assert(C::L == 1 || w.channel.dx == 1, "channels at once must be neighbours");
  static_assert(w.channel.count % C::L == 0, "channels at once must divide the channels");

  if constexpr (w.missing > 0) {
    static recalling_window<typename C::In, C::IN_LANES, C::DEPTH, C::BANKS> buffer(
        w.history * w.row_elements, w.missing, w.pad);
    vector_tensor<C, Fold>(buffer, in, out);
    buffer.next(in, w.size(), w.fresh());
  } else {
    window<typename C::In, C::IN_LANES, C::DEPTH, C::BANKS> buffer;
    vector_tensor<C, Fold>(buffer, in, out);
  }
}

}  // namespace hwgen
