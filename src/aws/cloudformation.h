// SPDX-License-Identifier: MIT
// Stacks: what a deployment makes, changes, watches and removes.
//
//   aws::CloudFormation cloudformation;
//   auto stack = cloudformation.describe("sosw");
//   if (!stack) return failure(stack.error().text());
//   if (*stack && (*stack)->is_busy()) wait(cloudformation.events("sosw"));
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "aws/client.h"

namespace sosw::aws {

struct Stack {
  std::string id;  // its ARN
  std::string name;
  std::string status;  // "CREATE_COMPLETE"
  std::string reason;  // of the status; often empty
  std::map<std::string, std::string> parameters;
  std::map<std::string, std::string> outputs;

  // Something is still being made, changed or removed.
  [[nodiscard]] bool is_busy() const { return status.ends_with("_IN_PROGRESS"); }
  // What was asked for last was done, not rolled back.
  [[nodiscard]] bool is_good() const;
};

struct StackChange {
  std::string name;    // or ARN
  std::string body{};  // template, JSON or YAML; up to 51,200 bytes
  std::string url{};   // of the template in S3, instead of `body`; up to 1 MB
  std::map<std::string, std::string> parameters{};
  std::vector<std::string> capabilities{};  // "CAPABILITY_NAMED_IAM"
  std::map<std::string, std::string> tags{};
};

struct StackEvent {
  std::string id;
  std::string time;      // ISO 8601
  std::string resource;  // its name in the template; the stack's own name for the stack itself
  std::string type;      // "AWS::DynamoDB::Table"
  std::string status;
  std::string reason;
};

// All but describe() and events() return when CloudFormation has taken the order; it does the work
// afterwards. Not for use by two threads at once.
class CloudFormation {
 public:
  explicit CloudFormation(ClientOptions options = {})
      : client_("cloudformation", std::move(options)) {}

  // Nothing: there is no such stack. A removed one is found by its ARN only.
  Reply<std::optional<Stack>> describe(std::string_view name);
  // The stack's ARN. An error if there is a stack of that name.
  Reply<std::string> create(const StackChange& change);
  // False: the stack is like that already. Parameters that are not given keep their values.
  Reply<bool> update(const StackChange& change);
  // It is no error if there is nothing.
  Done remove(std::string_view name);
  // The newest first, down to the one with the id `until`, without it; all of them if that is
  // empty.
  Reply<std::vector<StackEvent>> events(std::string_view name, std::string_view until = "");

 private:
  Client client_;
};

}  // namespace sosw::aws
