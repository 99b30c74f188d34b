#pragma once

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dispatchctl/assignment_stream.h"
#include "dispatchctl/observer.h"

namespace dispatchctl {

// Keeps what it is told, in words. Shared with the test, which may let go of the observer.
class Record {
 public:
  void Add(std::string line) {
    const std::lock_guard<std::mutex> lock(mutex_);
    lines_.push_back(std::move(line));
    changed_.notify_all();
  }

  std::vector<std::string> lines() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return lines_;
  }

  // Those that begin so.
  std::vector<std::string> lines(std::string_view begin) const {
    std::vector<std::string> out = lines();
    std::erase_if(out, [&](const std::string& line) { return line.compare(0, begin.size(), begin) != 0; });
    return out;
  }

  bool Await(std::string_view line, std::chrono::seconds patience = std::chrono::seconds(60)) const {
    std::unique_lock<std::mutex> lock(mutex_);
    return changed_.wait_for(lock, patience,
                             [&] { return std::find(lines_.begin(), lines_.end(), line) != lines_.end(); });
  }

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::vector<std::string> lines_;
};

class RecordingCallObserver final : public CallObserver {
 public:
  using Headers = std::vector<std::pair<std::string, std::string>>;

  RecordingCallObserver(std::shared_ptr<Record> record, Headers headers)
      : record_(std::move(record)), headers_(std::move(headers)) {}
  ~RecordingCallObserver() override { record_->Add("call destroyed"); }

  void OnAttemptStarted(const AttemptStarted& attempt, Headers& headers) override {
    record_->Add(absl::StrCat("attempt ", attempt.number, attempt.hedge ? " (hedge)" : "", " started on ",
                              Text(attempt.endpoint)));
    headers = headers_;
  }
  void OnAttemptEnded(const AttemptEnded& attempt) override {
    record_->Add(absl::StrCat("attempt ", attempt.number, attempt.hedge ? " (hedge)" : "", " ended on ",
                              Text(attempt.endpoint), " ", absl::StatusCodeToString(attempt.status.code()),
                              attempt.elapsed.count() > 0 ? "" : " in no time"));
  }
  void OnBackoff(const Backoff& backoff) override {
    record_->Add(absl::StrCat("backoff after ", backoff.after_attempt,
                              backoff.delay.count() > 0 ? "" : " of no time"));
  }
  void OnStreamOpened(const StreamProgress& stream) override { Add("opened", stream); }
  void OnStreamInterrupted(const StreamProgress& stream) override { Add("interrupted", stream); }
  void OnStreamResumed(const StreamProgress& stream) override { Add("resumed", stream); }
  void OnStreamEnded(const StreamProgress& stream) override { Add("ended", stream); }
  void OnEnded(const CallEnded& call) override {
    std::string line = absl::StrCat("call ended ", absl::StatusCodeToString(call.status.code()),
                                    ", attempts ", call.report.attempts);
    if (call.statistics != nullptr) {
      absl::StrAppend(&line, ", submitted ", call.statistics->submitted, ", acknowledged ",
                      call.statistics->acknowledged, ", reconnects ", call.statistics->reconnects);
    }
    record_->Add(std::move(line));
  }

 private:
  static std::string Text(std::string_view text) { return std::string(text); }

  void Add(const char* what, const StreamProgress& stream) {
    record_->Add(absl::StrCat("stream ", stream.stream, " ", what, " on ", Text(stream.endpoint), " ",
                              absl::StatusCodeToString(stream.status.code()), ", unacknowledged ",
                              stream.unacknowledged, ", acknowledged ", stream.statistics.acknowledged));
  }

  const std::shared_ptr<Record> record_;
  const Headers headers_;
};

class RecordingObserver final : public Observer {
 public:
  explicit RecordingObserver(std::shared_ptr<Record> record, RecordingCallObserver::Headers headers = {})
      : record_(std::move(record)), headers_(std::move(headers)) {}
  ~RecordingObserver() override { record_->Add("observer destroyed"); }

  std::unique_ptr<CallObserver> OnCallStarted(const CallStarted& call) override {
    std::string line =
        absl::StrCat("call started ", std::string(call.method.substr(call.method.find('/') + 1)));
    if (!call.parent.traceparent.empty()) absl::StrAppend(&line, " in ", call.parent.traceparent);
    record_->Add(std::move(line));
    return std::make_unique<RecordingCallObserver>(record_, headers_);
  }
  void OnEndpointAdded(const EndpointAdded& added) override {
    record_->Add(absl::StrCat("endpoint added ", std::string(added.endpoint)));
  }
  void OnEndpointRemoved(const EndpointRemoved& removed) override {
    record_->Add(absl::StrCat("endpoint removed ", std::string(removed.endpoint), " ",
                              std::string(EndpointStateName(removed.state))));
  }
  void OnConnectivityChanged(const ConnectivityChanged& change) override {
    record_->Add(absl::StrCat("connection ", std::string(change.endpoint), " ",
                              std::string(EndpointStateName(change.from)), " to ",
                              std::string(EndpointStateName(change.to))));
  }
  void OnBreakerChanged(const BreakerChanged& change) override {
    record_->Add(absl::StrCat("breaker ", std::string(change.endpoint), " ", BreakerStateName(change.from),
                              " to ", BreakerStateName(change.to)));
  }

 private:
  const std::shared_ptr<Record> record_;
  const RecordingCallObserver::Headers headers_;
};

// Throws from every function that can.
class ThrowingObserver final : public Observer {
 public:
  std::unique_ptr<CallObserver> OnCallStarted(const CallStarted&) override {
    class Call final : public CallObserver {
     public:
      void OnAttemptStarted(const AttemptStarted&, RecordingCallObserver::Headers& headers) override {
        headers.emplace_back("x-half-done", "1");
        throw std::runtime_error("attempt started");
      }
      void OnAttemptEnded(const AttemptEnded&) override { throw std::runtime_error("attempt ended"); }
      void OnBackoff(const Backoff&) override { throw 42; }
      void OnStreamOpened(const StreamProgress&) override { throw std::runtime_error("opened"); }
      void OnStreamInterrupted(const StreamProgress&) override { throw std::runtime_error("interrupted"); }
      void OnStreamResumed(const StreamProgress&) override { throw std::runtime_error("resumed"); }
      void OnStreamEnded(const StreamProgress&) override { throw std::runtime_error("stream ended"); }
      void OnEnded(const CallEnded&) override { throw std::runtime_error("call ended"); }
    };
    return std::make_unique<Call>();
  }
  void OnEndpointAdded(const EndpointAdded&) override { throw std::runtime_error("added"); }
  void OnEndpointRemoved(const EndpointRemoved&) override { throw std::runtime_error("removed"); }
  void OnConnectivityChanged(const ConnectivityChanged&) override { throw std::runtime_error("connection"); }
  void OnBreakerChanged(const BreakerChanged&) override { throw std::runtime_error("breaker"); }
};

}  // namespace dispatchctl
