#pragma once

#include <absl/container/flat_hash_map.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dispatchctl/assignment.h"
#include "dispatchctl/assignment_stream.h"

namespace dispatchctl::internal {

// The assignments of one stream that have no result yet, in submission order, and how far the current
// underlying call has written them. Pure state: no I/O, clock or thread. Who adds bounds the memory.
class Outbox {
 public:
  using Time = std::chrono::steady_clock::time_point;

  std::size_t size() const { return size_; }
  bool has_unwritten() const { return cursor_ != kNone; }

  // True when an earlier call has written what is to be written next.
  bool next_is_resend() const { return cursor_ != kNone && entries_[cursor_].attempts != 0; }

  // Only when not empty.
  const AssignmentUpdate& oldest() const { return entries_[oldest_].update; }

  void Add(AssignmentUpdate update, std::uint64_t tag);

  // The oldest update that the current call has not written, now counted as written at `now`. Only when there
  // is one. The reference holds until the update is acknowledged.
  const AssignmentUpdate& TakeNextToWrite(Time now);

  struct Acknowledged {
    AssignmentUpdate update;
    std::uint64_t tag = 0;
    Time written_at;
    int attempts = 0;
  };

  // Removes the oldest update of this id that the current call has written. nullopt: there is none, so the
  // result is for nothing that was asked.
  std::optional<Acknowledged> Acknowledge(std::string_view assignment_id);

  // A new call: everything that is left is to be written again, in submission order, before anything new.
  void Rewind();

  // Updates written by more than one call, counted once for each call after the first.
  std::uint64_t resent() const { return resent_; }

  std::vector<UnacknowledgedAssignment> Unacknowledged() const;

 private:
  using Slot = std::uint32_t;
  static constexpr Slot kNone = ~Slot{0};

  struct Entry {
    AssignmentUpdate update;
    std::uint64_t tag = 0;
    Time written_at;
    int attempts = 0;
    bool written = false;  // by the current call
    Slot previous = kNone;
    Slot next = kNone;
    Slot next_of_same_id = kNone;
  };
  struct SameId {
    Slot oldest;
    Slot newest;
  };

  // Results nearly always come in the order of the updates. The index by id is built when one does not, and
  // kept until the outbox has been empty.
  void BuildIndex();
  void AddToIndex(Slot slot);
  Slot FindWritten(std::string_view assignment_id);
  Acknowledged Remove(Slot slot);

  std::deque<Entry> entries_;  // a deque, as it never moves what TakeNextToWrite gave out
  Slot free_ = kNone;          // list through Entry::next
  Slot oldest_ = kNone;        // list in submission order
  Slot newest_ = kNone;
  Slot cursor_ = kNone;  // oldest unwritten
  std::size_t size_ = 0;
  std::uint64_t resent_ = 0;
  bool indexing_ = false;
  absl::flat_hash_map<std::string, SameId> index_;
};

}  // namespace dispatchctl::internal
