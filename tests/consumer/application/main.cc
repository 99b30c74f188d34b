// What an application does with the library, in as little as shows that everything was linked: many lookups,
// an asynchronous one, a stream, the state of the endpoints.
#include <dispatchctl/client.h>
#include <dispatchctl/version.h>

#include <chrono>
#include <future>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace {

using namespace std::chrono_literals;

bool Run(const std::string& target) {
  dispatchctl::ClientOptions options;
  options.target = target;
  const absl::StatusOr<dispatchctl::Client> client = dispatchctl::Client::Create(std::move(options));
  if (!client.ok()) {
    std::cerr << client.status() << '\n';
    return false;
  }

  int asked = 0;
  int found = 0;
  const absl::Status many = client->LookupMany(
      [&]() -> std::optional<std::string> {
        if (asked == 100) return std::nullopt;
        return "courier-" + std::to_string(++asked);
      },
      [&](dispatchctl::LookupItem&& item) { found += item.status.ok() ? 1 : 0; });

  std::promise<absl::StatusCode> unknown;
  client->GetCourierStatusAsync(
      "nobody", {}, [&](absl::StatusOr<dispatchctl::CourierStatus> status, const dispatchctl::CallReport&) {
        unknown.set_value(status.status().code());
      });
  std::future<absl::StatusCode> code = unknown.get_future();
  if (code.wait_for(60s) != std::future_status::ready) return false;

  auto stream = client->StreamAssignments();
  if (!stream.ok() || !(*stream)->Submit({"a-1", "courier-42", "zone-7"}).ok()) return false;
  const std::optional<dispatchctl::AssignmentOutcome> outcome = (*stream)->Next();
  const absl::Status end = (*stream)->Finish();

  std::cout << "dispatchctl " << dispatchctl::kVersion << ": " << many << ", " << found << " of " << asked
            << " found; nobody: " << absl::StatusCodeToString(code.get()) << "; a-1 "
            << (outcome && outcome->result.accepted ? "accepted" : "not accepted") << ", " << end << "; "
            << client->Endpoints().size() << " endpoint\n";
  return client->Shutdown(60s).ok();
}

}  // namespace

int main(int argc, char** argv) {
  return argc == 2 && Run(argv[1]) ? 0 : 1;
}
