#include "stream/outbox.h"

#include <utility>

#include "contract/text.h"

namespace dispatchctl::internal {

void Outbox::Add(AssignmentUpdate update, std::uint64_t tag) {
  Slot slot = free_;
  if (slot != kNone) {
    free_ = entries_[slot].next;
  } else {
    slot = static_cast<Slot>(entries_.size());
    entries_.emplace_back();
  }
  Entry& entry = entries_[slot];
  entry.update = std::move(update);
  entry.tag = tag;
  entry.attempts = 0;
  entry.written = false;
  entry.previous = newest_;
  entry.next = kNone;
  entry.next_of_same_id = kNone;
  (newest_ == kNone ? oldest_ : entries_[newest_].next) = slot;
  newest_ = slot;
  if (cursor_ == kNone) cursor_ = slot;
  ++size_;
  if (indexing_) AddToIndex(slot);
}

const AssignmentUpdate& Outbox::TakeNextToWrite(Time now) {
  Entry& entry = entries_[cursor_];
  entry.written = true;
  entry.written_at = now;
  if (++entry.attempts > 1) ++resent_;
  cursor_ = entry.next;
  return entry.update;
}

std::optional<Outbox::Acknowledged> Outbox::Acknowledge(std::string_view assignment_id) {
  const Slot slot = FindWritten(assignment_id);
  if (slot == kNone) return std::nullopt;
  return Remove(slot);
}

Outbox::Slot Outbox::FindWritten(std::string_view assignment_id) {
  if (oldest_ == kNone) return kNone;
  const Entry& front = entries_[oldest_];
  // The oldest of all is also the oldest of its id.
  if (front.update.assignment_id == assignment_id) return front.written ? oldest_ : kNone;
  if (!indexing_) BuildIndex();
  const auto found = index_.find(View(assignment_id));
  if (found == index_.end()) return kNone;
  return entries_[found->second.oldest].written ? found->second.oldest : kNone;
}

void Outbox::BuildIndex() {
  indexing_ = true;
  for (Slot slot = oldest_; slot != kNone; slot = entries_[slot].next) AddToIndex(slot);
}

void Outbox::AddToIndex(Slot slot) {
  Entry& entry = entries_[slot];
  const auto [found, inserted] = index_.try_emplace(entry.update.assignment_id, SameId{slot, slot});
  if (inserted) return;
  entries_[found->second.newest].next_of_same_id = slot;
  found->second.newest = slot;
}

Outbox::Acknowledged Outbox::Remove(Slot slot) {
  Entry& entry = entries_[slot];
  if (indexing_) {
    const auto found = index_.find(entry.update.assignment_id);
    if (entry.next_of_same_id == kNone) {
      index_.erase(found);
    } else {
      found->second.oldest = entry.next_of_same_id;
    }
  }
  (entry.previous == kNone ? oldest_ : entries_[entry.previous].next) = entry.next;
  (entry.next == kNone ? newest_ : entries_[entry.next].previous) = entry.previous;
  entry.next = free_;
  free_ = slot;
  --size_;
  if (size_ == 0) {
    indexing_ = false;
    index_.clear();
  }
  return {std::move(entry.update), entry.tag, entry.written_at, entry.attempts};
}

void Outbox::Rewind() {
  for (Slot slot = oldest_; slot != kNone; slot = entries_[slot].next) entries_[slot].written = false;
  cursor_ = oldest_;
}

std::vector<UnacknowledgedAssignment> Outbox::Unacknowledged() const {
  std::vector<UnacknowledgedAssignment> out;
  out.reserve(size_);
  for (Slot slot = oldest_; slot != kNone; slot = entries_[slot].next) {
    out.push_back({entries_[slot].update, entries_[slot].tag});
  }
  return out;
}

}  // namespace dispatchctl::internal
