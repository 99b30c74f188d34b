#include "stream/outbox.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "tests/support/outbox_model.h"

namespace dispatchctl::internal {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

AssignmentUpdate Update(const std::string& id, const std::string& zone = "z") {
  return {id, "c", zone};
}

std::vector<std::string> Ids(const Outbox& outbox) {
  std::vector<std::string> ids;
  for (const UnacknowledgedAssignment& left : outbox.Unacknowledged())
    ids.push_back(left.update.assignment_id);
  return ids;
}

std::string WriteNext(Outbox& outbox) {
  return outbox.TakeNextToWrite({}).assignment_id;
}

TEST(Outbox, KeepsAnUpdateUntilItsResult) {
  Outbox outbox;
  outbox.Add(Update("a"), 7);
  EXPECT_EQ(WriteNext(outbox), "a");
  EXPECT_FALSE(outbox.has_unwritten());
  EXPECT_THAT(Ids(outbox), ElementsAre("a"));
  const auto acknowledged = outbox.Acknowledge("a");
  ASSERT_TRUE(acknowledged);
  EXPECT_EQ(acknowledged->update, Update("a"));
  EXPECT_EQ(acknowledged->tag, 7U);
  EXPECT_EQ(acknowledged->attempts, 1);
  EXPECT_EQ(outbox.size(), 0U);
}

TEST(Outbox, TakesNoResultForWhatWasNotAsked) {
  Outbox outbox;
  EXPECT_FALSE(outbox.Acknowledge("a"));
  outbox.Add(Update("a"), 0);
  outbox.Add(Update("b"), 0);
  EXPECT_FALSE(outbox.Acknowledge("a")) << "not written yet";
  EXPECT_FALSE(outbox.Acknowledge("b")) << "not written yet";
  EXPECT_FALSE(outbox.Acknowledge("x"));
  WriteNext(outbox);
  EXPECT_TRUE(outbox.Acknowledge("a"));
  EXPECT_FALSE(outbox.Acknowledge("a")) << "answered before";
}

TEST(Outbox, AnswersTheSameIdFirstInFirstOut) {
  Outbox outbox;
  outbox.Add(Update("x"), 0);
  outbox.Add(Update("same", "first"), 1);
  outbox.Add(Update("same", "second"), 2);
  for (int i = 0; i < 3; ++i) WriteNext(outbox);
  EXPECT_EQ(outbox.Acknowledge("same")->update.destination_zone, "first");
  EXPECT_EQ(outbox.Acknowledge("same")->update.destination_zone, "second");
  EXPECT_FALSE(outbox.Acknowledge("same"));
  EXPECT_THAT(Ids(outbox), ElementsAre("x"));
}

TEST(Outbox, WritesEverythingThatIsLeftAgainInOrder) {
  Outbox outbox;
  for (const char* id : {"a", "b", "c", "d"}) outbox.Add(Update(id), 0);
  WriteNext(outbox);
  WriteNext(outbox);
  WriteNext(outbox);
  ASSERT_TRUE(outbox.Acknowledge("b"));
  outbox.Rewind();
  EXPECT_FALSE(outbox.Acknowledge("a")) << "the new call has not written it";
  EXPECT_EQ(WriteNext(outbox), "a");
  EXPECT_EQ(WriteNext(outbox), "c");
  EXPECT_EQ(WriteNext(outbox), "d");
  EXPECT_FALSE(outbox.has_unwritten());
  EXPECT_EQ(outbox.resent(), 2U);
  EXPECT_EQ(outbox.Acknowledge("c")->attempts, 2);
  EXPECT_EQ(outbox.Acknowledge("d")->attempts, 1);
}

TEST(Outbox, TellsWhatIsResentFromWhatIsNew) {
  Outbox outbox;
  outbox.Add(Update("a"), 0);
  EXPECT_FALSE(outbox.next_is_resend());
  WriteNext(outbox);
  EXPECT_FALSE(outbox.next_is_resend()) << "nothing to write";
  outbox.Add(Update("b"), 0);
  outbox.Rewind();
  EXPECT_EQ(outbox.oldest(), Update("a"));
  EXPECT_TRUE(outbox.next_is_resend());
  WriteNext(outbox);
  EXPECT_FALSE(outbox.next_is_resend());
}

TEST(Outbox, DoesWhatItsModelDoesForManySeeds) {
  for (unsigned seed = 0; seed < 2000; ++seed) {
    std::mt19937 random(seed);
    const std::size_t window = 1 + random() % 12;
    const std::uint64_t ids = 1 + random() % 6;
    Outbox outbox;
    OutboxModel model;
    std::uint64_t tag = 0;
    for (int step = 0; step < 200; ++step) {
      switch (random() % 8) {
        case 0:
        case 1:
        case 2:
          if (model.size() < window) {
            const AssignmentUpdate update =
                Update("id-" + std::to_string(random() % ids), std::to_string(tag));
            model.Add(update, tag);
            outbox.Add(update, tag++);
          }
          break;
        case 3:
        case 4:
          ASSERT_EQ(outbox.has_unwritten(), model.has_unwritten()) << seed;
          if (model.has_unwritten()) {
            ASSERT_EQ(outbox.TakeNextToWrite({}), model.TakeNextToWrite()) << seed;
          }
          break;
        case 5:
        case 6: {
          const std::string id = "id-" + std::to_string(random() % ids);
          const auto got = outbox.Acknowledge(id);
          const auto expected = model.Acknowledge(id);
          ASSERT_EQ(got.has_value(), expected.has_value()) << seed;
          if (got) {
            ASSERT_EQ(got->tag, *expected) << seed;
          }
          break;
        }
        default:
          if (random() % 8 == 0) {
            outbox.Rewind();
            model.Rewind();
          }
      }
      ASSERT_EQ(outbox.size(), model.size()) << seed;
    }
    std::vector<std::uint64_t> tags;
    for (const UnacknowledgedAssignment& left : outbox.Unacknowledged()) tags.push_back(left.tag);
    ASSERT_EQ(tags, model.tags()) << seed;
  }
}

TEST(Outbox, LeavesAnUpdateWhereItIsWhileOthersAreAdded) {
  Outbox outbox;
  outbox.Add(Update("a"), 0);
  const AssignmentUpdate& written = outbox.TakeNextToWrite({});
  for (int i = 0; i < 999; ++i) outbox.Add(Update("other"), 0);
  EXPECT_EQ(written.assignment_id, "a");
}

TEST(Outbox, StartsEmpty) {
  EXPECT_THAT(Ids(Outbox()), IsEmpty());
}

}  // namespace
}  // namespace dispatchctl::internal
