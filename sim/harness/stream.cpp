// Runs a compiled component with a stream in, a stream out and `active`; both streams never wait.
//
//   simulate REQUEST RESPONSE
//
// Files of little-endian 64-bit numbers.  Request: beats of results, most cycles, input beats.
// Response: the first active cycle, then cycle and payload of each beat; cycle 0 is the first one
// after the reset, in which the first input beat is offered.

#include <cstdint>
#include <cstdio>
#include <fstream>
#include <vector>

#include "Vtop.h"
#include "verilated.h"

namespace {

std::vector<uint64_t> read(const char* path) {
    std::ifstream file(path, std::ios::binary);
    std::vector<uint64_t> numbers;
    uint64_t value = 0;
    while (file.read(reinterpret_cast<char*>(&value), sizeof value)) numbers.push_back(value);
    return numbers;
}

void tick(Vtop& top) {
    top.clk = 1;
    top.eval();
    top.clk = 0;
    top.eval();
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) {
        std::fprintf(stderr, "usage: simulate REQUEST RESPONSE\n");
        return 2;
    }
    const std::vector<uint64_t> request = read(argv[1]);
    const uint64_t wanted = request.at(0), limit = request.at(1);
    Vtop top;
    top.clk = 0;
    top.rst = 1;
    top.i_valid = 0;
    top.o_ready = 1;
    top.eval();
    tick(top);
    top.rst = 0;

    std::vector<uint64_t> response{UINT64_MAX};
    size_t next = 2;
    for (uint64_t cycle = 0; cycle < limit && response.size() < 1 + 2 * wanted; ++cycle) {
        top.i_valid = next < request.size();
        top.i_payload = next < request.size() ? request[next] : 0;
        top.eval();
        if (top.active && response[0] == UINT64_MAX) response[0] = cycle;
        if (top.o_valid) {
            response.push_back(cycle);
            response.push_back(top.o_payload);
        }
        if (top.i_valid && top.i_ready) ++next;
        tick(top);
    }
    std::ofstream file(argv[2], std::ios::binary);
    file.write(reinterpret_cast<const char*>(response.data()), response.size() * 8);
    return file ? 0 : 2;
}
