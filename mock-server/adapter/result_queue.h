#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "dispatchpb/dispatch.pb.h"
#include "mock-server/faults/fault_engine.h"

namespace dispatchctl::mock {

// First in, first out, in a ring whose messages keep their memory from one use to the next.
class ResultQueue {
 public:
  struct Entry {
    dispatchpb::AssignmentResult result;
    std::chrono::steady_clock::time_point due;
    // Taken when the result is written.
    std::unique_ptr<Faults> faults;
  };

  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }

  Entry& operator[](std::size_t i) { return ring_[(first_ + i) & (ring_.size() - 1)]; }
  Entry& front() { return (*this)[0]; }

  // The caller overwrites result and due: they may be what an earlier entry held.
  Entry& Push() {
    if (size_ == ring_.size()) Grow();
    return (*this)[size_++];
  }
  void Pop() {
    first_ = (first_ + 1) & (ring_.size() - 1);
    --size_;
  }
  void Truncate(std::size_t size) { size_ = size; }

 private:
  void Grow() {
    std::vector<Entry> larger(ring_.empty() ? 16 : ring_.size() * 2);
    for (std::size_t i = 0; i < size_; ++i) larger[i] = std::move((*this)[i]);
    ring_ = std::move(larger);
    first_ = 0;
  }

  // Its size is a power of two.
  std::vector<Entry> ring_;
  std::size_t first_ = 0;
  std::size_t size_ = 0;
};

}  // namespace dispatchctl::mock
