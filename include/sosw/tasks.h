// SPDX-License-Identifier: MIT
// TaskManager and EcologyManager of the original for workers: the queues of sosw on AWS, looked at
// and added to from inside a function. They come with sosw::engine; a program that links it may
// name "Task" and "Ecology" in `init_clients`:
//
//   find_package(sosw REQUIRED COMPONENTS engine)
//   target_link_libraries(importer PRIVATE sosw::engine)
//
//   struct Importer : sosw::Worker {
//     using Worker::Worker;
//     json::object default_config() const override {
//       return {{"init_clients", {"Task"}}, {"task_config", {{"labourers", {{"resize", {...}}}}}}};
//     }
//     json::value operator()(const json::object& event) override {
//       auto& tasks = client<sosw::TaskManager>();
//       const auto& resize = tasks.labourer("resize");
//       if (tasks.get_length_of_queue_for_labourer(resize) < 1000)
//         tasks.create_task(resize, {{"image", event.at("image")}});
//       return {};
//     }
//   };
//
// What the original's have beside these belongs to the Essentials, which are the `sosw` program
// here, and no worker's: invoke_task, mark_task_invoked, archive_task, move_task_to_retry_table,
// retry_task, get_tasks_to_retry_for_labourer, get_invoked_tasks_for_labourer (what an Orchestrator
// has started in its run). A worker reports the end of its own task as Worker does.
//
// sosw_package_lambda() makes a bundle of such a program: it cannot be linked statically.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sosw/aws_client.h"
#include "sosw/component.h"

namespace sosw {

class EcologyManager;

// All methods that ask DynamoDB throw RuntimeError when it refuses or does not answer. The role
// needs dynamodb:Query, GetItem and BatchGetItem on the tables and their indexes; to create tasks
// also PutItem, UpdateItem, DeleteItem and ConditionCheckItem.
//
// For one thread at a time.
class TaskManager : public Component {
 public:
  // A type of worker. get_labourers() fills in the first five, register_labourers() the rest.
  struct Labourer {
    std::string id;
    std::string arn;             // as configured, or empty
    boost::json::object config;  // its whole entry of `labourers`
    int max_simultaneous_invocations = 1;
    int max_attempts = 3;

    std::int64_t start = 0;             // of the registration; these three in seconds since 1970
    std::int64_t invoked = 0;           // the greenfield of what would be invoked then
    std::int64_t expired = 0;           // up to this greenfield, what has been invoked has expired
    int health = 0;                     // EcologyManager::get_labourer_status()
    std::int64_t max_duration = 0;      // seconds
    std::int64_t average_duration = 0;  // seconds
  };

  // `config` is the original's `task_config`: `labourers` {id: {...}}, `dynamo_db_config`
  // (`table_name`, `index_greenfield`, `field_names`; the attributes are known without a
  // `row_mapper`), `sosw_closed_tasks_table`, `sosw_closed_tasks_labourer_status_index`,
  // `sosw_retry_tasks_table`, `sosw_retry_tasks_greenfield_index`, `greenfield_invocation_delta`,
  // `greenfield_task_step`, `max_attempts`, `max_attempts_{labourer}`,
  // `max_simultaneous_invocations`, `max_closed_to_analyse_for_duration`, `ecology_config`.
  // Everything has the original's default.
  //
  // Throws ValueError that names each mistake; in a test (see Processor::test()) AssertionError for
  // a table that does not begin with "autotest_". Nothing is asked of AWS yet.
  explicit TaskManager(boost::json::object config = {}, AwsClientOptions options = {});
  ~TaskManager() override;

  [[nodiscard]] const boost::json::object& config() const;
  // What a field of the original is called in the tables: `dynamo_db_config.field_names`.
  [[nodiscard]] std::string get_db_field_name(std::string_view key) const;

  // ----------------------------------------------------------------------------------------------
  // Labourers

  // In the order of the configuration.
  [[nodiscard]] const std::vector<Labourer>& get_labourers() const;
  // Null: not configured.
  [[nodiscard]] const Labourer* get_labourer(std::string_view id) const;
  // The same for one that must be there: else throws KeyError, which names those that are.
  [[nodiscard]] const Labourer& labourer(std::string_view id) const;
  // Finds out how each one is, and gives them all: get_labourers() has it too from then on, and
  // references to its elements stay valid. Health is asked of CloudWatch anew, the longest duration
  // of Lambda where the configuration (`max_duration`) does not tell it. Throws AwsError when these
  // refuse.
  const std::vector<Labourer>& register_labourers();
  // Made of `ecology_config`; it knows this TaskManager.
  [[nodiscard]] EcologyManager& ecology_client();

  // ----------------------------------------------------------------------------------------------
  // New tasks

  // Queues one task behind all others of the labourer, and gives it as get_task_by_id() does; if it
  // cannot be read back, its task_id and labourer_id. A payload above 350,000 bytes makes a dead
  // task, for no function could take it.
  // `attributes` become its payload: the keys of `payload` (an object, or the text of one) with the
  // others over them. The fields task_id, labourer_id, created_at, greenfield and attempts are made
  // here. Strict: none of them may be given, but a labourer_id that is right. Not strict: task_id,
  // labourer_id and greenfield are taken as they are given; the others cannot be chosen. Throws
  // ValueError for what may not be given; RuntimeError when the id is taken, or when it is not
  // known whether the task was queued.
  boost::json::object create_task(const Labourer& labourer,
                                  const boost::json::object& attributes = {}, bool strict = true);
  // The payload that create_task() would give the task, JSON text. Throws ValueError.
  [[nodiscard]] static std::string construct_payload_for_task(
      const boost::json::object& attributes);

  // ----------------------------------------------------------------------------------------------
  // Looking. A task is an object with the attributes of the original (task_id, labourer_id,
  // created_at, greenfield, attempts, payload as JSON text, completed_at, stat_*, result_*, ...)
  // and `state`. Lists and counts come from an index, which may be some seconds old.

  // Whether it has what every task has: task_id, labourer_id and created_at.
  [[nodiscard]] bool is_valid_task(const boost::json::object& task) const;
  // Empty: there is none. Unlike the original's it also knows tasks that wait for a retry or are
  // closed.
  boost::json::object get_task_by_id(std::string_view task_id);
  // Tasks in the queue, with those of accepted jobs that have not been written out one by one yet.
  // Counts up to 100,000 rows.
  std::int64_t get_length_of_queue_for_labourer(const Labourer& labourer);
  // The first `cnt` of the queue; with `only_ids` their ids.
  boost::json::array get_next_for_labourer(const Labourer& labourer, int cnt = 1,
                                           bool only_ids = false);
  // Place of the first task in the queue, of the last with `reverse`; `greenfield_task_step` when
  // it is empty.
  std::int64_t get_oldest_greenfield_for_labourer(const Labourer& labourer, bool reverse = false);
  std::int64_t get_newest_greenfield_for_labourer(const Labourer& labourer);
  // Invoked, not ended as far as anybody knows, and not expired; or expired, by `duration` and
  // `cooldown` of the labourer. By their deadlines.
  boost::json::array get_running_tasks_for_labourer(const Labourer& labourer);
  std::int64_t get_count_of_running_tasks_for_labourer(const Labourer& labourer);
  boost::json::array get_expired_tasks_for_labourer(const Labourer& labourer);
  // Completed, and not archived yet.
  boost::json::array get_completed_tasks_for_labourer(const Labourer& labourer);
  // Seconds, of the newest closed tasks; a dead one counts `max_duration` (of Labourer, else of the
  // configuration) for each of its attempts. 0: none has been closed yet.
  std::int64_t get_average_labourer_duration(const Labourer& labourer);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// How what stands behind the labourers feels, by their `health_metrics`: 0 Bad, 1 Poor, 2 Moderate,
// 3 Good, 4 High. Values of metrics are kept until the next register_task_manager(), and asked for
// once. The role needs cloudwatch:GetMetricStatistics.
//
// For one thread at a time.
class EcologyManager : public Component {
 public:
  struct EcoStatus {
    int status;
    std::string_view name;
  };

  // `config`: `default_metric_values`, put under the `details` of each metric: {"Period": 60,
  // "Statistics": ["Average"], "MetricAggregationTimeSlice": 300} by default. Throws TypeError when
  // it is no object.
  explicit EcologyManager(boost::json::object config = {}, AwsClientOptions options = {});
  ~EcologyManager() override;

  [[nodiscard]] static std::vector<EcoStatus> eco_statuses();

  // `manager` must live as long as it is asked through this object. Forgets metrics and counts.
  void register_task_manager(TaskManager& manager);

  // The worst over the metrics of the labourer, 4 when it has none. A metric without data is what
  // its `no_data` says, else 2. Throws ValueError for a metric that is not understood, and what
  // fetch_metric_stats() does.
  int get_labourer_status(const TaskManager::Labourer& labourer);
  // The best status of `feelings` whose comparison with the value holds; 0 when none does. `metric`
  // is an entry of `health_metrics`. Throws ValueError when it is not understood.
  [[nodiscard]] static int get_health(double value, const boost::json::object& metric);
  // The value of a metric over the last MetricAggregationTimeSlice seconds: mean of Average, sum of
  // Sum and SampleCount, greatest of Maximum, least of Minimum; nothing without data. `metric` has
  // the parameters of GetMetricStatistics (`Name` counts as MetricName). Throws AssertionError
  // unless it has one statistic, AwsError.
  std::optional<double> fetch_metric_stats(const boost::json::object& metric);

  // Tasks that run, counted once and then kept; a caller that starts more adds them. Throw
  // RuntimeError without a TaskManager, and what that throws.
  std::int64_t count_running_tasks_for_labourer(const TaskManager::Labourer& labourer);
  void add_running_tasks_for_labourer(const TaskManager::Labourer& labourer, int count = 1);
  std::int64_t get_labourer_average_duration(const TaskManager::Labourer& labourer);
  // The timeout of its function in seconds, asked of Lambda. Throws AwsError.
  std::int64_t get_max_labourer_duration(const TaskManager::Labourer& labourer);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sosw
