// SPDX-License-Identifier: MIT
// See self_check.h.
#include "cloud/self_check.h"

#include <fmt/format.h>

#include <functional>
#include <optional>
#include <thread>
#include <utility>

#include "cloud/table_rows.h"

namespace sosw::cloud {
namespace {

constexpr std::string_view kNobody = "sosw:check";

struct Trial {
  std::string what;  // "sosw_tasks: PutItem"
  std::function<std::optional<Error>()> run;
};

std::string physical(const TableStore::Options& names, std::string_view name) {
  const auto found = names.field_names.find(name);
  return found == names.field_names.end() ? std::string(name) : found->second;
}

// Never made: its condition contradicts itself.
Write never(Write::Kind kind, std::string table, Item item, const std::string& hash) {
  Write write{kind, std::move(table), std::move(item)};
  write.condition = "attribute_exists(#hash) AND attribute_not_exists(#hash)";
  write.names = {{"#hash", hash}};
  if (kind == Write::Kind::update) {
    write.update = "SET #check = :check";
    write.names["#check"] = "sosw_check";
    write.values = {{":check", text("")}};
  }
  return write;
}

class Trials {
 public:
  Trials(Tables& tables, const TableStore::Options& names) : tables_(tables), names_(names) {}

  void write(const std::string& table, Write::Kind kind, std::string_view what_for = "") {
    constexpr std::string_view kNames[] = {"PutItem", "UpdateItem", "DeleteItem"};
    const std::string hash = physical(names_, table == names_.retry ? "labourer_id" : "task_id");
    Item item = {{hash, text(kNobody)}};
    if (table == names_.retry) item[physical(names_, "task_id")] = text(kNobody);
    add(table, fmt::format("{}{}", kNames[static_cast<std::size_t>(kind)], what_for),
        [this, write = never(kind, table, std::move(item), hash)]() -> std::optional<Error> {
          const auto written = tables_.write(write);
          if (!written) return written.error();
          return std::nullopt;
        });
  }
  void query(const std::string& table, const std::string& index, std::string_view hash) {
    Query query{table, index, "#hash = :hash"};
    query.names = {{"#hash", physical(names_, hash)}};
    query.values = {{":hash", text(kNobody)}};
    query.limit = 1;
    add(table, "Query of the index " + index, [this, query]() -> std::optional<Error> {
      const auto page = tables_.query(query);
      if (!page) return page.error();
      return std::nullopt;
    });
  }
  void read(const std::string& table) {
    add(table, "BatchGetItem", [this, table]() -> std::optional<Error> {
      Key key{table, {{physical(names_, "task_id"), text(kNobody)}}};
      if (table == names_.retry) key.key[physical(names_, "labourer_id")] = text(kNobody);
      const auto items = tables_.get({&key, 1});
      if (!items) return items.error();
      return std::nullopt;
    });
  }
  void audit(const std::string& table) {
    // A row that nobody ever asks for could be written; that there is a table is enough.
    Query query{table, "", "#hash = :hash"};
    query.names = {{"#hash", "task_id"}};
    query.values = {{":hash", text(kNobody)}};
    query.limit = 1;
    add(table, "the audit log is not written", [this, query]() -> std::optional<Error> {
      const auto page = tables_.query(query);
      // The role needs to write only.
      if (!page && page.error().code != Code::denied) return page.error();
      return std::nullopt;
    });
  }

  std::vector<std::string> run() {
    std::vector<std::optional<Error>> found(trials_.size());
    {
      std::vector<std::jthread> all;
      for (std::size_t i = 0; i < trials_.size(); ++i)
        all.emplace_back([&, i] { found[i] = trials_[i].run(); });
    }
    std::vector<std::string> missing;
    for (std::size_t i = 0; i < trials_.size(); ++i)
      if (found[i]) missing.push_back(fmt::format("{}: {}", trials_[i].what, found[i]->text()));
    return missing;
  }

 private:
  void add(const std::string& table, std::string_view what,
           std::function<std::optional<Error>()> run) {
    trials_.push_back({fmt::format("{}: {}", table, what), std::move(run)});
  }

  Tables& tables_;
  const TableStore::Options& names_;
  std::vector<Trial> trials_;
};

}  // namespace

std::string_view name_of(Essential essential) {
  constexpr std::string_view kNames[] = {"scheduler", "orchestrator", "scavenger",
                                         "worker_assistant"};
  return kNames[static_cast<std::size_t>(essential)];
}

std::vector<std::string> self_check(Tables& tables, Essential essential,
                                    const TableStore::Options& names,
                                    std::string_view audit_table) {
  Trials trials(tables, names);
  trials.write(names.tasks, Write::Kind::update);
  if (essential != Essential::worker_assistant) {
    trials.write(names.tasks, Write::Kind::put);
    trials.write(names.tasks, Write::Kind::remove);
    trials.read(names.tasks);
    trials.query(names.tasks, names.tasks_index, "labourer_id");
    trials.write(names.closed, Write::Kind::put,
                 essential == Essential::scavenger
                     ? ""
                     : " (else a task that no function can take waits until it expires)");
  }
  if (essential == Essential::scavenger) {
    trials.write(names.closed, Write::Kind::update);
    trials.read(names.closed);
    for (const auto kind : {Write::Kind::put, Write::Kind::update, Write::Kind::remove})
      trials.write(names.retry, kind);
    trials.read(names.retry);
    trials.query(names.retry, names.retry_index, "labourer_id");
  }
  if (!audit_table.empty()) trials.audit(std::string(audit_table));
  return trials.run();
}

}  // namespace sosw::cloud
