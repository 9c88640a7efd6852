// hls::stream for a plain C++ compiler: an unbounded queue with the members that hwgen uses.
//
// Unbounded as in the vendor's C simulation, where the processes of a dataflow region run one
// after the other.  Reading from an empty stream, or leaving something in one, is a fault of the
// design: it ends the program.
#pragma once

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace hls {

template <class T, int Depth = 0>
class stream {
 public:
  stream() = default;
  explicit stream(const char* name) : name_(name) {}
  ~stream() {
    if (!empty()) fail("not empty in the end");
  }
  stream(const stream&) = delete;
  stream& operator=(const stream&) = delete;

  bool empty() const { return head_ == items_.size(); }
  std::size_t size() const { return items_.size() - head_; }
  void write(const T& item) { items_.push_back(item); }
  T read() {
    if (empty()) fail("read while empty");
    const T item = items_[head_++];
    if (empty()) {
      items_.clear();
      head_ = 0;
    }
    return item;
  }

 private:
  [[noreturn]] void fail(const char* what) const {
    std::fprintf(stderr, "hls::stream %s: %s\n", name_, what);
    std::exit(3);
  }

  const char* name_ = "(unnamed)";
  std::vector<T> items_;
  std::size_t head_ = 0;
};

}  // namespace hls
