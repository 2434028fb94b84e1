// SPDX-License-Identifier: MIT
#include "sdk/clients.h"

#include <map>
#include <mutex>

#include "sosw/dynamo_db.h"
#include "sosw/errors.h"
#include "sosw/siblings.h"
#include "sosw/sns.h"

namespace sosw {
namespace sdk {
namespace {

struct Registry {
  std::mutex mutex;
  std::map<std::string, MakeComponent, std::less<>> makers;
};

// The engine's own, until sosw::engine registers them.
MakeComponent only_with_engine(const char* name) {
  return [name](const boost::json::object&) -> std::unique_ptr<Component> {
    throw RuntimeError(std::string("Failed to import ") + name +
                       ": it comes with the engine, so link sosw::engine. A worker does not need "
                       "it: it reports to the WorkerAssistant");
  };
}

Registry& registry() {
  static Registry registry{.mutex = {},
                           .makers = {
                               {"DynamoDb", make_component<DynamoDbClient>()},
                               {"Ecology", only_with_engine("Ecology")},
                               {"Siblings", make_component<SiblingsManager>()},
                               {"Sns", make_component<SnsManager>()},
                               {"Task", only_with_engine("Task")},
                           }};
  return registry;
}

}  // namespace

std::optional<MakeComponent> find_component(std::string_view name) {
  auto& known = registry();
  const std::lock_guard lock(known.mutex);
  const auto found = known.makers.find(name);
  return found == known.makers.end() ? std::nullopt : std::optional(found->second);
}

std::vector<std::string> component_names() {
  auto& known = registry();
  const std::lock_guard lock(known.mutex);
  std::vector<std::string> names;
  for (const auto& [name, make] : known.makers) names.push_back(name);
  return names;
}

}  // namespace sdk

void register_component(std::string_view name, MakeComponent make) {
  auto& known = sdk::registry();
  const std::lock_guard lock(known.mutex);
  known.makers.insert_or_assign(std::string(name), std::move(make));
}

}  // namespace sosw
