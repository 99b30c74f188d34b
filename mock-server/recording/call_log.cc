#include "mock-server/recording/call_log.h"

#include "mock-server/recording/redaction.h"

namespace dispatchctl::mock {
namespace {

// About what the structures take besides the strings.
constexpr std::size_t kCallOverhead = 512;
constexpr std::size_t kMessageOverhead = 64;

}  // namespace

struct CallLog::Recorder::Entry {
  LoggedCall call;
  std::size_t bytes = 0;
  // Of what is left: whether the log still has it.
  bool kept = true;
};

CallLog::CallLog(std::size_t max_bytes, Clock clock) : max_bytes_(max_bytes), clock_(std::move(clock)) {}

CallLog::~CallLog() = default;

std::unique_ptr<CallLog::Recorder> CallLog::Begin(Method method, std::size_t listen, std::string peer,
                                                  std::vector<std::pair<std::string, std::string>> metadata) {
  auto entry = std::make_shared<Recorder::Entry>();
  entry->bytes = kCallOverhead + peer.size();
  for (auto& [key, value] : metadata) {
    value = RedactedMetadata(key, value);
    entry->bytes += key.size() + value.size();
  }
  entry->call.method = method;
  entry->call.listen = listen;
  entry->call.peer = std::move(peer);
  entry->call.metadata = std::move(metadata);
  {
    const std::lock_guard lock(mutex_);
    entry->call.started = clock_();
    entry->call.number = ++begun_;
    entry->call.sequence = ++sequence_;
    bytes_ += entry->bytes;
    entries_.push_back(entry);
    Trim();
  }
  return std::unique_ptr<Recorder>(new Recorder(this, std::move(entry)));
}

void CallLog::Recorder::Message(bool from_client, std::string bytes) {
  const std::size_t size = bytes.size();
  if (size > kMaxMessageBytes) bytes = {};
  const std::lock_guard lock(log_->mutex_);
  if (!entry_->kept) return;
  const std::size_t taken = kMessageOverhead + bytes.size();
  entry_->bytes += taken;
  log_->bytes_ += taken;
  entry_->call.messages.push_back({.from_client = from_client,
                                   .at = log_->clock_(),
                                   .sequence = ++log_->sequence_,
                                   .bytes = std::move(bytes),
                                   .size = size});
  log_->Trim();
}

void CallLog::Recorder::End(absl::StatusCode code, std::string_view message) {
  const std::lock_guard lock(log_->mutex_);
  if (!entry_->kept || (entry_->call.end.has_value() && code != absl::StatusCode::kCancelled)) return;
  entry_->call.end = {.at = log_->clock_(), .code = code, .message = std::string(message)};
  entry_->bytes += message.size();
  log_->bytes_ += message.size();
  log_->Trim();
}

CallLog::Snapshot CallLog::calls() const {
  Snapshot snapshot;
  const std::lock_guard lock(mutex_);
  snapshot.calls.reserve(entries_.size());
  for (const auto& entry : entries_) snapshot.calls.push_back(entry->call);
  snapshot.dropped_calls = dropped_calls_;
  snapshot.dropped_messages = dropped_messages_;
  return snapshot;
}

void CallLog::Clear() {
  const std::lock_guard lock(mutex_);
  for (const auto& entry : entries_) entry->kept = false;
  entries_.clear();
  bytes_ = 0;
  begun_ = 0;
  dropped_calls_ = 0;
  dropped_messages_ = 0;
}

void CallLog::Trim() {
  while (bytes_ > max_bytes_ && entries_.size() > 1) {
    Recorder::Entry& oldest = *entries_.front();
    oldest.kept = false;
    bytes_ -= oldest.bytes;
    ++dropped_calls_;
    dropped_messages_ += oldest.call.messages.size();
    entries_.pop_front();
  }
  while (bytes_ > max_bytes_ && !entries_.front()->call.messages.empty()) {
    Recorder::Entry& only = *entries_.front();
    const std::size_t freed = kMessageOverhead + only.call.messages.front().bytes.size();
    only.call.messages.pop_front();
    ++only.call.dropped_messages;
    ++dropped_messages_;
    only.bytes -= freed;
    bytes_ -= freed;
  }
}

}  // namespace dispatchctl::mock
