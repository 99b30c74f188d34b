#include "completion/candidates.h"

#include <algorithm>
#include <cstddef>

#include "config/option_table.h"
#include "help/help_texts.h"

namespace dispatchctl::cli {
namespace {

bool StartsWith(std::string_view text, std::string_view beginning) {
  return text.substr(0, beginning.size()) == beginning;
}

bool TakesValue(const OptionSpec& spec) {
  return spec.arity == OptionArity::kValue || spec.arity == OptionArity::kRepeated;
}

class Completer {
 public:
  explicit Completer(const ContextNames& context_names) : context_names_(context_names) {}

  Completion Run(std::span<const std::string_view> words) {
    if (words.empty()) return {};
    for (const std::string_view word : words.first(words.size() - 1)) Pass(word);
    CompleteWord(words.back());
    return std::move(completion_);
  }

 private:
  template <class Visit>
  void ForEachOption(Visit&& visit) const {
    if (command_ != nullptr) {
      for (const OptionSpec& spec : command_->options()) visit(spec);
    }
    for (const OptionSpec& spec : GlobalOptionTable()) visit(spec);
  }

  const OptionSpec* FindOption(std::string_view name) const {
    const OptionSpec* found = nullptr;
    ForEachOption([&](const OptionSpec& spec) {
      if (found == nullptr && spec.name == name) found = &spec;
    });
    return found;
  }

  const OptionSpec* FindOption(char letter) const {
    const OptionSpec* found = nullptr;
    ForEachOption([&](const OptionSpec& spec) {
      if (found == nullptr && spec.letter == letter) found = &spec;
    });
    return found;
  }

  // The place of the value in a word such as -vofoo; 0 when it has none.
  std::size_t ValueInCluster(std::string_view word, const OptionSpec*& spec) const {
    for (std::size_t at = 1; at < word.size(); ++at) {
      spec = FindOption(word[at]);
      if (spec == nullptr) return 0;
      if (TakesValue(*spec)) return at + 1;
    }
    return 0;
  }

  // A word in front of the cursor.
  void Pass(std::string_view word) {
    if (pending_ != nullptr) {
      Give(*pending_, word);
      pending_ = nullptr;
    } else if (!only_operands_ && word == "--") {
      only_operands_ = true;
    } else if (!only_operands_ && StartsWith(word, "--")) {
      const std::size_t equals = word.find('=');
      const OptionSpec* const spec =
          FindOption(word.substr(2, equals == std::string_view::npos ? equals : equals - 2));
      if (spec == nullptr) return;
      given_.push_back(spec);
      if (equals != std::string_view::npos) {
        Give(*spec, word.substr(equals + 1));
      } else if (TakesValue(*spec)) {
        pending_ = spec;
      }
    } else if (!only_operands_ && word.size() > 1 && word.front() == '-') {
      const OptionSpec* spec = nullptr;
      const std::size_t value = ValueInCluster(word, spec);
      if (value == 0) return;
      given_.push_back(spec);
      if (value < word.size()) {
        Give(*spec, word.substr(value));
      } else {
        pending_ = spec;
      }
    } else if (command_ != nullptr || unknown_command_) {
      operands_.push_back(word);
    } else {
      const auto commands = CommandTable();
      const auto found = std::find_if(commands.begin(), commands.end(),
                                      [word](const CommandSpec& spec) { return spec.name == word; });
      unknown_command_ = found == commands.end();
      if (!unknown_command_) command_ = &*found;
    }
  }

  void Give(const OptionSpec& spec, std::string_view value) {
    if (spec.name == "config") config_file_ = value;
  }

  void CompleteWord(std::string_view word) {
    if (pending_ != nullptr) {
      CompleteValue(*pending_, "", word);
    } else if (!only_operands_ && StartsWith(word, "--") && word.find('=') != std::string_view::npos) {
      const std::size_t equals = word.find('=');
      const OptionSpec* const spec = FindOption(word.substr(2, equals - 2));
      if (spec != nullptr) CompleteValue(*spec, word.substr(0, equals + 1), word.substr(equals + 1));
    } else if (!only_operands_ && word.size() > 1 && word[0] == '-' && word[1] != '-') {
      const OptionSpec* spec = nullptr;
      const std::size_t value = ValueInCluster(word, spec);
      if (value != 0 && value < word.size()) {
        CompleteValue(*spec, word.substr(0, value), word.substr(value));
      } else if (spec != nullptr) {
        Add(std::string(word), spec->help);
      }
    } else if (!only_operands_ && StartsWith(word, "-")) {
      CompleteOption(word);
    } else {
      CompleteOperand(word);
    }
  }

  void CompleteOption(std::string_view word) {
    ForEachOption([&](const OptionSpec& spec) {
      const bool again = spec.arity == OptionArity::kRepeated || spec.arity == OptionArity::kCount;
      const bool given = std::find(given_.begin(), given_.end(), &spec) != given_.end();
      if (again || !given) Offer(word, "--" + std::string(spec.name), spec.help);
    });
    Offer(word, "--help", "print help");
    Offer(word, "--version", "print the version");
  }

  void CompleteOperand(std::string_view word) {
    if (unknown_command_) return;
    if (command_ == nullptr || (command_->command == Command::kHelp && operands_.empty())) {
      for (const CommandSpec& spec : CommandTable()) Offer(word, std::string(spec.name), spec.help);
      if (command_ == nullptr) return;
      for (const std::string_view topic : HelpTopics()) Offer(word, std::string(topic), "a topic");
      return;
    }
    if (operands_.empty()) {
      for (const OperandWord& known : command_->words) Offer(word, std::string(known.name), known.help);
      return;
    }
    for (const OperandWord& known : command_->words) {
      const int count = static_cast<int>(operands_.size()) - 1;
      if (known.name == operands_.front() && count < known.most_operands) CompleteKind(known.kind, "", word);
    }
  }

  void CompleteValue(const OptionSpec& spec, std::string_view prefix, std::string_view value) {
    for (const std::string_view choice : spec.choices) OfferValue(prefix, value, choice);
    if (!TakesValue(spec)) {
      if (spec.arity != OptionArity::kFlag) return;
      for (const std::string_view choice : {"true", "false"}) OfferValue(prefix, value, choice);
      return;
    }
    if (spec.kind != ValueKind::kHeader) {
      CompleteKind(spec.kind, prefix, value);
    } else if (StartsWith(value, "@")) {
      CompleteKind(ValueKind::kFile, std::string(prefix) + "@", value.substr(1));
    }
  }

  void CompleteKind(ValueKind kind, std::string_view prefix, std::string_view value) {
    switch (kind) {
      case ValueKind::kFile:
        completion_.files = true;
        completion_.file_prefix = prefix;
        break;
      case ValueKind::kContextName:
        for (const std::string& name : context_names_(config_file_)) OfferValue(prefix, value, name);
        break;
      case ValueKind::kOptionName:
        for (const OptionSpec& spec : GlobalOptionTable()) {
          if (spec.in_context) OfferValue(prefix, value, spec.name, spec.help);
        }
        break;
      case ValueKind::kText:
      case ValueKind::kNumber:
      case ValueKind::kHeader:
        break;
    }
  }

  void OfferValue(std::string_view prefix, std::string_view begun, std::string_view value,
                  std::string_view description = {}) {
    if (StartsWith(value, begun)) Add(std::string(prefix).append(value), description);
  }

  void Offer(std::string_view begun, std::string word, std::string_view description) {
    if (StartsWith(word, begun)) Add(std::move(word), description);
  }

  void Add(std::string word, std::string_view description) {
    completion_.candidates.push_back({std::move(word), description});
  }

  const ContextNames& context_names_;
  Completion completion_;
  const CommandSpec* command_ = nullptr;
  bool unknown_command_ = false;
  bool only_operands_ = false;
  const OptionSpec* pending_ = nullptr;  // the value of this one comes next
  std::vector<const OptionSpec*> given_;
  std::vector<std::string_view> operands_;
  std::string config_file_;
};

}  // namespace

Completion Complete(std::span<const std::string_view> words, const ContextNames& context_names) {
  return Completer(context_names).Run(words);
}

}  // namespace dispatchctl::cli
