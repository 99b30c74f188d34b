#include "mock-server/adapter/lookup_calls.h"

#include <grpcpp/server_context.h>
#include <grpcpp/support/async_unary_call.h>

#include <optional>
#include <utility>

namespace dispatchctl::mock {

class LookupCalls::Call final : public EventLoop::Timer {
 public:
  explicit Call(LookupCalls* calls) : calls_(calls) {}

  void Request() {
    responder_.reset();
    context_.emplace();
    responder_.emplace(&*context_);
    calls_->loop_->CallStarted();
    grpc::ServerCompletionQueue* queue = calls_->loop_->queue();
    calls_->service_->RequestGetCourierStatus(&*context_, &request_, &*responder_, queue, queue,
                                              &on_request_);
  }

 private:
  void OnRequest(bool ok) {
    if (!ok) return End();
    calls_->Request();
    calls_->counters_->lookups.fetch_add(1, std::memory_order_relaxed);
    status_ = calls_->adapter_->GetCourierStatus(request_, reply_);
    if (calls_->delay_.none()) return Finish();
    calls_->loop_->Schedule(*this, EventLoop::Clock::now() + calls_->delay_.Next());
  }

  void Expired() override { Finish(); }

  void Finish() {
    if (status_.ok()) {
      responder_->Finish(reply_, grpc::Status::OK, &on_finish_);
    } else {
      responder_->FinishWithError(ToGrpcStatus(status_), &on_finish_);
    }
  }

  void OnFinish(bool /*ok*/) { End(); }

  void End() {
    calls_->loop_->CallEnded();
    calls_->Reuse(this);
  }

  LookupCalls* calls_;
  std::optional<grpc::ServerContext> context_;
  std::optional<grpc::ServerAsyncResponseWriter<dispatchpb::CourierStatusReply>> responder_;
  dispatchpb::CourierLookupRequest request_;
  dispatchpb::CourierStatusReply reply_;
  absl::Status status_;
  Tag<Call, &Call::OnRequest> on_request_{this};
  Tag<Call, &Call::OnFinish> on_finish_{this};
};

LookupCalls::LookupCalls(GatewayService* service, EventLoop* loop, const DispatchAdapter* adapter,
                         Delay delay, Counters* counters)
    : service_(service), loop_(loop), adapter_(adapter), delay_(delay), counters_(counters) {}

LookupCalls::~LookupCalls() = default;

void LookupCalls::Start() {
  for (int i = 0; i < kPosted; ++i) Request();
}

void LookupCalls::Request() {
  std::unique_ptr<Call> call;
  if (idle_.empty()) {
    call = std::make_unique<Call>(this);
  } else {
    call = std::move(idle_.back());
    idle_.pop_back();
  }
  call.release()->Request();
}

void LookupCalls::Reuse(Call* call) {
  std::unique_ptr<Call> owned(call);
  if (idle_.size() < kMaxIdle) idle_.push_back(std::move(owned));
}

}  // namespace dispatchctl::mock
