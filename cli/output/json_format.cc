#include <array>
#include <charconv>

#include "output/record_format.h"
#include "text/escape.h"

namespace dispatchctl::cli {
namespace {

class NdjsonFormat final : public RecordFormat {
 public:
  void Begin(std::string& /*out*/) override {}
  void StartRecord(std::string& out) override {
    out += '{';
    first_ = true;
  }
  void TextField(std::string& out, std::string_view name, std::string_view value) override {
    Key(out, name);
    AppendJsonString(out, value);
  }
  void BoolField(std::string& out, std::string_view name, bool value) override {
    Key(out, name);
    out += value ? "true" : "false";
  }
  void NumberField(std::string& out, std::string_view name, std::uint64_t value) override {
    Key(out, name);
    std::array<char, 20> digits{};
    const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), value);
    out.append(digits.data(), end);
  }
  void NullField(std::string& out, std::string_view name) override {
    Key(out, name);
    out += "null";
  }
  void Error(std::string& out, const ErrorReport& error) override {
    Key(out, "error");
    AppendErrorObject(out, error);
  }
  void EndRecord(std::string& out) override { out += "}\n"; }
  void End(std::string& /*out*/) override {}

 private:
  // Names are the contract's and need no escaping.
  void Key(std::string& out, std::string_view name) {
    if (!first_) out += ',';
    first_ = false;
    out += '"';
    out += name;
    out += "\":";
  }

  bool first_ = true;
};

// An array with a record a line, made of NDJSON records.
class JsonArrayFormat final : public RecordFormat {
 public:
  void Begin(std::string& out) override { out += '['; }
  void StartRecord(std::string& out) override {
    out += first_ ? "\n" : ",\n";
    first_ = false;
    record_.StartRecord(out);
  }
  void TextField(std::string& out, std::string_view name, std::string_view value) override {
    record_.TextField(out, name, value);
  }
  void BoolField(std::string& out, std::string_view name, bool value) override {
    record_.BoolField(out, name, value);
  }
  void NumberField(std::string& out, std::string_view name, std::uint64_t value) override {
    record_.NumberField(out, name, value);
  }
  void NullField(std::string& out, std::string_view name) override { record_.NullField(out, name); }
  void Error(std::string& out, const ErrorReport& error) override { record_.Error(out, error); }
  void EndRecord(std::string& out) override { out += '}'; }
  void End(std::string& out) override { out += first_ ? "]\n" : "\n]\n"; }

 private:
  NdjsonFormat record_;
  bool first_ = true;
};

}  // namespace

std::unique_ptr<RecordFormat> MakeNdjsonFormat() {
  return std::make_unique<NdjsonFormat>();
}

std::unique_ptr<RecordFormat> MakeJsonFormat(bool single) {
  if (single) return std::make_unique<NdjsonFormat>();
  return std::make_unique<JsonArrayFormat>();
}

}  // namespace dispatchctl::cli
