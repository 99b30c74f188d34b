#include "gateway/lookups.h"

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <variant>

namespace bff {
namespace {

// What a call comes to, handed from the client's thread to the one that waits.
template <typename Result>
class Outcome {
 public:
  void Set(Result result, Requester& requester) {
    const std::lock_guard<std::mutex> lock(mutex_);
    result_ = std::move(result);
    // Within the lock, since whoever has seen the result may let the requester go.
    requester.Wake();
    changed_.notify_all();
  }

  // Waits; `cancel`, when the requester goes, brings the end about.
  template <typename Cancel>
  Result Await(Requester& requester, Cancel cancel) {
    std::unique_lock<std::mutex> lock(mutex_);
    while (!result_) {
      lock.unlock();
      const bool still_there = requester.Wait();
      if (!still_there) cancel();
      lock.lock();
      if (!still_there) changed_.wait(lock, [this] { return result_.has_value(); });
    }
    return *std::move(result_);
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<Result> result_;
};

}  // namespace

dispatchctl::LookupItem LookUp(const dispatchctl::Client& client, const std::string& courier_id,
                               const dispatchctl::CallOptions& options, Requester& requester) {
  // The callback may still be returning when the waiting has ended.
  const auto outcome = std::make_shared<Outcome<dispatchctl::LookupItem>>();
  dispatchctl::CallHandle call = client.GetCourierStatusAsync(
      courier_id, options,
      [outcome, &requester, courier_id](absl::StatusOr<dispatchctl::CourierStatus> status,
                                        const dispatchctl::CallReport& report) {
        outcome->Set({.courier_id = courier_id, .tag = 0, .status = std::move(status), .report = report},
                     requester);
      });
  return outcome->Await(requester, [&call] { call.Cancel(); });
}

absl::StatusOr<std::vector<dispatchctl::LookupItem>> LookUpAll(const dispatchctl::Client& client,
                                                               const std::vector<std::string>& courier_ids,
                                                               const dispatchctl::CallOptions& options,
                                                               Requester& requester) {
  std::vector<dispatchctl::LookupItem> items;
  items.reserve(courier_ids.size());
  Outcome<std::monostate> finished;
  absl::StatusOr<std::unique_ptr<dispatchctl::BulkLookup>> lookup = client.StartBulkLookup({
      // All at once: the time-out is each lookup's own, and none is to wait for another.
      .max_in_flight = courier_ids.size(),
      .ordered = true,
      .call = options,
      .on_result = [&items](dispatchctl::LookupItem&& item) { items.push_back(std::move(item)); },
      .on_finished = [&finished, &requester] { finished.Set({}, requester); },
  });
  if (!lookup.ok()) return lookup.status();
  for (std::uint64_t i = 0; i < courier_ids.size(); ++i) {
    if (const absl::Status status = (*lookup)->Submit(courier_ids[i], i); !status.ok()) return status;
  }
  (*lookup)->CloseSubmissions();
  finished.Await(requester, [&lookup] { (*lookup)->Cancel(); });
  return items;
}

}  // namespace bff
