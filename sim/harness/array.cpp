// Runs a compiled ArrayCore against a request file; clock, memories and the slow ones among them
// are in here.
//
//   simulate REQUEST RESPONSE
//
// Both files are little-endian 64-bit numbers.  The request is written, and the response read, by
// hwgen/verify/array.py, which documents their layout.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <fstream>
#include <memory>
#include <vector>

#include "Vtop.h"
#include "verilated.h"

namespace {

constexpr int OPERANDS = 6;

class Words {
  public:
    explicit Words(const char* path) : file_(path, std::ios::binary) {}
    int64_t next() {
        int64_t value = 0;
        file_.read(reinterpret_cast<char*>(&value), sizeof value);
        if (!file_) {
            std::fprintf(stderr, "simulate: the request is too short\n");
            std::exit(2);
        }
        return value;
    }

  private:
    std::ifstream file_;
};

struct Shape {
    int64_t lanes, data_bits, beat, out_bits;
};

struct Run {
    int64_t task, seen, slot, length, latency, chance, seed, results, deadline, reset_at;
    std::vector<int64_t> operands[OPERANDS];
};

// One xorshift generator per run: the same request gives the same cycles.
struct Random {
    uint64_t state;
    uint64_t next() {
        state ^= state << 13;
        state ^= state >> 7;
        return state ^= state << 17;
    }
};

template <class T> void put_bits(T& port, int64_t at, int64_t bits, uint64_t value) {
    auto* bytes = reinterpret_cast<uint8_t*>(&port);
    for (int64_t k = 0; k < bits; ++k, ++at) {
        const uint8_t mask = uint8_t(1u << (at % 8));
        if (value >> k & 1) bytes[at / 8] |= mask;
        else bytes[at / 8] &= uint8_t(~mask);
    }
}

template <class T> int64_t get_bits(const T& port, int64_t at, int64_t bits) {
    const auto* bytes = reinterpret_cast<const uint8_t*>(&port);
    uint64_t value = 0;
    for (int64_t k = 0; k < bits; ++k, ++at) value |= uint64_t(bytes[at / 8] >> (at % 8) & 1) << k;
    return int64_t(value << (64 - bits)) >> (64 - bits);
}

class Bench {
  public:
    explicit Bench(Shape shape) : top_(new Vtop(&context_)), shape_(shape) { reset(); }

    void run(const Run& run, std::vector<int64_t>& out) {
        if (run.reset_at > 0) {
            perform(run, run.reset_at);
            reset();
        }
        perform(run, run.deadline);
        out.insert(out.end(), {last_, steps_, clamped_, int64_t(beats_.size())});
        out.insert(out.end(), beats_.begin(), beats_.end());
        out.push_back(int64_t(changes_.size()));
        out.insert(out.end(), changes_.begin(), changes_.end());
        out.push_back(int64_t(reads_.size()));
        out.insert(out.end(), reads_.begin(), reads_.end());
    }

  private:
    struct Answer {
        int64_t due, operand, address;
    };

    void tick() {
        top_->clk = 1;
        top_->eval();
        top_->clk = 0;
    }

    void reset() {
        top_->rst = 1;
        top_->start = 0;
        top_->data_valid = 0;
        top_->read_ready = 1;
        for (int k = 0; k < 2; ++k) {
            top_->eval();
            tick();
        }
        top_->rst = 0;
    }

    void perform(const Run& run, int64_t deadline) {
        last_ = steps_ = clamped_ = 0;
        beats_.clear();
        changes_.clear();
        reads_.clear();
        Random random{uint64_t(run.seed) * 2 + 1};
        std::deque<Answer> queue;
        int64_t got = 0;
        bool stepping = false;
        top_->task = run.task;
        top_->seen = run.seen;
        top_->slot = run.slot;
        top_->length = run.length;
        top_->data_valid = 0;
        for (int k = 0; k < 3; ++k) {
            top_->eval();
            tick();
        }
        // Cycle 0 is that of the start.
        for (int64_t cycle = 0; cycle <= deadline && got < run.results; ++cycle) {
            top_->start = cycle == 0;
            top_->read_ready = run.chance == 0 || random.next() % 100 >= uint64_t(run.chance);
            top_->data_valid = 0;
            if (!queue.empty() && queue.front().due <= cycle &&
                (run.chance == 0 || random.next() % 100 >= uint64_t(run.chance))) {
                answer(run, queue.front());
                queue.pop_front();
            }
            top_->eval();
            if (top_->read && top_->read_ready) {
                queue.push_back({cycle + 1 + run.latency, top_->operand, top_->address});
                reads_.push_back(cycle);
            }
            if (bool(top_->step) != stepping) {
                stepping = !stepping;
                changes_.push_back(cycle);
            }
            steps_ += top_->step;
            clamped_ += top_->clamped;
            if (top_->beat_valid) {
                beats_.push_back(cycle);
                beats_.push_back(int64_t(top_->index));
                beats_.push_back(top_->masked);
                for (int64_t k = 0; k < shape_.beat; ++k)
                    beats_.push_back(get_bits(top_->beat, k * shape_.out_bits, shape_.out_bits));
                got += shape_.beat;
                last_ = cycle;
            }
            tick();
        }
    }

    void answer(const Run& run, const Answer& asked) {
        top_->data_valid = 1;
        const auto& memory = run.operands[asked.operand];
        for (int64_t k = 0; k < shape_.lanes; ++k) {
            // What lies beyond an operand is not zero.
            const int64_t at = asked.address + k;
            const int64_t code = at < int64_t(memory.size()) ? memory[at] : 85;
            put_bits(top_->data, k * shape_.data_bits, shape_.data_bits, uint64_t(code));
        }
    }

    VerilatedContext context_;
    std::unique_ptr<Vtop> top_;
    Shape shape_;
    int64_t last_ = 0, steps_ = 0, clamped_ = 0;
    std::vector<int64_t> beats_, changes_, reads_;
};

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) return 2;
    Words in(argv[1]);
    const Shape shape{in.next(), in.next(), in.next(), in.next()};
    Bench bench(shape);
    const int64_t count = in.next();
    std::vector<int64_t> out;
    for (int64_t k = 0; k < count; ++k) {
        Run run;
        for (int64_t* field : {&run.task, &run.seen, &run.slot, &run.length, &run.latency,
                               &run.chance, &run.seed, &run.results, &run.deadline, &run.reset_at})
            *field = in.next();
        for (auto& operand : run.operands) {
            operand.resize(size_t(in.next()));
            for (int64_t& code : operand) code = in.next();
        }
        bench.run(run, out);
    }
    std::ofstream file(argv[2], std::ios::binary);
    file.write(reinterpret_cast<const char*>(out.data()), std::streamsize(out.size() * sizeof out[0]));
    return file ? 0 : 2;
}
