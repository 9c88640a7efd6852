// Streams tensors through a component behind one 128-bit port, in and out, with nothing in between.
//
//   simulate REQUEST RESPONSE
//
// Request, little-endian 64-bit numbers: beats in, beats out, deadline in cycles; then the beats in, 16
// bytes each.  Response: beats that came out, the cycle of each; then the beats.  Cycle 0 is the first
// transfer in.  The port carries one beat a cycle, in or out: the component says which (`i_ready`).

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <memory>
#include <vector>

#include "Vtop.h"
#include "verilated.h"

namespace {

constexpr size_t BYTES = 16;

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) return 2;
    std::ifstream request(argv[1], std::ios::binary);
    int64_t numbers[3];
    request.read(reinterpret_cast<char*>(numbers), sizeof numbers);
    const int64_t beats_in = numbers[0], beats_out = numbers[1], deadline = numbers[2];
    std::vector<uint8_t> in(static_cast<size_t>(beats_in) * BYTES), out;
    request.read(reinterpret_cast<char*>(in.data()), static_cast<std::streamsize>(in.size()));
    if (!request) return 2;
    std::vector<int64_t> cycles;

    VerilatedContext context;
    const auto top = std::make_unique<Vtop>(&context);
    const auto edge = [&top] {
        top->clk = 1;
        top->eval();
        top->clk = 0;
        top->eval();
    };
    top->clk = top->i_valid = top->o_ready = 0;
    top->rst = 1;
    top->eval();
    edge();
    edge();
    top->rst = 0;

    int64_t next = 0, cycle = 0;
    bool begun = false;
    while (static_cast<int64_t>(cycles.size()) < beats_out && cycle < deadline) {
        top->i_valid = next < beats_in;
        if (top->i_valid) std::memcpy(&top->i_payload, &in[static_cast<size_t>(next) * BYTES], BYTES);
        top->o_ready = 1;
        top->eval();
        const bool takes = top->i_valid && top->i_ready, gives = top->o_valid;
        if (takes && gives) {
            std::fprintf(stderr, "simulate: a beat in and one out in a cycle\n");
            return 1;
        }
        if (takes) {
            ++next;
            begun = true;
        }
        if (gives) {
            const auto* beat = reinterpret_cast<const uint8_t*>(&top->o_payload);
            out.insert(out.end(), beat, beat + BYTES);
            cycles.push_back(cycle);
        }
        edge();
        cycle += begun;
    }
    std::ofstream response(argv[2], std::ios::binary);
    const auto count = static_cast<int64_t>(cycles.size());
    response.write(reinterpret_cast<const char*>(&count), sizeof count);
    response.write(reinterpret_cast<const char*>(cycles.data()), count * 8);
    response.write(reinterpret_cast<const char*>(out.data()), static_cast<std::streamsize>(out.size()));
    return response ? 0 : 1;
}
