#include "config/config_file.h"

#include <absl/status/status.h>
#include <dispatchctl/validation.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>

#include "config/headers.h"
#include "config/option_values.h"
#include "config/suggestion.h"
#include "text/escape.h"

// Its errors come as values, and nothing is written with it: what is edited keeps its comments.
#define TOML_EXCEPTIONS 0
#define TOML_HEADER_ONLY 1
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

namespace dispatchctl::cli {
namespace {

constexpr std::string_view kCurrentContext = "current-context";
constexpr std::string_view kContexts = "contexts";

// toml++ tells lines and columns, the latter in code points; edits need bytes.
class Positions {
 public:
  explicit Positions(std::string_view text) : text_(text) {
    constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
    lines_.push_back(text.substr(0, kByteOrderMark.size()) == kByteOrderMark ? kByteOrderMark.size() : 0);
    for (std::size_t at = text.find('\n'); at != std::string_view::npos; at = text.find('\n', at + 1)) {
      lines_.push_back(at + 1);
    }
  }

  TextRange Range(const toml::source_region& region) const {
    return {.begin = Offset(region.begin),
            .end = Offset(region.end),
            .line = region.begin.line,
            .column = region.begin.column};
  }

 private:
  std::size_t Offset(const toml::source_position& position) const {
    if (position.line == 0 || position.line > lines_.size()) return text_.size();
    std::size_t offset = lines_[position.line - 1];
    for (unsigned column = 1; column < position.column && offset < text_.size(); ++column) {
      do ++offset;
      while (offset < text_.size() && (static_cast<unsigned char>(text_[offset]) & 0xC0U) == 0x80U);
    }
    return offset;
  }

  std::string_view text_;
  std::vector<std::size_t> lines_;
};

std::string_view TypeName(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::table:
      return "a table";
    case toml::node_type::array:
      return "an array";
    case toml::node_type::string:
      return "a string";
    case toml::node_type::integer:
      return "a number";
    case toml::node_type::floating_point:
      return "a fractional number";
    case toml::node_type::boolean:
      return "a boolean";
    default:
      return "a date or time";
  }
}

// What TOML has nowhere. Looked for first, as toml++ aborts on a NUL byte within a header, say.
std::size_t FindForbidden(std::string_view text) {
  const auto* const control = std::find_if(text.begin(), text.end(), [](unsigned char c) {
    return (c < 0x20U && c != '\t' && c != '\n' && c != '\r') || c == 0x7FU;
  });
  const auto at = static_cast<std::size_t>(control - text.begin());
  return std::min(FindInvalidUtf8(text), at == text.size() ? std::string_view::npos : at);
}

ConfigProblem ForbiddenAt(std::string_view text, std::size_t at) {
  const std::string_view before = text.substr(0, at);
  const std::size_t newline = before.rfind('\n');
  const std::string_view line = newline == std::string_view::npos ? before : before.substr(newline + 1);
  return {.line = 1 + static_cast<unsigned>(std::count(before.begin(), before.end(), '\n')),
          .column = 1 + static_cast<unsigned>(DisplayWidth(line)),
          .message = static_cast<unsigned char>(text[at]) < 0x80U ? "not TOML: a control character"
                                                                  : "not TOML: invalid UTF-8"};
}

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text), positions_(text) {}

  ConfigFile Read() {
    if (const std::size_t at = FindForbidden(text_); at != std::string_view::npos) {
      config_.syntax_error = ForbiddenAt(text_, at);
      return std::move(config_);
    }
    const toml::parse_result parsed = toml::parse(text_);
    if (!parsed) {
      const toml::parse_error& error = parsed.error();
      const std::string_view what = error.description();
      config_.syntax_error = ConfigProblem{.line = error.source().begin.line,
                                           .column = error.source().begin.column,
                                           .message = fmt::format("not TOML: {}", what)};
      return std::move(config_);
    }
    for (const auto& [key, node] : parsed.table()) ReadTopLevel(key, node);
    const auto by_position = [](const auto& a, const auto& b) {
      return a.key_range.begin < b.key_range.begin;
    };
    std::sort(config_.contexts.begin(), config_.contexts.end(), by_position);
    CheckCurrent();
    SortProblems(config_.problems);
    return std::move(config_);
  }

 private:
  static void SortProblems(std::vector<ConfigProblem>& problems) {
    std::stable_sort(problems.begin(), problems.end(), [](const ConfigProblem& a, const ConfigProblem& b) {
      return std::pair(a.line, a.column) < std::pair(b.line, b.column);
    });
  }

  static ConfigProblem ProblemAt(const TextRange& range, std::string message, std::string hint = {}) {
    return {
        .line = range.line, .column = range.column, .message = std::move(message), .hint = std::move(hint)};
  }

  void ReadTopLevel(const toml::key& key, const toml::node& node) {
    const TextRange key_range = positions_.Range(key.source());
    const TextRange value_range = positions_.Range(node.source());
    const toml::table* const table = node.as_table();
    if (table == nullptr || table->is_inline()) NoteTopLevel(value_range);
    if (key.str() == kCurrentContext) {
      const auto* const text = node.as_string();
      if (text == nullptr) {
        config_.problems.push_back(ProblemAt(
            value_range,
            fmt::format("current-context is {}: expected the name of a context in quotes", TypeName(node))));
        return;
      }
      config_.current = ConfigEntry{.key = std::string(kCurrentContext),
                                    .values = {text->get()},
                                    .key_range = key_range,
                                    .value_range = value_range};
    } else if (key.str() == kContexts) {
      if (table == nullptr) {
        config_.problems.push_back(ProblemAt(
            value_range,
            fmt::format("contexts is {}: expected tables such as [contexts.staging]", TypeName(node))));
        return;
      }
      if (table->is_inline()) config_.contexts_inline = value_range;
      for (const auto& [name, context] : *table) ReadContext(name, context);
    } else {
      config_.problems.push_back(UnknownTopLevel(key_range, key.str()));
    }
  }

  // Dotted keys at the top are not seen here: they belong to contexts.
  void NoteTopLevel(const TextRange& range) {
    if (!config_.last_top_level.has_value() || config_.last_top_level->begin < range.begin) {
      config_.last_top_level = range;
    }
  }

  static ConfigProblem UnknownTopLevel(const TextRange& range, std::string_view key) {
    constexpr std::array<std::string_view, 2> kKnown{kCurrentContext, kContexts};
    const char* const otherwise = FindGlobalOption(key) != nullptr
                                      ? "options stand in a context, below a line such as [contexts.staging]"
                                      : "the file has current-context, and tables such as [contexts.staging]";
    return ProblemAt(range, fmt::format("unknown key {}", Quoted(key)), DidYouMean(key, kKnown, otherwise));
  }

  void ReadContext(const toml::key& name, const toml::node& node) {
    const TextRange key_range = positions_.Range(name.source());
    const toml::table* const table = node.as_table();
    if (table == nullptr) {
      config_.problems.push_back(ProblemAt(positions_.Range(node.source()),
                                           fmt::format("contexts.{} is {}: expected a table with options",
                                                       TomlKey(name.str()), TypeName(node))));
      return;
    }
    ConfigContext context{
        .name = std::string(name.str()), .key_range = key_range, .range = positions_.Range(node.source())};
    if (table->is_inline()) {
      context.form = ContextForm::kInline;
    } else {
      const bool header = context.range.begin < text_.size() && text_[context.range.begin] == '[';
      context.form = header ? ContextForm::kSection : ContextForm::kDotted;
    }
    if (const std::string_view problem = ContextNameProblem(context.name); !problem.empty()) {
      context.problems.push_back(
          ProblemAt(key_range, fmt::format("the name of context {} {}", Quoted(context.name), problem)));
    }
    for (const auto& [key, value] : *table) ReadEntry(context, key, value);
    std::sort(context.entries.begin(), context.entries.end(), [](const ConfigEntry& a, const ConfigEntry& b) {
      return a.key_range.begin < b.key_range.begin;
    });
    CheckExclusions(context);
    SortProblems(context.problems);
    config_.contexts.push_back(std::move(context));
  }

  void ReadEntry(ConfigContext& context, const toml::key& key, const toml::node& node) {
    ConfigEntry entry{.key = std::string(key.str()),
                      .spec = FindGlobalOption(key.str()),
                      .values = {},
                      .key_range = positions_.Range(key.source()),
                      .value_range = positions_.Range(node.source())};
    if (entry.spec == nullptr) {
      context.problems.push_back(UnknownKey(entry));
    } else if (!entry.spec->in_context) {
      context.problems.push_back(
          ProblemAt(entry.key_range, fmt::format("{} cannot stand in a context", entry.key)));
    } else {
      ReadValues(context, entry, node);
    }
    context.entries.push_back(std::move(entry));
  }

  static ConfigProblem UnknownKey(const ConfigEntry& entry) {
    std::vector<std::string_view> known;
    for (const OptionSpec& spec : GlobalOptionTable()) {
      if (spec.in_context) known.push_back(spec.name);
    }
    std::string hint =
        entry.key == "token"
            ? "secrets do not stand in this file: put it into a file of its own, and name that as token-file"
            : DidYouMean(
                  entry.key, known,
                  "the keys are the global options, without the dashes; see 'dispatchctl help config'");
    return ProblemAt(entry.key_range, fmt::format("unknown key {}", Quoted(entry.key)), std::move(hint));
  }

  void ReadValues(ConfigContext& context, ConfigEntry& entry, const toml::node& node) {
    std::vector<std::pair<std::string, TextRange>> values;
    const toml::array* const array = node.as_array();
    bool well_typed = true;
    const auto read_one = [&](const toml::node& one) {
      const TextRange range = positions_.Range(one.source());
      std::optional<std::string> text = TextOf(*entry.spec, one);
      if (text.has_value()) {
        values.emplace_back(*std::move(text), range);
        return;
      }
      well_typed = false;
      context.problems.push_back(ProblemAt(
          range, fmt::format("{} is {}: expected {}", entry.key, TypeName(one), Expected(*entry.spec))));
    };
    if (array != nullptr && entry.spec->arity == OptionArity::kRepeated) {
      for (const toml::node& one : *array) read_one(one);
    } else {
      read_one(node);
    }
    if (!well_typed) return;
    for (auto& [value, range] : values) {
      if (!CheckValue(context, entry, value, range)) return;
    }
    for (auto& [value, range] : values) entry.values.push_back(std::move(value));
  }

  static std::string_view Expected(const OptionSpec& spec) {
    switch (spec.arity) {
      case OptionArity::kFlag:
        return "true or false";
      case OptionArity::kCount:
        return "a whole number";
      case OptionArity::kRepeated:
        return "a string, or an array of strings";
      case OptionArity::kValue:
        break;
    }
    return spec.kind == ValueKind::kNumber ? "a whole number" : "a string, in quotes";
  }

  // Nothing where the type is wrong.
  static std::optional<std::string> TextOf(const OptionSpec& spec, const toml::node& node) {
    if (spec.arity == OptionArity::kFlag) {
      const auto* const boolean = node.as_boolean();
      if (boolean == nullptr) return std::nullopt;
      return std::string(boolean->get() ? "true" : "false");
    }
    if (spec.kind == ValueKind::kNumber) {
      if (const auto* const number = node.as_integer()) return fmt::to_string(number->get());
    }
    // A size may have a unit; what counts has none.
    if (spec.arity == OptionArity::kCount) return std::nullopt;
    const auto* const text = node.as_string();
    if (text == nullptr) return std::nullopt;
    return text->get();
  }

  static bool CheckValue(ConfigContext& context, const ConfigEntry& entry, const std::string& value,
                         const TextRange& range) {
    CommandLine scratch;
    absl::Status status = entry.spec->apply(scratch, value);
    std::string hint;
    if (status.ok() && entry.spec->kind == ValueKind::kHeader) status = CheckHeader(value, hint);
    if (status.ok()) return true;
    const std::string why(status.message());
    context.problems.push_back(ProblemAt(
        range,
        entry.spec->secret ? fmt::format("invalid value for {}: {}", entry.key, why)
                           : fmt::format("invalid value {} for {}: {}", Quoted(value), entry.key, why),
        std::move(hint)));
    return false;
  }

  // Files are read when they are needed.
  static absl::Status CheckHeader(const std::string& value, std::string& hint) {
    constexpr std::array<std::string_view, 3> kSecrets{"authorization", "proxy-authorization", "cookie"};
    if (value.substr(0, 1) == "@") return absl::OkStatus();
    const auto header = ParseHeader(value);
    if (!header.ok()) return header.status();
    const std::string& name = header->first;
    if (std::find(kSecrets.begin(), kSecrets.end(), name) == kSecrets.end()) return absl::OkStatus();
    hint = name == kSecrets.front()
               ? "name a file with the token as token-file, or one with the header as '@FILE'"
               : "name a file with the header as '@FILE'";
    return absl::InvalidArgumentError(fmt::format("{} is a secret, which does not stand in this file", name));
  }

  static void CheckExclusions(ConfigContext& context) {
    const auto is_on = [](const ConfigEntry& entry) {
      if (entry.spec == nullptr || entry.values.empty()) return false;
      return entry.spec->arity != OptionArity::kFlag || entry.values.front() == "true";
    };
    for (auto second = context.entries.begin(); second != context.entries.end(); ++second) {
      if (!is_on(*second)) continue;
      for (auto first = context.entries.begin(); first != second; ++first) {
        if (!is_on(*first)) continue;
        if (first->spec->excludes != second->key && second->spec->excludes != first->key) continue;
        context.problems.push_back(ProblemAt(
            second->key_range, fmt::format("{} and {} exclude each other", first->key, second->key)));
      }
    }
  }

  void CheckCurrent() {
    if (!config_.current.has_value()) return;
    const std::string& name = config_.current->values.front();
    if (FindContext(config_, name) != nullptr) return;
    std::vector<std::string_view> known;
    for (const ConfigContext& context : config_.contexts) known.emplace_back(context.name);
    config_.problems.push_back(
        ProblemAt(config_.current->value_range,
                  fmt::format("current-context is {}, but there is no such context", Quoted(name)),
                  DidYouMean(name, known, {})));
  }

  const std::string_view text_;
  const Positions positions_;
  ConfigFile config_;
};

bool IsPlain(unsigned char c, std::string_view besides) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         besides.find(static_cast<char>(c)) != std::string_view::npos;
}

}  // namespace

ConfigFile ParseConfig(std::string_view text) {
  return Reader(text).Read();
}

const ConfigContext* FindContext(const ConfigFile& config, std::string_view name) {
  for (const ConfigContext& context : config.contexts) {
    if (context.name == name) return &context;
  }
  return nullptr;
}

const ConfigEntry* FindEntry(const ConfigContext& context, std::string_view key) {
  for (const ConfigEntry& entry : context.entries) {
    if (entry.key == key) return &entry;
  }
  return nullptr;
}

std::string_view ContextNameProblem(std::string_view name) {
  if (name.empty()) return "must not be empty";
  if (name.front() == '-') return "must not begin with a dash";
  const bool good = std::all_of(name.begin(), name.end(),
                                [](unsigned char c) { return c >= 0x80U || IsPlain(c, "_-.@:/+"); });
  return good ? "" : "may have letters, digits and _ - . @ : / + in it";
}

std::string TomlKey(std::string_view key) {
  const bool bare =
      !key.empty() && std::all_of(key.begin(), key.end(), [](unsigned char c) { return IsPlain(c, "_-"); });
  return bare ? std::string(key) : TomlString(key);
}

std::string TomlString(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20U || byte == 0x7FU) {
      out += fmt::format("\\u{:04X}", byte);
    } else {
      out += c;
    }
  }
  out += '"';
  return out;
}

std::string TomlValue(const OptionSpec& spec, const std::vector<std::string>& values) {
  const std::string& last = values.back();
  switch (spec.arity) {
    case OptionArity::kFlag: {
      bool on = false;
      ApplyBool(last, on).IgnoreError();
      return on ? "true" : "false";
    }
    case OptionArity::kRepeated: {
      std::string out = "[";
      for (const std::string& value : values) {
        if (out.size() > 1) out += ", ";
        out += TomlString(value);
      }
      return out + "]";
    }
    case OptionArity::kCount:
    case OptionArity::kValue:
      break;
  }
  // TOML knows no numbers with leading zeros.
  const bool number = spec.kind == ValueKind::kNumber && last.size() < 19 && last.front() != '0' &&
                      std::all_of(last.begin(), last.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (number || spec.arity == OptionArity::kCount) return last;
  return TomlString(last);
}

}  // namespace dispatchctl::cli
