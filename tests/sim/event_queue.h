#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <utility>
#include <vector>

namespace dispatchctl::sim {

using Time = std::chrono::steady_clock::time_point;

// What happens when, in virtual time. What happens at one instant does so in the order it was scheduled, so
// that a run depends on nothing but its input.
template <typename Event>
class EventQueue {
 public:
  explicit EventQueue(Time start) : now_(start) {}

  Time now() const { return now_; }
  bool empty() const { return entries_.empty(); }

  // `at` before now is taken as now.
  void Schedule(Time at, Event event) {
    entries_.push_back({std::max(at, now_), scheduled_++, std::move(event)});
    std::push_heap(entries_.begin(), entries_.end(), IsLater);
  }

  // Takes the next event out and moves the time on to it. Only when there is one.
  Event Next() {
    std::pop_heap(entries_.begin(), entries_.end(), IsLater);
    Entry entry = std::move(entries_.back());
    entries_.pop_back();
    now_ = entry.at;
    return std::move(entry.event);
  }

 private:
  struct Entry {
    Time at;
    std::uint64_t order;
    Event event;
  };

  static bool IsLater(const Entry& a, const Entry& b) {
    return std::pair(a.at, a.order) > std::pair(b.at, b.order);
  }

  std::vector<Entry> entries_;
  std::uint64_t scheduled_ = 0;
  Time now_;
};

}  // namespace dispatchctl::sim
