// SPDX-License-Identifier: MIT
// Names and accounts in ARNs: of the helpers, and of the labourer that a job names.
#include "core/job_request.h"
#include "sosw/helpers.h"
#include "target.h"

namespace {

using sosw::fuzz::require;

// The first twelve digits that stand together, found the simple way.
std::string_view first_twelve_digits(std::string_view text) {
  constexpr std::size_t kDigits = 12;
  for (std::size_t at = 0; at + kDigits <= text.size(); ++at)
    if (text.substr(at, kDigits).find_first_not_of("0123456789") == text.npos)
      return text.substr(at, kDigits);
  return {};
}

void account(std::string_view arn) {
  const auto expected = first_twelve_digits(arn);
  try {
    require(sosw::trim_arn_to_account(arn) == expected, "the account is the first twelve digits");
  } catch (const sosw::AttributeError&) {
    require(expected.empty(), "an account is found where there is one");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto arn = sosw::fuzz::text_of(data, size);
  const auto name = sosw::trim_arn_to_name(arn);
  require(arn.find(name) != arn.npos, "a name is a part of its ARN");
  require(name.find_first_of(":/") == name.npos, "a name has no separator in it");
  require(sosw::trim_arn_to_name(name) == name, "a name is its own name");

  const auto labourer = sosw::labourer_name_of_arn(arn);
  require(arn.find(labourer) != arn.npos, "a labourer's name is a part of its ARN");
  require(sosw::labourer_name_of_arn(labourer) == labourer, "a labourer's name is its own name");

  account(arn);
  return 0;
}
