#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/status.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "mock-server/adapter/call_observation.h"
#include "mock-server/faults/fault_engine.h"
#include "mock-server/observation/server_observer.h"
#include "mock-server/recording/call_log.h"
#include "mock-server/sessions/session_table.h"

namespace dispatchctl::mock {

// What a call has brought along in its metadata, and where it is written down.
struct Admission {
  // Not null once admitted.
  std::shared_ptr<Session> session;
  // Of the call's own; null: none.
  std::unique_ptr<FaultEngine> faults;
  // Null: the call is not recorded.
  std::unique_ptr<CallLog::Recorder> record;
  // Null: nobody is told of the call.
  std::unique_ptr<CallObservation> observation;

  // Null: nothing goes wrong.
  std::unique_ptr<Faults> OnLookup(std::size_t listen, std::string_view courier_id) const {
    std::unique_ptr<Faults> found;
    if (session->faults().active()) found = session->faults().OnLookup(listen, courier_id);
    if (faults != nullptr) found = faults->OnLookup(listen, courier_id, std::move(found));
    return found;
  }

  void Received(const grpc::ByteBuffer& message) const;
  void Sent(const grpc::ByteBuffer& message) const;
  void Ended(const grpc::Status& status) const;
};

// Reads what calls say about themselves: x-mock-session, the session they belong to, and x-mock-fault, faults
// they ask for. Where neither is asked for and nothing is recorded, no metadata is looked at.
class CallFront {
 public:
  // `listen` is the backend's index. The sessions and the observer, which may be null, must outlive the
  // front.
  CallFront(SessionTable* sessions, std::size_t listen, bool metadata_faults,
            ServerObserver* observer = nullptr)
      : sessions_(sessions),
        observer_(observer),
        listen_(listen),
        metadata_faults_(metadata_faults),
        reads_metadata_(metadata_faults || sessions->max_sessions() > 0 ||
                        sessions->unnamed().log() != nullptr) {}

  std::size_t listen() const { return listen_; }

  // Whether the next call's cancellation is to be heard of: an observer is told, and there are faults that
  // nothing else ends.
  bool WatchesCancellation() const {
    return observer_ != nullptr || reads_metadata_ || sessions_->unnamed().faults().active();
  }

  // INVALID_ARGUMENT: the call says something wrong, and is to end with that. The admission is usable all the
  // same.
  absl::Status Admit(Method method, const grpc::ServerContext& context, Admission& admission) const {
    if (observer_ != nullptr)
      admission.observation = std::make_unique<CallObservation>(observer_, method, listen_, context);
    if (reads_metadata_) return AdmitByMetadata(method, context, admission);
    admission.session = sessions_->Find("");
    return absl::OkStatus();
  }

 private:
  absl::Status AdmitByMetadata(Method method, const grpc::ServerContext& context, Admission& admission) const;

  SessionTable* const sessions_;
  ServerObserver* const observer_;
  const std::size_t listen_;
  const bool metadata_faults_;
  const bool reads_metadata_;
};

}  // namespace dispatchctl::mock
