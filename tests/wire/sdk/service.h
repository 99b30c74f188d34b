#pragma once

#include <absl/strings/str_join.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "dispatchctl/client.h"
#include "mock-server/server/mock_server.h"

namespace dispatchctl {

// A mock server in this process, on ports of its own, and clients of it.
class Service {
 public:
  explicit Service(mock::MockServerOptions options = {}) {
    auto server = mock::MockServer::Start(std::move(options));
    EXPECT_TRUE(server.ok()) << server.status();
    if (server.ok()) server_ = *std::move(server);
  }

  static Service WithBackends(std::size_t count) {
    mock::MockServerOptions options;
    options.listen.assign(count, "127.0.0.1:0");
    return Service(std::move(options));
  }

  mock::MockServer& server() const { return *server_; }
  std::string target() const { return absl::StrJoin(server_->addresses(), ","); }

  Client client(ClientOptions options = {}) const {
    options.target = target();
    return Connect(std::move(options));
  }

  static Client Connect(ClientOptions options) {
    auto client = Client::Create(std::move(options));
    EXPECT_TRUE(client.ok()) << client.status();
    return client.ok() ? *std::move(client) : Client(nullptr);
  }

 private:
  std::unique_ptr<mock::MockServer> server_;
};

// Answers every lookup with one status.
class FailingDirectory final : public mock::CourierDirectory {
 public:
  explicit FailingDirectory(absl::Status status) : status_(std::move(status)) {}
  absl::StatusOr<mock::Courier> Find(std::string_view) const override { return status_; }

 private:
  const absl::Status status_;
};

}  // namespace dispatchctl
