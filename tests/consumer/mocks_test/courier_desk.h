#pragma once

#include <dispatchctl/client.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// The code under test: it takes a client, and neither knows nor cares what is behind it.
class CourierDesk {
 public:
  explicit CourierDesk(dispatchctl::Client client) : client_(std::move(client)) {}

  // What a person reads about a courier.
  std::string Describe(std::string_view courier_id) const {
    const absl::StatusOr<dispatchctl::CourierStatus> status = client_.GetCourierStatus(courier_id);
    if (absl::IsNotFound(status.status())) return "unknown courier";
    if (!status.ok()) return "not known at the moment";
    return status->transport_mode + " in " + status->current_zone;
  }

  // The ids of the assignments that were accepted; of what was not answered nothing can be said.
  absl::StatusOr<std::vector<std::string>> Offer(
      const std::vector<dispatchctl::AssignmentUpdate>& updates) const {
    auto stream = client_.StreamAssignments();
    if (!stream.ok()) return stream.status();
    for (const dispatchctl::AssignmentUpdate& update : updates) {
      if (absl::Status status = (*stream)->Submit(update); !status.ok()) return status;
    }
    (*stream)->CloseSubmissions();
    std::vector<std::string> accepted;
    while (std::optional<dispatchctl::AssignmentOutcome> outcome = (*stream)->Next()) {
      if (outcome->result.accepted) accepted.push_back(outcome->result.assignment_id);
    }
    if (absl::Status status = (*stream)->Finish(); !status.ok()) return status;
    return accepted;
  }

 private:
  dispatchctl::Client client_;
};
