// hls::stream and AXI4-Stream beats: the vendor's headers where they are, else a shim.
#pragma once

#include "hwgen/int_types.hpp"

#ifdef HWGEN_USE_AP_INT
#include <hls_stream.h>
#else
#include "hwgen/stream_shim.hpp"
#endif

#if defined(__has_include)
#if defined(HWGEN_USE_AP_INT) && __has_include(<ap_axi_sdata.h>)
#define HWGEN_HAS_AXI_SDATA
#endif
#endif

#ifdef HWGEN_HAS_AXI_SDATA
#include <ap_axi_sdata.h>
namespace hwgen {
// One transfer of an AXI4-Stream: TDATA of W bits, TKEEP, TSTRB and TLAST.
template <int W>
using axis_beat = hls::axis<ap_uint<W>, 0, 0, 0>;
}  // namespace hwgen
#else
namespace hwgen {
// One transfer of an AXI4-Stream, with the member names of Vitis HLS's hls::axis.
template <int W>
struct axis_beat {
  ap_uint<W> data;
  ap_uint<(W + 7) / 8> keep;
  ap_uint<(W + 7) / 8> strb;
  ap_uint<1> last;
};
}  // namespace hwgen
#endif

namespace hwgen {

// L elements that travel together, in stream order; the first one is in the least significant
// bits once the struct is packed.
template <class T, int L>
struct beat {
  T lane[L];
};

}  // namespace hwgen
