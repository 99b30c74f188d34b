#include "mock-server/adapter/assignment_streams.h"

#include <grpcpp/server_context.h>
#include <grpcpp/support/async_stream.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "mock-server/adapter/codec.h"
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

}  // namespace

// One read and one write are in flight at most, independent of each other, with the queue between them.
// A result passes through: reviewed and queued, due (after the latency), committed, written.
class AssignmentStreams::Stream final : public EventLoop::Timer, public EventLoop::IdleListener {
 public:
  explicit Stream(AssignmentStreams* streams)
      : streams_(streams), loop_(streams->loop_), delay_(&streams->delay_) {}

  void Request() {
    context_.AsyncNotifyWhenDone(&on_done_);
    loop_->CallStarted();
    streams_->service_->RequestStreamAssignments(&context_, &stream_, loop_->queue(), loop_->queue(),
                                                 &on_request_);
  }

 private:
  void OnRequest(bool ok) {
    if (!ok) return Delete();  // the done tag never comes for a call that was never there
    streams_->Request();
    streams_->counters_->streams.fetch_add(1, std::memory_order_relaxed);
    Read();
  }

  void Read() {
    reading_ = true;
    stream_.Read(&incoming_, &on_read_);
  }

  void OnRead(bool ok) {
    reading_ = false;
    if (input_ended_) return DeleteIfOver();
    if (!ok) {
      input_ended_ = true;
    } else if (const absl::Status status = Review(); !status.ok()) {
      EndInput(ToGrpcStatus(status));
    } else {
      ReadIfRoom();
    }
    Advance();
  }

  void ReadIfRoom() {
    if (!reading_ && !input_ended_ && queue_.size() < (delay_->none() ? kMaxQueued : kMaxQueuedWithLatency))
      Read();
  }

  absl::Status Review() {
    streams_->counters_->updates.fetch_add(1, std::memory_order_relaxed);
    if (!Parse(incoming_, update_)) return absl::InternalError("the message is not a valid AssignmentUpdate");
    ResultQueue::Entry& entry = queue_.Push();
    if (absl::Status status = streams_->adapter_->Review(update_, entry.result); !status.ok()) {
      queue_.Truncate(queue_.size() - 1);
      return status;
    }
    if (!delay_->none()) {
      last_due_ = std::max(last_due_, EventLoop::Clock::now() + delay_->Next());
      entry.due = last_due_;
    }
    return absl::OkStatus();
  }

  void EndInput(grpc::Status status) {
    input_ended_ = true;
    status_ = std::move(status);
  }

  // Starts whatever can be started on the sending side.
  void Advance() {
    if (writing_ || finishing_) return;
    if (committed_ == 0 && queue_.size() >= kCommitBatch) Commit();
    if (committed_ > 0) return Write();
    if (queue_.empty()) {
      if (input_ended_) Finish();
    } else if (delay_->none() || loop_->stopping() || queue_.front().due <= EventLoop::Clock::now()) {
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
    if (delay_->none() || loop_->stopping()) return queue_.size();
    const EventLoop::Clock::time_point now = EventLoop::Clock::now();
    std::size_t due = 0;
    while (due < queue_.size() && queue_[due].due <= now) ++due;
    return due;
  }

  void Commit() {
    const std::size_t due = CountDue();
    if (due == 0) return;
    if (const absl::Status status = streams_->adapter_->Commit(); !status.ok()) {
      queue_.Truncate(0);
      return EndInput(ToGrpcStatus(status));
    }
    committed_ = due;
  }

  void Write() {
    const grpc::ByteBuffer message = Serialize(queue_.front().result);
    queue_.Pop();
    --committed_;
    // What is left in the queue without being committed will be when the loop goes idle, at the latest.
    const bool more = committed_ > 0 || (delay_->none() && !queue_.empty());
    if (!more && queue_.empty() && input_ended_ && status_.ok()) {
      finishing_ = true;
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
    queue_.Truncate(0);
    committed_ = 0;
    loop_->Cancel(*this);
    loop_->NotWhenIdle(*this);
    EndInput(grpc::Status::CANCELLED);
  }

  void Finish() {
    finishing_ = true;
    stream_.Finish(status_, &on_finish_);
  }

  void OnFinish(bool /*ok*/) {
    finished_ = true;
    DeleteIfOver();
  }

  void OnDone(bool /*ok*/) {
    done_ = true;
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
  // How many at the queue's front may be written.
  std::size_t committed_ = 0;
  EventLoop::Clock::time_point last_due_;
  grpc::Status status_;
  int unflushed_ = 0;
  bool written_any_ = false;
  bool reading_ = false;
  bool writing_ = false;
  bool input_ended_ = false;
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
                                     Delay delay, Counters* counters)
    : service_(service), loop_(loop), adapter_(adapter), delay_(delay), counters_(counters) {}

void AssignmentStreams::Start() {
  for (int i = 0; i < kPosted; ++i) Request();
}

void AssignmentStreams::Request() {
  std::make_unique<Stream>(this).release()->Request();
}

}  // namespace dispatchctl::mock
