#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "mock-server/faults/fault_rule.h"

namespace dispatchctl::mock {

// One call as it went over the wire.
struct LoggedCall {
  using Time = std::chrono::system_clock::time_point;

  struct Message {
    bool from_client = false;
    Time at;
    // Its place among all that the log was told, and the call's own below.
    std::uint64_t sequence = 0;
    // As sent; of a message longer than CallLog::kMaxMessageBytes nothing.
    std::string bytes;
    std::size_t size = 0;
  };
  struct End {
    Time at;
    absl::StatusCode code = absl::StatusCode::kOk;
    std::string message;
  };

  // From 1, in the order the calls began.
  std::uint64_t number = 0;
  std::uint64_t sequence = 0;
  Method method = Method::kLookup;
  // The backend's index.
  std::size_t listen = 0;
  std::string peer;
  // Without secrets.
  std::vector<std::pair<std::string, std::string>> metadata;
  Time started;
  std::deque<Message> messages;
  // Before the first message that is left.
  std::uint64_t dropped_messages = 0;
  // Nothing while the call is open.
  std::optional<End> end;
};

// Remembers calls within a bound of bytes: the oldest call goes first, and of the only one that is left the
// oldest messages. Thread-safe.
class CallLog {
 public:
  using Clock = std::function<LoggedCall::Time()>;

  static constexpr std::size_t kMaxMessageBytes = std::size_t{64} * 1024;

  // Writes one call's messages down. The log must outlive it.
  class Recorder {
   public:
    Recorder(const Recorder&) = delete;
    Recorder& operator=(const Recorder&) = delete;
    Recorder(Recorder&&) = delete;
    Recorder& operator=(Recorder&&) = delete;
    ~Recorder() = default;

    void Received(std::string bytes) { Message(true, std::move(bytes)); }
    void Sent(std::string bytes) { Message(false, std::move(bytes)); }
    // The first one counts, but for a cancellation.
    void End(absl::StatusCode code, std::string_view message);

   private:
    friend class CallLog;
    struct Entry;

    Recorder(CallLog* log, std::shared_ptr<Entry> entry) : log_(log), entry_(std::move(entry)) {}

    void Message(bool from_client, std::string bytes);

    CallLog* log_;
    std::shared_ptr<Entry> entry_;
  };

  struct Snapshot {
    std::vector<LoggedCall> calls;
    // What began, or was said, and is not in `calls` any more.
    std::uint64_t dropped_calls = 0;
    std::uint64_t dropped_messages = 0;
  };

  // The bound counts messages, metadata and what it takes to keep them.
  explicit CallLog(std::size_t max_bytes, Clock clock = std::chrono::system_clock::now);
  CallLog(const CallLog&) = delete;
  CallLog& operator=(const CallLog&) = delete;
  CallLog(CallLog&&) = delete;
  CallLog& operator=(CallLog&&) = delete;
  ~CallLog();

  // `metadata` is redacted here.
  std::unique_ptr<Recorder> Begin(Method method, std::size_t listen, std::string peer,
                                  std::vector<std::pair<std::string, std::string>> metadata);

  Snapshot calls() const;
  // Forgets everything, numbers too. Calls that are open are not written down any further.
  void Clear();

 private:
  void Trim();

  const std::size_t max_bytes_;
  const Clock clock_;
  mutable std::mutex mutex_;
  std::deque<std::shared_ptr<Recorder::Entry>> entries_;
  std::size_t bytes_ = 0;
  std::uint64_t begun_ = 0;
  std::uint64_t sequence_ = 0;
  std::uint64_t dropped_calls_ = 0;
  std::uint64_t dropped_messages_ = 0;
};

}  // namespace dispatchctl::mock
