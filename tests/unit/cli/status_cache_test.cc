#include "fallback/status_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <thread>
#include <vector>

#include "fallback/cache_file.h"
#include "fallback/known_statuses.h"
#include "temporary_directory.h"

namespace dispatchctl::cli {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::string_view kService = "dispatch.example:443";
constexpr auto kForever = std::chrono::hours(24 * 365);

CourierStatus Courier(const std::string& id, const std::string& availability = "available") {
  return {.courier_id = id, .transport_mode = "bike", .availability = availability, .current_zone = "zone-7"};
}

class StatusCacheTest : public ::testing::Test {
 protected:
  std::unique_ptr<StatusCache> Open(std::size_t capacity = 100) {
    return std::make_unique<StatusCache>(
        path_, std::string(kService), [this] { return now_; },
        [this](std::string_view text) { warnings_.emplace_back(text); }, capacity);
  }

  void Learn(const CourierStatus& status) {
    const auto cache = Open();
    cache->Put(status);
    cache->Save();
  }

  const TemporaryDirectory directory_;
  std::string path_ = directory_.Path("a/b/status.ndjson");
  std::chrono::system_clock::time_point now_{std::chrono::hours(24 * 20'000)};
  std::vector<std::string> warnings_;
};

TEST_F(StatusCacheTest, LastsFromOneRunToTheNext) {
  const CourierStatus odd{
      .courier_id = "c \"1\"\n", .transport_mode = "caf\xC3\xA9", .availability = "", .current_zone = ""};
  Learn(odd);
  now_ += 1500ms;
  const auto known = Open()->Get(odd.courier_id, kForever);
  ASSERT_TRUE(known.has_value());
  EXPECT_EQ(known->status, odd);
  EXPECT_EQ(known->age, 1500ms);
  EXPECT_FALSE(Open()->Get("c-2", kForever).has_value());
  EXPECT_THAT(warnings_, IsEmpty());
}

TEST_F(StatusCacheTest, AnswersFromWhatThisRunHasLearnt) {
  Learn(Courier("c-1", "busy"));
  const auto cache = Open();
  cache->Put(Courier("c-1"));
  EXPECT_EQ(cache->Get("c-1", kForever)->status.availability, "available");
  cache->Remove("c-1");
  EXPECT_FALSE(cache->Get("c-1", kForever).has_value());
}

TEST_F(StatusCacheTest, OldStatusesAreNotGiven) {
  Learn(Courier("c-1"));
  now_ += 10s;
  EXPECT_TRUE(Open()->Get("c-1", 10s).has_value());
  now_ += 1ms;
  EXPECT_FALSE(Open()->Get("c-1", 10s).has_value());
}

TEST_F(StatusCacheTest, F33AClockThatWasSetBackMakesNoNegativeAge) {
  Learn(Courier("c-1"));
  now_ -= 30s;
  EXPECT_EQ(Open()->Get("c-1", kForever)->age, 0ns);
  // Too far: how old it is cannot be known.
  now_ -= 1h;
  EXPECT_FALSE(Open()->Get("c-1", kForever).has_value());
}

TEST_F(StatusCacheTest, ARemovedCourierIsRemovedFromTheFile) {
  Learn(Courier("c-1"));
  Learn(Courier("c-2"));
  const auto cache = Open();
  cache->Remove("c-1");
  cache->Save();
  EXPECT_FALSE(Open()->Get("c-1", kForever).has_value());
  EXPECT_TRUE(Open()->Get("c-2", kForever).has_value());
}

TEST_F(StatusCacheTest, ProcessesAddToWhatOthersHaveSaved) {
  const auto first = Open();
  const auto second = Open();
  EXPECT_FALSE(first->Get("c-0", kForever).has_value());
  first->Put(Courier("c-1"));
  second->Put(Courier("c-2"));
  second->Save();
  first->Save();
  EXPECT_TRUE(Open()->Get("c-1", kForever).has_value());
  EXPECT_TRUE(Open()->Get("c-2", kForever).has_value());
}

TEST_F(StatusCacheTest, SavingAtTheSameTimeLeavesAWholeFile) {
  std::vector<std::thread> savers;
  for (int saver = 0; saver < 4; ++saver) {
    savers.emplace_back([this, saver] {
      for (int i = 0; i < 50; ++i) {
        StatusCache cache(
            path_, std::string(kService), [this] { return now_; },
            [](std::string_view text) { FAIL() << text; }, 100);
        cache.Put(Courier("c-" + std::to_string(saver) + "-" + std::to_string(i)));
        cache.Save();
      }
    });
  }
  for (std::thread& saver : savers) saver.join();
  EXPECT_TRUE(DecodeStatuses(kService, ReadFile(path_)).ok());
  // Nothing is left of the files it was made from.
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory_.Path("a/b")),
                          std::filesystem::directory_iterator()),
            1);
}

TEST_F(StatusCacheTest, KeepsTheNewest) {
  const auto cache = Open(3);
  for (int i = 0; i < 5; ++i) {
    cache->Put(Courier("c-" + std::to_string(i)));
    now_ += 1s;
  }
  cache->Put(Courier("c-3"));
  cache->Save();
  const auto again = Open(3);
  again->Put(Courier("c-5"));
  again->Save();
  const auto statuses = DecodeStatuses(kService, ReadFile(path_));
  ASSERT_TRUE(statuses.ok());
  std::vector<std::string> ids;
  for (const auto& [id, known] : *statuses) ids.push_back(id);
  EXPECT_THAT(ids, ::testing::UnorderedElementsAre("c-3", "c-4", "c-5"));
}

TEST_F(StatusCacheTest, IsForItsOwnerOnly) {
  Learn(Courier("c-1"));
  struct stat info {};
  ASSERT_EQ(::stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);
  ASSERT_EQ(::stat(directory_.Path("a/b").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0700U);
}

TEST_F(StatusCacheTest, WithoutNewsTheFileIsLeftAlone) {
  const auto cache = Open();
  EXPECT_FALSE(cache->Get("c-1", kForever).has_value());
  cache->Save();
  EXPECT_FALSE(std::filesystem::exists(directory_.Path("a")));
}

TEST_F(StatusCacheTest, ADamagedFileIsAWarningAndIsReplaced) {
  Learn(Courier("c-1"));
  const std::string whole = ReadFile(path_);
  const std::string line = whole.substr(whole.find('\n') + 1);
  for (const std::string& damaged :
       {std::string(), std::string("nonsense\n"), whole.substr(0, whole.size() - 1),
        whole.substr(0, whole.size() - 3), whole + "{}\n", whole + R"({"at_ms":-1,"courier_id":"c"})" + "\n",
        whole + R"({"at_ms":1,"courier_id":7})" + "\n", whole + R"({"at_ms":1e300,"courier_id":"c"})" + "\n",
        whole + R"({"at_ms":9223372036854775807,"courier_id":"c"})" + "\n", line, whole + "\n",
        std::string(1000, '['), std::string("\0\0\n", 3)}) {
    std::ofstream(path_) << damaged;
    warnings_.clear();
    const auto cache = Open();
    EXPECT_FALSE(cache->Get("c-1", kForever).has_value()) << damaged;
    ASSERT_THAT(warnings_, SizeIs(1)) << damaged;
    EXPECT_THAT(warnings_[0], HasSubstr(path_));
    EXPECT_THAT(warnings_[0], HasSubstr("damaged"));
    cache->Put(Courier("c-2"));
    cache->Save();
    EXPECT_TRUE(Open()->Get("c-2", kForever).has_value());
    // Told once.
    EXPECT_THAT(warnings_, SizeIs(1)) << damaged;
  }
}

TEST_F(StatusCacheTest, AnotherServicesFileIsNotBelieved) {
  Learn(Courier("c-1"));
  StatusCache other(
      path_, "other.example:443", [this] { return now_; },
      [this](std::string_view text) { warnings_.emplace_back(text); });
  EXPECT_FALSE(other.Get("c-1", kForever).has_value());
  EXPECT_THAT(warnings_, ElementsAre(HasSubstr("another service's")));
}

TEST_F(StatusCacheTest, WhatCannotBeUsedIsAWarning) {
  for (const std::string& path :
       {directory_.path(), std::string("/dev/null"), directory_.Write("file", "") + "/x"}) {
    path_ = path;
    warnings_.clear();
    const auto cache = Open();
    EXPECT_FALSE(cache->Get("c-1", kForever).has_value());
    cache->Put(Courier("c-1"));
    if (path != "/dev/null") cache->Save();
    EXPECT_EQ(cache->Get("c-1", kForever)->status, Courier("c-1"));
    ASSERT_THAT(warnings_, SizeIs(1)) << path;
    EXPECT_THAT(warnings_[0], HasSubstr(path));
  }
}

TEST_F(StatusCacheTest, WithoutAPlaceItLastsAsLongAsTheRun) {
  path_.clear();
  const auto cache = Open();
  cache->Put(Courier("c-1"));
  EXPECT_TRUE(cache->Get("c-1", kForever).has_value());
  EXPECT_FALSE(cache->Get("c-2", kForever).has_value());
  cache->Save();
  EXPECT_THAT(warnings_, IsEmpty());
}

TEST(StatusCachePath, FollowsTheXdgSpecification) {
  const auto path = [](std::map<std::string, std::string, std::less<>> variables, std::string_view service) {
    return StatusCachePath(service, [&](std::string_view name) -> std::optional<std::string_view> {
      const auto found = variables.find(name);
      if (found == variables.end()) return std::nullopt;
      return found->second;
    });
  };
  EXPECT_THAT(path({{"XDG_CACHE_HOME", "/c"}, {"HOME", "/h"}}, kService),
              HasSubstr("/c/dispatchctl/status-"));
  EXPECT_THAT(path({{"HOME", "/h"}}, kService), HasSubstr("/h/.cache/dispatchctl/status-"));
  // A relative path in it is to be ignored.
  EXPECT_THAT(path({{"XDG_CACHE_HOME", "c"}, {"HOME", "/h"}}, kService), HasSubstr("/h/.cache/"));
  EXPECT_EQ(path({}, kService), "");
  EXPECT_EQ(path({{"HOME", "/h"}}, "a:1"), path({{"HOME", "/h"}}, "a:1"));
  EXPECT_NE(path({{"HOME", "/h"}}, "a:1"), path({{"HOME", "/h"}}, "a:2"));
}

TEST(EncodeStatuses, LeavesOutWhatIsTooLong) {
  KnownStatuses statuses;
  statuses["c-1"] = {Courier("c-1"), {}};
  statuses["c-2"] = {Courier("c-2", std::string(kMostStatusLineBytes, 'x')), {}};
  const auto decoded = DecodeStatuses(kService, EncodeStatuses(kService, statuses));
  ASSERT_TRUE(decoded.ok());
  EXPECT_THAT(*decoded, SizeIs(1));
}

}  // namespace
}  // namespace dispatchctl::cli
