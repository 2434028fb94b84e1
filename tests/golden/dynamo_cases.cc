// SPDX-License-Identifier: MIT
// The file `dynamo`: the table client against a server that plays DynamoDB, notes the requests and
// answers what the case says.
#include <fmt/format.h>

#include <cmath>
#include <cstdlib>
#include <mutex>

#include "areas.h"
#include "core/json_text.h"
#include "dynamo_model.h"
#include "exceptions.h"
#include "sdk/dynamo_expressions.h"
#include "sdk/python.h"
#include "sosw/dynamo_db.h"
#include "support/http_server.h"

namespace sosw::golden {
namespace {

constexpr std::chrono::system_clock::time_point kNow{std::chrono::seconds(1'548'928'800)};

json::object object_or_empty(const json::value& value) {
  return value.is_object() ? dynamo_given(value).as_object() : json::object();
}
std::string text_or_empty(const json::value& value) {
  return value.is_string() ? std::string(value.get_string()) : std::string();
}
std::vector<std::string> texts_of(const json::value& value) {
  std::vector<std::string> out;
  if (value.is_array())
    for (const auto& element : value.get_array()) out.push_back(text_or_empty(element));
  return out;
}

// "BatchGetItem" as "batch_get_item".
std::string snake(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (c >= 'A' && c <= 'Z' && !out.empty()) out += '_';
    out += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return out;
}

// DynamoDB, as far as a case needs it.
class Dynamo {
 public:
  explicit Dynamo(const Case& what) : what_(what) {}

  testing::HttpReply answer(const testing::HttpRequest& request) {
    const std::lock_guard lock(mutex_);
    const auto operation = request.headers.at("x-amz-target").substr(sizeof "DynamoDB_20120810");
    auto params = parse_json(request.body)->as_object();
    if (operation == "DescribeTable") {
      const auto& description = what_.in("description");
      return reply(description.is_object() ? description.get_object()
                                           : json::object{{"Table", json::object()}});
    }
    if (const auto fault = wrong_placeholders(params); !fault.empty())
      return {
          .status = 400,
          .body = json_text(json::object{{"__type", "ValidationException"}, {"message", fault}})};
    if (operation == "Query" || operation == "Scan") return page(operation, std::move(params));
    note(operation, params);
    return reply(operation == "BatchGetItem" ? batch(params) : json::object());
  }

  [[nodiscard]] json::array requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

 private:
  static testing::HttpReply reply(const json::object& body) { return {.body = json_text(body)}; }

  void note(std::string_view operation, const json::object& params) {
    requests_.push_back({{"operation", snake(operation)}, {"params", params}});
  }

  // What DynamoDB refuses: placeholders that are not used, or not defined.
  static std::string wrong_placeholders(const json::object& params) {
    std::string expressions;
    for (const auto& member : params)
      if (std::string_view(member.key()).ends_with("Expression"))
        expressions += " " + text_or_empty(member.value());
    for (const char* kind : {"ExpressionAttributeNames", "ExpressionAttributeValues"}) {
      const auto* defined = params.if_contains(kind);
      if (!defined) continue;
      for (const auto& member : defined->as_object())
        if (expressions.find(member.key()) == expressions.npos)
          return fmt::format("{} is not used", std::string_view(member.key()));
    }
    for (std::size_t at = 0; (at = expressions.find_first_of("#:", at)) != expressions.npos; ++at) {
      const auto end = expressions.find_first_not_of("nv0123456789", at + 1);
      const auto placeholder = expressions.substr(at, end - at);
      const auto* defined = params.if_contains(
          placeholder.front() == '#' ? "ExpressionAttributeNames" : "ExpressionAttributeValues");
      if (!defined || !defined->as_object().contains(placeholder))
        return placeholder + " is not defined";
    }
    return "";
  }

  // A page, which has to be asked for with the end of the one before. All pages of one call are one
  // request in the original's paginator.
  testing::HttpReply page(const std::string& operation, json::object params) {
    json::array pages{json::object{{"Items", json::array()}, {"Count", 0}}};
    if (what_.in("returned_pages").is_array()) pages = what_.in("returned_pages").get_array();
    const json::object start{{"page", {{"N", std::to_string(next_page_)}}}};
    const auto* given = params.if_contains("ExclusiveStartKey");
    if (next_page_ == 0 ? given != nullptr : !given || *given != start)
      params["ExclusiveStartKey"] = "is wrong";
    else
      params.erase("ExclusiveStartKey");
    // The original leaves it to the client to cut (D-31); ours says how many it still wants, unless
    // a filter makes that number meaningless.
    if (sdk::truth(what_.in("max_items")) && !sdk::truth(what_.in("filter_expression"))) {
      const auto* limit = params.if_contains("Limit");
      if (limit && limit->is_int64() &&
          limit->get_int64() == what_.in("max_items").as_int64() - delivered_)
        params.erase("Limit");
      else
        params["Limit"] = "is wrong";
    }
    if (next_page_ == 0 || requests_.back().at("params") != params) note(operation, params);
    if (next_page_ >= static_cast<std::int64_t>(pages.size()))
      return {.status = 400, .body = R"({"__type": "ValidationException"})"};
    auto answer = dynamo_sorted_sets(pages[static_cast<std::size_t>(next_page_++)]).as_object();
    delivered_ += std::ssize(answer["Items"].as_array());
    if (next_page_ < std::ssize(pages))
      answer["LastEvaluatedKey"] = {{"page", {{"N", std::to_string(next_page_)}}}};
    return reply(answer);
  }

  // Without answers in the case each key exists, and the row is the key.
  json::object batch(const json::object& params) {
    const auto* answers = what_.in("responses").if_array();
    if (answers && next_page_ < std::ssize(*answers))
      return dynamo_given((*answers)[static_cast<std::size_t>(next_page_++)]).as_object();
    json::object found;
    for (const auto& [table, request] : params.at("RequestItems").as_object())
      found[table] = request.at("Keys");
    return {{"Responses", found}, {"UnprocessedKeys", json::object()}};
  }

  const Case& what_;
  mutable std::mutex mutex_;
  json::array requests_;
  std::int64_t next_page_ = 0;
  std::int64_t delivered_ = 0;
};

class Client : public DynamoDbClient {
 public:
  using DynamoDbClient::DynamoDbClient;
  json::array slept;

 protected:
  [[nodiscard]] std::chrono::system_clock::time_point now() const override { return kNow; }
  void sleep(std::chrono::duration<double> time) override {
    slept.push_back(std::round(time.count() * 1e6) / 1e6);
  }
};

// A client of the case's config, and the server it speaks to.
struct World {
  explicit World(const Case& what)
      : dynamo(what), server([this](const auto& request) { return dynamo.answer(request); }) {
    for (const char* name : {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"})
      setenv(name, "golden", 1);  // NOLINT(concurrency-mt-unsafe): the server does not look
    auto config = what.config;
    config["skip_glue"] = true;
    client.emplace(config, AwsClientOptions{.region = "eu-west-1", .endpoint = server.url()});
  }

  // `requests`, `stats` and the result, if the call has one.
  template <class Call>
  Answer transcript(const Case& what, Call call) {
    json::value result;
    const auto answer = answer_of([&] {
      if constexpr (std::is_void_v<decltype(call(*client))>)
        call(*client);
      else
        result = call(*client);
    });
    if (answer.is_error()) return answer;
    json::object out{{"requests", dynamo.requests()}, {"stats", client->get_stats()}};
    if (!result.is_null()) out["result"] = result;
    return Answer::output(dynamo_behaviour(what, out));
  }

  Dynamo dynamo;
  testing::HttpServer server;
  std::optional<Client> client;
};

template <class Call>
Answer output(const Case& what, Call call) {
  World world(what);
  return answer_of([&] { return dynamo_behaviour(what, json::value(call(*world.client))); });
}
template <class Call>
Answer transcript(const Case& what, Call call) {
  return World(what).transcript(what, call);
}

// The deprecated `strict` says the opposite.
bool fetch_all(const Case& what) {
  const auto& all = what.in("fetch_all_fields");
  return all.is_null() ? what.in("strict") == false : all == true;
}
std::optional<bool> consistent(const Case& what) {
  const auto& value = what.in("consistent_read");
  return value.is_bool() ? std::optional(value.get_bool()) : std::nullopt;
}

Answer dict_to_dynamo(const Case& what) {
  return output(what, [&](Client& client) {
    return client.dict_to_dynamo(object_or_empty(what.in("row_dict")),
                                 text_or_empty(what.in("add_prefix")), what.in("strict") != false);
  });
}

Answer dynamo_to_dict(const Case& what) {
  return output(what, [&](Client& client) {
    return client.dynamo_to_dict(dynamo_sorted_sets(what.in("dynamo_row")).as_object(),
                                 fetch_all(what));
  });
}

Answer parse_filter(const Case& what) {
  if (!what.in("expression").is_string()) return Answer::error("TypeError");
  return answer_of([&] {
    sdk::Placeholders placeholders;
    json::object params{
        {"FilterExpression", sdk::filter(sdk::DynamoRows(what.config),
                                         text_or_empty(what.in("expression")), placeholders)}};
    placeholders.add_to(params);
    return json::value(dynamo_meaning(params));
  });
}

Answer get_by_query(const Case& what) {
  if (!what.in("filter_expression").is_null() && !what.in("filter_expression").is_string())
    return Answer::error("TypeError");
  return transcript(what, [&](Client& client) -> json::value {
    const auto& max = what.in("max_items");
    const DynamoDbQueryOptions options{
        .table_name = text_or_empty(what.in("table_name")),
        .index_name = text_or_empty(what.in("index_name")),
        .comparisons = object_or_empty(what.in("comparisons")),
        .max_items = max.is_int64() ? max.get_int64() : 0,
        .filter_expression = text_or_empty(what.in("filter_expression")),
        .desc = sdk::truth(what.in("desc")),
        .fetch_all_fields = what.in("fetch_all_fields") == true,
        .expr_attrs_names = texts_of(what.in("expr_attrs_names")),
        .consistent_read = consistent(what)};
    const auto keys = object_or_empty(what.in("keys"));
    if (sdk::truth(what.in("return_count"))) return client.count_by_query(keys, options);
    return client.get_by_query(keys, options);
  });
}

DynamoDbScanOptions scan_options(const Case& what) {
  return {.attrs = object_or_empty(what.in("attrs")),
          .table_name = text_or_empty(what.in("table_name")),
          .index_name = text_or_empty(what.in("index_name")),
          .fetch_all_fields = fetch_all(what),
          .consistent_read = consistent(what)};
}

Answer get_by_scan(const Case& what) {
  return transcript(what, [&](Client& client) { return client.get_by_scan(scan_options(what)); });
}

Answer get_by_scan_generator(const Case& what) {
  return transcript(what, [&](Client& client) {
    json::array pages;
    for (const auto& page : client.get_by_scan_generator(scan_options(what))) pages.push_back(page);
    return pages;
  });
}

Answer batch_get(const Case& what) {
  World world(what);
  std::vector<json::object> keys;
  for (const auto& key : what.in("keys_list").as_array()) keys.push_back(object_or_empty(key));
  DynamoDbBatchGetOptions options{.table_name = text_or_empty(what.in("table_name")),
                                  .fetch_all_fields = fetch_all(what),
                                  .consistent_read = consistent(what)};
  if (what.in("max_retries").is_int64())
    options.max_retries = static_cast<int>(what.in("max_retries").get_int64());
  if (what.in("retry_wait_base_time").is_number())
    options.retry_wait_base_time =
        std::chrono::duration<double>(what.in("retry_wait_base_time").to_number<double>());
  const auto answer = answer_of(
      [&] { return json::value(world.client->batch_get_items_one_table(keys, options)); });
  if (answer.is_error() && answer.error_class() != "RuntimeError") return answer;
  json::object out{{"requests", world.dynamo.requests()}, {"slept", world.client->slept}};
  if (answer.is_error())
    out["raised"] = answer.error_class();
  else
    out["result"] = answer.value();
  return Answer::output(dynamo_behaviour(what, out));
}

bool overwrites(const Case& what) {
  return !what.input.contains("overwrite_existing") || sdk::truth(what.in("overwrite_existing"));
}

Answer put(const Case& what) {
  return transcript(what, [&](Client& client) {
    client.put(object_or_empty(what.in("row")), text_or_empty(what.in("table_name")),
               overwrites(what));
  });
}
Answer create(const Case& what) {
  return transcript(what, [&](Client& client) {
    client.create(object_or_empty(what.in("row")), text_or_empty(what.in("table_name")));
  });
}
Answer build_put_query(const Case& what) {
  return transcript(what, [&](Client& client) {
    return client.build_put_query(object_or_empty(what.in("row")),
                                  text_or_empty(what.in("table_name")), overwrites(what));
  });
}
Answer make_put(const Case& what) {
  return transcript(what, [&](Client& client) {
    return client.make_put_transaction_item(object_or_empty(what.in("row")),
                                            text_or_empty(what.in("table_name")));
  });
}

DynamoDbUpdateOptions update_options(const Case& what) {
  return {.attributes_to_update = object_or_empty(what.in("attributes_to_update")),
          .attributes_to_increment = object_or_empty(what.in("attributes_to_increment")),
          .table_name = text_or_empty(what.in("table_name")),
          .condition_expression = text_or_empty(what.in("condition_expression")),
          .attributes_to_remove = texts_of(what.in("attributes_to_remove"))};
}
Answer update(const Case& what) {
  return transcript(what, [&](Client& client) {
    client.update(object_or_empty(what.in("keys")), update_options(what));
  });
}
Answer patch(const Case& what) {
  return transcript(what, [&](Client& client) {
    client.patch(object_or_empty(what.in("keys")), update_options(what));
  });
}

Answer delete_row(const Case& what) {
  return transcript(what, [&](Client& client) {
    client.delete_(object_or_empty(what.in("keys")), text_or_empty(what.in("table_name")));
  });
}
Answer build_delete_query(const Case& what) {
  return transcript(what, [&](Client& client) {
    return client.build_delete_query(object_or_empty(what.in("delete_keys")),
                                     text_or_empty(what.in("table_name")));
  });
}
Answer make_delete(const Case& what) {
  return transcript(what, [&](Client& client) {
    return client.make_delete_transaction_item(object_or_empty(what.in("row")),
                                               text_or_empty(what.in("table_name")));
  });
}
Answer transact_write(const Case& what) {
  return transcript(what, [&](Client& client) {
    client.transact_write(dynamo_given(what.in("transactions")).as_array());
  });
}

Answer get_table_keys(const Case& what) {
  return output(what, [&](Client& client) {
    const auto keys = client.get_table_keys(text_or_empty(what.in("table_name")));
    return json::array{keys.hash_key,
                       keys.range_key ? json::value(*keys.range_key) : json::value()};
  });
}
Answer get_table_indexes(const Case& what) {
  return output(what, [&](Client& client) {
    return client.get_table_indexes(text_or_empty(what.in("table_name")));
  });
}
Answer get_capacity(const Case& what) {
  return output(what, [&](Client& client) -> json::value {
    const auto capacity = client.get_capacity(text_or_empty(what.in("table_name")));
    if (!capacity) return nullptr;
    return json::object{{"read", capacity->read}, {"write", capacity->write}};
  });
}
Answer sleep_db(const Case& what) {
  return output(what, [&](Client& client) {
    const std::chrono::duration<double> elapsed(what.in("elapsed").to_number<double>());
    json::object slept;
    for (const char* action : {"read", "write"}) {
      client.slept.clear();
      client.sleep_db(kNow - std::chrono::round<std::chrono::system_clock::duration>(elapsed),
                      action);
      slept[action] = client.slept;
    }
    return slept;
  });
}

// ------------------------------------------------------------------------------------------------

// The original's answer with all of its faults mended, where mending this one changes it.
template <bool DynamoFaults::*Fault>
std::optional<Answer> mended(const Case& what, const Answer& recorded) {
  const Area area{.name = "dynamo"};
  const auto with_all = dynamo_model(what, {});
  if (!with_all || !same(area, true, *with_all, recorded)) return std::nullopt;
  DynamoFaults others;
  others.*Fault = false;
  const auto changed = dynamo_model(what, others);
  if (!changed || same(area, true, *changed, *with_all)) return std::nullopt;
  DynamoFaults none;
  for (const auto fault : kDynamoFaults) none.*fault = false;
  return dynamo_model(what, none);
}

std::optional<Answer> filter_is_a_text(const Case& what, const Answer&) {
  const auto& filter =
      what.in(what.function == "_parse_filter_expression" ? "expression" : "filter_expression");
  if (filter.is_string() || (filter.is_null() && what.function != "_parse_filter_expression"))
    return std::nullopt;
  return Answer::error("TypeError");
}

std::optional<Answer> unprocessed_keys(const Case& what, const Answer& recorded) {
  if (what.function != "batch_get_items_one_table" || recorded.is_error()) return std::nullopt;
  auto right = recorded.value();
  auto* raised = right.as_object().if_contains("raised");
  if (!raised || *raised != "Exception") return std::nullopt;
  *raised = "RuntimeError";
  return Answer::output(right);
}

}  // namespace

Area dynamo_area() {
  return {
      .name = "dynamo",
      .handlers = {{"dict_to_dynamo", dict_to_dynamo},
                   {"dynamo_to_dict", dynamo_to_dict},
                   {"_parse_filter_expression", parse_filter},
                   {"get_by_query", get_by_query},
                   {"get_by_scan", get_by_scan},
                   {"get_by_scan_generator", get_by_scan_generator},
                   {"batch_get_items_one_table", batch_get},
                   {"put", put},
                   {"create", create},
                   {"build_put_query", build_put_query},
                   {"make_put_transaction_item", make_put},
                   {"update", update},
                   {"patch", patch},
                   {"delete", delete_row},
                   {"build_delete_query", build_delete_query},
                   {"make_delete_transaction_item", make_delete},
                   {"transact_write", transact_write},
                   {"get_table_keys", get_table_keys},
                   {"get_table_indexes", get_table_indexes},
                   {"get_capacity", get_capacity},
                   {"sleep_db", sleep_db}},
      .rules =
          {{"filter_is_a_text", "the compiler checks it", filter_is_a_text},
           {"exceptions_that_can_be_caught", "a class of its own",
            mended<&DynamoFaults::bare_exceptions>},
           {"unprocessed_keys", "a class that can be caught", unprocessed_keys},
           {"fractions_in_lists", "D-16", mended<&DynamoFaults::no_fractions_in_lists>},
           {"numbers_are_exact", "nothing is rounded", mended<&DynamoFaults::numbers_rounded>},
           {"exponents", "as DynamoDB writes numbers", mended<&DynamoFaults::no_exponents>},
           {"required_fields_are_optional", "D-48", mended<&DynamoFaults::required_fields_needed>},
           {"digits_that_dynamodb_takes", "D-47", mended<&DynamoFaults::any_digits_are_numbers>},
           {"increments_are_numbers", "D-47", mended<&DynamoFaults::increments_by_look>},
           {"values_of_a_filter", "D-47", mended<&DynamoFaults::filters_by_look>},
           {"values_of_a_range", "D-47", mended<&DynamoFaults::ranges_by_look>},
           {"numbers_are_numbers", "refused at once", mended<&DynamoFaults::numbers_unchecked>},
           {"json_in_texts", "D-09", mended<&DynamoFaults::python_in_texts>},
           {"sets_by_declaration", "JSON has none", mended<&DynamoFaults::sets_by_value>},
           {"whole_ranges", "refused at once", mended<&DynamoFaults::half_ranges>},
           {"limits_of_their_own", "D-53", mended<&DynamoFaults::shared_limits>},
           {"functions_in_small_letters", "DynamoDB knows no other",
            mended<&DynamoFaults::functions_in_capitals>}},
      .behaviour = dynamo_behaviour};
}

}  // namespace sosw::golden
