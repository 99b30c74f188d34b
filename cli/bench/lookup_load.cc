#include "bench/lookup_load.h"

#include <utility>

#include "commands/client_setup.h"

namespace dispatchctl::cli {
namespace {

using std::chrono::nanoseconds;

// A tag is when the lookup should have started, in nanoseconds since the begin, and whether it had to wait
// for room.
constexpr std::uint64_t kWaited = std::uint64_t{1} << 63U;

}  // namespace

std::optional<ErrorReport> LookupLoad::Open(const Client& client) {
  BulkLookupOptions bulk;
  bulk.max_in_flight = options_.concurrency;
  bulk.ordered = false;
  bulk.on_result = [this](LookupItem&& item) { OnResult(item); };
  bulk.on_batch_end = [this] { observer_.Flush(); };
  bulk.on_writable = options_.on_room;
  bulk.on_finished = options_.on_finished;
  absl::StatusOr<std::unique_ptr<BulkLookup>> lookups = client.StartBulkLookup(std::move(bulk));
  if (!lookups.ok()) return OptionError(lookups.status());
  lookups_ = *std::move(lookups);
  return std::nullopt;
}

Load::Start LookupLoad::TryStart(std::uint64_t index, nanoseconds intended, TimePoint /*now*/, bool held_up) {
  const bool waits = held_up || started_ - ended_.load(std::memory_order_relaxed) >= options_.concurrency;
  const std::uint64_t tag = static_cast<std::uint64_t>(intended.count()) | (waits ? kWaited : 0);
  const absl::Status status = lookups_->TrySubmit(subjects_[index % subjects_.size()].courier_id, tag);
  if (status.code() == absl::StatusCode::kResourceExhausted) return Start::kNoRoom;
  if (!status.ok()) return Start::kEnded;
  ++started_;
  return Start::kStarted;
}

void LookupLoad::Cancel() {
  cancelled_.store(true);
  lookups_->Cancel();
}

std::optional<ErrorReport> LookupLoad::first_connect_error() const {
  const std::lock_guard lock(mutex_);
  return first_connect_error_;
}

void LookupLoad::OnResult(const LookupItem& item) {
  const TimePoint now = std::chrono::steady_clock::now();
  ended_.fetch_add(1, std::memory_order_relaxed);
  const CallReport& report = item.report;
  const TimePoint started = now - report.elapsed;
  const absl::Status& status = item.status.status();
  observer_.OnLookup(item.courier_id, started, status, report);
  const nanoseconds intended(static_cast<std::int64_t>(item.tag & ~kWaited));
  if (intended < options_.warmup) return tally_.AddWarmUp();
  if (status.code() == absl::StatusCode::kCancelled && cancelled_.load()) return tally_.AddUnfinished(1);

  nanoseconds latency = report.elapsed;
  if (options_.open) {
    latency = now - (begin_ + intended);
    tally_.AddStart(started - (begin_ + intended), (item.tag & kWaited) != 0);
  }
  if (status.ok()) return tally_.AddSuccess(now, latency, report.attempts);
  const std::string code = FailureCode(status, report);
  tally_.AddFailure(now, latency, code, report.attempts);
  if (code != kNoConnection) return;
  const std::lock_guard lock(mutex_);
  if (!first_connect_error_.has_value()) first_connect_error_ = RpcError(status, report, options_.identity);
}

}  // namespace dispatchctl::cli
