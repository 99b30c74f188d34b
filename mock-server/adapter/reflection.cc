#include "mock-server/adapter/reflection.h"

#include <fmt/format.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/text_format.h>
#include <grpcpp/support/status_code_enum.h>

#include <set>

#include "dispatchpb/dispatch.pb.h"
#include "mock-server/adapter/gateway_service.h"

namespace dispatchctl::mock {
namespace {

// Described here since its generated code is not linked (see utility.proto).
constexpr const char* kHealthFile = R"(
  name: "grpc/health/v1/health.proto"
  package: "grpc.health.v1"
  syntax: "proto3"
  message_type {
    name: "HealthCheckRequest"
    field { name: "service" number: 1 label: LABEL_OPTIONAL type: TYPE_STRING json_name: "service" }
  }
  message_type {
    name: "HealthCheckResponse"
    field {
      name: "status" number: 1 label: LABEL_OPTIONAL type: TYPE_ENUM
      type_name: ".grpc.health.v1.HealthCheckResponse.ServingStatus" json_name: "status"
    }
    enum_type {
      name: "ServingStatus"
      value { name: "UNKNOWN" number: 0 }
      value { name: "SERVING" number: 1 }
      value { name: "NOT_SERVING" number: 2 }
      value { name: "SERVICE_UNKNOWN" number: 3 }
    }
  }
  service {
    name: "Health"
    method {
      name: "Check"
      input_type: ".grpc.health.v1.HealthCheckRequest" output_type: ".grpc.health.v1.HealthCheckResponse"
    }
    method {
      name: "Watch"
      input_type: ".grpc.health.v1.HealthCheckRequest" output_type: ".grpc.health.v1.HealthCheckResponse"
      server_streaming: true
    }
  }
)";

void SetError(grpc::StatusCode code, std::string message, wire::ReflectionReply& reply) {
  reply.mutable_error_response()->set_error_code(code);
  reply.mutable_error_response()->set_error_message(std::move(message));
}

// A file after all that it imports.
void AddWithImports(const google::protobuf::FileDescriptor& file, std::set<std::string>& added,
                    wire::ReflectionReply::Files& files) {
  if (!added.insert(file.name()).second) return;
  for (int i = 0; i < file.dependency_count(); ++i) AddWithImports(*file.dependency(i), added, files);
  google::protobuf::FileDescriptorProto proto;
  file.CopyTo(&proto);
  files.add_file_descriptor_proto(proto.SerializeAsString());
}

void SetFile(const google::protobuf::FileDescriptor* file, std::string_view what, std::string_view name,
             wire::ReflectionReply& reply) {
  if (file == nullptr) return SetError(grpc::NOT_FOUND, fmt::format("{} {} not found", what, name), reply);
  std::set<std::string> added;
  AddWithImports(*file, added, *reply.mutable_file_descriptor_response());
}

}  // namespace

Reflection::Reflection()
    : contract_database_(*google::protobuf::DescriptorPool::generated_pool()),
      database_(&contract_database_, &health_database_),
      pool_(&database_),
      services_({dispatchpb::DispatchGateway::service_full_name(), "grpc.health.v1.Health"}) {
  // A program that links gRPC's own health code has the file among its generated ones.
  google::protobuf::FileDescriptorProto file;
  if (contract_database_.FindFileByName("grpc/health/v1/health.proto", &file)) return;
  google::protobuf::TextFormat::ParseFromString(kHealthFile, &file);
  health_database_.Add(file);
}

wire::ReflectionReply Reflection::Answer(const wire::ReflectionRequest& request) const {
  wire::ReflectionReply reply;
  reply.set_valid_host(request.host());
  *reply.mutable_original_request() = request;
  switch (request.question_case()) {
    case wire::ReflectionRequest::kFileByFilename:
      SetFile(pool_.FindFileByName(request.file_by_filename()), "file", request.file_by_filename(), reply);
      break;
    case wire::ReflectionRequest::kFileContainingSymbol:
      SetFile(pool_.FindFileContainingSymbol(request.file_containing_symbol()), "symbol",
              request.file_containing_symbol(), reply);
      break;
    case wire::ReflectionRequest::kFileContainingExtension:
      SetError(grpc::NOT_FOUND, "there are no extensions", reply);
      break;
    case wire::ReflectionRequest::kAllExtensionNumbersOfType: {
      const std::string& type = request.all_extension_numbers_of_type();
      if (pool_.FindMessageTypeByName(type) == nullptr) {
        SetError(grpc::NOT_FOUND, fmt::format("type {} not found", type), reply);
      } else {
        reply.mutable_all_extension_numbers_response()->set_base_type_name(type);
      }
      break;
    }
    case wire::ReflectionRequest::kListServices:
      for (const std::string& service : services_) {
        reply.mutable_list_services_response()->add_service()->set_name(service);
      }
      break;
    case wire::ReflectionRequest::QUESTION_NOT_SET:
      SetError(grpc::INVALID_ARGUMENT, "the request asks nothing", reply);
      break;
  }
  return reply;
}

}  // namespace dispatchctl::mock
