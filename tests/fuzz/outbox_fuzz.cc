// The outbox of a stream against its model.

#include <optional>
#include <string>
#include <vector>

#include "fuzz_input.h"
#include "stream/outbox.h"
#include "tests/support/outbox_model.h"

using dispatchctl::AssignmentUpdate;
using dispatchctl::UnacknowledgedAssignment;
using dispatchctl::fuzz::FuzzInput;
using dispatchctl::fuzz::Require;
using dispatchctl::internal::Outbox;
using dispatchctl::internal::OutboxModel;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FuzzInput input(data, size);
  const std::uint64_t ids = 1 + input.Below(8);
  const auto id = [&] { return "id-" + std::to_string(input.Below(ids)); };
  Outbox outbox;
  OutboxModel model;
  std::uint64_t tag = 0;
  while (!input.empty()) {
    switch (input.Below(8)) {
      case 0:
      case 1:
      case 2: {
        const AssignmentUpdate update{id(), "c", std::to_string(tag)};
        model.Add(update, tag);
        outbox.Add(update, tag++);
        break;
      }
      case 3:
      case 4:
        if (model.has_unwritten())
          Require(outbox.TakeNextToWrite({}) == model.TakeNextToWrite(), "the oldest is written next");
        break;
      case 5:
      case 6: {
        const std::string answered = id();
        const std::optional<Outbox::Acknowledged> got = outbox.Acknowledge(answered);
        const std::optional<std::uint64_t> expected = model.Acknowledge(answered);
        Require(got.has_value() == expected.has_value(), "a result is for what was written");
        if (got) Require(got->tag == *expected, "of the same id the oldest is answered");
        break;
      }
      default:
        outbox.Rewind();
        model.Rewind();
    }
    Require(outbox.size() == model.size() && outbox.has_unwritten() == model.has_unwritten(),
            "as much is left, and to be written");
  }
  std::vector<std::uint64_t> tags;
  for (const UnacknowledgedAssignment& left : outbox.Unacknowledged()) tags.push_back(left.tag);
  Require(tags == model.tags(), "what is left is in order");
  return 0;
}
