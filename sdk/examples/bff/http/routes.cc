#include "http/routes.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gateway/assignment_exchange.h"
#include "gateway/lookups.h"
#include "http/page.h"
#include "mapping/problem.h"
#include "mapping/records.h"

namespace bff {
namespace {

using httplib::Request;
using httplib::Response;
using HandlerResponse = httplib::Server::HandlerResponse;

constexpr char kJson[] = "application/json";
constexpr char kNdjson[] = "application/x-ndjson";
constexpr char kBatchPath[] = "/v1/couriers:batch";
constexpr char kAssignmentsPath[] = "/v1/assignments";
// kMaxBatchIds of the longest ids, and what stands around them.
constexpr std::size_t kMaxBatchBytes = kMaxBatchIds * (dispatchctl::kMaxIdBytes + 16);

void Answer(Response& response, int status, const nlohmann::ordered_json& json) {
  response.status = status;
  response.set_content(Dump(json) + "\n", kJson);
}

void AnswerProblem(Response& response, const Problem& problem) {
  response.status = problem.status;
  if (problem.retry_after) response.set_header("Retry-After", RetryAfterSeconds(*problem.retry_after));
  response.set_content(Dump(ToJson(problem)) + "\n", std::string(kProblemMediaType));
}

void RefuseMethod(Response& response, std::string_view method, const char* allowed) {
  response.set_header("Allow", allowed);
  AnswerProblem(response,
                {.status = 405, .detail = std::string(method) + " is not for this; use " + allowed});
}

// The media type without its parameters.
bool HasMediaType(const Request& request, std::string_view type) {
  const std::string value = request.get_header_value("Content-Type");
  std::string_view given = std::string_view(value).substr(0, value.find(';'));
  while (given.ends_with(' ')) given.remove_suffix(1);
  return std::equal(given.begin(), given.end(), type.begin(), type.end(), [](char a, char b) {
    return (a >= 'A' && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a) == b;
  });
}

bool RefusedMediaType(const Request& request, Response& response, std::string_view type) {
  if (HasMediaType(request, type)) return false;
  AnswerProblem(response, {.status = 415, .detail = "Content-Type must be " + std::string(type)});
  return true;
}

std::string AllValues(const Request& request, const std::string& name) {
  std::string all;
  for (std::size_t i = 0; i < request.get_header_value_count(name); ++i) {
    if (i > 0) all += ',';
    all += request.get_header_value(name, i);
  }
  return all;
}

// The time-out and trace of a request's calls; nullopt: it was answered with the problem.
std::optional<CallContext> ReadContext(const Request& request, Response& response,
                                       const TimeoutLimits& limits) {
  const std::string timeout = request.get_header_value("Grpc-Timeout");
  // Of two, which would be right (W3C Trace Context, section 3.2)?
  const std::string traceparent = request.get_header_value_count("traceparent") == 1
                                      ? request.get_header_value("traceparent")
                                      : std::string();
  const std::string tracestate = AllValues(request, "tracestate");
  absl::StatusOr<CallContext> context = ReadCallContext(
      {.grpc_timeout = timeout, .traceparent = traceparent, .tracestate = tracestate}, limits);
  if (context.ok()) return *std::move(context);
  AnswerProblem(response, {.status = 400, .detail = std::string(context.status().message())});
  return std::nullopt;
}

// What is left of a time-out that began with the request; nothing: it has passed.
std::optional<std::chrono::nanoseconds> Remaining(Connection::Clock::time_point deadline) {
  const auto left = deadline - Connection::Clock::now();
  if (left <= std::chrono::nanoseconds::zero()) return std::nullopt;
  return left;
}

class Routes {
 public:
  Routes(HttpServer& server, const RouteDependencies& dependencies)
      : server_(server), dependencies_(dependencies) {}

  void GetCourier(const Request& request, Response& response) const;
  void BatchCouriers(const Request& request, Response& response, const httplib::ContentReader& read) const;
  void StreamAssignments(const Request& request, Response& response,
                         const httplib::ContentReader& read) const;
  void GetReadiness(Response& response) const;

 private:
  // nullopt: it was answered with the problem.
  std::optional<std::string> ReadBody(const Request& request, Response& response,
                                      const httplib::ContentReader& read,
                                      Connection::Clock::time_point deadline) const;

  HttpServer& server_;
  const RouteDependencies dependencies_;
};

void Routes::GetCourier(const Request& request, Response& response) const {
  const std::optional<CallContext> context = ReadContext(request, response, dependencies_.lookup_limits);
  if (!context) return;
  const dispatchctl::LookupItem item = LookUp(
      dependencies_.client, request.matches[1],
      {.total_timeout = context->timeout, .trace_context = context->trace}, server_.ConnectionOf(request));
  if (!item.status.ok()) {
    AnswerProblem(response, ProblemOf(item.status.status(), item.report));
    return;
  }
  if (item.report.stale) {
    response.set_header(
        "Age",
        std::to_string(std::chrono::duration_cast<std::chrono::seconds>(item.report.stale_age).count()));
    response.set_header("Warning", "110 - \"Response is Stale\"");
  }
  Answer(response, 200, CourierRecord(*item.status, item.report));
}

std::optional<std::string> Routes::ReadBody(const Request& request, Response& response,
                                            const httplib::ContentReader& read,
                                            Connection::Clock::time_point deadline) const {
  server_.ConnectionOf(request).set_read_deadline(deadline);
  std::string body;
  bool too_large = false;
  const bool complete = read([&body, &too_large](const char* piece, std::size_t size) {
    too_large = body.size() + size > kMaxBatchBytes;
    if (!too_large) body.append(piece, size);
    return !too_large;
  });
  if (complete) return body;
  if (too_large) {
    AnswerProblem(response, {.status = 413,
                             .detail = absl::StrCat("the body is longer than ", kMaxBatchBytes, " bytes")});
  } else if (Connection::Clock::now() >= deadline) {
    AnswerProblem(response, {.status = 408, .detail = "the body did not come within the time-out"});
  } else {
    AnswerProblem(response, {.status = 400, .detail = "the body cannot be read to its end"});
  }
  return std::nullopt;
}

void Routes::BatchCouriers(const Request& request, Response& response,
                           const httplib::ContentReader& read) const {
  const Connection::Clock::time_point began = Connection::Clock::now();
  if (RefusedMediaType(request, response, kJson)) return;
  const std::optional<CallContext> context = ReadContext(request, response, dependencies_.lookup_limits);
  if (!context) return;
  const Connection::Clock::time_point deadline = began + *context->timeout;
  const std::optional<std::string> body = ReadBody(request, response, read, deadline);
  if (!body) return;
  const absl::StatusOr<std::vector<std::string>> ids = ParseBatch(*body);
  if (!ids.ok()) {
    AnswerProblem(response, {.status = 400, .detail = std::string(ids.status().message())});
    return;
  }
  const std::optional<std::chrono::nanoseconds> left = Remaining(deadline);
  if (!left) {
    AnswerProblem(response, {.status = 504, .detail = "the time-out was over before the first call"});
    return;
  }
  const absl::StatusOr<std::vector<dispatchctl::LookupItem>> items =
      LookUpAll(dependencies_.client, *ids, {.total_timeout = left, .trace_context = context->trace},
                server_.ConnectionOf(request));
  if (!items.ok()) {
    AnswerProblem(response, ProblemOf(items.status(), {}));
    return;
  }

  nlohmann::ordered_json records = nlohmann::ordered_json::array();
  std::vector<std::optional<Problem>> problems;
  problems.reserve(items->size());
  std::vector<const Problem*> errors;
  for (const dispatchctl::LookupItem& item : *items) {
    if (item.status.ok()) {
      records.push_back(CourierRecord(*item.status, item.report));
      errors.push_back(nullptr);
    } else {
      const Problem& problem = *problems.emplace_back(ProblemOf(item.status.status(), item.report));
      records.push_back(FailedCourierRecord(item.courier_id, problem));
      errors.push_back(&problem);
    }
  }
  if (const Problem* const all = CommonProblem(errors)) {
    AnswerProblem(response, *all);
    return;
  }
  Answer(response, 200, {{"couriers", std::move(records)}});
}

void Routes::StreamAssignments(const Request& request, Response& response,
                               const httplib::ContentReader& read) const {
  if (RefusedMediaType(request, response, kNdjson)) return;
  std::optional<CallContext> context = ReadContext(request, response, dependencies_.stream_limits);
  if (!context) return;
  dispatchctl::StreamOptions options;
  options.total_timeout = context->timeout;
  options.trace_context = std::move(context->trace);
  // The reader is used after this handler has returned, while the response is under way. Everything that it
  // refers to, the request and the connection, lives until that has been written.
  response.set_chunked_content_provider(
      kNdjson, [this, read, &request, options = std::move(options)](std::size_t, httplib::DataSink& sink) {
        Connection& connection = server_.ConnectionOf(request);
        connection.set_read_deadline(std::nullopt);
        connection.set_drain_stops_input(true);
        const bool complete =
            AssignmentExchange(dependencies_.client, connection)
                .Run(
                    options,
                    [&read](const AssignmentExchange::Receiver& receiver) {
                      return read([&receiver](const char* piece, std::size_t size) {
                        return receiver({piece, size});
                      });
                    },
                    [&sink](std::string_view record) { return sink.write(record.data(), record.size()); });
        // Otherwise the response stays without its end, which tells that something is missing.
        if (complete) sink.done();
        return complete;
      });
}

void Routes::GetReadiness(Response& response) const {
  // Asking also has the target resolved and connected, before the first request needs it.
  const std::vector<dispatchctl::EndpointStatus> endpoints = dependencies_.client.Endpoints();
  const bool ready = dependencies_.readiness.Update(endpoints);
  if (!ready) response.set_header("Retry-After", "1");
  const char* const status = ready                                     ? "ready"
                             : dependencies_.readiness.shutting_down() ? "shutting down"
                                                                       : "not connected yet";
  Answer(response, ready ? 200 : 503, {{"status", status}, {"endpoints", EndpointRecords(endpoints)}});
}

// Before a body is read: cpp-httplib would read any amount of it for a request that nothing handles.
HandlerResponse RefuseUnknownMethods(const Request& request, Response& response) {
  if (request.method == "GET" || request.method == "HEAD" || request.method == "POST") {
    return HandlerResponse::Unhandled;
  }
  RefuseMethod(response, request.method, "GET, HEAD, POST");
  return HandlerResponse::Handled;
}

// Gives what cpp-httplib itself refuses a body.
HandlerResponse DescribeError(const Request&, Response& response) {
  if (!response.body.empty()) return HandlerResponse::Unhandled;
  AnswerProblem(response, {.status = response.status, .detail = std::string(ReasonPhrase(response.status))});
  return HandlerResponse::Handled;
}

void AddPage(HttpServer& server, const char* path, const char* content, std::size_t size, const char* type) {
  server.Get(path, [content, size, type](const Request&, Response& response) {
    response.set_header(
        "Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'");
    response.set_content(content, size, type);
  });
}

}  // namespace

void AddRoutes(HttpServer& server, const RouteDependencies& dependencies) {
  const auto routes = std::make_shared<const Routes>(server, dependencies);
  server.set_default_headers({{"Cache-Control", "no-store"}, {"X-Content-Type-Options", "nosniff"}});
  server.set_pre_routing_handler(RefuseUnknownMethods);
  server.set_error_handler(httplib::Server::HandlerWithResponse(DescribeError));

  server.Get(R"(/v1/couriers/([\s\S]*))",
             [routes](const Request& request, Response& response) { routes->GetCourier(request, response); });
  server.Post(kBatchPath,
              [routes](const Request& request, Response& response, const httplib::ContentReader& read) {
                routes->BatchCouriers(request, response, read);
              });
  server.Post(kAssignmentsPath,
              [routes](const Request& request, Response& response, const httplib::ContentReader& read) {
                routes->StreamAssignments(request, response, read);
              });
  server.Get("/healthz", [](const Request&, Response& response) {
    Answer(response, 200, {{"status", "alive"}});
  });
  server.Get("/readyz", [routes](const Request&, Response& response) { routes->GetReadiness(response); });

  AddPage(server, "/", page::kIndexHtml, sizeof page::kIndexHtml - 1, "text/html; charset=utf-8");
  AddPage(server, "/couriers.js", page::kCouriersJs, sizeof page::kCouriersJs - 1,
          "text/javascript; charset=utf-8");
  AddPage(server, "/style.css", page::kStyleCss, sizeof page::kStyleCss - 1, "text/css; charset=utf-8");

  for (const char* const path : {kBatchPath, kAssignmentsPath}) {
    server.Get(path, [](const Request& request, Response& response) {
      RefuseMethod(response, request.method, "POST");
    });
  }
  // As the last: anything else with a body is answered without reading it.
  server.Post(R"([\s\S]*)", [](const Request&, Response& response, const httplib::ContentReader&) {
    AnswerProblem(response, {.status = 404, .detail = "there is nothing to post to under this path"});
  });
}

}  // namespace bff
