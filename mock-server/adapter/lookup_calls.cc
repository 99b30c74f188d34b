#include "mock-server/adapter/lookup_calls.h"

#include <grpcpp/server_context.h>
#include <grpcpp/support/async_unary_call.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "mock-server/adapter/codec.h"
#include "mock-server/adapter/faulty_answers.h"

namespace dispatchctl::mock {

namespace {

constexpr std::chrono::hours kForever{24 * 365};

}  // namespace

class LookupCalls::Call final : public EventLoop::Timer {
 public:
  explicit Call(LookupCalls* calls) : calls_(calls) {}

  void Request() {
    responder_.reset();
    context_.emplace();
    responder_.emplace(&*context_);
    watched_ = calls_->front_->WatchesCancellation();
    if (watched_) context_->AsyncNotifyWhenDone(&on_done_);
    calls_->loop_->CallStarted();
    grpc::ServerCompletionQueue* queue = calls_->loop_->queue();
    calls_->service_->RequestGetCourierStatus(&*context_, &incoming_, &*responder_, queue, queue,
                                              &on_request_);
  }

 private:
  void OnRequest(bool ok) {
    if (!ok) return End();  // the done tag never comes for a call that was never there
    ended_ = false;
    done_ = !watched_;
    calls_->Request();
    calls_->counters_->lookups.fetch_add(1, std::memory_order_relaxed);
    const absl::Status admitted = calls_->front_->Admit(Method::kLookup, *context_, admission_);
    admission_.Received(incoming_);
    if (const grpc::Status refused = calls_->adapter_->Authorize(*context_, Scope::kLookup); !refused.ok()) {
      return FinishWith(refused);
    }
    if (!admitted.ok()) return FinishWith(ToGrpcStatus(admitted));
    if (!Parse(incoming_, request_)) {
      return FinishWith({grpc::INTERNAL, "the message is not a valid CourierLookupRequest"});
    }
    faults_ = admission_.OnLookup(calls_->front_->listen(), request_.courier_id());
    if (faults_ != nullptr) return AnswerFaultily();
    LookUp();
    if (calls_->delay_.none()) return Finish();
    calls_->loop_->Schedule(*this, EventLoop::Clock::now() + calls_->delay_.Next());
  }

  void LookUp() {
    status_ = calls_->adapter_->GetCourierStatus(admission_.session->dispatcher(), request_, reply_);
  }

  void AnswerFaultily() {
    AddHeaders(*faults_, *context_);
    if (faults_->hang) return Hang();
    if (!faults_->ending.has_value()) LookUp();
    if (!faults_->reply.empty()) Reply();
    const auto delay = calls_->delay_.Next() + faults_->latency;
    if (delay.count() == 0) return Finish();
    calls_->loop_->Schedule(*this, EventLoop::Clock::now() + delay);
  }

  // A courier the directory does not have gets an answer too.
  void Reply() {
    if (!status_.ok()) {
      reply_.Clear();
      reply_.set_courier_id(request_.courier_id());
      status_ = absl::OkStatus();
    }
    Replace(faults_->reply, reply_);
  }

  // Until the call is cancelled. One that was awaited before there were faults does not hear of that, but its
  // deadline passes or the loop stops; a moment later, so that the client's own end of the deadline comes
  // first.
  void Hang() {
    const auto left = context_->deadline() - std::chrono::system_clock::now();
    calls_->loop_->Schedule(*this, EventLoop::Clock::now() + std::chrono::seconds(1) +
                                       std::min<EventLoop::Clock::duration>(left, kForever));
  }

  void Expired() override { Finish(); }

  void Finish() {
    if (faults_ != nullptr) return FinishFaultily();
    if (status_.ok()) {
      FinishWith(Serialize(reply_));
    } else {
      FinishWith(ToGrpcStatus(status_));
    }
  }

  void FinishFaultily() {
    if (faults_->hang) {
      FinishWith(grpc::Status::CANCELLED);
    } else if (faults_->ending.has_value()) {
      FinishWith(EndingStatus(*faults_->ending, *context_));
    } else if (!status_.ok()) {
      FinishWith(ToGrpcStatus(status_));
    } else {
      FinishWith(Serialize(reply_, *faults_));
    }
  }

  void FinishWith(const grpc::Status& status) {
    admission_.Ended(status);
    responder_->FinishWithError(status, &on_finish_);
  }
  void FinishWith(const grpc::ByteBuffer& reply) {
    admission_.Sent(reply);
    admission_.Ended(grpc::Status::OK);
    responder_->Finish(reply, grpc::Status::OK, &on_finish_);
  }

  void OnFinish(bool /*ok*/) {
    ended_ = true;
    if (done_) End();
  }

  // Over, or the client has cancelled it: then nobody waits for the answer any more.
  void OnDone(bool /*ok*/) {
    done_ = true;
    if (context_->IsCancelled()) admission_.Ended(grpc::Status::CANCELLED);
    if (scheduled()) {
      calls_->loop_->Cancel(*this);
      Finish();
    } else if (ended_) {
      End();
    }
  }

  void End() {
    faults_.reset();
    admission_ = {};
    calls_->loop_->CallEnded();
    calls_->Reuse(this);
  }

  LookupCalls* calls_;
  std::optional<grpc::ServerContext> context_;
  std::optional<grpc::ServerAsyncResponseWriter<grpc::ByteBuffer>> responder_;
  grpc::ByteBuffer incoming_;
  dispatchpb::CourierLookupRequest request_;
  dispatchpb::CourierStatusReply reply_;
  absl::Status status_;
  Admission admission_;
  std::unique_ptr<Faults> faults_;
  // Whether the done tag comes, and has come.
  bool watched_ = false;
  bool done_ = false;
  bool ended_ = false;
  Tag<Call, &Call::OnRequest> on_request_{this};
  Tag<Call, &Call::OnFinish> on_finish_{this};
  Tag<Call, &Call::OnDone> on_done_{this};
};

LookupCalls::LookupCalls(GatewayService* service, EventLoop* loop, const DispatchAdapter* adapter,
                         Delay delay, Counters* counters, const CallFront* front)
    : service_(service), loop_(loop), adapter_(adapter), delay_(delay), counters_(counters), front_(front) {}

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
