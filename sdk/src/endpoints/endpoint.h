#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "endpoints/target.h"
#include "transport/channel.h"

namespace dispatchctl::internal {

// One address and the connections to it. Thread-safe.
class Endpoint {
 public:
  Endpoint(EndpointAddress address, ChannelFactory& factory)
      : address_(std::move(address)),
        factory_(factory),
        lookups_(factory.Create(address_.address, address_.authority, ChannelUse::kLookups)) {}

  const std::string& name() const { return address_.address.name; }

  Channel& channel(ChannelUse use) {
    if (use == ChannelUse::kLookups) return *lookups_;
    std::call_once(streams_made_, [this] {
      streams_ = factory_.Create(address_.address, address_.authority, ChannelUse::kStreams);
    });
    return *streams_;
  }

 private:
  const EndpointAddress address_;
  ChannelFactory& factory_;
  const std::unique_ptr<Channel> lookups_;
  std::once_flag streams_made_;
  std::unique_ptr<Channel> streams_;
};

}  // namespace dispatchctl::internal
