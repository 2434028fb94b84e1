// SPDX-License-Identifier: MIT
// What the table client of the original does with rows, queries and updates: a plain reading of it,
// with each of its faults as a switch. And what requests to DynamoDB mean.
#pragma once

#include <optional>

#include "golden.h"

namespace sosw::golden {

// Each is described under its name in differences.md.
struct DynamoFaults {
  bool bare_exceptions = true;
  bool no_fractions_in_lists = true;
  bool numbers_rounded = true;
  bool no_exponents = true;
  bool required_fields_needed = true;
  bool any_digits_are_numbers = true;
  bool numbers_unchecked = true;
  bool python_in_texts = true;
  bool sets_by_value = true;
  bool filters_by_look = true;
  bool ranges_by_look = true;
  bool half_ranges = true;
  bool shared_limits = true;
  bool functions_in_capitals = true;
  bool increments_by_look = true;
};

inline constexpr bool DynamoFaults::*kDynamoFaults[] = {
    &DynamoFaults::bare_exceptions,        &DynamoFaults::no_fractions_in_lists,
    &DynamoFaults::numbers_rounded,        &DynamoFaults::no_exponents,
    &DynamoFaults::required_fields_needed, &DynamoFaults::any_digits_are_numbers,
    &DynamoFaults::numbers_unchecked,      &DynamoFaults::python_in_texts,
    &DynamoFaults::sets_by_value,          &DynamoFaults::filters_by_look,
    &DynamoFaults::ranges_by_look,         &DynamoFaults::half_ranges,
    &DynamoFaults::shared_limits,          &DynamoFaults::functions_in_capitals,
    &DynamoFaults::increments_by_look,
};

// The answer in the form of dynamo_behaviour(); nullopt for a function, or an input, that the model
// does not know.
std::optional<Answer> dynamo_model(const Case& what, const DynamoFaults& faults);

// A value of a case as our client is given it: lists for sets and tuples, base64 for bytes, numbers
// for decimals, digits as text for an integer beyond 64 bits.
json::value dynamo_given(const json::value& value);

// An item in attribute form with its sets in the order that dynamo_behaviour() gives to sets.
json::value dynamo_sorted_sets(const json::value& item);

// A decimal number as ours reads it: exact, as an integer, a double or the text.
json::value dynamo_number(std::string_view text);

// Parameters of a request with placeholders resolved, blanks made equal, and without what says the
// same in another way (paging, tokens).
json::object dynamo_meaning(json::object params);

// A recorded output, or one of the model, with its requests reduced to their meaning, and values in
// our forms.
json::value dynamo_behaviour(const Case& what, const json::value& output);

}  // namespace sosw::golden
