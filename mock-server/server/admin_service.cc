#include "mock-server/server/admin_service.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "mock-server/adapter/dispatch_adapter.h"
#include "mock-server/server/mock_server.h"

namespace dispatchctl::mock {
namespace {

namespace v1 = dispatchmock::admin::v1;

void Fill(const CallRecord::Time& time, google::protobuf::Timestamp& timestamp) {
  const auto since = std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch());
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since);
  timestamp.set_seconds(seconds.count());
  timestamp.set_nanos(static_cast<int>((since - seconds).count()));
}

void Fill(const std::vector<FaultCount>& counts, v1::FaultList& list) {
  for (const FaultCount& count : counts) {
    v1::FaultList::Fault& fault = *list.add_faults();
    fault.set_spec(count.spec);
    fault.set_matched(count.matched);
    fault.set_fired(count.fired);
    fault.set_under_way(count.under_way);
  }
}

void Fill(const CallRecord& record, v1::Call& call) {
  call.set_number(record.number);
  call.set_method(record.method);
  call.set_listen(record.listen);
  call.set_peer(record.peer);
  for (const auto& [key, value] : record.metadata) {
    v1::Call::Metadata& metadata = *call.add_metadata();
    metadata.set_key(key);
    metadata.set_value(value);
  }
  Fill(record.started, *call.mutable_started());
  for (const CallRecord::Message& each : record.messages) {
    v1::Call::Message& message = *call.add_messages();
    message.set_from_client(each.from_client);
    Fill(each.at, *message.mutable_at());
    message.set_json(each.json);
    message.set_bytes(each.bytes);
  }
  call.set_dropped_messages(record.dropped_messages);
  if (!record.end.has_value()) return;
  Fill(record.end->at, *call.mutable_end()->mutable_at());
  call.mutable_end()->set_code(static_cast<int>(record.end->code));
  call.mutable_end()->set_message(record.end->message);
}

}  // namespace

grpc::Status AdminService::SetFaults(grpc::ServerContext* /*context*/, const v1::SetFaultsRequest* request,
                                     v1::FaultList* reply) {
  const std::vector<std::string> specs(request->specs().begin(), request->specs().end());
  const absl::Status status = request->add() ? server_->AddFaults(specs, request->session())
                                             : server_->SetFaults(specs, request->session());
  Fill(server_->fault_counts(request->session()), *reply);
  return ToGrpcStatus(status);
}

grpc::Status AdminService::ListFaults(grpc::ServerContext* /*context*/, const v1::ListFaultsRequest* request,
                                      v1::FaultList* reply) {
  Fill(server_->fault_counts(request->session()), *reply);
  return grpc::Status::OK;
}

grpc::Status AdminService::SetScenarios(grpc::ServerContext* /*context*/,
                                        const v1::SetScenariosRequest* request,
                                        v1::SetScenariosReply* reply) {
  ScenarioFile file;
  if (!request->text().empty())
    file = ParseScenarios(request->text(), request->name().empty() ? "scenario" : request->name());
  reply->set_scenarios(static_cast<std::uint32_t>(file.scenarios.size()));
  return ToGrpcStatus(server_->SetScenarios(std::move(file), request->session()));
}

grpc::Status AdminService::Reset(grpc::ServerContext* /*context*/, const v1::ResetRequest* request,
                                 v1::ResetReply* /*reply*/) {
  if (!request->all()) return ToGrpcStatus(server_->Reset(request->session()));
  server_->ResetAll();
  return grpc::Status::OK;
}

grpc::Status AdminService::ListCalls(grpc::ServerContext* /*context*/, const v1::ListCallsRequest* request,
                                     grpc::ServerWriter<v1::ListCallsReply>* writer) {
  const absl::StatusOr<CallList> list = server_->calls(request->session());
  if (!list.ok()) return ToGrpcStatus(list.status());
  for (const CallRecord& record : list->calls) {
    v1::ListCallsReply reply;
    Fill(record, *reply.mutable_call());
    if (!writer->Write(reply)) return grpc::Status::CANCELLED;
  }
  v1::ListCallsReply last;
  last.mutable_counts()->set_calls(list->calls.size());
  last.mutable_counts()->set_dropped_calls(list->dropped_calls);
  last.mutable_counts()->set_dropped_messages(list->dropped_messages);
  writer->Write(last);
  return grpc::Status::OK;
}

grpc::Status AdminService::Verify(grpc::ServerContext* /*context*/, const v1::VerifyRequest* request,
                                  v1::VerifyReply* reply) {
  const std::vector<std::string> expectations(request->expectations().begin(), request->expectations().end());
  const absl::StatusOr<Verification> verification = server_->Verify(
      expectations, {.in_order = request->in_order(), .nothing_else = request->nothing_else()},
      request->session());
  if (!verification.ok()) return ToGrpcStatus(verification.status());
  reply->set_holds(verification->holds);
  for (const Verification::Finding& each : verification->findings) {
    v1::VerifyReply::Finding& finding = *reply->add_findings();
    finding.set_expected(each.expected);
    finding.set_actual(each.actual);
    finding.set_holds(each.holds);
  }
  for (const std::string& each : verification->unexpected) reply->add_unexpected(each);
  reply->set_unexpected_count(verification->unexpected_count);
  return grpc::Status::OK;
}

grpc::Status AdminService::SetHealth(grpc::ServerContext* /*context*/, const v1::SetHealthRequest* request,
                                     v1::HealthList* reply) {
  if (request->change() != v1::SetHealthRequest::NONE) {
    const bool serving = request->change() == v1::SetHealthRequest::SERVING;
    if (request->services().empty()) server_->SetHealth(serving);
    for (const std::string& service : request->services()) server_->SetHealth(serving, service);
  }
  for (const auto& [name, serving] : server_->health()) {
    v1::HealthList::Service& service = *reply->add_services();
    service.set_name(name);
    service.set_serving(serving);
  }
  return grpc::Status::OK;
}

grpc::Status AdminService::Goaway(grpc::ServerContext* /*context*/, const v1::GoawayRequest* request,
                                  v1::GoawayReply* /*reply*/) {
  std::optional<std::size_t> listen;
  if (request->has_listen()) listen = request->listen();
  return ToGrpcStatus(server_->Goaway(listen));
}

grpc::Status AdminService::Stop(grpc::ServerContext* /*context*/, const v1::StopRequest* /*request*/,
                                v1::StopReply* /*reply*/) {
  return ToGrpcStatus(server_->RequestStop());
}

}  // namespace dispatchctl::mock
