// SPDX-License-Identifier: MIT
// The client: requests, pages, statistics.
#include "sosw/dynamo_db.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <thread>

#include "sdk/dynamo_expressions.h"
#include "sdk/dynamo_values.h"
#include "sdk/python.h"
#include "sosw/helpers.h"
#include "sosw/logging.h"

namespace sosw {

namespace json = boost::json;

namespace {

constexpr std::string_view kTestTables = "autotest_";
constexpr std::ptrdiff_t kKeysInBatch = 100;
constexpr std::ptrdiff_t kWritesInTransaction = 10;

void check_test_table(std::string_view name) {
  const char* stage = std::getenv("STAGE");  // NOLINT(concurrency-mt-unsafe): we only read
  if (stage && std::string_view(stage) == "test" && !name.starts_with(kTestTables) &&
      name != "config")
    throw AssertionError(
        fmt::format("the table '{}' is none of a test (STAGE=test): its name must begin with '{}'",
                    name, kTestTables));
}

std::string_view text_in(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value && value->is_string() ? std::string_view(value->get_string()) : std::string_view();
}

// Parts of an answer; null, empty and 0 for what is not there. They take no values, which an object
// would become for a moment.
const json::object& object_of(const json::value& answer) {
  static const json::object kNone;
  return answer.is_object() ? answer.get_object() : kNone;
}
const json::object* object_in(const json::object& object, std::string_view name) {
  const auto* member = object.if_contains(name);
  return member ? member->if_object() : nullptr;
}
const json::array& array_in(const json::object& object, std::string_view name) {
  static const json::array kNone;
  const auto* member = object.if_contains(name);
  return member && member->is_array() ? member->get_array() : kNone;
}
std::int64_t number_in(const json::object* object, std::string_view name) {
  const auto* value = object ? object->if_contains(name) : nullptr;
  return value && value->is_number() ? value->to_number<std::int64_t>() : 0;
}

DynamoDbKeys keys_of(const json::object& description) {
  DynamoDbKeys keys;
  for (const auto& part : array_in(description, "KeySchema")) {
    if (!part.is_object()) continue;
    const auto type = text_in(part.get_object(), "KeyType");
    const auto name = text_in(part.get_object(), "AttributeName");
    if (type == "HASH") keys.hash_key = name;
    if (type == "RANGE") keys.range_key = name;
  }
  return keys;
}

// Says where the next page begins. False: there is none.
bool move_on(json::object& input, const json::object& answer) {
  const auto* last = object_in(answer, "LastEvaluatedKey");
  if (!last || last->empty()) return false;
  input["ExclusiveStartKey"] = *last;
  return true;
}

// The row_mapper of a table that Glue's crawlers have described, and its keys.
void enrich_from_glue(json::object& config, const AwsClientOptions& options) {
  json::value answer;
  try {
    answer = AwsClient("glue", options)
                 .call("GetTable",
                       {{"DatabaseName", "ddb_tables"}, {"Name", text_in(config, "table_name")}});
  } catch (const AwsError& error) {
    if (error.code() == "EntityNotFoundException" || error.code() == "AccessDeniedException")
      return;
    throw;
  }
  // The first that a type begins with counts.
  static constexpr std::pair<std::string_view, std::string_view> kTypes[] = {
      {"string", "S"},   {"char", "S"},   {"varchar", "S"},      {"decimal", "N"},
      {"double", "N"},   {"float", "N"},  {"int", "N"},          {"tinyint", "N"},
      {"smallint", "N"}, {"bigint", "N"}, {"binary", "B"},       {"boolean", "BOOL"},
      {"struct", "M"},   {"array", "L"},  {"set<string>", "SS"}, {"set<bigint>", "NS"}};
  const auto* table = object_in(object_of(answer), "Table");
  const auto* storage = table ? object_in(*table, "StorageDescriptor") : nullptr;
  if (!storage) return;
  json::object mapper;
  for (const auto& column : array_in(*storage, "Columns")) {
    if (!column.is_object()) continue;
    const auto type = text_in(column.get_object(), "Type");
    const auto* known = std::find_if(std::begin(kTypes), std::end(kTypes),
                                     [&](const auto& one) { return type.starts_with(one.first); });
    if (known != std::end(kTypes)) mapper[text_in(column.get_object(), "Name")] = known->second;
  }
  config["row_mapper"] = std::move(mapper);
  const auto* parameters = object_in(*table, "Parameters");
  if (!parameters) return;
  auto required = array_in(config, "required_fields");
  using Names = std::pair<const char*, const char*>;
  for (const auto& [theirs, ours] :
       {Names("hashKey", "hash_key"), Names("rangeKey", "range_key")}) {
    const auto key = text_in(*parameters, theirs);
    if (key.empty()) continue;
    if (std::find(required.begin(), required.end(), json::value(key)) == required.end())
      required.push_back(json::value(key));
    if (!config.contains(ours)) config[ours] = key;
  }
  config["required_fields"] = std::move(required);
}

}  // namespace

struct DynamoDbClient::State {
  AwsClient client;
  sdk::DynamoRows rows;
  std::map<std::string, json::object, std::less<>> descriptions = {};
  std::map<std::string, DynamoDbCapacity, std::less<>> capacities = {};
};

DynamoDbClient::DynamoDbClient(json::object config, AwsClientOptions options)
    : config_(std::move(config)) {
  const auto name = text_in(config_, "table_name");
  if (name.empty()) throw KeyError("DynamoDbClient: the config has no table_name");
  check_test_table(name);
  if (options.region.empty()) options.region = text_in(config_, "region_name");
  if (!config_.contains("skip_glue") && !config_.contains("row_mapper"))
    enrich_from_glue(config_, options);
  state_ = std::make_unique<State>(
      State{AwsClient("dynamodb", std::move(options)), sdk::DynamoRows(config_)});
  identify_dynamo_capacity();
}

DynamoDbClient::~DynamoDbClient() = default;

std::string DynamoDbClient::table(std::string_view name) const {
  if (name.empty()) name = text_in(config_, "table_name");
  check_test_table(name);
  return std::string(name);
}

void DynamoDbClient::count(std::string_view figure) {
  auto& number = stats_[figure];
  number = number.is_int64() ? number.get_int64() + 1 : 1;
}

std::chrono::system_clock::time_point DynamoDbClient::now() const {
  return std::chrono::system_clock::now();
}

void DynamoDbClient::sleep(std::chrono::duration<double> time) {
  std::this_thread::sleep_for(time);
}

json::object DynamoDbClient::dict_to_dynamo(const json::object& row_dict,
                                            std::string_view add_prefix, bool strict) const {
  return state_->rows.to_item(row_dict, add_prefix, strict, [this](std::string_view column) {
    log(LogLevel::warning,
        fmt::format("the column '{}' is left out: it is null, or the row_mapper of the table '{}' "
                    "does not say its type",
                    column, text_in(config_, "table_name")));
  });
}

json::object DynamoDbClient::dynamo_to_dict(const json::object& dynamo_row, bool fetch_all_fields) {
  std::int64_t unread = 0;
  auto row = state_->rows.to_row(dynamo_row, fetch_all_fields, unread);
  for (; unread > 0; --unread) count("json_looking_string_failed_to_parse");
  return row;
}

json::object DynamoDbClient::query_input(const json::object& keys,
                                         const DynamoDbQueryOptions& options, bool count) const {
  json::object input{{"TableName", table(options.table_name)}};
  input["Select"] = count                        ? "COUNT"
                    : options.index_name.empty() ? "ALL_ATTRIBUTES"
                                                 : "ALL_PROJECTED_ATTRIBUTES";
  sdk::Placeholders placeholders;
  input["KeyConditionExpression"] =
      sdk::key_condition(state_->rows, keys, options.comparisons, placeholders);
  if (options.consistent_read == true && !options.index_name.empty())
    throw ValueError(
        fmt::format("an index ('{}') cannot be read consistently", options.index_name));
  if (!options.filter_expression.empty())
    input["FilterExpression"] = sdk::filter(state_->rows, options.filter_expression, placeholders);
  placeholders.add_to(input);
  if (!options.index_name.empty()) input["IndexName"] = options.index_name;
  if (options.desc) input["ScanIndexForward"] = false;
  if (options.consistent_read) input["ConsistentRead"] = *options.consistent_read;
  return input;
}

json::array DynamoDbClient::get_by_query(const json::object& keys,
                                         const DynamoDbQueryOptions& options) {
  auto input = query_input(keys, options, false);
  const auto wanted = static_cast<std::size_t>(std::max<std::int64_t>(options.max_items, 0));
  json::array rows;
  for (bool more = true; more;) {
    // A limit counts what is looked at, before the filter: with one it would only make more
    // requests.
    if (wanted > 0 && options.filter_expression.empty()) input["Limit"] = wanted - rows.size();
    const auto output = state_->client.call("Query", input);
    const auto& answer = object_of(output);
    count("dynamo_get_queries");
    for (const auto& item : array_in(answer, "Items"))
      rows.push_back(dynamo_to_dict(object_of(item), options.fetch_all_fields));
    if (wanted > 0 && rows.size() >= wanted) {
      rows.resize(wanted);
      break;
    }
    more = move_on(input, answer);
  }
  return rows;
}

std::int64_t DynamoDbClient::count_by_query(const json::object& keys,
                                            const DynamoDbQueryOptions& options) {
  auto input = query_input(keys, options, true);
  if (options.max_items != 0) throw AttributeError("count_by_query: a count has no max_items");
  std::int64_t total = 0;
  for (bool more = true; more;) {
    const auto output = state_->client.call("Query", input);
    const auto& answer = object_of(output);
    total += number_in(&answer, "Count");
    more = move_on(input, answer);
  }
  return total;
}

DynamoDbPages DynamoDbClient::get_by_scan_generator(const DynamoDbScanOptions& options) {
  json::object input{{"TableName", table(options.table_name)}, {"Select", "ALL_ATTRIBUTES"}};
  sdk::Placeholders placeholders;
  if (!options.attrs.empty())
    input["FilterExpression"] = sdk::all_equal(state_->rows, options.attrs, placeholders);
  placeholders.add_to(input);
  const auto index =
      options.index_name.empty() ? text_in(config_, "index_name") : options.index_name;
  if (!index.empty()) input["IndexName"] = index;
  if (options.consistent_read) input["ConsistentRead"] = *options.consistent_read;
  return {*this, std::move(input), options.fetch_all_fields};
}

std::optional<json::array> DynamoDbPages::next() {
  if (!input_) return std::nullopt;
  const auto output = client_->state_->client.call("Scan", *input_);
  const auto& answer = object_of(output);
  client_->count("dynamo_scan_queries");
  json::array rows;
  for (const auto& item : array_in(answer, "Items"))
    rows.push_back(client_->dynamo_to_dict(object_of(item), fetch_all_fields_));
  if (!move_on(*input_, answer)) input_.reset();
  return rows;
}

json::array DynamoDbClient::get_by_scan(const DynamoDbScanOptions& options) {
  json::array rows;
  auto pages = get_by_scan_generator(options);
  while (auto page = pages.next())
    for (auto& row : *page) rows.push_back(std::move(row));
  return rows;
}

json::array DynamoDbClient::batch_get_items_one_table(const std::vector<json::object>& keys_list,
                                                      const DynamoDbBatchGetOptions& options) {
  const auto name = table(options.table_name);
  json::array keys;
  for (const auto& one : keys_list) keys.push_back(dict_to_dynamo(one));
  json::array rows;
  for (const auto chunk : chunks(keys, kKeysInBatch)) {
    json::array left(chunk.begin(), chunk.end());
    auto wait = options.retry_wait_base_time;
    for (int retries = 0;; ++retries) {
      json::object request{{"Keys", std::move(left)}};
      if (options.consistent_read) request["ConsistentRead"] = *options.consistent_read;
      json::object requests;
      requests[name] = std::move(request);
      const auto output =
          state_->client.call("BatchGetItem", {{"RequestItems", std::move(requests)}});
      const auto& answer = object_of(output);
      if (const auto* found = object_in(answer, "Responses"))
        for (const auto& item : array_in(*found, name))
          rows.push_back(dynamo_to_dict(object_of(item), options.fetch_all_fields));
      const auto* unprocessed = object_in(answer, "UnprocessedKeys");
      const auto* of_table = unprocessed ? object_in(*unprocessed, name) : nullptr;
      left = of_table ? array_in(*of_table, "Keys") : json::array();
      if (left.empty()) break;
      if (retries >= options.max_retries)
        throw RuntimeError(
            fmt::format("BatchGetItem left {} of {} keys of the table '{}' unprocessed, after {} "
                        "repetitions: give it a larger max_retries, or the table more capacity",
                        left.size(), keys.size(), name, retries));
      sleep(wait);
      wait *= 2;
    }
  }
  return rows;
}

json::object DynamoDbClient::build_put_query(const json::object& row, std::string_view table_name,
                                             bool overwrite_existing) const {
  json::object input{{"TableName", table(table_name)}, {"Item", dict_to_dynamo(row, {}, false)}};
  if (overwrite_existing) return input;
  const auto hash_key = text_in(config_, "hash_key");
  if (hash_key.empty())
    throw KeyError("the config has no hash_key, which overwrite_existing = false needs");
  sdk::Placeholders placeholders;
  input["ConditionExpression"] =
      fmt::format("attribute_not_exists({})", placeholders.name(hash_key));
  placeholders.add_to(input);
  return input;
}

json::object DynamoDbClient::build_delete_query(const json::object& delete_keys,
                                                std::string_view table_name) const {
  return {{"TableName", table(table_name)}, {"Key", dict_to_dynamo(delete_keys, {}, false)}};
}

void DynamoDbClient::put(const json::object& row, std::string_view table_name,
                         bool overwrite_existing) {
  if (!overwrite_existing && text_in(config_, "hash_key").empty())
    throw AssertionError(
        "the config has no hash_key, which create() and overwrite_existing = false need");
  state_->client.call("PutItem", build_put_query(row, table_name, overwrite_existing));
  count("dynamo_put_queries");
}

void DynamoDbClient::create(const json::object& row, std::string_view table_name) {
  put(row, table_name, false);
}

json::object DynamoDbClient::update_input(const json::object& keys,
                                          const DynamoDbUpdateOptions& options,
                                          std::string_view existing_key) const {
  json::object input{{"TableName", table(options.table_name)}};
  if (options.attributes_to_update.empty() && options.attributes_to_increment.empty() &&
      options.attributes_to_remove.empty())
    throw ValueError(
        "there is nothing to update: give attributes_to_update, attributes_to_increment or "
        "attributes_to_remove");
  input["Key"] = dict_to_dynamo(keys, {}, false);
  sdk::Placeholders placeholders;
  input["UpdateExpression"] = sdk::update_expression(state_->rows, options.attributes_to_update,
                                                     options.attributes_to_increment,
                                                     options.attributes_to_remove, placeholders);
  std::string condition;
  if (!existing_key.empty())
    condition = fmt::format("attribute_exists ({})", placeholders.name(existing_key));
  if (!options.condition_expression.empty())
    condition += (condition.empty() ? "" : " AND ") +
                 sdk::filter(state_->rows, options.condition_expression, placeholders);
  if (!condition.empty()) input["ConditionExpression"] = condition;
  placeholders.add_to(input);
  return input;
}

void DynamoDbClient::update(const json::object& keys, const DynamoDbUpdateOptions& options) {
  state_->client.call("UpdateItem", update_input(keys, options, {}));
  count("dynamo_update_queries");
}

void DynamoDbClient::patch(const json::object& keys, const DynamoDbUpdateOptions& options) {
  const auto hash_key = text_in(config_, "hash_key");
  if (hash_key.empty()) throw KeyError("the config has no hash_key, which patch() needs");
  state_->client.call("UpdateItem", update_input(keys, options, hash_key));
  count("dynamo_update_queries");
}

void DynamoDbClient::delete_(const json::object& keys, std::string_view table_name) {
  state_->client.call("DeleteItem", build_delete_query(keys, table_name));
}

json::object DynamoDbClient::make_put_transaction_item(const json::object& row,
                                                       std::string_view table_name) const {
  return {{"Put", build_put_query(row, table_name)}};
}

json::object DynamoDbClient::make_delete_transaction_item(const json::object& row,
                                                          std::string_view table_name) const {
  return {{"Delete", build_delete_query(row, table_name)}};
}

void DynamoDbClient::transact_write(const json::array& transactions) {
  for (const auto& one : transactions) {
    const auto* action = one.if_object();
    if (!action || action->size() != 1 ||
        (action->begin()->key() != "Put" && action->begin()->key() != "Delete") ||
        !action->begin()->value().is_object())
      throw AssertionError(
          fmt::format("transact_write takes what make_put_transaction_item and "
                      "make_delete_transaction_item give, {{\"Put\": {{...}}}} or {{\"Delete\": "
                      "{{...}}}}, not {}",
                      sdk::to_repr(one)));
  }
  for (const auto chunk : chunks(transactions, kWritesInTransaction)) {
    state_->client.call("TransactWriteItems",
                        {{"TransactItems", json::array(chunk.begin(), chunk.end())}});
    count("dynamo_transact_write_operations");
  }
}

const json::object& DynamoDbClient::describe(std::string_view table_name) {
  const auto name = table(table_name);
  if (const auto known = state_->descriptions.find(name); known != state_->descriptions.end())
    return known->second;
  const auto answer = state_->client.call("DescribeTable", {{"TableName", name}});
  const auto* description = object_in(object_of(answer), "Table");
  return state_->descriptions.emplace(name, description ? *description : json::object())
      .first->second;
}

DynamoDbKeys DynamoDbClient::get_table_keys(std::string_view table_name) {
  return keys_of(describe(table_name));
}

json::object DynamoDbClient::get_table_indexes(std::string_view table_name) {
  const auto& description = describe(table_name);
  const auto* of_table = object_in(description, "ProvisionedThroughput");
  json::object indexes;
  for (const char* kind : {"LocalSecondaryIndexes", "GlobalSecondaryIndexes"}) {
    for (const auto& index : array_in(description, kind)) {
      const auto* fields = index.if_object();
      if (!fields) continue;
      const auto status = text_in(*fields, "IndexStatus");  // a local one has none
      if (!status.empty() && status != "ACTIVE") continue;
      const auto keys = keys_of(*fields);
      json::object about{{"hash_key", keys.hash_key}};
      if (keys.range_key) about["range_key"] = *keys.range_key;
      if (const auto* projection = object_in(*fields, "Projection"))
        about["projection_type"] = text_in(*projection, "ProjectionType");
      const auto* own = object_in(*fields, "ProvisionedThroughput");
      const auto units = [&](std::string_view name) {
        const auto of_index = number_in(own, name);
        return of_index != 0 ? of_index : number_in(of_table, name);
      };
      if (own || of_table)
        about["provisioned_throughput"] = {{"write_capacity", units("WriteCapacityUnits")},
                                           {"read_capacity", units("ReadCapacityUnits")}};
      indexes[text_in(*fields, "IndexName")] = std::move(about);
    }
  }
  return indexes;
}

void DynamoDbClient::identify_dynamo_capacity(std::string_view table_name) {
  const auto name = table(table_name);
  if (const auto* units = object_in(describe(name), "ProvisionedThroughput"))
    state_->capacities[name] = {number_in(units, "ReadCapacityUnits"),
                                number_in(units, "WriteCapacityUnits")};
}

std::optional<DynamoDbCapacity> DynamoDbClient::get_capacity(std::string_view table_name) {
  const auto name = table(table_name);
  identify_dynamo_capacity(name);
  const auto known = state_->capacities.find(name);
  return known == state_->capacities.end() ? std::nullopt : std::optional(known->second);
}

void DynamoDbClient::sleep_db(std::chrono::system_clock::time_point last_action_time,
                              std::string_view action, std::string_view table_name) {
  if (action != "read" && action != "write")
    throw ValueError(fmt::format("sleep_db: '{}' is neither 'read' nor 'write'", action));
  const auto capacity = get_capacity(table_name);
  const auto units = !capacity ? 0 : action == "read" ? capacity->read : capacity->write;
  if (units <= 0) return;
  const std::chrono::duration<double> between(1.0 / static_cast<double>(units));
  const auto left = between - std::chrono::duration<double>(now() - last_action_time);
  if (left.count() > 0) sleep(left);
}

std::int64_t clean_dynamo_table(std::string_view table_name, const std::vector<std::string>& keys,
                                std::string_view filter_expression, AwsClientOptions options) {
  if (!table_name.starts_with(kTestTables))
    throw AssertionError(
        fmt::format("clean_dynamo_table: '{}' is no table of tests: its name must "
                    "begin with '{}'",
                    table_name, kTestTables));
  AwsClient client("dynamodb", std::move(options));
  json::object input{{"TableName", table_name}, {"Select", "ALL_ATTRIBUTES"}};
  sdk::Placeholders placeholders;
  if (!filter_expression.empty())
    input["FilterExpression"] = sdk::filter(sdk::DynamoRows({}), filter_expression, placeholders);
  placeholders.add_to(input);
  std::int64_t deleted = 0;
  for (bool more = true; more;) {
    const auto output = client.call("Scan", input);
    const auto& answer = object_of(output);
    for (const auto& item : array_in(answer, "Items")) {
      json::object key;
      for (const auto& name : keys) {
        const auto* attribute = object_of(item).if_contains(name);
        if (!attribute)
          throw KeyError(
              fmt::format("clean_dynamo_table: a row of '{}' has no key '{}'", table_name, name));
        key[name] = *attribute;
      }
      client.call("DeleteItem", {{"TableName", table_name}, {"Key", std::move(key)}});
      ++deleted;
    }
    more = move_on(input, answer);
  }
  return deleted;
}

}  // namespace sosw
