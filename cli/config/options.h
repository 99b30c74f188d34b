#pragma once

#include <dispatchctl/hedging.h>
#include <dispatchctl/load_balancing.h>

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace dispatchctl::cli {

enum class OutputFormat { kAuto, kTable, kJson, kNdjson, kCsv };
enum class ErrorFormat { kAuto, kText, kJson };
enum class ColorMode { kAuto, kAlways, kNever };
enum class InputFormat { kAuto, kNdjson, kCsv };
enum class BadRecord { kFail, kSkip, kReport };
enum class FailOn { kNone, kRejected };
enum class SummaryFormat { kAuto, kText, kJson, kNone };

/// Where the service is and how every command talks to it and to the user.
struct GlobalOptions {
  std::string server;
  OutputFormat output = OutputFormat::kAuto;
  std::vector<std::string> fields;   ///< of records; empty: all
  std::vector<std::string> headers;  ///< "key: value" or "@file", as given
  std::optional<std::chrono::nanoseconds> timeout;
  std::chrono::nanoseconds connect_timeout{std::chrono::seconds(5)};
  std::optional<std::chrono::nanoseconds> attempt_timeout;
  std::optional<int> max_attempts;
  std::optional<HedgingPolicy> hedge;
  std::optional<LoadBalancing> load_balancing;
  std::optional<std::chrono::nanoseconds> stale_if_error;
  std::string service_config_file;
  std::optional<bool> wait_for_ready;
  std::optional<std::chrono::nanoseconds> keepalive;
  std::size_t max_recv_bytes = std::size_t{4} << 20U;
  bool plaintext = false;
  bool tls = false;
  std::string ca_file;
  std::string certificate_file;
  std::string private_key_file;
  std::string server_name;
  std::string authority;
  std::string token_file;
  ColorMode color = ColorMode::kAuto;
  bool quiet = false;
  int verbosity = 0;
  std::string trace_file;
  ErrorFormat error_format = ErrorFormat::kAuto;
  bool help = false;
  bool version = false;
};

/// One courier id, or one file of them.
struct LookupSource {
  std::string text;
  bool is_file = false;
};

/// What a field of a status is to be, or is not to be.
struct FieldCondition {
  std::string field;
  std::string value;
  bool equal = true;
};

/// Looking the same couriers up again and again.
struct WatchOptions {
  bool on = false;
  std::chrono::nanoseconds interval{std::chrono::seconds(2)};
  bool changes_only = false;
  std::vector<FieldCondition> until;                ///< all of them, of every courier
  std::optional<std::chrono::nanoseconds> longest;  ///< unset: no end
};

struct LookupOptions {
  std::vector<LookupSource> sources;  ///< in the order of the command line
  std::size_t parallel = 64;
  bool unordered = false;
  WatchOptions watch;
};

/// What a column of CSV is.
struct CsvMapping {
  std::string column;  ///< as the header has it; "*" is every one that nothing else is said of
  std::string field;   ///< empty: the column is ignored
};

struct AssignOptions {
  std::vector<std::string> files;
  InputFormat input_format = InputFormat::kAuto;
  std::vector<CsvMapping> csv_map;
  std::size_t window = 4096;
  std::size_t streams = 1;
  BadRecord bad_record = BadRecord::kFail;
  std::size_t max_line = std::size_t{1} << 20U;
  std::optional<double> rate;  ///< assignments a second
  bool no_resume = false;
  std::chrono::nanoseconds drain_timeout{std::chrono::seconds(5)};
  bool ordered = false;
  bool detail = false;
  FailOn fail_on = FailOn::kNone;
  SummaryFormat summary = SummaryFormat::kAuto;
  bool dry_run = false;
  std::string out_file;
  bool continue_out = false;
  std::string unacknowledged_file;
};

struct EndpointsOptions {
  bool watch = false;
  std::chrono::nanoseconds interval{std::chrono::seconds(2)};
};

struct HealthCheckOptions {
  std::string service;  ///< empty: the server as a whole
  bool watch = false;
  std::chrono::nanoseconds interval{std::chrono::seconds(2)};
};

struct DescribeOptions {
  bool json_schema = false;
};

enum class Command { kNone, kLookup, kAssign, kEndpoints, kHealth, kDoctor, kDescribe, kHelp, kVersion };

struct CommandLine {
  Command command = Command::kNone;
  GlobalOptions global;
  LookupOptions lookup;
  AssignOptions assign;
  EndpointsOptions endpoints;
  HealthCheckOptions health;
  DescribeOptions describe;
  std::vector<std::string> operands;  ///< those of lookup are in its sources, among its files
};

}  // namespace dispatchctl::cli
