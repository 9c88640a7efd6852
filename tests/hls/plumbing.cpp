// The elements 0, 1, 2, ... through feeds, forks, packed beats and a window buffer; what comes out,
// as int64.
//
//   plumbing RESULTS
#include <cstdint>
#include <cstdio>
#include <vector>

#include "hwgen/feed.hpp"
#include "hwgen/fork.hpp"
#include "hwgen/link.hpp"
#include "hwgen/window.hpp"

static std::vector<std::int64_t> results;

typedef ap_int<9> code;

template <int L>
void count(hls::stream<hwgen::beat<code, L>>& out, int elements) {
  for (int i = 0; i < elements; i += L) {
    hwgen::beat<code, L> item;
    for (int l = 0; l < L; ++l) item.lane[l] = i + l;
    out.write(item);
  }
}

template <int L, int V>
void through_a_feed() {
  hls::stream<hwgen::beat<code, L>> in("in");
  count(in, 32);
  hwgen::feed<hwgen::beat<code, L>, V> feed;
  for (int i = 0; i < 32; i += V) {
    code x[V];
    feed.next(in, x);
    for (int v = 0; v < V; ++v) results.push_back(x[v].to_int64());
  }
}

template <int L>
void through_links_and_a_fork() {
  hls::stream<hwgen::beat<code, L>> a("a"), b("b"), c("c"), d("d");
  hls::stream<hwgen::axis_beat<9 * L>> link("link");
  count(a, 32);
  hwgen::send<9, 32 / L>(a, link);
  hwgen::receive<9, 32 / L, -5>(link, b);
  hwgen::fork<32 / L>(b, c, d);
  for (int i = 0; i < 32 / L; ++i) {
    const hwgen::beat<code, L> first = c.read(), second = d.read();
    for (int l = 0; l < L; ++l) {
      results.push_back(first.lane[l].to_int64());
      results.push_back(second.lane[l].to_int64());
    }
  }
}

// Four tensors of four beats, `last` after the 3rd, 10th, 14th and 18th beat.
void through_a_link_that_errs() {
  hls::stream<hwgen::axis_beat<18>> link("link");
  hls::stream<hwgen::beat<code, 2>> out("out");
  for (int i = 0; i < 18; ++i) {
    const int codes = 2 * i | (2 * i + 1) << 9;
    link.write(hwgen::transfer<18>(codes, i == 2 || i == 9 || i == 13 || i == 17));
  }
  for (int tensor = 0; tensor < 4; ++tensor) {
    hwgen::receive<9, 4, -5>(link, out);
    for (int i = 0; i < 4; ++i) {
      const hwgen::beat<code, 2> item = out.read();
      for (int l = 0; l < 2; ++l) results.push_back(item.lane[l].to_int64());
    }
  }
}

// Slide over 160 elements in a memory of 12: five at a time, three further each time.
void through_a_window() {
  hls::stream<hwgen::beat<code, 4>> in("in");
  count(in, 160);
  hwgen::window<code, 4, 12, 4> window;
  for (int start = 0; start + 5 <= 160; start += 3) {
    window.release(start);
    window.fill(in, start + 5);
    for (int i = 0; i < 5; ++i) results.push_back(window.read(start + i).to_int64());
  }
  window.release(157);
  window.fill(in, 160);
}

int main(int, char** argv) {
  through_a_feed<1, 1>(), through_a_feed<1, 4>(), through_a_feed<2, 2>(), through_a_feed<4, 1>();
  through_a_feed<8, 2>(), through_a_feed<2, 8>(), through_a_feed<4, 4>(), through_a_feed<16, 4>();
  through_links_and_a_fork<1>(), through_links_and_a_fork<8>(), through_links_and_a_fork<32>();
  through_a_link_that_errs();
  through_a_window();
  std::FILE* file = std::fopen(argv[1], "wb");
  std::fwrite(results.data(), sizeof results[0], results.size(), file);
  return std::fclose(file);
}
