#include "output/make_format.h"

#include <utility>

#include "output/field_selection.h"

namespace dispatchctl::cli {

namespace {

std::unique_ptr<RecordFormat> MakeWholeFormat(OutputFormat format, std::vector<Column> columns, bool single,
                                              bool color) {
  switch (format) {
    case OutputFormat::kTable:
      return MakeTableFormat(std::move(columns), color);
    case OutputFormat::kJson:
      return MakeJsonFormat(single);
    case OutputFormat::kCsv:
      return MakeCsvFormat(std::move(columns));
    case OutputFormat::kAuto:
    case OutputFormat::kNdjson:
      break;
  }
  return MakeNdjsonFormat();
}

}  // namespace

std::unique_ptr<RecordFormat> MakeFormat(OutputFormat format, std::vector<Column> columns, bool single,
                                         bool color, const std::vector<std::string>& fields) {
  auto whole = MakeWholeFormat(format, SelectColumns(fields, std::move(columns)), single, color);
  return fields.empty() ? std::move(whole) : MakeFieldSelection(fields, std::move(whole));
}

}  // namespace dispatchctl::cli
