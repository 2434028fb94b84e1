// SPDX-License-Identifier: MIT
// Where settings and credentials are stored: the DynamoDB table `config`, the Parameter Store of
// SSM, Secrets Manager.
//
//   auto limits = sosw::get_config("limits");  // {} if there is no such document
//   auto db = sosw::get_credentials_by_prefix("db");  // {"user": ..., "password": ...}
//
// What is not there is an empty object. A source that cannot be asked, for want of connection,
// permission or credentials, is an AwsError, never an empty object.
//
// The role needs dynamodb:Query on the table (dynamodb:UpdateItem to update), or what the
// functions of SsmConfig and SecretsManager name. Each object is for one thread at a time; the
// functions are for any.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sosw/aws_client.h"
#include "sosw/errors.h"

namespace sosw {

// Of the default source of a ConfigSource that the whole program shares: the table `config`.
boost::json::value get_config(std::string_view name);
void update_config(std::string_view name, const boost::json::value& val);
boost::json::object get_credentials_by_prefix(std::string_view prefix);
// Of Secrets Manager: see SecretsManager.
boost::json::object get_secrets_credentials(std::string_view type, std::string_view value);

// Whether STAGE is `test` or `autotest`, or the environment's variable `autotest` is `True`.
[[nodiscard]] bool is_test_stage();

// Rows with a text `config_value` under `env` and `config_name`.
class DynamoConfig {
 public:
  // `test`: then the table is "autotest_config" and what is written belongs to "dev".
  // `config`: {"table_name": ..., "region_name": ...}, both optional, also in an object
  // `dynamo_client_config` as in the original; other keys are ignored. Throws AssertionError when
  // `test` is true and the table is named neither "config" nor "autotest_...". No connection is
  // made yet.
  explicit DynamoConfig(bool test = is_test_stage(), const boost::json::object& config = {});

  // The document, decoded if it is JSON, else its text; {} if there is none, or no such table.
  // Throws AwsError, and RuntimeError for a row whose `config_value` is no text.
  boost::json::value get_config(std::string_view name, std::string_view env = "production");
  // Stores a text as it is, another value as JSON. Throws AwsError.
  void update_config(std::string_view name, const boost::json::value& val);
  // All documents whose name begins with `prefix` and "_" (put behind it unless it is there), by
  // the rest of their names, decoded as by get_config(). In a name that has the prefix again, each
  // one is taken out, as in the original ("x_y" for "db_x_db_y"). In a test, and for a prefix that
  // begins with "autotest_", `env` is "dev" whatever is given. Throws what get_config() does.
  boost::json::object get_credentials_by_prefix(std::string_view prefix,
                                                std::string_view env = "production");

 private:
  boost::json::array query(std::string_view condition, std::string_view env,
                           std::string_view config_name);

  bool test_;
  std::string table_;
  AwsClient dynamodb_;
};

// Parameters of SSM. SSM permits few calls a second: for what many functions read at once, the
// table is the better place.
class SsmConfig {
 public:
  // `config`: {"region_name": ...}, optional; other keys are ignored.
  explicit SsmConfig(bool test = is_test_stage(), const boost::json::object& config = {});
  ~SsmConfig();
  SsmConfig(SsmConfig&&) noexcept;
  SsmConfig& operator=(SsmConfig&&) noexcept;

  // The parameter, decrypted, decoded if it is JSON, else its text; {} if there is none. A plain
  // one is read also when the key may not be used. Throws AwsError. Needs ssm:GetParameter.
  boost::json::value get_config(std::string_view name);
  // `param_type`: String, StringList or SecureString, else ValueError. Overwrites; a text is stored
  // as it is, another value as JSON. Throws AwsError. Needs ssm:PutParameter.
  void update_config(std::string_view name, const boost::json::value& val,
                     std::string_view description = "", std::string_view param_type = "String");
  // All parameters whose names begin with `prefix` and "_", as with DynamoConfig, and whose tag
  // `Environment` is "production" (in a test "dev"), by the rest of their names; the text "None" is
  // null. Throws AwsError, and RuntimeError when one has disappeared meanwhile. Needs
  // ssm:DescribeParameters and ssm:GetParameters.
  boost::json::object get_credentials_by_prefix(std::string_view prefix);
  // The answers of an operation to all its pages ("DescribeParameters"), in order. Throws AwsError.
  boost::json::array call_boto_with_pagination(std::string_view operation,
                                               boost::json::object input = {});

 private:
  struct State;
  std::unique_ptr<State> state_;
};
using SSMConfig = SsmConfig;  // its name in the original

class SecretsManager {
 public:
  // `config`: {"region_name": ...}, optional; other keys are ignored.
  explicit SecretsManager(const boost::json::object& config = {});
  ~SecretsManager();
  SecretsManager(SecretsManager&&) noexcept;
  SecretsManager& operator=(SecretsManager&&) noexcept;

  // The texts of all secrets by their names. `type`: "name" for those whose name begins with
  // `value`, "tag" for those that have a tag of that value; else, or for an empty `value`, KeyError
  // as in the original. Throws AwsError, and RuntimeError for a secret that is no text. Needs
  // secretsmanager:ListSecrets and secretsmanager:GetSecretValue.
  boost::json::object get_secrets_credentials(std::string_view type, std::string_view value);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// One face for the sources, as the functions above use it.
class ConfigSource {
 public:
  // `sources`: names with commas, "Dynamo" and "SSM"; the first is asked by default. Empty: Dynamo.
  // `config`: {"dynamo_config": {...}, "ssm_config": {...}, "secrets_config": {...}} for their
  // constructors, all optional. Throws AssertionError for another source, ValueError for a
  // configuration that is no object.
  explicit ConfigSource(bool test = is_test_stage(), std::string_view sources = "",
                        const boost::json::object& config = {});

  // As that of the default source.
  boost::json::value get_config(std::string_view name);
  void update_config(std::string_view name, const boost::json::value& val);
  boost::json::object get_credentials_by_prefix(std::string_view prefix);
  // As that of SecretsManager.
  boost::json::object get_secrets_credentials(std::string_view type, std::string_view value);

  // The sources themselves; null when `sources` does not name it.
  [[nodiscard]] DynamoConfig* dynamo() { return dynamo_ ? &*dynamo_ : nullptr; }
  [[nodiscard]] SsmConfig* ssm() { return ssm_ ? &*ssm_ : nullptr; }

 private:
  std::optional<DynamoConfig> dynamo_;
  std::optional<SsmConfig> ssm_;
  std::optional<SecretsManager> secrets_;
  boost::json::object secrets_config_;
  bool ssm_first_ = false;
};

}  // namespace sosw
