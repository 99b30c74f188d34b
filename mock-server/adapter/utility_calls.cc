#include "mock-server/adapter/utility_calls.h"

#include <fmt/format.h>
#include <grpc/support/time.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "mock-server/adapter/codec.h"
#include "mock-server/adapter/utility.pb.h"

namespace dispatchctl::mock {

class UtilityCalls::Call final {
 public:
  explicit Call(UtilityCalls* calls) : calls_(calls) {}

  void Request() {
    context_.AsyncNotifyWhenDone(&on_done_);
    calls_->loop_->CallStarted();
    grpc::ServerCompletionQueue* queue = calls_->loop_->queue();
    calls_->service_->RequestCall(&context_, &stream_, queue, queue, &on_request_);
  }

  // A watch is told what is new.
  void Refresh() {
    if (writing_ || finishing_ || Health() == told_) return;  // OnWrite() sees to it
    wire::HealthReply reply;
    told_ = Health();
    reply.set_status(told_);
    Write(reply);
  }

  // A watch is told that the server is going, and ends.
  void Drain() {
    if (writing_ || finishing_) return;  // OnWrite() sees to it, or it ends anyway
    finishing_ = true;
    wire::HealthReply reply;
    reply.set_status(wire::HealthReply::NOT_SERVING);
    stream_.WriteAndFinish(Serialize(reply), grpc::WriteOptions(),
                           grpc::Status(grpc::UNAVAILABLE, "the server is shutting down"), &on_finish_);
  }

 private:
  enum class Method { kCheck, kWatch, kReflect };

  void OnRequest(bool ok) {
    if (!ok) return Delete();
    calls_->Request();
    const std::string& name = context_.method();
    if (name == "/grpc.health.v1.Health/Check") {
      method_ = Method::kCheck;
    } else if (name == "/grpc.health.v1.Health/Watch") {
      method_ = Method::kWatch;
    } else if (calls_->reflection_ != nullptr &&
               (name == "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo" ||
                name == "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo")) {
      method_ = Method::kReflect;
    } else {
      return Finish({grpc::UNIMPLEMENTED, fmt::format("there is no method {}", name)});
    }
    Read();
  }

  void Read() {
    reading_ = true;
    stream_.Read(&incoming_, &on_read_);
  }

  void OnRead(bool ok) {
    reading_ = false;
    if (finishing_) return DeleteIfOver();
    if (!ok) {
      return Finish(method_ == Method::kReflect ? grpc::Status::OK
                                                : grpc::Status(grpc::INTERNAL, "there is no request"));
    }
    if (method_ == Method::kReflect) return Reflect();
    wire::HealthRequest request;
    if (!Parse(incoming_, request)) return Finish({grpc::INTERNAL, "the request does not parse"});
    service_ = request.service();
    wire::HealthReply reply;
    reply.set_status(Health());
    if (method_ == Method::kCheck) {
      if (reply.status() == wire::HealthReply::SERVICE_UNKNOWN)
        return Finish({grpc::NOT_FOUND, fmt::format("there is no service '{}'", service_)});
      finishing_ = true;
      stream_.WriteAndFinish(Serialize(reply), grpc::WriteOptions(), grpc::Status::OK, &on_finish_);
      return;
    }
    if (calls_->draining_) return Drain();
    calls_->watches_.insert(this);
    told_ = reply.status();
    Write(reply);
  }

  wire::HealthReply::Status Health() const {
    const std::optional<bool> serving = calls_->board_->Serving(service_);
    if (!serving.has_value()) return wire::HealthReply::SERVICE_UNKNOWN;
    return *serving && !calls_->draining_ ? wire::HealthReply::SERVING : wire::HealthReply::NOT_SERVING;
  }

  void Reflect() {
    wire::ReflectionRequest request;
    if (!Parse(incoming_, request)) return Finish({grpc::INTERNAL, "the request does not parse"});
    Write(calls_->reflection_->Answer(request));
  }

  void Write(const google::protobuf::MessageLite& reply) {
    writing_ = true;
    stream_.Write(Serialize(reply), &on_write_);
  }

  void OnWrite(bool ok) {
    writing_ = false;
    if (!finishing_) {
      if (!ok) {
        Finish(grpc::Status::CANCELLED);
      } else if (method_ == Method::kReflect) {
        Read();
      } else if (calls_->draining_) {
        Drain();
      } else {
        Refresh();
      }
    }
    DeleteIfOver();
  }

  void Finish(const grpc::Status& status) {
    finishing_ = true;
    stream_.Finish(status, &on_finish_);
  }

  void OnFinish(bool /*ok*/) {
    finished_ = true;
    DeleteIfOver();
  }

  void OnDone(bool /*ok*/) {
    done_ = true;
    if (!finishing_ && !writing_) Finish(grpc::Status::CANCELLED);
    DeleteIfOver();
  }

  void DeleteIfOver() {
    if (finished_ && done_ && !reading_ && !writing_) Delete();
  }

  void Delete() {
    const std::unique_ptr<Call> self(this);
    calls_->watches_.erase(this);
    calls_->loop_->CallEnded();
  }

  UtilityCalls* calls_;
  grpc::GenericServerContext context_;
  grpc::GenericServerAsyncReaderWriter stream_{&context_};
  grpc::ByteBuffer incoming_;
  Method method_ = Method::kCheck;
  // Of health checks.
  std::string service_;
  wire::HealthReply::Status told_ = wire::HealthReply::UNKNOWN;
  bool reading_ = false;
  bool writing_ = false;
  bool finishing_ = false;
  bool finished_ = false;
  bool done_ = false;
  Tag<Call, &Call::OnRequest> on_request_{this};
  Tag<Call, &Call::OnRead> on_read_{this};
  Tag<Call, &Call::OnWrite> on_write_{this};
  Tag<Call, &Call::OnFinish> on_finish_{this};
  Tag<Call, &Call::OnDone> on_done_{this};
};

UtilityCalls::UtilityCalls(grpc::AsyncGenericService* service, EventLoop* loop, const Reflection* reflection,
                           const HealthBoard* board)
    : service_(service), loop_(loop), reflection_(reflection), board_(board) {}

void UtilityCalls::Start() {
  for (int i = 0; i < kPosted; ++i) Request();
}

void UtilityCalls::Request() {
  std::make_unique<Call>(this).release()->Request();
}

void UtilityCalls::HealthChanged() {
  loop_->Post([this] {
    for (Call* watch : watches_) watch->Refresh();
  });
}

void UtilityCalls::Drain() {
  drain_alarm_.Set(loop_->queue(), gpr_time_0(GPR_CLOCK_MONOTONIC), &drain_tag_);
}

void UtilityCalls::OnDrain(bool /*ok*/) {
  draining_ = true;
  const std::set<Call*> watches = std::exchange(watches_, {});
  for (Call* watch : watches) watch->Drain();
}

}  // namespace dispatchctl::mock
