#include "input/line_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "pipe.h"

namespace dispatchctl::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using Lines = std::vector<std::pair<std::uint64_t, std::string>>;

constexpr std::size_t kMaxLine = 1024;

void TakeLines(LineReader& reader, Lines& lines, LineReader::Result& last) {
  Line line;
  for (;;) {
    last = reader.Next(line);
    if (last == LineReader::Result::kLine) {
      lines.emplace_back(line.number, std::string(line.data, line.size));
    } else if (last == LineReader::Result::kTooLong) {
      lines.emplace_back(line.number, "<too long>");
    } else if (last == LineReader::Result::kOpenQuote) {
      lines.emplace_back(line.number, "<open quote>");
    } else {
      return;
    }
  }
}

// Reads `input`, written in pieces of `piece` bytes, each read as far as it goes before the next.
Lines ReadInPieces(std::string_view input, std::size_t piece, std::size_t max_line = kMaxLine,
                   std::size_t chunk = 64, Framing framing = Framing::kLines) {
  LineReader reader(max_line, chunk);
  reader.SetFraming(framing);
  Pipe pipe;
  ::fcntl(pipe.reader.get(), F_SETFL, O_NONBLOCK);
  Lines lines;
  LineReader::Result last = LineReader::Result::kIncomplete;
  const auto read_on = [&](std::size_t times) {
    for (std::size_t i = 0; i < times && last != LineReader::Result::kEnd; ++i) {
      EXPECT_EQ(reader.Fill(pipe.reader.get()), 0);
      TakeLines(reader, lines, last);
    }
  };
  while (!input.empty()) {
    const std::string_view part = input.substr(0, piece);
    input.remove_prefix(part.size());
    pipe.Put(part);
    read_on(part.size() / (chunk / 2) + 1);
  }
  pipe.writer = UniqueFd();
  read_on(2);
  EXPECT_EQ(last, LineReader::Result::kEnd);
  return lines;
}

TEST(LineReader, EveryPieceSizeGivesTheSameLines) {
  const std::string input =
      "\xEF\xBB\xBF"
      "first\r\n\n  \nsecond line\n" +
      std::string(100, 'x') + "\r\n\r\nlast without newline";
  const Lines expected{{1, "first"},
                       {2, ""},
                       {3, "  "},
                       {4, "second line"},
                       {5, std::string(100, 'x')},
                       {6, ""},
                       {7, "last without newline"}};
  for (std::size_t piece = 1; piece <= input.size(); ++piece) {
    EXPECT_EQ(ReadInPieces(input, piece), expected) << "pieces of " << piece;
  }
}

TEST(LineReader, EmptyInputHasNoLines) {
  EXPECT_THAT(ReadInPieces("", 1), IsEmpty());
}

TEST(LineReader, NewlineAloneIsOneEmptyLine) {
  EXPECT_THAT(ReadInPieces("\n", 1), ElementsAre(Pair(1, "")));
}

TEST(LineReader, MarkCountsAtTheStartOnly) {
  EXPECT_THAT(ReadInPieces("\xEF\xBB\xBF\na\n\xEF\xBB\xBF"
                           "b\n",
                           3),
              ElementsAre(Pair(1, ""), Pair(2, "a"),
                          Pair(3,
                               "\xEF\xBB\xBF"
                               "b")));
}

TEST(LineReader, OnlyOneCarriageReturnIsTrimmed) {
  EXPECT_THAT(ReadInPieces("a\r\r\nb\rc\n\r", 2), ElementsAre(Pair(1, "a\r"), Pair(2, "b\rc"), Pair(3, "")));
}

TEST(LineReader, NulBytesAreKept) {
  EXPECT_THAT(ReadInPieces(std::string_view("a\0b\n", 4), 4), ElementsAre(Pair(1, std::string("a\0b", 3))));
}

TEST(LineReader, LongLinesArePassedOver) {
  constexpr std::size_t kLimit = 10;
  for (std::size_t length = 1; length <= 300; ++length) {
    const std::string input = "a\n" + std::string(length, 'x') + "\nb\n";
    const std::string expected = length > kLimit ? "<too long>" : std::string(length, 'x');
    for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, std::size_t{64}, input.size()}) {
      EXPECT_THAT(ReadInPieces(input, piece, kLimit),
                  ElementsAre(Pair(1, "a"), Pair(2, expected), Pair(3, "b")))
          << length << " bytes in pieces of " << piece;
    }
  }
}

TEST(LineReader, LongLineAtTheEnd) {
  EXPECT_THAT(ReadInPieces("a\n" + std::string(500, 'x'), 50, 10),
              ElementsAre(Pair(1, "a"), Pair(2, "<too long>")));
  EXPECT_THAT(ReadInPieces(std::string(12, 'x'), 50, 10), ElementsAre(Pair(1, "<too long>")));
}

TEST(LineReader, LineEndsDoNotCountAgainstTheLimit) {
  EXPECT_THAT(ReadInPieces("\xEF\xBB\xBF"
                           "0123456789\r\n0123456789\n",
                           1, 10),
              ElementsAre(Pair(1, "0123456789"), Pair(2, "0123456789")));
}

TEST(LineReader, EveryPieceSizeGivesTheSameRecordsOfCsv) {
  const std::string input =
      "\xEF\xBB\xBF"
      "\"a\nb\",c\r\n\"\"\"\n\"\"\",x\nplain\n\"" +
      std::string(90, 'x') + "\n\r\n\"\nstray\"quote\nlast";
  const Lines expected{{1, "\"a\nb\",c"},   {3, "\"\"\"\n\"\"\",x"},
                       {5, "plain"},        {6, "\"" + std::string(90, 'x') + "\n\r\n\""},
                       {9, "stray\"quote"}, {10, "last"}};
  for (std::size_t piece = 1; piece <= input.size(); ++piece) {
    EXPECT_EQ(ReadInPieces(input, piece, kMaxLine, 64, Framing::kCsv), expected) << "pieces of " << piece;
  }
}

TEST(LineReader, AQuoteThatStaysOpenCostsItsOwnLine) {
  std::string input = "a\n\"open,\n";
  Lines expected{{1, "a"}, {2, "<open quote>"}};
  for (std::uint64_t number = 3; number < 60; ++number) {
    input += "line\n";
    expected.emplace_back(number, "line");
  }
  for (const std::size_t max_line : {std::size_t{20}, std::size_t{100}, kMaxLine}) {
    for (std::size_t piece = 1; piece <= input.size(); piece += 3) {
      EXPECT_EQ(ReadInPieces(input, piece, max_line, 64, Framing::kCsv), expected)
          << "pieces of " << piece << ", lines of " << max_line;
    }
  }
}

TEST(LineReader, ALongLineThatOpensAQuoteIsPassedOver) {
  EXPECT_THAT(ReadInPieces("\"" + std::string(300, 'x') + "\nb\n", 7, 10, 64, Framing::kCsv),
              ElementsAre(Pair(1, "<too long>"), Pair(2, "b")));
  EXPECT_THAT(ReadInPieces("\"never", 3, 10, 64, Framing::kCsv), ElementsAre(Pair(1, "<open quote>")));
}

// What is lost must not depend on when the bytes come: "rest\"" is no record of its own in one run and a part
// of a record that is passed over in another.
TEST(LineReader, ARecordThatIsTooLongIsTheSameInEveryPieceSize) {
  const std::string closed_too_late = "\"open\nthe rest\"\nb\n";
  const std::string first_too_long = "\"" + std::string(30, 'x') + "\nrest\"\nb\n";
  for (std::size_t piece = 1; piece <= 64; ++piece) {
    EXPECT_THAT(ReadInPieces(closed_too_late, piece, 12, 64, Framing::kCsv),
                ElementsAre(Pair(1, "<open quote>"), Pair(2, "the rest\""), Pair(3, "b")))
        << "pieces of " << piece;
    EXPECT_THAT(ReadInPieces(first_too_long, piece, 12, 64, Framing::kCsv),
                ElementsAre(Pair(1, "<too long>"), Pair(2, "rest\""), Pair(3, "b")))
        << "pieces of " << piece;
  }
}

TEST(LineReader, HalfARecordIsNoLineThatIsThere) {
  LineReader reader(kMaxLine);
  reader.SetFraming(Framing::kCsv);
  Pipe pipe;
  Line line;
  pipe.Put("\"one\ntwo\n");
  reader.Fill(pipe.reader.get());
  EXPECT_FALSE(reader.HasLine());
  EXPECT_EQ(reader.Next(line), LineReader::Result::kIncomplete);
  EXPECT_FALSE(reader.HasLine());
  pipe.Put("\"\n");
  reader.Fill(pipe.reader.get());
  EXPECT_TRUE(reader.HasLine());
  EXPECT_EQ(reader.Next(line), LineReader::Result::kLine);
}

TEST(LineReader, KnowsWhereTheLineToComeBegins) {
  LineReader reader(kMaxLine, 16);
  Pipe pipe;
  Line line;
  pipe.Put("ab\r\n\ncdef");
  pipe.writer = UniqueFd();
  std::vector<std::uint64_t> offsets{reader.offset()};
  std::vector<bool> terminated;
  for (;;) {
    const LineReader::Result result = reader.Next(line);
    if (result == LineReader::Result::kEnd) break;
    if (result == LineReader::Result::kIncomplete) {
      reader.Fill(pipe.reader.get());
      continue;
    }
    offsets.push_back(reader.offset());
    terminated.push_back(line.terminated);
  }
  EXPECT_THAT(offsets, ElementsAre(0, 4, 5, 9));
  EXPECT_THAT(terminated, ElementsAre(true, true, false));
}

TEST(LineReader, TellsOfALineThatIsAlreadyThere) {
  LineReader reader(kMaxLine);
  Pipe pipe;
  Line line;
  EXPECT_FALSE(reader.HasLine());
  pipe.Put("one\ntwo\npart");
  reader.Fill(pipe.reader.get());
  EXPECT_TRUE(reader.HasLine());
  EXPECT_EQ(reader.Next(line), LineReader::Result::kLine);
  EXPECT_TRUE(reader.HasLine());
  EXPECT_EQ(reader.Next(line), LineReader::Result::kLine);
  EXPECT_FALSE(reader.HasLine());
  EXPECT_EQ(reader.Next(line), LineReader::Result::kIncomplete);
  pipe.writer = UniqueFd();
  reader.Fill(pipe.reader.get());
  EXPECT_TRUE(reader.HasLine());
}

TEST(LineReader, TheEndOfALineThatIsPassedOverIsNoLine) {
  LineReader reader(10, 64);
  Pipe pipe;
  Line line;
  pipe.Put(std::string(40, 'x'));
  reader.Fill(pipe.reader.get());
  EXPECT_EQ(reader.Next(line), LineReader::Result::kTooLong);
  pipe.Put("x\n");
  reader.Fill(pipe.reader.get());
  EXPECT_FALSE(reader.HasLine());
  pipe.Put("next\n");
  reader.Fill(pipe.reader.get());
  EXPECT_TRUE(reader.HasLine());
  EXPECT_EQ(reader.Next(line), LineReader::Result::kLine);
}

TEST(LineReader, TheByteAfterALineMayBeWritten) {
  LineReader reader(kMaxLine, 8);
  Pipe pipe;
  Line line;
  pipe.Put("ab\ncd");
  pipe.writer = UniqueFd();
  reader.Fill(pipe.reader.get());
  ASSERT_EQ(reader.Next(line), LineReader::Result::kLine);
  line.data[line.size] = '\0';
  reader.Fill(pipe.reader.get());
  ASSERT_EQ(reader.Next(line), LineReader::Result::kLine);
  line.data[line.size] = '\0';
  EXPECT_STREQ(line.data, "cd");
}

TEST(LineReader, ReadErrorsAreTold) {
  LineReader reader(kMaxLine);
  EXPECT_EQ(reader.Fill(-1), EBADF);
}

TEST(LineReader, NothingToReadYetIsNoError) {
  LineReader reader(kMaxLine);
  Pipe pipe;
  ::fcntl(pipe.reader.get(), F_SETFL, O_NONBLOCK);
  Line line;
  EXPECT_EQ(reader.Fill(pipe.reader.get()), 0);
  EXPECT_EQ(reader.Next(line), LineReader::Result::kIncomplete);
}

TEST(LineReader, ResetStartsANewInput) {
  LineReader reader(kMaxLine);
  Line line;
  for (int round = 0; round < 2; ++round) {
    Pipe pipe;
    pipe.Put(
        "\xEF\xBB\xBF"
        "a\n");
    pipe.writer = UniqueFd();
    reader.Fill(pipe.reader.get());
    ASSERT_EQ(reader.Next(line), LineReader::Result::kLine);
    EXPECT_EQ(line.number, 1U);
    EXPECT_EQ(std::string(line.data, line.size), "a");
    reader.Fill(pipe.reader.get());
    EXPECT_EQ(reader.Next(line), LineReader::Result::kEnd);
    reader.Reset();
  }
}

}  // namespace
}  // namespace dispatchctl::cli
