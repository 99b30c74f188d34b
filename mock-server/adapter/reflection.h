#pragma once

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor_database.h>

#include <string>
#include <string_view>
#include <vector>

#include "mock-server/adapter/utility.pb.h"

namespace dispatchctl::mock {

// Answers gRPC's reflection protocol, v1 and v1alpha alike, about the services this server has.
class Reflection {
 public:
  Reflection();

  wire::ReflectionReply Answer(const wire::ReflectionRequest& request) const;

 private:
  google::protobuf::SimpleDescriptorDatabase health_database_;
  google::protobuf::DescriptorPoolDatabase contract_database_;
  google::protobuf::MergedDescriptorDatabase database_;
  google::protobuf::DescriptorPool pool_;
  std::vector<std::string> services_;
};

}  // namespace dispatchctl::mock
