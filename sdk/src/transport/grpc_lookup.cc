#include "transport/grpc_lookup.h"

#include <grpcpp/client_context.h>

#include <optional>
#include <utility>

#include "transport/grpc_context.h"
#include "transport/status_mapping.h"
#include "transport/thread_annotations.h"

namespace dispatchctl::internal {
namespace {

// Of attempts that are kept for later ones, about 2 KiB each.
constexpr std::size_t kMostIdle = 256;

}  // namespace

class GrpcLookups::Attempt final : public LookupAttempt, private Completion {
 public:
  explicit Attempt(GrpcLookups& lookups) : lookups_(lookups) {}

  void Prepare(std::shared_ptr<const void> owner, LookupStub& stub, EventLoop& loop,
               std::string_view courier_id, const AttemptOptions& options, LookupHandler& handler) {
    owner_ = std::move(owner);
    stub_ = &stub;
    queue_ = &loop.queue();
    handler_ = &handler;
    request_.courier_id = courier_id;
    reply_.parsed = false;
    ApplyOptions(options, context_.emplace());
  }

  void Start() override {
    reader_ = stub_->Prepare(*context_, request_, *queue_);
    // Its completion may let go of everything before Finish returns.
    grpc::ClientAsyncResponseReader<LookupReply>& reader = *reader_;
    Completion* tag = this;
    HandOver(tag);
    reader.StartCall();
    reader.Finish(&reply_, &status_, tag);
  }

  void Cancel() override { context_->TryCancel(); }

  void Release() override {
    reader_.reset();
    context_.reset();
    owner_.reset();
    if (!status_.ok()) status_ = grpc::Status();
    lookups_.TakeBack(std::unique_ptr<Attempt>(this));
  }

 private:
  void OnCompletion(bool ok) override {
    AttemptEnd end = DescribeEnd(status_, *context_, lookups_.endpoint_, lookups_.tls_);
    // The status is the server's, which knows nothing of either.
    if (status_.ok() && !reply_.parsed) end = ok ? MissingReply() : UnparsableReply();
    handler_->OnLookupDone(std::move(end), std::move(reply_.status));
  }

  GrpcLookups& lookups_;
  std::shared_ptr<const void> owner_;
  LookupStub* stub_ = nullptr;
  grpc::CompletionQueue* queue_ = nullptr;
  LookupHandler* handler_ = nullptr;
  std::optional<grpc::ClientContext> context_;
  LookupRequest request_;
  LookupReply reply_;
  grpc::Status status_;
  std::unique_ptr<grpc::ClientAsyncResponseReader<LookupReply>> reader_;
};

GrpcLookups::GrpcLookups(std::string_view endpoint, bool tls) : endpoint_(endpoint), tls_(tls) {}

GrpcLookups::~GrpcLookups() = default;

LookupAttemptPtr GrpcLookups::Make(std::shared_ptr<const void> owner, LookupStub& stub, EventLoop& loop,
                                   std::string_view courier_id, const AttemptOptions& options,
                                   LookupHandler& handler) {
  std::unique_ptr<Attempt> attempt = TakeIdle();
  if (attempt == nullptr) attempt = std::make_unique<Attempt>(*this);
  attempt->Prepare(std::move(owner), stub, loop, courier_id, options, handler);
  return LookupAttemptPtr(attempt.release());
}

std::unique_ptr<GrpcLookups::Attempt> GrpcLookups::TakeIdle() {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (idle_.empty()) return nullptr;
  std::unique_ptr<Attempt> attempt = std::move(idle_.back());
  idle_.pop_back();
  return attempt;
}

void GrpcLookups::TakeBack(std::unique_ptr<Attempt> attempt) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (idle_.size() < kMostIdle) idle_.push_back(std::move(attempt));
}

}  // namespace dispatchctl::internal
