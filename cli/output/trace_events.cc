#include "output/trace_events.h"

#include <dispatchctl/version.h>

#include <algorithm>
#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include "output/call_story.h"
#include "output/error_report.h"
#include "output/record_format.h"

namespace dispatchctl::cli {
namespace {

using std::chrono::nanoseconds;

constexpr std::uint64_t kTraceVersion = 1;

std::uint64_t Microseconds(nanoseconds time) {
  const auto count = std::chrono::duration_cast<std::chrono::microseconds>(time).count();
  return static_cast<std::uint64_t>(std::max<decltype(count)>(count, 0));
}

// One line of the trace.
class EventLine {
 public:
  EventLine(std::string& out, std::string_view event, std::chrono::steady_clock::time_point at)
      : out_(out), format_(MakeNdjsonFormat()) {
    format_->StartRecord(out_);
    Number("ts_us", Microseconds(at.time_since_epoch()));
    Text("event", event);
  }
  ~EventLine() { format_->EndRecord(out_); }
  EventLine(const EventLine&) = delete;
  EventLine& operator=(const EventLine&) = delete;

  EventLine& Text(std::string_view name, std::string_view value) {
    format_->TextField(out_, name, value);
    return *this;
  }
  EventLine& Number(std::string_view name, std::uint64_t value) {
    format_->NumberField(out_, name, value);
    return *this;
  }
  EventLine& Flag(std::string_view name, bool value) {
    format_->BoolField(out_, name, value);
    return *this;
  }
  EventLine& Status(const absl::Status& status) {
    Text("code", StatusCodeName(status.code()));
    return Text("message", std::string_view(status.message().data(), status.message().size()));
  }

 private:
  std::string& out_;
  const std::unique_ptr<RecordFormat> format_;
};

// What happened at one moment of a call.
struct Event {
  nanoseconds at;
  std::string_view name;
  std::function<void(EventLine&)> fill;
};

// When the attempt that a retry follows had ended.
nanoseconds LatestEndBefore(const std::vector<AttemptReport>& attempts, std::size_t index) {
  nanoseconds latest{0};
  for (std::size_t i = 0; i < index; ++i) {
    const nanoseconds end = attempts[i].started + attempts[i].elapsed;
    if (end <= attempts[index].started) latest = std::max(latest, end);
  }
  return latest;
}

std::vector<Event> AttemptEvents(const std::vector<AttemptReport>& attempts) {
  std::vector<Event> events;
  for (std::size_t i = 0; i < attempts.size(); ++i) {
    const AttemptReport& attempt = attempts[i];
    const std::uint64_t number = i + 1;
    if (attempt.hedge) {
      const nanoseconds after = attempt.started - attempts.front().started;
      events.push_back({attempt.started, "hedge", [number, after](EventLine& line) {
                          line.Number("attempt", number).Number("after_us", Microseconds(after));
                        }});
    } else if (i > 0) {
      const nanoseconds from = LatestEndBefore(attempts, i);
      const nanoseconds delay = attempt.started - from;
      events.push_back({from, "retry_delay", [number, delay](EventLine& line) {
                          line.Number("attempt", number).Number("delay_us", Microseconds(delay));
                        }});
    }
    events.push_back(
        {attempt.started, "attempt_start", [number, &attempt](EventLine& line) {
           line.Number("attempt", number).Text("endpoint", attempt.endpoint).Flag("hedge", attempt.hedge);
         }});
    events.push_back({attempt.started + attempt.elapsed, "attempt_end", [number, &attempt](EventLine& line) {
                        line.Number("attempt", number)
                            .Text("endpoint", attempt.endpoint)
                            .Number("elapsed_us", Microseconds(attempt.elapsed))
                            .Status(attempt.status);
                      }});
  }
  // What happens at the same moment keeps the order it is listed in.
  std::stable_sort(events.begin(), events.end(), [](const Event& a, const Event& b) { return a.at < b.at; });
  return events;
}

}  // namespace

void AppendTraceEvents(std::string& out, const TracedCall& call) {
  const CallReport& report = call.report;
  const auto line = [&](std::string_view name, nanoseconds at, const std::function<void(EventLine&)>& fill) {
    EventLine entry(out, name, call.started + at);
    entry.Number("call", call.number);
    fill(entry);
  };

  line("call_start", nanoseconds(0), [&](EventLine& entry) {
    entry.Text("method", call.method);
    if (!call.courier_id.empty()) entry.Text("courier_id", call.courier_id);
  });
  const std::vector<AttemptReport> attempts = AttemptsOf(call.status, report);
  for (const Event& event : AttemptEvents(attempts)) line(event.name, event.at, event.fill);
  if (report.breaker_refusals > 0) {
    line("breaker_refusal", report.elapsed, [&](EventLine& entry) {
      entry.Number("endpoints", static_cast<std::uint64_t>(report.breaker_refusals));
    });
  }
  if (report.stale) {
    line("stale", report.elapsed, [&](EventLine& entry) {
      entry.Number("age_us", Microseconds(report.stale_age)).Status(report.stale_error);
    });
  }
  line("call_end", report.elapsed, [&](EventLine& entry) {
    entry.Status(call.status)
        .Text("phase", PhaseName(report.phase))
        .Text("origin", OriginName(report.origin))
        .Text("endpoint", report.endpoint)
        .Number("attempts", static_cast<std::uint64_t>(report.attempts))
        .Number("hedges", static_cast<std::uint64_t>(report.hedges))
        .Number("elapsed_us", Microseconds(report.elapsed))
        .Flag("stale", report.stale)
        .Flag("retryable", report.retryable);
  });
}

void AppendTraceStart(std::string& out, std::string_view target, std::chrono::steady_clock::time_point now,
                      std::chrono::system_clock::time_point wall_now, std::int64_t process_id) {
  EventLine(out, "trace_start", now)
      .Number("v", kTraceVersion)
      .Text("version", kVersion)
      .Number("pid", static_cast<std::uint64_t>(process_id))
      .Number("unix_us", Microseconds(wall_now.time_since_epoch()))
      .Text("target", target);
}

}  // namespace dispatchctl::cli
