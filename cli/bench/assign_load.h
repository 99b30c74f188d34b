#pragma once

#include <dispatchctl/client.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "bench/paced_feed.h"
#include "bench/subjects.h"
#include "bench/tally.h"

namespace dispatchctl::cli {

/// Assignments on streams, one for each start, of the subjects in turn. Their ids are of this run alone: a
/// server decides an id only once.
class AssignLoad final : public Load {
 public:
  struct Options {
    std::size_t window = 1;
    std::size_t streams = 1;
    bool open = true;  ///< latency counts from the intended start, else from when it was handed in
    std::chrono::nanoseconds warmup{0};
    std::string id_prefix;
    std::function<void()> on_room;  ///< from the SDK's thread, as on_finished
    /// The streams have ended.
    std::function<void(const absl::Status&, const CallReport&)> on_finished;
  };

  AssignLoad(Options options, const std::vector<BenchSubject>& subjects, BenchTally& tally)
      : options_(std::move(options)), subjects_(subjects), tally_(tally) {}

  /// Before anything else.
  std::optional<ErrorReport> Open(const Client& client);

  void Begin(TimePoint begin) override { begin_ = begin; }
  Start TryStart(std::uint64_t index, std::chrono::nanoseconds intended, TimePoint now,
                 bool held_up) override;
  void Close() override { stream_->CloseSubmissions(); }
  void Cancel() override { stream_->Cancel(); }

  /// Once the streams have ended: counts what is left without a decision as failures with `code`, or as
  /// unfinished where that is empty.
  void Settle(std::string_view code);

  StreamStatistics statistics() const { return stream_->statistics(); }

 private:
  void OnResult(const AssignmentOutcome& outcome);

  const Options options_;
  const std::vector<BenchSubject>& subjects_;
  BenchTally& tally_;
  TimePoint begin_{};
  std::unique_ptr<AssignmentStream> stream_;  // goes first: no callback runs after that
};

}  // namespace dispatchctl::cli
