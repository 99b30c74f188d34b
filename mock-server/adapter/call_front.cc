#include "mock-server/adapter/call_front.h"

#include <fmt/format.h>
#include <grpcpp/support/slice.h>

#include <string_view>
#include <utility>
#include <vector>

namespace dispatchctl::mock {
namespace {

constexpr const char* kSessionKey = "x-mock-session";
constexpr const char* kFaultKey = "x-mock-fault";
constexpr std::size_t kMaxSessionName = 256;

std::string_view View(const grpc::string_ref& text) {
  return {text.data(), text.size()};
}

std::string Bytes(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  std::string bytes;
  if (!buffer.Dump(&slices).ok()) return bytes;
  for (const grpc::Slice& slice : slices)
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  return bytes;
}

}  // namespace

void Admission::Received(const grpc::ByteBuffer& message) const {
  if (record != nullptr) record->Received(Bytes(message));
  if (observation != nullptr) observation->Received();
}

void Admission::Sent(const grpc::ByteBuffer& message) const {
  if (record != nullptr) record->Sent(Bytes(message));
  if (observation != nullptr) observation->Sent();
}

void Admission::Ended(const grpc::Status& status) const {
  if (record != nullptr)
    record->End(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
  if (observation != nullptr) observation->Ended(status);
}

absl::Status CallFront::AdmitByMetadata(Method method, const grpc::ServerContext& context,
                                        Admission& admission) const {
  const auto& metadata = context.client_metadata();
  std::string_view name;
  if (sessions_->max_sessions() > 0) {
    if (const auto found = metadata.find(kSessionKey); found != metadata.end()) name = View(found->second);
  }
  absl::Status status;
  if (name.size() > kMaxSessionName) {
    status = absl::InvalidArgumentError(
        fmt::format("{}: a session's name has at most {} characters", kSessionKey, kMaxSessionName));
    name = {};
  }
  admission.session = sessions_->Find(name);
  if (CallLog* log = admission.session->log(); log != nullptr) {
    std::vector<std::pair<std::string, std::string>> copy;
    copy.reserve(metadata.size());
    for (const auto& [key, value] : metadata) copy.emplace_back(View(key), View(value));
    admission.record = log->Begin(method, listen_, context.peer(), std::move(copy));
  }
  if (!status.ok() || !metadata_faults_) return status;

  const auto [first, last] = metadata.equal_range(kFaultKey);
  if (first == last) return status;
  std::vector<std::string> specs;
  for (auto each = first; each != last; ++each) specs.emplace_back(View(each->second));
  absl::StatusOr<std::vector<FaultRule>> rules = ParseCallFaults(specs);
  if (!rules.ok()) {
    return absl::InvalidArgumentError(
        fmt::format("{}: {}", kFaultKey, std::string(rules.status().message())));
  }
  admission.faults = std::make_unique<FaultEngine>(1, ScenarioFile{}, FaultsTo(observer_));
  admission.faults->Set(*std::move(rules));
  return absl::OkStatus();
}

}  // namespace dispatchctl::mock
