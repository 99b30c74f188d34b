// Writes what `dispatchctl describe` prints as a C++ source: the contract's text, and a JSON Schema of each
// message. Usage: contract_text_generator DESCRIPTOR_SET PROTO_FILE OUTPUT

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>

#include <algorithm>
#include <cstddef>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;
using google::protobuf::MethodDescriptor;
using google::protobuf::SourceLocation;
using Json = nlohmann::ordered_json;

std::string Trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \n");
  if (begin == std::string_view::npos) return {};
  std::string trimmed(text.substr(begin, text.find_last_not_of(" \n") + 1 - begin));
  // A comment's lines begin with the blank that follows the slashes.
  for (std::size_t at = 0; (at = trimmed.find("\n ", at)) != std::string::npos;) trimmed.erase(at + 1, 1);
  std::replace(trimmed.begin(), trimmed.end(), '\n', ' ');
  return trimmed;
}

template <class Element>
std::string CommentOf(const Element& element) {
  SourceLocation location;
  if (!element.GetSourceLocation(&location)) return {};
  return Trimmed(location.leading_comments + location.trailing_comments);
}

// The lines of an element with the comment above it, moved to the left margin.
template <class Element>
std::string TextOf(const Element& element, const std::vector<std::string>& lines) {
  SourceLocation location;
  if (!element.GetSourceLocation(&location)) return {};
  const std::string& comment = location.leading_comments;
  const auto above = static_cast<int>(std::count(comment.begin(), comment.end(), '\n'));
  const auto margin = static_cast<std::size_t>(location.start_column);
  std::string text;
  for (int line = location.start_line - above; line <= location.end_line; ++line) {
    const std::string& whole = lines.at(static_cast<std::size_t>(line));
    text += whole.size() > margin ? whole.substr(margin) : std::string();
    text += '\n';
  }
  return text;
}

std::string ReferenceTo(const Descriptor& message) {
  return "#/$defs/" + message.name();
}

// As protobuf's JSON mapping has it: https://protobuf.dev/programming-guides/json/
Json SchemaOfValue(const FieldDescriptor& field) {
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      return {{"type", "boolean"}};
    case FieldDescriptor::CPPTYPE_INT32:
    case FieldDescriptor::CPPTYPE_UINT32:
      return {{"type", "integer"}};
    case FieldDescriptor::CPPTYPE_INT64:
    case FieldDescriptor::CPPTYPE_UINT64:
      return {{"type", {"string", "integer"}}};
    case FieldDescriptor::CPPTYPE_FLOAT:
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return {{"type", "number"}};
    case FieldDescriptor::CPPTYPE_ENUM: {
      Json names = Json::array();
      for (int i = 0; i < field.enum_type()->value_count(); ++i)
        names.push_back(field.enum_type()->value(i)->name());
      return {{"enum", names}};
    }
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return {{"$ref", ReferenceTo(*field.message_type())}};
    case FieldDescriptor::CPPTYPE_STRING:
      break;
  }
  Json schema{{"type", "string"}};
  if (field.type() == FieldDescriptor::TYPE_BYTES) schema["contentEncoding"] = "base64";
  return schema;
}

Json SchemaOf(const FieldDescriptor& field) {
  Json schema;
  if (field.is_map()) {
    schema = {{"type", "object"},
              {"additionalProperties", SchemaOfValue(*field.message_type()->map_value())}};
  } else if (field.is_repeated()) {
    schema = {{"type", "array"}, {"items", SchemaOfValue(field)}};
  } else {
    schema = SchemaOfValue(field);
  }
  if (const std::string comment = CommentOf(field); !comment.empty()) schema["description"] = comment;
  return schema;
}

Json SchemaOf(const Descriptor& message) {
  Json schema{{"title", message.name()}};
  if (const std::string comment = CommentOf(message); !comment.empty()) schema["description"] = comment;
  schema["type"] = "object";
  schema["properties"] = Json::object();
  for (int i = 0; i < message.field_count(); ++i) {
    schema["properties"][message.field(i)->name()] = SchemaOf(*message.field(i));
  }
  schema["additionalProperties"] = false;
  return schema;
}

// Where other messages are referred to, they stand beside it.
void AddReferred(const Descriptor& message, Json& definitions) {
  for (int i = 0; i < message.field_count(); ++i) {
    const FieldDescriptor& field = *message.field(i);
    const FieldDescriptor& value = field.is_map() ? *field.message_type()->map_value() : field;
    const Descriptor* const referred = value.message_type();
    if (referred == nullptr || definitions.contains(referred->name())) continue;
    definitions[referred->name()] = SchemaOf(*referred);
    AddReferred(*referred, definitions);
  }
}

std::string SchemaText(const Descriptor& message) {
  Json schema{{"$schema", "https://json-schema.org/draft/2020-12/schema"}};
  schema.update(SchemaOf(message));
  Json definitions = Json::object();
  AddReferred(message, definitions);
  if (!definitions.empty()) schema["$defs"] = definitions;
  return schema.dump(2) + "\n";
}

std::string Literal(std::string_view text) {
  constexpr std::string_view kMark = "~contract~";
  return "R\"" + std::string(kMark) + "(" + std::string(text) + ")" + std::string(kMark) + "\"";
}

class Writer {
 public:
  Writer(const FileDescriptor& file, std::string_view text) : text_(text) {
    std::istringstream stream{std::string(text)};
    for (std::string line; std::getline(stream, line);) lines_.push_back(line);
    for (int i = 0; i < file.service_count(); ++i) {
      const auto& service = *file.service(i);
      Add("service", service, "", {});
      for (int j = 0; j < service.method_count(); ++j) {
        const MethodDescriptor& method = *service.method(j);
        Add("method", method, "", method.input_type()->name() + " and " + method.output_type()->name());
      }
    }
    for (int i = 0; i < file.message_type_count(); ++i) {
      Add("message", *file.message_type(i), SchemaText(*file.message_type(i)), {});
    }
  }

  std::string Source() const {
    return "#include <array>\n\n#include \"contract/contract_text.h\"\n\nnamespace dispatchctl::cli "
           "{\nnamespace {\n\n"
           "constexpr std::array kElements{\n" +
           elements_ +
           "};\n\n}  // namespace\n\nstd::span<const ContractElement> ContractElements() {\n  return "
           "kElements;\n}\n\n"
           "std::string_view ContractText() {\n  return " +
           Literal(text_) + ";\n}\n\n}  // namespace dispatchctl::cli\n";
  }

 private:
  template <class Element>
  void Add(const char* kind, const Element& element, const std::string& schema, const std::string& messages) {
    elements_ += "    ContractElement{\"" + std::string(kind) + "\", \"" + element.name() + "\", \"" +
                 element.full_name() + "\", " + Literal(TextOf(element, lines_)) + ", " + Literal(schema) +
                 ", \"" + messages + "\"},\n";
  }

  const std::string text_;
  std::vector<std::string> lines_;
  std::string elements_;
};

std::string Contents(const char* path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

int main(int argc, char** argv) {
  google::protobuf::FileDescriptorSet set;
  if (argc != 4 || !set.ParseFromString(Contents(argv[1])) || set.file_size() == 0) {
    std::cerr << "usage: contract_text_generator DESCRIPTOR_SET PROTO_FILE OUTPUT\n";
    return 2;
  }
  google::protobuf::DescriptorPool pool;
  const FileDescriptor* file = nullptr;
  for (const auto& part : set.file()) file = pool.BuildFile(part);
  if (file == nullptr) {
    std::cerr << "contract_text_generator: " << argv[1] << " cannot be built\n";
    return 1;
  }
  std::ofstream output(argv[3], std::ios::binary);
  output << Writer(*file, Contents(argv[2])).Source();
  output.close();
  return output.good() ? 0 : 1;
}
