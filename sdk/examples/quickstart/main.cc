// Looks a courier up, then has assignments decided: quickstart TARGET COURIER
#include <dispatchctl/client.h>

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace std::chrono_literals;

namespace {

void PrintReport(const dispatchctl::CallReport& report) {
  std::cout << "  " << report.attempts << " attempt(s), answered by " << report.endpoint << " after "
            << std::chrono::duration_cast<std::chrono::microseconds>(report.elapsed).count() << " us\n";
}

bool LookUp(const dispatchctl::Client& client, const std::string& courier_id) {
  dispatchctl::CallOptions options;
  options.total_timeout = 2s;       // of the whole call: resolving, connecting, every attempt
  options.attempt_timeout = 500ms;  // so that one server that hangs leaves time for another
  dispatchctl::CallReport report;
  const absl::StatusOr<dispatchctl::CourierStatus> status =
      client.GetCourierStatus(courier_id, options, &report);

  switch (status.status().code()) {
    case absl::StatusCode::kOk:
      std::cout << status->courier_id << ": " << status->transport_mode << ", " << status->availability
                << " in " << status->current_zone << '\n';
      PrintReport(report);
      return true;
    case absl::StatusCode::kNotFound:
      std::cerr << "there is no courier " << courier_id << '\n';
      return false;
    default:
      // The code is the last real error's; the report tells whether trying again later makes sense.
      std::cerr << "lookup failed: " << status.status() << (report.retryable ? " (try again later)\n" : "\n");
      return false;
  }
}

bool Assign(const dispatchctl::Client& client, const std::vector<dispatchctl::AssignmentUpdate>& updates) {
  dispatchctl::StreamOptions options;
  options.total_timeout = 10s;
  absl::StatusOr<std::unique_ptr<dispatchctl::AssignmentStream>> stream =
      client.StreamAssignments(std::move(options));
  if (!stream.ok()) {
    std::cerr << "stream not opened: " << stream.status() << '\n';
    return false;
  }

  // Few enough for the window. Of many, one thread submits while another takes results.
  for (const dispatchctl::AssignmentUpdate& update : updates) {
    if (const absl::Status status = (*stream)->Submit(update); !status.ok()) {
      std::cerr << update.assignment_id << ": not submitted: " << status << '\n';
    }
  }
  (*stream)->CloseSubmissions();
  while (const std::optional<dispatchctl::AssignmentOutcome> outcome = (*stream)->Next()) {
    std::cout << outcome->result.assignment_id << ": " << (outcome->result.accepted ? "accepted" : "rejected")
              << '\n';
  }

  const absl::Status end = (*stream)->Finish();
  if (!end.ok()) std::cerr << "stream ended with " << end << '\n';
  for (const dispatchctl::UnacknowledgedAssignment& left : (*stream)->Unacknowledged()) {
    std::cerr << left.update.assignment_id << ": not known to be decided; submitting it again is safe\n";
  }
  return end.ok();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: quickstart TARGET COURIER\n";
    return EXIT_FAILURE;
  }
  dispatchctl::ClientOptions options;
  options.target = argv[1];
  const absl::StatusOr<dispatchctl::Client> client = dispatchctl::Client::Create(std::move(options));
  if (!client.ok()) {
    std::cerr << client.status() << '\n';
    return EXIT_FAILURE;
  }

  const std::string courier_id = argv[2];
  if (!LookUp(*client, courier_id)) return EXIT_FAILURE;
  if (!Assign(*client, {{"a-1", courier_id, "zone-7"}, {"a-2", courier_id, "zone-8"}})) return EXIT_FAILURE;
  return client->Shutdown(1s).ok() ? EXIT_SUCCESS : EXIT_FAILURE;
}
