#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "dispatchctl/assignment.h"

namespace dispatchctl::internal {

/// The plain way to do what an Outbox does, for comparison.
class OutboxModel {
 public:
  void Add(const AssignmentUpdate& update, std::uint64_t tag) { entries_.push_back({update, tag, false}); }
  bool has_unwritten() const { return cursor_ < entries_.size(); }
  const AssignmentUpdate& TakeNextToWrite() {
    entries_[cursor_].written = true;
    return entries_[cursor_++].update;
  }
  std::optional<std::uint64_t> Acknowledge(const std::string& id) {
    for (std::size_t i = 0; i < cursor_; ++i) {
      if (entries_[i].update.assignment_id != id) continue;
      const std::uint64_t tag = entries_[i].tag;
      entries_.erase(entries_.begin() + static_cast<std::ptrdiff_t>(i));
      --cursor_;
      return tag;
    }
    return std::nullopt;
  }
  void Rewind() { cursor_ = 0; }
  std::size_t size() const { return entries_.size(); }
  std::vector<std::uint64_t> tags() const {
    std::vector<std::uint64_t> out;
    for (const Entry& entry : entries_) out.push_back(entry.tag);
    return out;
  }

 private:
  struct Entry {
    AssignmentUpdate update;
    std::uint64_t tag;
    bool written;
  };
  std::deque<Entry> entries_;
  std::size_t cursor_ = 0;
};

}  // namespace dispatchctl::internal
