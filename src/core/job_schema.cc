// SPDX-License-Identifier: MIT
#include "core/job_schema.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <optional>

#include "core/config_reader.h"
#include "core/json_text.h"
#include "core/suggest.h"

namespace sosw {
namespace {

std::string_view without_plural(std::string_view attr) {
  const auto last = attr.find_last_not_of('s');
  return attr.substr(0, last == attr.npos ? 0 : last + 1);
}

std::size_t word_length(std::string_view text) {
  const auto is_word = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           static_cast<unsigned char>(c) >= 0x80;  // letters beyond ASCII are words, too
  };
  return static_cast<std::size_t>(std::find_if_not(text.begin(), text.end(), is_word) -
                                  text.begin());
}

Result<std::string> attr_name(const json::value& entry) {
  if (entry.is_string()) return std::string(entry.get_string());
  if (entry.is_array() && !entry.get_array().empty() && entry.get_array().front().is_string())
    return std::string(entry.get_array().front().get_string());
  return invalid(fmt::format("chunkable_attrs: {} is no attribute", described(entry)),
                 R"(an entry is a pair of name and object: ["word", {}])");
}

Result<JobSchema> read_schema(std::string_view where, const json::value& schema) {
  if (!schema.is_object())
    return invalid(fmt::format("{}: {} is no schema", where, described(schema)),
                   R"(a schema is {"chunkable_attrs": [["word", {}]]})");
  ConfigReader reader{std::string(where), schema.get_object()};
  std::vector<std::string> attrs;
  if (const auto* listed = schema.get_object().if_contains("chunkable_attrs")) {
    if (!listed->is_array())
      return invalid(fmt::format("{}: chunkable_attrs: {} is no list", where, described(*listed)));
    for (const auto& entry : listed->get_array()) {
      auto name = attr_name(entry);
      if (name)
        attrs.push_back(std::move(*name));
      else
        reader.fail_in(where, name.error());
    }
  }
  auto created = JobSchema::create(std::move(attrs));
  if (!created) reader.fail_in(where, created.error());
  if (reader.failed()) return *reader.failed();
  return created;
}

}  // namespace

std::string plural(std::string_view attr) { return std::string(without_plural(attr)) + 's'; }

std::vector<std::string> single_or_plural(std::string_view attr) {
  std::vector<std::string> spellings = {std::string(attr) + 's', std::string(without_plural(attr))};
  if (spellings.back() != attr) spellings.insert(spellings.begin(), std::string(attr));
  return spellings;
}

std::optional<std::size_t> get_index_from_list(std::string_view attr,
                                               const std::vector<std::string>& names) {
  for (const auto& spelling : single_or_plural(attr))
    if (const auto found = std::find(names.begin(), names.end(), spelling); found != names.end())
      return static_cast<std::size_t>(found - names.begin());
  return std::nullopt;
}

bool is_isolate_attribute(std::string_view key) {
  if (key.substr(0, 8) == "isolate_") return true;
  if (key.substr(0, 4) != "max_") return false;
  const auto rest = key.substr(4);
  return rest.substr(0, word_length(rest)).find("_per_batch") != rest.npos;
}

bool truthy(const json::value& value) {
  switch (value.kind()) {
    case json::kind::null:
      return false;
    case json::kind::bool_:
      return value.get_bool();
    case json::kind::int64:
      return value.get_int64() != 0;
    case json::kind::uint64:
      return value.get_uint64() != 0;
    case json::kind::double_:
      return value.get_double() != 0;
    case json::kind::string:
      return !value.get_string().empty();
    case json::kind::array:
      return !value.get_array().empty();
    case json::kind::object:
      return !value.get_object().empty();
  }
  return false;
}

Result<FlatValues> FlatValues::validate_list_of_vals(const json::value& value) {
  constexpr auto kHint =
      "ask for chunking with isolate_ATTRIBUTE, or give a flat list, or an object whose values are "
      "null";
  if (value.is_array()) {
    const auto& list = value.get_array();
    const auto embedded = std::find_if(
        list.begin(), list.end(), [](const auto& v) { return v.is_structured() || v.is_null(); });
    if (embedded == list.end()) return FlatValues(value, Source::list);
    return invalid(fmt::format("[{}]: {} among values that are to be flat", embedded - list.begin(),
                               described(*embedded)),
                   kHint);
  }
  if (!value.is_object())
    return invalid(fmt::format(": {} is neither a list nor an object", described(value)));
  const auto& object = value.get_object();
  const auto embedded = std::find_if(object.begin(), object.end(),
                                     [](const auto& member) { return !member.value().is_null(); });
  if (embedded == object.end()) return FlatValues(value, Source::keys);
  if (object.size() == 1) return FlatValues(value, Source::itself);
  return invalid(fmt::format(".{}: {} among values that are to be flat",
                             std::string_view(embedded->key()), described(embedded->value())),
                 kHint);
}

std::int64_t FlatValues::size() const {
  switch (source_) {
    case Source::list:
      return static_cast<std::int64_t>(value_->get_array().size());
    case Source::keys:
      return static_cast<std::int64_t>(value_->get_object().size());
    case Source::itself:
      return 1;
  }
  return 0;
}

void FlatValues::append(std::int64_t i, std::string& out) const {
  switch (source_) {
    case Source::list:
      append_json(value_->get_array()[static_cast<std::size_t>(i)], out);
      break;
    case Source::keys:
      append_json(std::string_view((value_->get_object().begin() + i)->key()), out);
      break;
    case Source::itself:
      append_json(*value_, out);
  }
}

Result<JobSchema> JobSchema::create(std::vector<std::string> attrs) {
  if (attrs.size() > kMaxLevels)
    return invalid(
        fmt::format("{} chunkable attributes, at most {} are allowed", attrs.size(), kMaxLevels));
  JobSchema schema;
  std::optional<Error> wrong;
  const auto fail = [&](Error error) {
    if (wrong)
      wrong->others.push_back(std::move(error));
    else
      wrong = std::move(error);
  };
  for (std::size_t level = 0; level < attrs.size(); ++level) {
    const auto& attr = attrs[level];
    if (attr.empty()) {
      fail(invalid("a chunkable attribute without a name"));
      continue;
    }
    if (attr.back() == 's')
      fail(
          invalid(fmt::format("chunkable attribute '{}' ends with 's'", attr),
                  fmt::format("name it in the singular; jobs may use '{}' as well", plural(attr))));
    if (std::find(attrs.begin(), attrs.begin() + static_cast<std::ptrdiff_t>(level), attr) !=
        attrs.begin() + static_cast<std::ptrdiff_t>(level))
      fail(invalid(fmt::format("chunkable attribute '{}' is named twice", attr)));
    schema.plurals_.push_back(plural(attr));
    const std::pair<Slot, std::string> spellings[] = {
        {plural_value, plural(attr)}, {single_value, attr}, {odd_value, plural(attr) + 's'}};
    for (const auto& [slot, spelling] : spellings) {
      const auto base = level * kSlots + slot;
      schema.slot_of_key_.emplace(spelling, base);
      const auto isolate = "isolate_" + spelling;
      const auto most = "max_" + spelling + "_per_batch";
      schema.slot_of_key_.emplace(isolate, base + isolate_plural);
      schema.slot_of_key_.emplace(most, base + max_plural);
      schema.inherited_[base + isolate_plural] = is_isolate_attribute(isolate);
      schema.inherited_[base + max_plural] = is_isolate_attribute(most);
    }
  }
  if (wrong) return *wrong;
  schema.attrs_ = std::move(attrs);
  return schema;
}

Result<JobSchema> JobSchema::from_config(const json::object& config, std::string_view name) {
  const auto* variants = config.if_contains("job_schema_variants");
  if (variants && !variants->is_object())
    return invalid(fmt::format("job_schema_variants: {} is no object", described(*variants)),
                   R"(it maps names to schemas: {"default": {"chunkable_attrs": [["word", {}]]}})");
  const std::string_view wanted = name.empty() ? "default" : name;
  if (variants)
    if (const auto* variant = variants->get_object().if_contains(wanted))
      return read_schema(fmt::format("job_schema_variants.{}", wanted), *variant);
  if (wanted == "default") {
    const auto* schema = config.if_contains("job_schema");
    return schema ? read_schema("job_schema", *schema) : JobSchema();
  }
  std::vector<std::string_view> known = {"default"};
  if (variants)
    for (const auto& member : variants->get_object())
      if (member.key() != "default") known.emplace_back(member.key());
  return invalid(fmt::format("unknown job_schema_name '{}'", wanted), suggestion(wanted, known));
}

std::optional<std::string> JobSchema::get_next_chunkable_attr(std::string_view attr) const {
  const auto level = get_index_from_list(attr, attrs_);
  if (!level || *level + 1 == attrs_.size()) return std::nullopt;
  return attrs_[*level + 1];
}

bool JobSchema::needs_chunking(std::string_view attr, const json::object& data) const {
  if (const auto level = get_index_from_list(attr, attrs_))
    return needs_chunking(*level, attr != attrs_[*level], view(data));
  const auto spellings = single_or_plural(attr);  // nothing is known to be inside of it
  return std::any_of(spellings.begin(), spellings.end(), [&](const std::string& spelling) {
    const auto* isolate = data.if_contains("isolate_" + spelling);
    const auto* most = data.if_contains("max_" + spelling + "_per_batch");
    return (isolate && truthy(*isolate)) || (most && truthy(*most));
  });
}

JobSchema::View JobSchema::view(const json::object& object) const {
  View view;
  std::fill_n(view.slots.begin(), used(), nullptr);
  if (object.size() > slot_of_key_.size()) {
    for (const auto& [key, slot] : slot_of_key_) view.slots[slot] = object.if_contains(key);
    return view;
  }
  std::string key;
  for (const auto& member : object) {
    key.assign(member.key());
    if (const auto slot = slot_of_key_.find(key); slot != slot_of_key_.end())
      view.slots[slot->second] = &member.value();
  }
  return view;
}

JobSchema::View JobSchema::merged(const View& below, const View& above) const {
  View both;
  for (std::size_t i = 0; i < used(); ++i)
    both.slots[i] = above.slots[i] ? above.slots[i] : below.slots[i];
  return both;
}

bool JobSchema::needs_chunking(std::size_t level, bool as_plural, const View& data) const {
  const auto asked = [&](Slot slot) {
    const auto* flag = data.at(level, slot);
    return flag && truthy(*flag);
  };
  if (asked(isolate_plural) || asked(isolate_single) || asked(max_plural) || asked(max_single) ||
      (as_plural && (asked(isolate_odd) || asked(max_odd))))
    return true;
  if (level + 1 == attrs_.size()) return false;
  const auto inside = [&](const json::value& value) {
    if (!value.is_object()) return false;
    for (const auto& element : value.get_object()) {
      if (!element.value().is_object()) continue;
      auto below = view(element.value().get_object());
      for (std::size_t i = 0; i < used(); ++i)
        if (inherited_[i] && data.slots[i]) below.slots[i] = data.slots[i];
      if (needs_chunking(level + 1, false, below)) return true;
    }
    return false;
  };
  for (const auto slot : {plural_value, single_value, odd_value}) {
    const auto* value = data.at(level, slot);
    if (!value || (slot == odd_value && !as_plural)) continue;
    if (value->is_array()) {
      const auto& list = value->get_array();
      if (std::any_of(list.begin(), list.end(), inside)) return true;
    } else if (inside(*value)) {
      return true;
    }
  }
  return false;
}

}  // namespace sosw
