#include "call/bulk_lookup.h"

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "call/lookup_call.h"
#include "call/room.h"

namespace dispatchctl::internal {
namespace {

constexpr std::size_t kMostInFlight = 65536;
// How far a result may run ahead of an earlier one that is still awaited.
constexpr std::size_t kReorderFactor = 16;

struct PendingLookup {
  std::string courier_id;
  std::uint64_t tag = 0;
};

// Does all its work on the loop's thread: ids wait in a queue, and each answer starts the next. The client's
// registry keeps it alive until its last callback.
class Engine final : public Task,
                     public Cancellable,
                     private IdleListener,
                     public std::enable_shared_from_this<Engine> {
 public:
  Engine(std::shared_ptr<ClientCore> core, BulkLookupOptions options, EffectiveOptions call_options)
      : core_(std::move(core)),
        options_(std::move(options)),
        call_options_(std::move(call_options)),
        room_(2 * options_.max_in_flight) {}

  // False: the client has been shut down.
  bool Register() {
    position_ = core_->owned_calls()->Add(shared_from_this());
    return position_.has_value();
  }

  absl::Status TrySubmit(std::string_view courier_id, std::uint64_t tag) {
    if (closed_.load()) return Closed();
    if (!room_.TryTake()) return absl::Status(absl::StatusCode::kResourceExhausted, "");
    return Push(courier_id, tag);
  }

  absl::Status Submit(std::string_view courier_id, std::uint64_t tag) {
    if (closed_.load() || !room_.Take()) return Closed();
    return Push(courier_id, tag);
  }

  void CloseSubmissions() {
    closed_.store(true);
    core_->loop().Schedule(shared_from_this());
  }

  void Cancel() override {
    cancelled_.store(true);
    room_.Close();
    CloseSubmissions();
  }

  void WaitFinished() {
    std::unique_lock<std::mutex> lock(mutex_);
    finished_changed_.wait(lock, [&] { return finished_; });
  }

  // The owner goes: no callback runs once this has returned.
  void Abandon() {
    Cancel();
    if (core_->IsOwnThread()) {
      abandoned_ = true;
    } else {
      WaitFinished();
    }
  }

  // On the loop's thread.
  void Run() override {
    if (cancelled_.load()) CancelCalls();
    StartCalls();
    FinishIfDone();
  }

 private:
  // One lookup in flight, or one whose result waits for an earlier one.
  struct Slot final : LookupCallHandler {
    Slot(Engine& engine_in, PendingLookup lookup_in, std::size_t index_in)
        : engine(engine_in), lookup(std::move(lookup_in)), index(index_in) {}
    void OnCallDone(LookupCall&) override { engine.OnCallDone(*this); }

    Engine& engine;
    PendingLookup lookup;
    std::size_t index;  // in slots_, unless results are ordered
    std::optional<LookupCall> call;
    std::optional<LookupItem> item;
  };

  static absl::Status Closed() { return absl::FailedPreconditionError("the bulk lookup takes no more ids"); }

  absl::Status Push(std::string_view courier_id, std::uint64_t tag) {
    bool wake_up;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (sealed_) return Closed();
      pending_.push_back({std::string(courier_id), tag});
      wake_up = std::exchange(hungry_, false);
    }
    if (wake_up) core_->loop().Schedule(shared_from_this());
    return absl::OkStatus();
  }

  std::optional<PendingLookup> TakePending() {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (pending_.empty()) {
      hungry_ = true;
      return std::nullopt;
    }
    PendingLookup next = std::move(pending_.front());
    pending_.pop_front();
    return next;
  }

  bool MayStartAnother() const {
    return in_flight_ < options_.max_in_flight &&
           (!options_.ordered || slots_.size() < kReorderFactor * options_.max_in_flight);
  }

  void StartCalls() {
    // A call that ends inside its Start must not start the next from there: the stack would grow with the
    // input.
    if (std::exchange(starting_, true)) return;
    while (MayStartAnother()) {
      std::optional<PendingLookup> next = TakePending();
      if (!next) break;
      slots_.push_back(std::make_unique<Slot>(*this, *std::move(next), slots_.size()));
      Slot& slot = *slots_.back();
      slot.call.emplace(core_->lookups(), core_->loop(), call_options_, slot.lookup.courier_id, slot);
      ++in_flight_;
      if (cancelled_.load()) slot.call->Cancel();
      slot.call->Start(/*on_loop=*/true);
    }
    starting_ = false;
  }

  void OnCallDone(Slot& slot) {
    --in_flight_;
    slot.item.emplace(LookupItem{std::move(slot.lookup.courier_id), slot.lookup.tag,
                                 std::move(slot.call->result()), std::move(slot.call->report())});
    // A call is many times the size of its result.
    slot.call.reset();
    if (options_.ordered) {
      while (!slots_.empty() && slots_.front()->item) {
        const std::unique_ptr<Slot> first = std::move(slots_.front());
        slots_.pop_front();
        Deliver(*std::move(first->item));
      }
    } else {
      std::swap(slots_[slot.index], slots_.back());
      slots_[slot.index]->index = slot.index;
      const std::unique_ptr<Slot> finished = std::move(slots_.back());
      slots_.pop_back();
      Deliver(*std::move(finished->item));
    }
    StartCalls();
    if (!starting_) FinishIfDone();
  }

  void Deliver(LookupItem&& item) {
    const bool tell = room_.GiveBack();
    if (abandoned_) return;
    options_.on_result(std::move(item));
    if (!std::exchange(batch_open_, true)) core_->loop().CallWhenIdle(*this);
    if (tell && !abandoned_ && options_.on_writable) options_.on_writable();
  }

  void OnIdle() override {
    batch_open_ = false;
    if (!abandoned_ && options_.on_batch_end) options_.on_batch_end();
  }

  void CancelCalls() {
    for (const std::unique_ptr<Slot>& slot : slots_) {
      if (slot->call) slot->call->Cancel();
    }
  }

  void FinishIfDone() {
    if (!closed_.load() || finishing_ || in_flight_ != 0) return;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (!pending_.empty()) return;
      // From here on no id can be accepted and go without its result.
      sealed_ = true;
    }
    finishing_ = true;
    if (batch_open_) {
      core_->loop().CancelIdleCall(*this);
      OnIdle();
    }
    if (!abandoned_ && options_.on_finished) options_.on_finished();
    const std::shared_ptr<Engine> last = shared_from_this();
    core_->owned_calls()->Remove(*position_);
    const std::lock_guard<std::mutex> lock(mutex_);
    finished_ = true;
    finished_changed_.notify_all();
  }

  const std::shared_ptr<ClientCore> core_;
  const BulkLookupOptions options_;
  const EffectiveOptions call_options_;
  std::optional<CallRegistry::Position> position_;
  Room room_;
  std::atomic<bool> closed_{false};
  std::atomic<bool> cancelled_{false};

  std::mutex mutex_;  // guards the five below
  std::condition_variable finished_changed_;
  std::deque<PendingLookup> pending_;
  bool hungry_ = true;  // the loop's thread found no id and must be woken for the next
  bool sealed_ = false;
  bool finished_ = false;

  // The loop's thread only.
  std::deque<std::unique_ptr<Slot>> slots_;
  std::size_t in_flight_ = 0;
  bool starting_ = false;
  bool batch_open_ = false;
  bool finishing_ = false;
  bool abandoned_ = false;
};

class BulkLookupHandle final : public BulkLookup {
 public:
  explicit BulkLookupHandle(std::shared_ptr<Engine> engine) : engine_(std::move(engine)) {}
  ~BulkLookupHandle() override { engine_->Abandon(); }

  absl::Status TrySubmit(std::string_view courier_id, std::uint64_t tag) override {
    return engine_->TrySubmit(courier_id, tag);
  }
  absl::Status Submit(std::string_view courier_id, std::uint64_t tag) override {
    return engine_->Submit(courier_id, tag);
  }
  void CloseSubmissions() override { engine_->CloseSubmissions(); }
  void Finish() override {
    engine_->CloseSubmissions();
    engine_->WaitFinished();
  }
  void Cancel() override { engine_->Cancel(); }

 private:
  const std::shared_ptr<Engine> engine_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<BulkLookup>> MakeBulkLookup(std::shared_ptr<ClientCore> core,
                                                           BulkLookupOptions options,
                                                           EffectiveOptions call_options) {
  if (options.max_in_flight == 0 || options.max_in_flight > kMostInFlight) {
    return absl::InvalidArgumentError("max_in_flight is not between 1 and 65536");
  }
  if (!options.on_result) return absl::InvalidArgumentError("on_result is not set");
  auto engine = std::make_shared<Engine>(std::move(core), std::move(options), std::move(call_options));
  if (!engine->Register()) return ShutDown();
  return std::make_unique<BulkLookupHandle>(std::move(engine));
}

}  // namespace dispatchctl::internal
