#include "mock-server/adapter/assignment_streams.h"

#include <grpcpp/server_context.h>
#include <grpcpp/support/async_stream.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "mock-server/adapter/codec.h"
#include "mock-server/adapter/faulty_answers.h"
#include "mock-server/adapter/result_queue.h"

namespace dispatchctl::mock {
namespace {

// Results that wait stop the reading: a client that does not read its results cannot fill the memory. With a
// latency more of them wait by design.
constexpr std::size_t kMaxQueued = 1024;
constexpr std::size_t kMaxQueuedWithLatency = 16384;
// Reviews that are committed to the journal together, unless the loop goes idle before.
constexpr std::size_t kCommitBatch = 64;
// A write with the buffer hint waits for one without; one in so many goes without.
constexpr int kMaxUnflushed = 512;
// Results held back for reordering go when no update has come for so long: the client may be waiting for
// them.
constexpr std::chrono::milliseconds kReorderPatience{100};

}  // namespace

// One read and one write are in flight at most, independent of each other, with the queue between them.
// A result passes through: reviewed and queued, in order (when results are reordered), due (after the
// latency), committed, written.
class AssignmentStreams::Stream final : public EventLoop::Timer, public EventLoop::IdleListener {
 public:
  explicit Stream(AssignmentStreams* streams)
      : streams_(streams), loop_(streams->loop_), delay_(&streams->delay_), timed_(!delay_->none()) {}

  void Request() {
    context_.AsyncNotifyWhenDone(&on_done_);
    loop_->CallStarted();
    streams_->service_->RequestStreamAssignments(&context_, &stream_, loop_->queue(), loop_->queue(),
                                                 &on_request_);
  }

 private:
  class HeldTimer final : public EventLoop::Timer {
   public:
    explicit HeldTimer(Stream* stream) : stream_(stream) {}

   private:
    void Expired() override {
      stream_->ReleaseHeld();
      stream_->Advance();
    }

    Stream* stream_;
  };

  void OnRequest(bool ok) {
    if (!ok) return Delete();  // the done tag never comes for a call that was never there
    streams_->Request();
    streams_->counters_->streams.fetch_add(1, std::memory_order_relaxed);
    const absl::Status admitted = streams_->front_->Admit(Method::kAssign, context_, admission_);
    const std::size_t listen = streams_->front_->listen();
    session_faults_.emplace(&admission_.session->faults(), listen);
    if (admission_.faults != nullptr) own_faults_.emplace(admission_.faults.get(), listen);
    if (const grpc::Status refused = streams_->adapter_->Authorize(context_, Scope::kAssign); !refused.ok()) {
      EndInput(refused);
      return Advance();
    }
    if (!admitted.ok()) {
      EndInput(ToGrpcStatus(admitted));
      return Advance();
    }
    if (MayMeetFaults()) {
      stream_faults_ = session_faults_->OnStart();
      if (own_faults_.has_value()) stream_faults_ = own_faults_->OnStart(std::move(stream_faults_));
      if (stream_faults_ != nullptr) return StartFaultily();
    }
    Read();
  }

  bool MayMeetFaults() const { return admission_.session->faults().active() || own_faults_.has_value(); }
  Dispatcher& dispatcher() const { return admission_.session->dispatcher(); }

  void StartFaultily() {
    AddHeaders(*stream_faults_, context_);
    hanging_ = stream_faults_->hang;
    EndIfEnough();
    ReadIfRoom();
    Advance();
  }

  // After so many updates the stream is to end, or nothing more is read.
  void EndIfEnough() {
    const std::optional<FaultEnding>& ending = stream_faults_->ending;
    if (!hanging_ && ending.has_value() && updates_ >= ending->after && !input_ended_) {
      EndInput(EndingStatus(*ending, context_));
    }
    stopped_reading_ = updates_ >= stream_faults_->read_limit.value_or(updates_ + 1);
  }

  void Read() {
    reading_ = true;
    stream_.Read(&incoming_, &on_read_);
  }

  void OnRead(bool ok) {
    reading_ = false;
    if (input_ended_) return DeleteIfOver();
    if (ok) streams_->counters_->updates.fetch_add(1, std::memory_order_relaxed);
    if (!ok) {
      input_ended_ = true;
    } else if (hanging_) {
      ReadIfRoom();
    } else if (const absl::Status status = Review(); !status.ok()) {
      EndInput(ToGrpcStatus(status));
    } else {
      if (stream_faults_ != nullptr) EndIfEnough();
      ReadIfRoom();
    }
    if (held_ > 0) HoldOrRelease();
    Advance();
  }

  void ReadIfRoom() {
    if (!reading_ && !input_ended_ && !stopped_reading_ &&
        queue_.size() < (timed_ ? kMaxQueuedWithLatency : kMaxQueued)) {
      Read();
    }
  }

  absl::Status Review() {
    ++updates_;
    admission_.Received(incoming_);
    if (!Parse(incoming_, update_)) return absl::InternalError("the message is not a valid AssignmentUpdate");
    std::unique_ptr<Faults> faults;
    if (MayMeetFaults()) {
      const FaultEngine::Stream::Update update{.assignment_id = update_.assignment_id(),
                                               .courier_id = update_.courier_id(),
                                               .zone = update_.destination_zone(),
                                               .number = updates_};
      faults = session_faults_->OnUpdate(update);
      if (own_faults_.has_value()) faults = own_faults_->OnUpdate(update, std::move(faults));
    }
    if (faults != nullptr) return ReviewFaultily(std::move(faults));
    ResultQueue::Entry& entry = queue_.Push();
    if (absl::Status status = streams_->adapter_->Review(dispatcher(), update_, entry.result); !status.ok()) {
      queue_.Truncate(queue_.size() - 1);
      return status;
    }
    Queued(entry);
    return absl::OkStatus();
  }

  absl::Status ReviewFaultily(std::unique_ptr<Faults> faults) {
    if (faults->hang) {
      hanging_ = true;
      update_faults_ = std::move(faults);
      return absl::OkStatus();
    }
    if (faults->ending.has_value()) {
      EndInput(EndingStatus(*faults->ending, context_));
      return absl::OkStatus();
    }
    dispatchpb::AssignmentResult result;
    if (absl::Status status = streams_->adapter_->Review(dispatcher(), update_, result); !status.ok())
      return status;
    Replace(faults->reply, result);
    if (faults->latency.count() > 0 && !timed_) {
      timed_ = true;
      for (std::size_t i = 0; i < queue_.size(); ++i) queue_[i].due = EventLoop::Clock::time_point();
    }
    if (!faults->unknown_id.empty()) {
      ResultQueue::Entry& unknown = queue_.Push();
      unknown.result.set_assignment_id(faults->unknown_id);
      unknown.result.set_accepted(true);
      Queued(unknown);
    }
    // Without a result nothing else would see to the journal.
    if (faults->drop_result) return dispatcher().Commit();
    if (faults->duplicate) {
      ResultQueue::Entry& twin = queue_.Push();
      twin.result = result;
      Queued(twin, faults->latency);
    }
    ResultQueue::Entry& entry = queue_.Push();
    entry.result.Swap(&result);
    Queued(entry, faults->latency);
    entry.faults = std::move(faults);
    return absl::OkStatus();
  }

  void Queued(ResultQueue::Entry& entry, std::chrono::microseconds extra = {}) {
    if (timed_) {
      last_due_ = std::max(last_due_, EventLoop::Clock::now() + delay_->Next() + extra);
      entry.due = last_due_;
    }
    if (stream_faults_ != nullptr && stream_faults_->reorder > 1) ++held_;
  }

  // A group of results that is full, or will not get full, goes last first.
  void HoldOrRelease() {
    if (held_ < stream_faults_->reorder && !input_ended_ && !stopped_reading_) {
      loop_->Schedule(held_timer_, EventLoop::Clock::now() + kReorderPatience);
    } else {
      ReleaseHeld();
    }
  }

  void ReleaseHeld() {
    loop_->Cancel(held_timer_);
    for (std::size_t low = queue_.size() - held_, high = queue_.size(); high - low > 1; ++low) {
      --high;
      queue_[low].result.Swap(&queue_[high].result);
      queue_[low].faults.swap(queue_[high].faults);
    }
    held_ = 0;
  }

  // How many are in order.
  std::size_t Ordered() const { return queue_.size() - held_; }

  void EndInput(grpc::Status status) {
    input_ended_ = true;
    status_ = std::move(status);
  }

  // Starts whatever can be started on the sending side.
  void Advance() {
    if (writing_ || finishing_) return;
    if (committed_ == 0 && Ordered() >= kCommitBatch) Commit();
    if (committed_ > 0) return Write();
    if (queue_.empty()) {
      if (input_ended_ && !hanging_) Finish();
    } else if (Ordered() == 0) {
      return;  // until they are in order
    } else if (!timed_ || loop_->stopping() || queue_.front().due <= EventLoop::Clock::now()) {
      loop_->WhenIdle(*this);
    } else if (!scheduled()) {
      loop_->Schedule(*this, queue_.front().due);
    }
  }

  void Idle() override {
    if (writing_ || finishing_) return;
    if (committed_ == 0) Commit();
    Advance();
  }

  void Expired() override { Advance(); }

  std::size_t CountDue() {
    if (!timed_ || loop_->stopping()) return Ordered();
    const EventLoop::Clock::time_point now = EventLoop::Clock::now();
    std::size_t due = 0;
    while (due < Ordered() && queue_[due].due <= now) ++due;
    return due;
  }

  void Commit() {
    const std::size_t due = CountDue();
    if (due == 0) return;
    if (const absl::Status status = dispatcher().Commit(); !status.ok()) {
      DropQueue();
      return EndInput(ToGrpcStatus(status));
    }
    committed_ = due;
  }

  void Write() {
    const std::unique_ptr<Faults> faults = std::move(queue_.front().faults);
    const grpc::ByteBuffer message =
        faults == nullptr ? Serialize(queue_.front().result) : Serialize(queue_.front().result, *faults);
    queue_.Pop();
    --committed_;
    admission_.Sent(message);
    // What is left in the queue without being committed will be when the loop goes idle, at the latest.
    const bool more = committed_ > 0 || (!timed_ && Ordered() > 0);
    if (!more && queue_.empty() && input_ended_ && !hanging_ && status_.ok()) {
      finishing_ = true;
      admission_.Ended(grpc::Status::OK);
      stream_.WriteAndFinish(message, grpc::WriteOptions(), grpc::Status::OK, &on_finish_);
      return;
    }
    grpc::WriteOptions options;
    // On a stream's first write the hint would hold back the initial metadata and with it the completion.
    if (more && written_any_ && ++unflushed_ < kMaxUnflushed) {
      options.set_buffer_hint();
    } else {
      unflushed_ = 0;
    }
    written_any_ = true;
    writing_ = true;
    stream_.Write(message, options, &on_write_);
  }

  void OnWrite(bool ok) {
    writing_ = false;
    if (!ok) Abandon();
    ReadIfRoom();
    Advance();
    DeleteIfOver();
  }

  // Nobody listens any more.
  void Abandon() {
    DropQueue();
    hanging_ = false;
    loop_->Cancel(*this);
    loop_->NotWhenIdle(*this);
    EndInput(grpc::Status::CANCELLED);
  }

  void DropQueue() {
    for (std::size_t i = 0; i < queue_.size(); ++i) queue_[i].faults.reset();
    queue_.Truncate(0);
    committed_ = 0;
    held_ = 0;
    loop_->Cancel(held_timer_);
  }

  void Finish() {
    finishing_ = true;
    admission_.Ended(status_);
    stream_.Finish(status_, &on_finish_);
  }

  void OnFinish(bool /*ok*/) {
    finished_ = true;
    DeleteIfOver();
  }

  void OnDone(bool /*ok*/) {
    done_ = true;
    if (context_.IsCancelled()) admission_.Ended(grpc::Status::CANCELLED);
    if (!finishing_) {
      Abandon();
      Advance();
    }
    DeleteIfOver();
  }

  void DeleteIfOver() {
    if (finished_ && done_ && !reading_ && !writing_) Delete();
  }

  void Delete() {
    const std::unique_ptr<Stream> self(this);
    // A full batch may have been written, and the stream ended, without waiting for either.
    loop_->Cancel(*this);
    loop_->Cancel(held_timer_);
    loop_->NotWhenIdle(*this);
    loop_->CallEnded();
  }

  AssignmentStreams* streams_;
  EventLoop* loop_;
  Delay* delay_;
  grpc::ServerContext context_;
  grpc::ServerAsyncReaderWriter<grpc::ByteBuffer, grpc::ByteBuffer> stream_{&context_};
  grpc::ByteBuffer incoming_;
  dispatchpb::AssignmentUpdate update_;
  ResultQueue queue_;
  // How many at the queue's front may be written, and how many at its back wait to be put in order.
  std::size_t committed_ = 0;
  std::size_t held_ = 0;
  HeldTimer held_timer_{this};
  // Whether results have a time when they are due.
  bool timed_;
  EventLoop::Clock::time_point last_due_;
  Admission admission_;
  std::optional<FaultEngine::Stream> session_faults_;
  // Those that the stream asked for itself.
  std::optional<FaultEngine::Stream> own_faults_;
  std::unique_ptr<Faults> stream_faults_;
  // Of the update that made the stream hang.
  std::unique_ptr<Faults> update_faults_;
  std::uint64_t updates_ = 0;
  grpc::Status status_;
  int unflushed_ = 0;
  bool written_any_ = false;
  bool reading_ = false;
  bool writing_ = false;
  bool input_ended_ = false;
  // Updates are read and dropped, and the stream does not end.
  bool hanging_ = false;
  bool stopped_reading_ = false;
  bool finishing_ = false;
  bool finished_ = false;
  bool done_ = false;
  Tag<Stream, &Stream::OnRequest> on_request_{this};
  Tag<Stream, &Stream::OnRead> on_read_{this};
  Tag<Stream, &Stream::OnWrite> on_write_{this};
  Tag<Stream, &Stream::OnFinish> on_finish_{this};
  Tag<Stream, &Stream::OnDone> on_done_{this};
};

AssignmentStreams::AssignmentStreams(GatewayService* service, EventLoop* loop, const DispatchAdapter* adapter,
                                     Delay delay, Counters* counters, const CallFront* front)
    : service_(service), loop_(loop), adapter_(adapter), delay_(delay), counters_(counters), front_(front) {}

void AssignmentStreams::Start() {
  for (int i = 0; i < kPosted; ++i) Request();
}

void AssignmentStreams::Request() {
  std::make_unique<Stream>(this).release()->Request();
}

}  // namespace dispatchctl::mock
