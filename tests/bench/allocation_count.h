// How often this process asks for memory, whoever in it does: operator new, gRPC and the C library alike.
#pragma once

#include <cstdint>

namespace dispatchctl_bench {

// Off at first: then a request for memory costs one test of a flag more than it would.
void CountAllocations(bool on);

// Requests while counting was on, of all threads.
std::uint64_t AllocationCount();

}  // namespace dispatchctl_bench
