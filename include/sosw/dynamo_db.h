// SPDX-License-Identifier: MIT
// DynamoDbClient: the rows of a DynamoDB table as plain JSON.
//
//   sosw::DynamoDbClient users({{"table_name", "users"},
//                               {"hash_key", "name"},
//                               {"row_mapper", {{"name", "S"}, {"visits", "N"}}}});
//   users.put({{"name", "ann"}, {"visits", 1}});
//   users.patch({{"name", "ann"}}, {.attributes_to_increment = {{"visits", 1}}});
//   for (const auto& row : users.get_by_query({{"name", "ann"}})) print(row);
//
// The `row_mapper` of the config says the types of columns. Values:
//
//   N            A whole number that 64 bits hold is an integer; one with a point, or any other
//                that a double holds exactly, is a double. What neither holds (up to 38 digits) is
//                read as the text of its digits, and such a text is written to a column N as the
//                number it is: nothing is rounded.
//   S            A text. Where it is a JSON object ("{...}") it is read as that object, unless the
//                config says dont_json_loads_results. An object or list is written as JSON; what
//                else is no text as Python's str() writes it.
//   BOOL         true, false; written also from 0, 1, "true", "False", "1", ...
//   M, L, NULL   An object, a list, null. Inside of lists nothing is guessed or decoded.
//   SS, NS, BS   A list without order. A list in a column of this type is written as the set.
//   B            Base64, as a text. A text in a column of this type is written as the bytes.
//
// A column without declared type gets the type of its value; of a text, that which it seems to
// have: digits with at most one point (38 at most, no sign) are N, "true" and "false" in capitals
// or not are BOOL. With "guess_types": false in the config a text is always S. In a map inside of a
// row the row_mapper counts too.
//
// The deprecated `strict` of the original's reading methods is not here: fetch_all_fields is its
// opposite.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sosw/aws_client.h"
#include "sosw/component.h"
#include "sosw/errors.h"

namespace sosw {

// In all options: an empty `table_name` is the one of the config; `fetch_all_fields` gives all
// attributes of the items instead of those in the row_mapper; without `consistent_read` the request
// leaves it to DynamoDB, which means false.

struct DynamoDbQueryOptions {
  std::string table_name = {};
  std::string index_name = {};  // empty: the table itself
  // For keys that are not compared by "=": {{"age", ">="}}, of < <= > >= begins_with.
  boost::json::object comparisons = {};
  std::int64_t max_items = 0;  // 0: all
  // "attribute_exists x", "attribute_not_exists x", "x OP word" with = <> < <= > >=, or
  // "x between word and word". x may be a path, "map.field[0]". A word is of the declared type of
  // its column, else a number if it looks like one (here a sign is fine), else true or false, else
  // a text. Empty: none.
  std::string filter_expression = {};
  bool desc = false;  // by the range key, from the highest
  bool fetch_all_fields = false;
  // Names that are no plain words. Not needed: all names are sent so that they are safe.
  std::vector<std::string> expr_attrs_names = {};
  std::optional<bool> consistent_read = {};
};

struct DynamoDbScanOptions {
  boost::json::object attrs = {};  // only items where all of these are equal
  std::string table_name = {};
  std::string index_name = {};  // empty: that of the config, else the table itself
  bool fetch_all_fields = false;
  std::optional<bool> consistent_read = {};
};

struct DynamoDbBatchGetOptions {
  std::string table_name = {};
  int max_retries = 0;  // for keys that DynamoDB left unprocessed
  std::chrono::duration<double> retry_wait_base_time{0.2};  // before the first; then it doubles
  bool fetch_all_fields = false;
  std::optional<bool> consistent_read = {};
};

struct DynamoDbUpdateOptions {
  boost::json::object attributes_to_update = {};  // names and their new values
  // Names and numbers to add; an attribute that is not there counts as 0.
  boost::json::object attributes_to_increment = {};
  std::string table_name = {};
  std::string condition_expression = {};               // as DynamoDbQueryOptions::filter_expression
  std::vector<std::string> attributes_to_remove = {};  // names, or paths "map.field[0]"
};

struct DynamoDbKeys {
  std::string hash_key;
  std::optional<std::string> range_key;
};

struct DynamoDbCapacity {
  std::int64_t read = 0;   // units a second; 0: on demand
  std::int64_t write = 0;  // the same
};

class DynamoDbPages;

// Tables of DynamoDB. The table of the config is the one that is meant when no other is named.
//
// What DynamoDB refuses, and what it did not answer, is an AwsError: `code()` is, for example,
// ConditionalCheckFailedException. What was throttled, or surely not received, is repeated before.
// A condition that fails behind a lost answer may have been met by the first try: may_be_done().
// With the environment variable STAGE=test only tables may be named whose name begins with
// "autotest_", and "config"; another is an AssertionError.
//
// For one thread at a time.
class DynamoDbClient : public Component {
 public:
  // `config`:
  //   table_name               the table
  //   row_mapper               {column: "S", "N", "BOOL", "M", "L", "SS", "NS", "B", "BS", "NULL"}
  //   required_fields          columns that dict_to_dynamo may not leave out
  //   hash_key                 its name; create(), patch() and overwrite_existing=false need it
  //   index_name               for scans
  //   dont_json_loads_results  true: texts are read as they are
  //   guess_types              false: a text in a column without declared type is always S
  //   region_name              else that of the environment
  //   skip_glue                if it is there: row_mapper and keys are not looked up in Glue
  // and whatever else the caller likes to find in config(). Where there is no row_mapper, it is
  // taken, with the keys, from the table of that name in Glue's database "ddb_tables", if there is
  // one and the role may read it.
  //
  // Describes the table at once. Throws KeyError without table_name, TypeError for settings of
  // another shape, AssertionError (see above), AwsError: no such table, no permission, no answer.
  explicit DynamoDbClient(boost::json::object config, AwsClientOptions options = {});

  [[nodiscard]] const boost::json::object& config() const { return config_; }

  // ----------------------------------------------------------------------------------------------
  // Rows and items

  // A row as an item in DynamoDB's form, {"name": {"S": "ann"}}; `add_prefix` is put before each
  // name. Strict: columns that are not in the row_mapper, and nulls, are left out with a line in
  // the log, or are a ValueError if they are in required_fields. Not strict: they get the type that
  // they seem to have. Throws ValueError for a value that is no number in a column N, nor true or
  // false in a column BOOL; AttributeError for what is no object in a column M; TypeError for what
  // cannot be in a set, and nan in a list.
  [[nodiscard]] boost::json::object dict_to_dynamo(const boost::json::object& row_dict,
                                                   std::string_view add_prefix = {},
                                                   bool strict = true) const;
  // An item as a row. Throws ValueError for a column with another type than the declared one
  // (unless all fields are fetched), TypeError for what is no item.
  [[nodiscard]] boost::json::object dynamo_to_dict(const boost::json::object& dynamo_row,
                                                   bool fetch_all_fields = false);

  // ----------------------------------------------------------------------------------------------
  // Reading. All throw AwsError, and what dynamo_to_dict does.

  // The rows with these keys, over all pages. `keys` has the hash key, and perhaps the range key or
  // both ends of a range of it: {"st_between_age", 3}, {"en_between_age", 6}. Throws AssertionError
  // for a comparison, filter function or operator that is not known, ValueError for half a range, a
  // filter of another form, a consistent read of an index.
  boost::json::array get_by_query(const boost::json::object& keys,
                                  const DynamoDbQueryOptions& options = {});
  // How many there are: `return_count` of the original. Throws AttributeError for max_items.
  std::int64_t count_by_query(const boost::json::object& keys,
                              const DynamoDbQueryOptions& options = {});

  // All rows of a table or index: slow and expensive where the table is large.
  boost::json::array get_by_scan(const DynamoDbScanOptions& options = {});
  // The same page by page, each fetched when it is asked for:
  //   for (const auto& page : table.get_by_scan_generator()) ...
  // The client must outlive the pages.
  DynamoDbPages get_by_scan_generator(const DynamoDbScanOptions& options = {});

  // The rows with these keys ({"name": "ann"}, with the range key where the table has one), 100 in
  // a request, in no order; without those that do not exist. Columns that are not in the row_mapper
  // are left out of the keys. Throws RuntimeError when keys are left unprocessed.
  boost::json::array batch_get_items_one_table(const std::vector<boost::json::object>& keys_list,
                                               const DynamoDbBatchGetOptions& options = {});

  // ----------------------------------------------------------------------------------------------
  // Writing. All throw AwsError, and what dict_to_dynamo does when it is not strict.

  // Writes the row over the one that has its keys. `overwrite_existing` = false: only if there is
  // none, else it is an AwsError, ConditionalCheckFailedException; throws AssertionError without
  // hash_key in the config.
  void put(const boost::json::object& row, std::string_view table_name = {},
           bool overwrite_existing = true);
  // put() with overwrite_existing = false.
  void create(const boost::json::object& row, std::string_view table_name = {});

  // Changes attributes of the row with these keys, and makes it if there is none. Throws ValueError
  // if there is nothing to do, for an increment that is no number, and, with AssertionError, for a
  // condition that is not understood.
  void update(const boost::json::object& keys, const DynamoDbUpdateOptions& options);
  // The same for a row that exists; if there is none: AwsError, ConditionalCheckFailedException.
  // Throws KeyError without hash_key in the config.
  void patch(const boost::json::object& keys, const DynamoDbUpdateOptions& options);

  // Deletes the row with these keys, if there is one. (`delete` is a word of C++.)
  void delete_(const boost::json::object& keys,  // NOLINT(readability-identifier-naming)
               std::string_view table_name = {});

  // For transact_write().
  [[nodiscard]] boost::json::object make_put_transaction_item(
      const boost::json::object& row, std::string_view table_name = {}) const;
  [[nodiscard]] boost::json::object make_delete_transaction_item(
      const boost::json::object& row, std::string_view table_name = {}) const;
  // transact_write({t1, t2}): makes all these puts and deletes, of whatever tables, ten in a
  // transaction. Each ten are made together or not at all; those before a failure stay made. Throws
  // AssertionError for what is no such item, before anything is sent.
  void transact_write(const boost::json::array& transactions);

  // The input of PutItem and DeleteItem. build_put_query throws KeyError for overwrite_existing =
  // false without hash_key in the config.
  [[nodiscard]] boost::json::object build_put_query(const boost::json::object& row,
                                                    std::string_view table_name = {},
                                                    bool overwrite_existing = true) const;
  [[nodiscard]] boost::json::object build_delete_query(const boost::json::object& delete_keys,
                                                       std::string_view table_name = {}) const;

  // ----------------------------------------------------------------------------------------------
  // About tables. Each is described once, and remembered. All throw AwsError.

  DynamoDbKeys get_table_keys(std::string_view table_name = {});
  // Indexes that are ready, by name: {"projection_type": "ALL", "hash_key": "h", "range_key": "r",
  // "provisioned_throughput": {"write_capacity": 5, "read_capacity": 10}}. The range key and the
  // throughput (of the index, else of the table) only where there are any.
  boost::json::object get_table_indexes(std::string_view table_name = {});
  // Looks up what get_capacity() gives.
  void identify_dynamo_capacity(std::string_view table_name = {});
  // None for a table that is paid for by request.
  std::optional<DynamoDbCapacity> get_capacity(std::string_view table_name = {});
  // Sleeps until the table's capacity has room again for one `action` ("read", "write") after the
  // last one; not at all for a table on demand. Throws ValueError for another action.
  void sleep_db(std::chrono::system_clock::time_point last_action_time, std::string_view action,
                std::string_view table_name = {});

  // dynamo_get_queries (pages), dynamo_scan_queries (pages), dynamo_put_queries,
  // dynamo_update_queries, dynamo_transact_write_operations; and
  // json_looking_string_failed_to_parse: texts in braces that are not JSON.
  [[nodiscard]] boost::json::object get_stats() const override { return stats_; }
  void reset_stats() override { stats_.clear(); }

  ~DynamoDbClient() override;

 protected:
  // The clock and the bed, for programs that test themselves.
  [[nodiscard]] virtual std::chrono::system_clock::time_point now() const;
  virtual void sleep(std::chrono::duration<double> time);

 private:
  friend class DynamoDbPages;
  struct State;

  [[nodiscard]] std::string table(std::string_view name) const;
  const boost::json::object& describe(std::string_view table_name);
  boost::json::object query_input(const boost::json::object& keys,
                                  const DynamoDbQueryOptions& options, bool count) const;
  boost::json::object update_input(const boost::json::object& keys,
                                   const DynamoDbUpdateOptions& options,
                                   std::string_view existing_key) const;
  void count(std::string_view figure);

  boost::json::object config_;
  boost::json::object stats_;
  std::unique_ptr<State> state_;
};

// What get_by_scan_generator() gives. For one pass, by the thread that uses the client.
class DynamoDbPages {
 public:
  // The rows of the next page, which may be empty; nothing behind the last one. Throws what
  // get_by_scan() does.
  std::optional<boost::json::array> next();

  class Iterator {
   public:
    using difference_type = std::ptrdiff_t;  // NOLINT(readability-identifier-naming)
    using value_type = boost::json::array;   // NOLINT(readability-identifier-naming)

    explicit Iterator(DynamoDbPages& pages) : pages_(&pages), page_(pages.next()) {}
    const boost::json::array& operator*() const { return *page_; }
    const boost::json::array* operator->() const { return &*page_; }
    Iterator& operator++() {
      page_ = pages_->next();
      return *this;
    }
    void operator++(int) { ++*this; }
    bool operator==(std::default_sentinel_t /*end*/) const { return !page_; }

   private:
    DynamoDbPages* pages_;
    std::optional<boost::json::array> page_;
  };
  [[nodiscard]] Iterator begin() { return Iterator(*this); }
  [[nodiscard]] std::default_sentinel_t end() const { return {}; }

 private:
  friend class DynamoDbClient;
  DynamoDbPages(DynamoDbClient& client, boost::json::object input, bool fetch_all_fields)
      : client_(&client), input_(std::move(input)), fetch_all_fields_(fetch_all_fields) {}

  DynamoDbClient* client_;
  std::optional<boost::json::object> input_;  // of the next request
  bool fetch_all_fields_;
};

// Deletes all rows of a table, or those that the filter finds (see DynamoDbQueryOptions), and gives
// their number. Only for tables of tests: throws AssertionError for a name that does not begin with
// "autotest_", KeyError if a row lacks one of the keys, AwsError.
std::int64_t clean_dynamo_table(std::string_view table_name = "autotest_dynamo_db",
                                const std::vector<std::string>& keys = {"hash_col", "range_col"},
                                std::string_view filter_expression = {},
                                AwsClientOptions options = {});

}  // namespace sosw
