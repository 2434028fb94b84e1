// SPDX-License-Identifier: MIT
// Elements to values: by their names, for the answers carry no types.
#include "aws/xml.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <pugixml.hpp>
#include <span>

namespace sosw::aws {
namespace {

namespace json = boost::json;

// No answer of AWS is as deep; what is deeper would take the stack.
constexpr int kDeepest = 64;

bool any_of(std::string_view name, std::initializer_list<std::string_view> names) {
  for (const auto one : names)
    if (one == name) return true;
  return false;
}

// Of sns, sts, cloudformation, cloudwatch and s3, as AWS describes them; in the order of the
// alphabet. tests/aws/shapes_test.cc holds them against those descriptions.
// clang-format off
constexpr std::string_view kNumbers[] = {
    "ActionLogLineCount", "ActionsSuppressorExtensionPeriod", "ActionsSuppressorWaitPeriod", "AggregateValue",
    "ApproximateAggregateValue", "ApproximateUniqueCount", "ApproximateValue", "Average",
    "CancelledStackInstancesCount", "CompletedAccountsCount", "CompletedStackInstancesCount", "ContentLength",
    "DatapointsToAlarm", "DriftedStackInstancesCount", "DriftedStackResourceCount", "EndTimeOffset",
    "EvaluationInterval", "EvaluationPeriods", "ExtendedStatistics", "FailedAccountsCount", "FailedStackInstancesCount",
    "FailureToleranceCount", "FailureTolerancePercentage", "HookInvocationCount", "InProgressStackInstancesCount",
    "InSyncStackInstancesCount", "KeyCount", "MaxConcurrentCount", "MaxConcurrentPercentage",
    "MaxContributorValue", "MaxKeys", "Maximum", "Minimum", "MonitoringTimeInMinutes", "NumberOfResources",
    "PackedPolicySize", "PendingAccountsCount", "PendingPeriod", "PendingStackInstancesCount",
    "PercentageCompleted", "Period", "QueryResultsToAlarm", "QueryResultsToEvaluate", "RecoveryPeriod",
    "ResourcesFailed", "ResourcesPending", "ResourcesProcessing", "ResourcesRead", "ResourcesScanned",
    "ResourcesSucceeded", "SampleCount", "ScopedPoliciesCount", "SessionTokenSize", "SessionTokenUtilization",
    "Size", "SkippedStackInstancesCount", "StartTimeOffset", "SucceededAccountsCount",
    "SucceededStackInstancesCount", "Sum", "SupportedMajorVersions", "TagCount", "Threshold", "TimeoutInMinutes", "TotalAccountsCount",
    "TotalStackInstancesCount", "TotalWarnings", "UniqueContributors", "Values", "WarmUpPeriodDurationInMinutes"};
constexpr std::string_view kBooleans[] = {
    "ActionsEnabled", "Active", "ApplyOnTransformedLogs", "AutoUpdate", "BucketKeyEnabled", "DeleteMarker",
    "DisableRollback", "EnableTerminationProtection", "Enabled", "ImportExistingResources",
    "IncludeLinkedAccountsMetrics", "IncludeNestedStacks", "IsActivated", "IsDefaultConfiguration",
    "IsDefaultVersion", "IsInSandbox", "IsLatest", "IsRestoreInProgress", "IsTruncated", "ManagedByStack",
    "ManagedRule", "NoEcho", "OnlyStartEvaluatingAfterWarmUpPeriodEnds", "PeriodicSpikes", "Required",
    "RetainExceptOnCreate", "RetainStacks", "RetainStacksOnAccountRemoval", "ReturnData", "SenderFault",
    "UsePreviousValue", "isOptedOut"};
// Also when nothing is in them.
constexpr std::string_view kLists[] = {
    "AccountLimits", "Accounts", "AdditionalStatistics", "AlarmActions", "AlarmContributors", "AlarmHistoryItems",
    "AlarmMuteRuleSummaries", "AlarmNames", "AllowedValues", "Annotations", "AnomalyDetectors", "Buckets",
    "Capabilities", "Changes", "CompositeAlarms", "Contributors", "DashboardEntries",
    "DashboardValidationMessages", "Datapoints", "DeclaredTransforms", "DependsOn", "Details", "Dimensions",
    "Endpoints", "Entries", "Errors", "ExcludeFilters", "ExcludedTagKeys", "ExcludedTimeRanges", "Exports",
    "Failed", "Failures", "HookResults", "Hooks", "Imports", "IncludeFilters", "IncludeMetrics",
    "IncludedTagKeys", "InsightRules", "InsufficientDataActions", "Items", "KeyLabels", "Keys", "LastOperations",
    "LogAlarms", "LogGroupIdentifiers", "LogicalResourceIds", "ManagedRules", "Messages", "MetricAlarms",
    "MetricDataQueries", "MetricDataResults", "MetricDatapoints", "MetricNames", "MetricSelections", "Metrics",
    "NotificationARNs", "NumberCapabilities", "OKActions", "OperationEvents", "OrganizationalUnitIds", "Outputs",
    "OwningAccounts", "ParameterOverrides", "Parameters", "PhoneNumbers", "PhysicalResourceIdContext",
    "PlatformApplications", "Properties", "PropertyDifferences", "RegionOrder", "Regions",
    "RegistrationTokenList", "RelatedResources", "RequiredActivatedTypes", "ResourceDriftIgnoredAttributes",
    "ResourceIdentifierSummaries", "ResourceIdentifiers", "ResourceScanSummaries", "ResourceTypes", "Resources",
    "RollbackTriggers", "ScanFilters", "Scope", "StackEvents", "StackIds", "StackRefactorActions",
    "StackRefactorSummaries", "StackResourceDrifts", "StackResourceSummaries", "StackResources", "StackSummaries",
    "Stacks", "StagesAvailable", "StatisticsConfigurations", "Subscriptions", "Successful", "Summaries",
    "SupportedMajorVersions", "TagResources", "TagSet", "Tags", "Timestamps", "Topics", "TypeConfigurations",
    "TypeSummaries", "TypeVersionSummaries", "Types", "UnprocessedTypeConfigurations",
    "UnrecognizedResourceTypes", "UntagResources", "Values", "Warnings", "phoneNumbers"};
constexpr std::string_view kMaps[] = {
    "AlarmContributorAttributes", "Attributes", "ContributorAttributes", "ExtendedStatistics",
    "RegionalStatusDetails", "attributes"};
// clang-format on

bool is_one_of(std::string_view name, std::span<const std::string_view> names) {
  return std::binary_search(names.begin(), names.end(), name);
}

// The elements of a list: `member`, in S3 after their kind.
bool is_element(std::string_view list, std::string_view name) {
  return name == "member" || (list == "Buckets" && name == "Bucket") ||
         (list == "TagSet" && name == "Tag");
}

// Lists of S3 whose elements stand among the members of their parent; empty: it is none.
std::string_view flat_list(std::string_view parent, std::string_view name) {
  if (parent == "ListBucketResult" && any_of(name, {"Contents", "CommonPrefixes"})) return name;
  if (parent == "ListVersionsResult") {
    if (name == "Version") return "Versions";
    if (name == "DeleteMarker") return "DeleteMarkers";
    if (name == "CommonPrefixes") return name;
  }
  if (any_of(parent, {"Contents", "Version"}) && name == "ChecksumAlgorithm") return name;
  if (parent == "DeleteResult") {
    if (name == "Deleted") return name;
    if (name == "Error") return "Errors";
  }
  return {};
}

// `name`: of the member, of elements that of their list.
json::value value_of(const pugi::xml_node& node, std::string_view name, int depth,
                     bool in_list = false) {
  const auto first =
      node.find_child([](const auto& child) { return child.type() == pugi::node_element; });
  if (!first) {
    if (!in_list && is_one_of(name, kLists)) return json::array();
    if (!in_list && is_one_of(name, kMaps)) return json::object();
    return leaf_value(name, node.text().get());
  }
  if (depth == kDeepest) return nullptr;
  const std::string_view kind = first.name();
  if (is_element(name, kind)) {
    json::array list;
    for (const auto& child : node.children(first.name()))
      list.push_back(value_of(child, name, depth + 1, true));
    return list;
  }
  json::object object;
  if (kind == "entry") {
    for (const auto& child : node.children("entry"))
      object[child.child_value("key")] = value_of(child.child("value"), name, depth + 1, true);
    return object;
  }
  for (const auto& child : node.children()) {
    if (child.type() != pugi::node_element) continue;
    auto value = value_of(child, child.name(), depth + 1);
    if (const auto list = flat_list(node.name(), child.name()); list.empty()) {
      object[child.name()] = std::move(value);
    } else {
      auto& all = object[list];
      if (!all.is_array()) all = json::array();
      all.get_array().push_back(std::move(value));
    }
  }
  return object;
}

pugi::xml_node root_of(pugi::xml_document& document, std::string_view xml) {
  // A key of S3 may be a single space.
  if (!document.load_buffer(xml.data(), xml.size(),
                            pugi::parse_default | pugi::parse_ws_pcdata_single))
    return {};
  return document.document_element();
}

}  // namespace

json::value leaf_value(std::string_view name, std::string_view text) {
  if (is_one_of(name, kBooleans) && (text == "true" || text == "false")) return text == "true";
  if (is_one_of(name, kNumbers)) {
    std::int64_t whole = 0;
    const char* const end = text.data() + text.size();
    if (const auto read = std::from_chars(text.data(), end, whole);
        read.ec == std::errc() && read.ptr == end)
      return whole;
    double number = 0;
    if (const auto read = std::from_chars(text.data(), end, number);
        read.ec == std::errc() && read.ptr == end && std::isfinite(number))
      return number;
  }
  return json::string(text);
}

json::value value_of_xml(std::string_view xml) {
  pugi::xml_document document;
  const auto root = root_of(document, xml);
  if (!std::string_view(root.name()).ends_with("Response")) return nullptr;
  for (const auto& child : root.children())
    if (std::string_view(child.name()).ends_with("Result")) {
      auto value = value_of(child, "", 0);
      return value.is_object() ? std::move(value) : json::value(json::object());
    }
  return json::object();
}

json::value value_of_root(std::string_view xml) {
  pugi::xml_document document;
  const auto root = root_of(document, xml);
  if (!root) return nullptr;
  return value_of(root, root.name(), 0);
}

json::object error_of_xml(std::string_view xml) {
  pugi::xml_document document;
  const auto root = root_of(document, xml);
  const auto error = std::string_view(root.name()) == "Error" ? root : root.child("Error");
  if (!error) return {};
  json::object fields = {{"Code", ""}, {"Message", ""}, {"RequestId", ""}};
  for (const auto& child : error.children())
    if (child.type() == pugi::node_element) fields[child.name()] = child.text().get();
  if (const auto id = root.child("RequestId")) fields["RequestId"] = id.child_value();
  return fields;
}

}  // namespace sosw::aws
