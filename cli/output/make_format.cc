#include "output/make_format.h"

#include <utility>

namespace dispatchctl::cli {

std::unique_ptr<RecordFormat> MakeFormat(OutputFormat format, std::vector<Column> columns, bool single,
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

}  // namespace dispatchctl::cli
