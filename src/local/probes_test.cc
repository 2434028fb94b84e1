// SPDX-License-Identifier: MIT
#include "local/probes.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "core/json_text.h"
#include "local/file.h"
#include "support/http_server.h"

namespace sosw::local {
namespace {

using ::testing::HasSubstr;

std::string shown(const Result<std::optional<double>>& value) {
  if (!value) return value.error().text();
  return *value ? fmt::format("{}", **value) : "no data";
}

constexpr std::string_view kExposition = R"(# HELP http_requests_total The total number.
# TYPE http_requests_total counter
http_requests_total{method="post",code="200"} 1027 1395066363000
http_requests_total{method="post",code="400"}    3 1395066363000
http_requests_totals 5

msdos_file_access{path="C:\\DIR\\FILE.TXT",error="Cannot find\n\"it\" }"} 1.458255915e9
without_labels 12.47
something_weird{problem="division by zero"} +Inf -3982045
load { kind = "one" , } 0.5
gone NaN
up{job="a"} 1
up{job="b"} 0
)";

TEST(Prometheus, finds_the_one_sample_with_the_labels) {
  const auto sample = [](std::string_view selector) {
    return shown(prometheus_sample(kExposition, selector));
  };
  EXPECT_EQ(sample("without_labels"), "12.47");
  EXPECT_EQ(sample(R"(http_requests_total{code="400"})"), "3");
  EXPECT_EQ(sample(R"(http_requests_total{ code="200", method="post" })"), "1027");
  EXPECT_EQ(sample("something_weird"), "inf");
  EXPECT_EQ(sample(R"(msdos_file_access{path="C:\\DIR\\FILE.TXT",error="Cannot find\n\"it\" }"})"),
            "1458255915");
  EXPECT_EQ(sample(R"(load{kind="one"})"), "0.5");
  EXPECT_EQ(sample("gone"), "no data");
  EXPECT_EQ(sample("http_requests_totals"), "5");
  EXPECT_THAT(sample("http_requests_total"), HasSubstr("more than one sample"));
  EXPECT_THAT(sample(R"(up{job="c"})"), HasSubstr("no sample matches"));
  EXPECT_THAT(sample("http_requests"), HasSubstr("no sample matches"));
  for (const auto* broken :
       {"", "up{", "up{job}", "up{job=\"a}", "up{job='a'}", "up } 1", "{job=\"a\"}"})
    EXPECT_THAT(sample(broken), HasSubstr("is no selector")) << broken;
}

TEST(Prometheus, passes_over_lines_that_are_broken) {
  EXPECT_EQ(shown(prometheus_sample("a{b=\"c 1\na{\na{b\na 2\r\n", "a")), "2");
  EXPECT_THAT(shown(prometheus_sample("a\n", "a")), "no data");
  EXPECT_THAT(shown(prometheus_sample("a x\n", "a")), HasSubstr("'x' is not a number"));
}

TEST(Numbers, are_read_from_plain_text_and_json) {
  EXPECT_EQ(shown(number_in(" 42.5\n")), "42.5");
  EXPECT_EQ(shown(number_in("-1e3")), "-1000");
  EXPECT_EQ(shown(number_in(" \n")), "no data");
  EXPECT_EQ(shown(number_in("NaN")), "no data");
  EXPECT_THAT(shown(number_in("42 percent")), HasSubstr("'42 percent' is not a number"));
  EXPECT_EQ(shown(json_number(R"({"load": [0.25, null, "7", {}]})", "/load/0")), "0.25");
  EXPECT_EQ(shown(json_number(R"({"load": [0.25, null, "7", {}]})", "/load/1")), "no data");
  EXPECT_EQ(shown(json_number(R"({"load": [0.25, null, "7", {}]})", "/load/2")), "7");
  EXPECT_EQ(shown(json_number("3", "")), "3");
  EXPECT_THAT(shown(json_number(R"({"load": [0.25, null, "7", {}]})", "/load/3")),
              HasSubstr("no number but an object"));
  EXPECT_THAT(shown(json_number(R"({"load": 1})", "/lod")), HasSubstr("nothing at /lod"));
  EXPECT_FALSE(json_number("<html>", "/load"));
}

TEST(Pressure, finds_line_and_key) {
  constexpr std::string_view kText =
      "some avg10=1.50 avg60=0.20 avg300=0.00 total=1234\nfull avg10=0.10 avg60=0.00 avg300=0.00 "
      "total=56\n";
  EXPECT_EQ(shown(pressure_value(kText, "some", "avg10")), "1.5");
  EXPECT_EQ(shown(pressure_value(kText, "full", "avg10")), "0.1");
  EXPECT_EQ(shown(pressure_value(kText, "full", "total")), "56");
  EXPECT_THAT(shown(pressure_value("some avg10=1.50\n", "full", "avg10")),
              HasSubstr("no avg10 of full"));
}

TEST(Probes, check_names_what_is_wrong) {
  const auto error = [](std::string_view details) {
    const auto checked = Probes::check(parse_json(details).value().as_object());
    return checked ? std::string("fine") : checked.error().text();
  };
  EXPECT_EQ(error(R"({"command": ["./cpu.sh"]})"), "fine");
  EXPECT_EQ(
      error(
          R"({"url": "http://127.0.0.1:9100/metrics", "prometheus": "up{job=\"a\"}", "timeout_s": 2})"),
      "fine");
  EXPECT_EQ(error(R"({"file": "load.json", "json_pointer": "/load"})"), "fine");
  EXPECT_EQ(error(R"({"pressure": "io/full/avg60", "command": null})"), "fine");
  EXPECT_THAT(error("{}"), HasSubstr("0 sources"));
  EXPECT_THAT(error(R"({"command": ["a"], "file": "b"})"), HasSubstr("2 sources"));
  EXPECT_THAT(error(R"({"command": "./cpu.sh"})"), HasSubstr("command must be a list of texts"));
  EXPECT_THAT(error(R"({"url": "ftp://x/"})"), HasSubstr("begins with http://"));
  EXPECT_THAT(error(R"({"pressure": "gpu/some/avg10"})"), HasSubstr("cpu|memory|io"));
  EXPECT_THAT(error(R"({"file": "a", "json_pointer": "load"})"), HasSubstr("must begin with /"));
  EXPECT_THAT(error(R"({"file": "a", "promtheus": "x"})"), HasSubstr("did you mean 'prometheus'?"));
  EXPECT_THAT(error(R"({"MetricName": "CPUUtilization", "Namespace": "AWS/RDS"})"),
              HasSubstr("on AWS only"));
}

TEST(Probes, ask_every_source_at_once_and_keep_errors_apart) {
  std::string pattern = (std::filesystem::temp_directory_path() / "sosw-probes-XXXXXX").string();
  const std::filesystem::path folder = ::mkdtemp(pattern.data());
  ASSERT_TRUE(replace_file(folder / "cpu", "some avg10=12.00 avg60=0.20 avg300=0.00 total=1\n"));
  ASSERT_TRUE(replace_file(folder / "temperature", "48000\n"));
  std::atomic<int> asked = 0;
  sosw::testing::HttpServer server([&](const sosw::testing::HttpRequest& request) {
    ++asked;
    sosw::testing::HttpReply reply;
    if (request.target == "/busy") reply.status = 503;
    if (request.target == "/metrics") reply.body = "queue_length{queue=\"a\"} 17\n";
    if (request.target == "/load") reply.body = R"({"load": 0.75})";
    return reply;
  });
  const std::vector<json::object> details = {
      {{"command", {"sh", "-c", "echo 41"}}},
      {{"command", {"sh", "-c", "echo broken >&2; exit 1"}}},
      {{"url", server.url() + "/metrics"}, {"prometheus", "queue_length"}},
      {{"url", server.url() + "/load"}, {"json_pointer", "/load"}},
      {{"json_pointer", "/load"}, {"url", server.url() + "/load"}},  // the same, asked once
      {{"url", server.url() + "/busy"}},
      {{"file", "temperature"}},
      {{"pressure", "cpu/some/avg10"}},
      {{"command", {"sleep", "1000"}}, {"timeout_s", 0.05}},
      {{"file", "missing"}},
      {{"fiel", "temperature"}},
      {{"command", {"true"}}},
  };
  const auto values = Probes(folder, folder).values(details, Time{});
  std::filesystem::remove_all(folder);
  ASSERT_EQ(values.size(), details.size());
  EXPECT_EQ(shown(values[0]), "41");
  EXPECT_THAT(shown(values[1]), HasSubstr("broken"));
  EXPECT_EQ(shown(values[2]), "17");
  EXPECT_EQ(shown(values[3]), "0.75");
  EXPECT_EQ(shown(values[4]), "0.75");
  EXPECT_THAT(shown(values[5]), HasSubstr("answered 503"));
  EXPECT_EQ(shown(values[6]), "48000");
  EXPECT_EQ(shown(values[7]), "12");
  EXPECT_THAT(shown(values[8]), HasSubstr("killed"));
  EXPECT_THAT(shown(values[9]), HasSubstr("missing"));
  EXPECT_THAT(shown(values[10]), HasSubstr("unknown key"));
  EXPECT_EQ(shown(values[11]), "no data");
  EXPECT_EQ(asked, 3);
  EXPECT_TRUE(Probes(folder).values({}, Time{}).empty());
}

TEST(Probes, a_server_that_is_not_there_is_an_error_of_its_own) {
  const auto gone = fmt::format("http://127.0.0.1:{}/", sosw::testing::closed_port());
  const std::vector<json::object> details = {{{"url", gone}}, {{"command", {"echo", "1"}}}};
  const auto values = Probes("/").values(details, Time{});
  ASSERT_FALSE(values[0]);
  EXPECT_EQ(values[0].error().code, Code::unavailable);
  EXPECT_EQ(shown(values[1]), "1");
}

}  // namespace
}  // namespace sosw::local
