#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <set>
#include <vector>

#include "service.h"

namespace dispatchctl {
namespace {

std::function<std::optional<std::string>()> Couriers(int count) {
  return [count, n = 0]() mutable -> std::optional<std::string> {
    if (n == count) return std::nullopt;
    return "courier-" + std::to_string(1 + n++ % 1000);
  };
}

mock::MockServerOptions Jittery() {
  mock::MockServerOptions options;
  options.latency = std::chrono::milliseconds(2);
  options.jitter = std::chrono::milliseconds(2);
  return options;
}

TEST(BulkLookup, KeepsTheOrderOfSubmission) {
  Service service(Jittery());
  std::vector<std::uint64_t> tags;
  const absl::Status status = service.client().LookupMany(Couriers(2000), [&](LookupItem&& item) {
    EXPECT_TRUE(item.status.ok()) << item.status.status();
    EXPECT_EQ(item.status->courier_id, item.courier_id);
    tags.push_back(item.tag);
  });
  ASSERT_TRUE(status.ok()) << status;
  ASSERT_EQ(tags.size(), 2000U);
  EXPECT_TRUE(std::is_sorted(tags.begin(), tags.end()));
}

TEST(BulkLookup, GivesResultsAsTheyComeWhenAsked) {
  Service service(Jittery());
  BulkLookupOptions options;
  options.ordered = false;
  std::set<std::uint64_t> tags;
  int delivered = 0;
  const absl::Status status = service.client().LookupMany(
      Couriers(2000),
      [&](LookupItem&& item) {
        ++delivered;
        tags.insert(item.tag);
      },
      std::move(options));
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(delivered, 2000);
  EXPECT_EQ(tags.size(), 2000U);
}

TEST(BulkLookup, GivesEachFailureToItsOwnId) {
  Service service;
  std::vector<std::string> ids = {"courier-1", "nobody", "", "\xFF", "courier-2"};
  std::size_t next = 0;
  std::vector<absl::StatusCode> codes;
  const absl::Status status = service.client().LookupMany(
      [&]() -> std::optional<std::string> {
        if (next == ids.size()) return std::nullopt;
        return ids[next++];
      },
      [&](LookupItem&& item) { codes.push_back(item.status.status().code()); });
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_THAT(codes, testing::ElementsAre(absl::StatusCode::kOk, absl::StatusCode::kNotFound,
                                          absl::StatusCode::kInvalidArgument,
                                          absl::StatusCode::kInvalidArgument, absl::StatusCode::kOk));
}

TEST(BulkLookup, GoesThroughInvalidIdsWithoutEnd) {
  Service service;
  int delivered = 0;
  int left = 100000;
  const absl::Status status = service.client().LookupMany(
      [&]() -> std::optional<std::string> {
        if (left-- == 0) return std::nullopt;
        return "";
      },
      [&](LookupItem&&) { ++delivered; });
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(delivered, 100000);
}

TEST(BulkLookup, SaysWhenABatchEndsAndWhenAllIsDone) {
  Service service;
  std::vector<char> events;
  BulkLookupOptions options;
  options.on_result = [&](LookupItem&&) { events.push_back('r'); };
  options.on_batch_end = [&] { events.push_back('b'); };
  options.on_finished = [&] { events.push_back('f'); };
  auto lookup = service.client().StartBulkLookup(std::move(options));
  ASSERT_TRUE(lookup.ok()) << lookup.status();
  for (int i = 0; i < 100; ++i) ASSERT_TRUE((*lookup)->Submit("courier-1", 0).ok());
  (*lookup)->Finish();
  ASSERT_GE(events.size(), 102U);
  EXPECT_EQ(std::count(events.begin(), events.end(), 'r'), 100);
  EXPECT_EQ(events[events.size() - 2], 'b') << "what was delivered must be flushed before the end";
  EXPECT_EQ(events.back(), 'f');
  EXPECT_EQ((*lookup)->Submit("courier-1", 0).code(), absl::StatusCode::kFailedPrecondition);
}

TEST(BulkLookup, TellsWhenThereIsRoomAgain) {
  Service service;
  std::atomic<int> writable{0};
  BulkLookupOptions options;
  options.max_in_flight = 1;
  options.on_result = [](LookupItem&&) {};
  options.on_writable = [&] {
    writable.fetch_add(1);
    writable.notify_all();
  };
  auto lookup = service.client().StartBulkLookup(std::move(options));
  ASSERT_TRUE(lookup.ok()) << lookup.status();
  for (int round = 0; round < 20; ++round) {
    const int before = writable.load();
    while ((*lookup)->TrySubmit("courier-1", 0).ok()) {
    }
    writable.wait(before);
  }
  (*lookup)->Finish();
}

TEST(BulkLookup, EndsAtOnceWhenItIsCancelled) {
  mock::MockServerOptions server;
  server.latency = std::chrono::seconds(60);
  Service service(std::move(server));
  std::atomic<int> cancelled{0};
  BulkLookupOptions options;
  options.max_in_flight = 8;
  options.on_result = [&](LookupItem&& item) {
    if (item.status.status().code() == absl::StatusCode::kCancelled) cancelled.fetch_add(1);
  };
  auto lookup = service.client().StartBulkLookup(std::move(options));
  ASSERT_TRUE(lookup.ok()) << lookup.status();
  int submitted = 0;
  while ((*lookup)->TrySubmit("courier-1", 0).ok()) ++submitted;
  (*lookup)->Cancel();
  (*lookup)->Finish();
  EXPECT_EQ(cancelled.load(), submitted);
}

TEST(BulkLookup, OutlivesItsClient) {
  Service service;
  int delivered = 0;
  BulkLookupOptions options;
  options.on_result = [&](LookupItem&& item) { delivered += item.status.ok() ? 1 : 0; };
  std::unique_ptr<BulkLookup> lookup;
  {
    const Client client = service.client();
    lookup = *client.StartBulkLookup(std::move(options));
  }
  ASSERT_TRUE(lookup->Submit("courier-1", 0).ok());
  lookup->Finish();
  EXPECT_EQ(delivered, 1);
}

TEST(BulkLookup, RefusesOptionsThatMakeNoSense) {
  Service service;
  BulkLookupOptions options;
  options.on_result = [](LookupItem&&) {};
  options.max_in_flight = 0;
  EXPECT_EQ(service.client().StartBulkLookup(options).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(service.client().StartBulkLookup({}).status().code(), absl::StatusCode::kInvalidArgument);
  options.max_in_flight = 1;
  EXPECT_EQ(service.client()
                .LookupMany(
                    Couriers(1), [](LookupItem&&) {}, options)
                .code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace dispatchctl
