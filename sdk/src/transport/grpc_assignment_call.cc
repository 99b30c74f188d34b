#include "transport/grpc_assignment_call.h"

#include <grpcpp/client_context.h>
#include <grpcpp/support/byte_buffer.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <utility>

#include "contract/methods.h"
#include "dispatchpb/dispatch.pb.h"
#include "transport/grpc_context.h"
#include "transport/status_mapping.h"
#include "transport/thread_annotations.h"

namespace dispatchctl::internal {
namespace {

// A held-back write reaches the wire at the latest with this many behind it.
constexpr int kWritesBetweenFlushes = 512;

bool Parse(const grpc::ByteBuffer& bytes, dispatchpb::AssignmentResult& message) {
  grpc::Slice slice;
  if (!bytes.TrySingleSlice(&slice).ok() && !bytes.DumpToSingleSlice(&slice).ok()) return false;
  return message.ParseFromArray(slice.begin(), static_cast<int>(slice.size()));
}

// Speaks bytes rather than messages: the generated stream cannot tell a message that does not parse from the
// end of the stream, and waits for ever for the status of one that goes on (grpc #22839).
class GrpcAssignmentCall final : public AssignmentCall {
 public:
  GrpcAssignmentCall(const AssignmentCallTarget& target, EventLoop& loop, const AttemptOptions& options,
                     AssignmentCallHandler& handler)
      : target_(target), queue_(loop.queue()), handler_(handler) {
    ApplyOptions(options, context_);
  }

  void Start() override {
    stream_ = target_.stub.PrepareCall(&context_, kAssignPath, &queue_);
    stream_->StartCall(Begin(start_));
  }

  void Write(const AssignmentUpdate& update, bool more) override {
    outgoing_.set_assignment_id(update.assignment_id);
    outgoing_.set_courier_id(update.courier_id);
    outgoing_.set_destination_zone(update.destination_zone);
    const std::size_t size = outgoing_.ByteSizeLong();
    grpc::Slice slice(size);
    outgoing_.SerializeWithCachedSizesToArray(const_cast<std::uint8_t*>(slice.begin()));
    const grpc::ByteBuffer bytes(&slice, 1);

    grpc::WriteOptions options;
    // A hint on a stream's first write can hang it: neither its metadata nor the message is sent.
    if (more && wrote_first_ && ++writes_since_flush_ < kWritesBetweenFlushes) {
      options.set_buffer_hint();
    } else {
      writes_since_flush_ = 0;
    }
    wrote_first_ = true;
    stream_->Write(bytes, options, Begin(write_));
  }

  void HalfClose() override { stream_->WritesDone(Begin(half_close_)); }

  void Cancel() override { context_.TryCancel(); }

 private:
  // One operation of the stream; at most one of each kind is under way.
  class Operation final : public Completion {
   public:
    using Handler = void (GrpcAssignmentCall::*)(bool);
    Operation(GrpcAssignmentCall& call, Handler handler) : call_(call), handler_(handler) {}
    void OnCompletion(bool ok) override { (call_.*handler_)(ok); }

   private:
    GrpcAssignmentCall& call_;
    const Handler handler_;
  };

  Completion* Begin(Operation& operation) {
    ++under_way_;
    HandOver(static_cast<Completion*>(&operation));
    return &operation;
  }

  void OnStart(bool ok) {
    --under_way_;
    if (!ok) {
      Finish();
      return;
    }
    stream_->Read(&incoming_bytes_, Begin(read_));
    handler_.OnStarted();
  }

  void OnRead(bool ok) {
    --under_way_;
    if (ok && undecodable_) {
      stream_->Read(&incoming_bytes_, Begin(read_));
      return;
    }
    if (!ok) {
      Finish();
      return;
    }
    if (!Parse(incoming_bytes_, incoming_)) {
      undecodable_ = true;
      handler_.OnUndecodable();
    } else {
      result_.assignment_id.swap(*incoming_.mutable_assignment_id());
      result_.accepted = incoming_.accepted();
      handler_.OnResult(result_);
    }
    stream_->Read(&incoming_bytes_, Begin(read_));
  }

  void OnWrite(bool ok) {
    --under_way_;
    if (ended_) {
      ReportEndWhenQuiet();
    } else if (ok && !finishing_) {
      handler_.OnWritable();
    }
  }

  void OnHalfClose(bool) {
    --under_way_;
    ReportEndWhenQuiet();
  }

  // Also while a write is under way: the status ends it, and a server that stopped reading would hold it up
  // for ever.
  void Finish() {
    finishing_ = true;
    stream_->Finish(&status_, Begin(finish_));
  }

  void OnFinish(bool) {
    --under_way_;
    ended_ = true;
    ReportEndWhenQuiet();
  }

  // This object can go only when no completion of its own is still to come.
  void ReportEndWhenQuiet() {
    if (!ended_ || under_way_ != 0) return;
    AttemptEnd end = DescribeEnd(status_, context_, target_.endpoint, target_.tls);
    if (end.phase == Phase::kCall) end.phase = Phase::kStream;
    handler_.OnEnd(std::move(end));
  }

  const AssignmentCallTarget target_;
  grpc::CompletionQueue& queue_;
  AssignmentCallHandler& handler_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> stream_;
  grpc::ByteBuffer incoming_bytes_;
  grpc::Status status_;
  dispatchpb::AssignmentUpdate outgoing_;
  dispatchpb::AssignmentResult incoming_;
  AssignmentResult result_;
  int under_way_ = 0;
  int writes_since_flush_ = 0;
  bool wrote_first_ = false;
  bool finishing_ = false;
  bool ended_ = false;
  bool undecodable_ = false;
  Operation start_{*this, &GrpcAssignmentCall::OnStart};
  Operation read_{*this, &GrpcAssignmentCall::OnRead};
  Operation write_{*this, &GrpcAssignmentCall::OnWrite};
  Operation half_close_{*this, &GrpcAssignmentCall::OnHalfClose};
  Operation finish_{*this, &GrpcAssignmentCall::OnFinish};
};

}  // namespace

std::unique_ptr<AssignmentCall> MakeGrpcAssignmentCall(const AssignmentCallTarget& target, EventLoop& loop,
                                                       const AttemptOptions& options,
                                                       AssignmentCallHandler& handler) {
  return std::make_unique<GrpcAssignmentCall>(target, loop, options, handler);
}

}  // namespace dispatchctl::internal
