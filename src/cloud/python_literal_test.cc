// SPDX-License-Identifier: MIT
#include "cloud/python_literal.h"

#include <gtest/gtest.h>

#include <string>

#include "core/json_text.h"
#include "simulation/python_values.h"

namespace sosw::cloud {
namespace {

TEST(PythonLiteral, reads_what_the_original_prints) {
  for (const char* text :
       {R"({"a": null, "b": [true, false, 1, -2.5, 1e-05, 1e22, 9007199254740993]})", "{}", "[]",
        R"({"it's": "\"it's\"", "": "\\ \n\t\r", "b": {"c": [[], {}, ""]}})",
        R"("\u0001 \u007f \u00e9 \u2028 \ud83d\ude00")"}) {
    const auto value = parse_json(text);
    ASSERT_TRUE(value) << text;
    const std::string printed = simulation::python_repr(*value);
    const auto read = python_literal(printed);
    ASSERT_TRUE(read) << printed;
    EXPECT_EQ(json_text(*read), json_text(*value)) << printed;
  }
  EXPECT_EQ(python_literal(R"('\u2028\U0001f600')")->as_string(), "\xE2\x80\xA8\xF0\x9F\x98\x80");
}

TEST(PythonLiteral, refuses_what_is_no_value_of_json) {
  for (const char* text :
       {"", "{", "{'a': }", "{'a'}", "{1: 2}", "{'a': 1", "[1 2]", "[1, ]", "'a", "'\\x1'",
        "'\\ud83d'", "'\\q'", "inf", "nan", "-", "1.", "{} ", "datetime.date(2020, 1, 1)"})
    EXPECT_FALSE(python_literal(text)) << text;
  EXPECT_FALSE(python_literal(std::string(200, '[') + std::string(200, ']')));
  EXPECT_TRUE(python_literal(std::string(50, '[') + std::string(50, ']')));
}

}  // namespace
}  // namespace sosw::cloud
