#pragma once

#include <dispatchctl/client.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "bench/paced_feed.h"
#include "bench/subjects.h"
#include "bench/tally.h"
#include "commands/lookup_observer.h"
#include "output/rpc_error.h"

namespace dispatchctl::cli {

/// Lookups, one for each start, of the subjects in turn.
class LookupLoad final : public Load {
 public:
  struct Options {
    std::size_t concurrency = 1;  ///< most in flight; as many more may wait for their turn
    bool open = true;             ///< latency counts from the intended start, else from the real one
    std::chrono::nanoseconds warmup{0};
    RpcIdentity identity;
    std::function<void()> on_room;      ///< from the SDK's thread, as on_finished
    std::function<void()> on_finished;  ///< everything has ended
  };

  LookupLoad(Options options, const std::vector<BenchSubject>& subjects, const LookupObserver& observer,
             BenchTally& tally)
      : options_(std::move(options)), subjects_(subjects), observer_(observer), tally_(tally) {}

  /// Before anything else.
  std::optional<ErrorReport> Open(const Client& client);

  void Begin(TimePoint begin) override { begin_ = begin; }
  Start TryStart(std::uint64_t index, std::chrono::nanoseconds intended, TimePoint now,
                 bool held_up) override;
  void Close() override { lookups_->CloseSubmissions(); }
  void Cancel() override;

  /// The first error of a lookup that found no connection.
  std::optional<ErrorReport> first_connect_error() const;

 private:
  void OnResult(const LookupItem& item);

  const Options options_;
  const std::vector<BenchSubject>& subjects_;
  const LookupObserver& observer_;
  BenchTally& tally_;
  TimePoint begin_{};
  std::uint64_t started_ = 0;
  std::atomic<std::uint64_t> ended_{0};
  std::atomic<bool> cancelled_{false};

  mutable std::mutex mutex_;
  std::optional<ErrorReport> first_connect_error_;

  std::unique_ptr<BulkLookup> lookups_;  // goes first: no callback runs after that
};

}  // namespace dispatchctl::cli
