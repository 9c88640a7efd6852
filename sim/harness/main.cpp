// Runs a compiled accelerator against a request file; no Python, no VPI, all state in here.
//
//   simulate REQUEST RESPONSE [WAVE.vcd]
//
// Both files are little-endian.  The request is written, and the response read, by
// hwgen/verify/native.py, which documents their layout; "ports.def" is generated beside this
// program's object file and names the streams of the top.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "Vtop.h"
#include "verilated.h"
#if VM_TRACE
#include "verilated_vcd_c.h"
#endif

namespace {

constexpr int64_t MAGIC = 0x3247'4e45'4757'48;  // the format's version is part of it
constexpr int RESET_CYCLES = 2;

// How a sink uses `ready`.
enum SinkMode : int64_t { FREE = 0, PATTERN = 1, AFTER_VALID = 2 };

// Why a run ended.
enum Status : int64_t { DONE = 0, DEADLINE = 1, VALID_WITHDRAWN = 2, BEAT_CHANGED = 3, SURPLUS = 4 };

struct Data {
    uint8_t* bytes;
    size_t size;
};

template <class T> Data data_of(T& port) { return {reinterpret_cast<uint8_t*>(&port), sizeof port}; }

struct Source {
    Data data;
    CData *valid, *ready, *last;
    int64_t beats = 0;
    std::vector<int64_t> ends{};  // beats up to the end of each tensor
    size_t tensor = 0;            // of the next beat
    std::vector<uint8_t> pattern{}, payload{};
    int64_t next = 0;
    bool waiting = false;  // an offered beat stays until it is taken
    std::vector<int64_t> cycles;
};

struct Sink {
    Data data;
    CData *valid, *ready, *last;
    int64_t beats = 0;
    std::vector<uint8_t> pattern;
    bool offered = false, was_last = false, saw_valid = false;
    std::vector<uint8_t> held, payload, lasts;
    std::vector<int64_t> cycles;
};

struct Probe {
    CData* valid;
    Data index, data;
    std::vector<int64_t> cycles, indices;
    std::vector<uint8_t> payload;
};

class Reader {
  public:
    explicit Reader(const char* path) : file_(path, std::ios::binary) {
        if (!file_) fail("cannot read the request");
    }
    int64_t number() {
        int64_t value = 0;
        file_.read(reinterpret_cast<char*>(&value), sizeof value);
        if (!file_) fail("the request is too short");
        return value;
    }
    std::vector<int64_t> numbers() {
        std::vector<int64_t> values(static_cast<size_t>(number()));
        for (int64_t& value : values) value = number();
        return values;
    }
    std::vector<uint8_t> bytes(int64_t count) {
        std::vector<uint8_t> data(static_cast<size_t>(count));
        file_.read(reinterpret_cast<char*>(data.data()), count);
        if (!file_) fail("the request is too short");
        return data;
    }
    [[noreturn]] static void fail(const char* what) {
        std::fprintf(stderr, "simulate: %s\n", what);
        std::exit(2);
    }

  private:
    std::ifstream file_;
};

class Writer {
  public:
    explicit Writer(const char* path) : file_(path, std::ios::binary) {}
    void number(int64_t value) { file_.write(reinterpret_cast<const char*>(&value), sizeof value); }
    void numbers(const std::vector<int64_t>& values) {
        number(static_cast<int64_t>(values.size()));
        for (int64_t value : values) number(value);
    }
    void bytes(const std::vector<uint8_t>& data) {
        file_.write(reinterpret_cast<const char*>(data.data()), static_cast<std::streamsize>(data.size()));
    }
    void finish() {
        file_.flush();
        if (!file_) Reader::fail("cannot write the response");
    }

  private:
    std::ofstream file_;
};

class Bench {
  public:
    explicit Bench(const char* wave) : top_(new Vtop(&context_)) {
#define HWGEN_INPUT(name)                                                                          \
    sources_.push_back({data_of(top_->s_axis_##name##_tdata), &top_->s_axis_##name##_tvalid,       \
                        &top_->s_axis_##name##_tready, &top_->s_axis_##name##_tlast});
#define HWGEN_OUTPUT(name)                                                                         \
    sinks_.push_back({data_of(top_->m_axis_##name##_tdata), &top_->m_axis_##name##_tvalid,         \
                      &top_->m_axis_##name##_tready, &top_->m_axis_##name##_tlast});
#define HWGEN_TRACE(name)                                                                          \
    probes_.push_back({&top_->trace_##name##_valid, data_of(top_->trace_##name##_index),           \
                       data_of(top_->trace_##name##_data)});
#include "ports.def"
#if VM_TRACE
        if (wave) {
            context_.traceEverOn(true);
            wave_.reset(new VerilatedVcdC);
            top_->trace(wave_.get(), 99);
            wave_->open(wave);
        }
#else
        if (wave) Reader::fail("this simulation was built without waves");
#endif
    }

    void load(Reader& in) {
        if (in.number() != MAGIC) Reader::fail("the request has another format");
        deadline_ = in.number();
        reset_at_ = in.number();
        sink_mode_ = in.number();
        const int64_t period = in.number();
        registers_ = in.number();
        settle_ = in.number();
        length_word_ = in.number();
        lengths_ = in.numbers();
        for (Source& source : sources_) {
            source.beats = in.number();
            source.ends = in.numbers();
            source.pattern = in.bytes(period);
            source.payload = in.bytes(source.beats * static_cast<int64_t>(source.data.size));
        }
        for (Sink& sink : sinks_) {
            sink.beats = in.number();
            sink.pattern = in.bytes(period);
        }
        if (in.number() != MAGIC) Reader::fail("the request does not fit the design's ports");
    }

    void run() {
        reset(RESET_CYCLES);
        if (reset_at_ >= 0) {
            while (cycle_ < reset_at_ && status_ == DONE) step();
            if (status_ != DONE) return;
            reset(1);
            sink_mode_ = FREE;
            for (Source& source : sources_) source.pattern.assign(1, 1);
        }
        while (status_ == DONE && !complete()) step();
        for (int64_t spare = 0; spare < settle_ && status_ == DONE; ++spare) step();
        if (status_ == DONE) read_registers();
    }

    void save(Writer& out) {
        out.number(MAGIC);
        out.number(status_);
        out.number(culprit_);
        out.number(cycle_);
        for (Source& source : sources_) out.numbers(source.cycles);
        for (Sink& sink : sinks_) {
            out.numbers(sink.cycles);
            out.bytes(sink.lasts);
            out.number(static_cast<int64_t>(sink.data.size));
            out.bytes(sink.payload);
        }
        out.number(static_cast<int64_t>(probes_.size()));
        for (Probe& probe : probes_) {
            out.numbers(probe.cycles);
            out.numbers(probe.indices);
            out.number(static_cast<int64_t>(probe.data.size));
            out.bytes(probe.payload);
        }
        out.numbers(register_values_);
        out.finish();
#if VM_TRACE
        if (wave_) wave_->close();
#endif
    }

  private:
    bool complete() const {
        for (const Sink& sink : sinks_)
            if (static_cast<int64_t>(sink.cycles.size()) < sink.beats) return false;
        return true;
    }

    // Hold `rst` while the ports keep what they had, then begin again at the first tensor.
    void reset(int cycles) {
        top_->rst = 1;
        for (int i = 0; i < cycles; ++i) {
            settle();
            edge();
        }
        top_->rst = 0;
        cycle_ = 0;
        for (Source& source : sources_) {
            source.next = 0;
            source.tensor = 0;
            source.waiting = false;
            *source.valid = 0;
            source.cycles.clear();
        }
        for (Sink& sink : sinks_) {
            sink.offered = sink.saw_valid = false;
            *sink.ready = 0;
            sink.cycles.clear();
            sink.lasts.clear();
            sink.payload.clear();
        }
        for (Probe& probe : probes_) {
            probe.cycles.clear();
            probe.indices.clear();
            probe.payload.clear();
        }
        announced_ = lengths_.size();
        announce(0);
        if (top_->reg_write) {
            settle();
            edge();
        }
    }

    // Say in this cycle how many tokens a tensor has, if they can differ.
    void announce(size_t tensor) {
        top_->reg_write = tensor < lengths_.size();
        if (!top_->reg_write) return;
        top_->reg_addr = static_cast<decltype(+top_->reg_addr)>(length_word_);
        top_->reg_wdata = static_cast<decltype(+top_->reg_wdata)>(lengths_[tensor]);
    }

    void step() {
        announce(announced_);
        announced_ = lengths_.size();
        for (Source& source : sources_) offer(source);
        for (Sink& sink : sinks_) {
            switch (sink_mode_) {
                case FREE: *sink.ready = 1; break;
                case PATTERN: *sink.ready = sink.pattern[cycle_ % sink.pattern.size()]; break;
                default: *sink.ready = sink.saw_valid;
            }
        }
        settle();
        for (Source& source : sources_) {
            if (!(*source.valid && *source.ready)) continue;
            source.cycles.push_back(cycle_);
            // The length at hand is taken with the first beat of the first input.
            const bool first = source.tensor == 0 ? source.next == 0
                                                  : source.next == source.ends[source.tensor - 1];
            if (first && &source == &sources_.front()) announced_ = source.tensor + 1;
            ++source.next;
            if (source.next == source.ends[source.tensor]) ++source.tensor;
            source.waiting = false;
        }
        for (size_t i = 0; i < sinks_.size(); ++i) take(sinks_[i], static_cast<int64_t>(i));
        for (Probe& probe : probes_) watch(probe);
        edge();
        ++cycle_;
        if (status_ == DONE && cycle_ > deadline_) {
            status_ = DEADLINE;
            culprit_ = 0;
            for (size_t i = 0; i < sinks_.size(); ++i)
                if (static_cast<int64_t>(sinks_[i].cycles.size()) < sinks_[i].beats)
                    culprit_ = static_cast<int64_t>(i);
        }
    }

    void offer(Source& source) {
        if (source.waiting) return;
        const bool more = source.next < source.beats;
        *source.valid = more && source.pattern[cycle_ % source.pattern.size()];
        if (!*source.valid) return;
        source.waiting = true;
        std::memcpy(source.data.bytes, &source.payload[source.next * source.data.size], source.data.size);
        *source.last = source.next + 1 == source.ends[source.tensor];
    }

    void take(Sink& sink, int64_t which) {
        const bool valid = *sink.valid;
        if (sink.offered) {
            const bool same = std::memcmp(sink.held.data(), sink.data.bytes, sink.data.size) == 0;
            if (!valid) return stop(VALID_WITHDRAWN, which);
            if (!same || sink.was_last != bool(*sink.last)) return stop(BEAT_CHANGED, which);
        }
        const bool taken = valid && *sink.ready;
        sink.saw_valid = valid && !taken;
        sink.offered = valid && !taken;
        if (sink.offered) {
            sink.held.assign(sink.data.bytes, sink.data.bytes + sink.data.size);
            sink.was_last = *sink.last;
        }
        if (!taken) return;
        if (static_cast<int64_t>(sink.cycles.size()) == sink.beats) return stop(SURPLUS, which);
        sink.cycles.push_back(cycle_);
        sink.lasts.push_back(*sink.last);
        sink.payload.insert(sink.payload.end(), sink.data.bytes, sink.data.bytes + sink.data.size);
    }

    void watch(Probe& probe) {
        if (!*probe.valid) return;
        int64_t index = 0;
        std::memcpy(&index, probe.index.bytes, probe.index.size);
        probe.cycles.push_back(cycle_);
        probe.indices.push_back(index);
        probe.payload.insert(probe.payload.end(), probe.data.bytes, probe.data.bytes + probe.data.size);
    }

    void stop(Status why, int64_t which) {
        if (status_ != DONE) return;
        status_ = why;
        culprit_ = which;
    }

    void read_registers() {
        for (int64_t word = 0; word < registers_; ++word) {
            top_->reg_addr = static_cast<decltype(+top_->reg_addr)>(word);
            settle();
            edge();
            settle();
            register_values_.push_back(top_->reg_rdata);
        }
    }

    void settle() {
        top_->clk = 0;
        top_->eval();
        dump();
    }

    void edge() {
        top_->clk = 1;
        top_->eval();
        dump();
    }

    void dump() {
#if VM_TRACE
        if (wave_) wave_->dump(time_);
#endif
        time_ += 5;
    }

    VerilatedContext context_;
    std::unique_ptr<Vtop> top_;
#if VM_TRACE
    std::unique_ptr<VerilatedVcdC> wave_;
#endif
    std::vector<Source> sources_;
    std::vector<Sink> sinks_;
    std::vector<Probe> probes_;
    std::vector<int64_t> register_values_;
    int64_t deadline_ = 0, reset_at_ = -1, sink_mode_ = FREE, registers_ = 0, settle_ = 0;
    int64_t length_word_ = 0;
    std::vector<int64_t> lengths_;
    size_t announced_ = 0;  // tensor whose length is written in the next cycle; none beyond the last
    int64_t cycle_ = 0, status_ = DONE, culprit_ = 0;
    uint64_t time_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
    if (argc < 3) Reader::fail("usage: simulate REQUEST RESPONSE [WAVE.vcd]");
    Bench bench(argc > 3 ? argv[3] : nullptr);
    Reader request(argv[1]);
    bench.load(request);
    bench.run();
    Writer response(argv[2]);
    bench.save(response);
    return 0;
}
