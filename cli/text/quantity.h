#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace dispatchctl::cli {

/// "1 attempt", "2 attempts".
std::string Plural(std::uint64_t count, std::string_view what);

/// "1,234,567".
std::string Grouped(std::uint64_t number);

/// "12.345 ms".
std::string Milliseconds(std::chrono::nanoseconds time);

/// "12.345 s".
std::string Seconds(std::chrono::nanoseconds time);

/// "2027-01-31", in UTC.
std::string UtcDay(std::chrono::system_clock::time_point time);

/// "2026-11-22T13:39:37.123Z" (RFC 3339).
std::string UtcTime(std::chrono::system_clock::time_point time);

}  // namespace dispatchctl::cli
