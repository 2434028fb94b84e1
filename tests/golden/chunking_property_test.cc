// SPDX-License-Identifier: MIT
// Properties of folded jobs, over generated ones: the rows are those of the plain model, nothing is
// lost or doubled, and a cursor may start anywhere.
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <optional>

#include "chunking_model.h"
#include "core/chunking.h"
#include "core/json_text.h"

namespace sosw::golden {
namespace {

const Date kToday = *parse_iso_date("2024-03-01");
const std::vector<std::string> kNames = {"alpha", "beta", "gamma", "delta"};

// Always of the whole range: a generator that follows the size gives little but empty jobs.
int below(int n) { return *rc::gen::resize(rc::kNominalSize, rc::gen::inRange(0, n)); }
bool one_in(int n) { return below(n) == 0; }

json::value scalar() {
  return *rc::gen::elementOf(
      std::vector<json::value>{"a", "b", "\xC3\xBC", "x y", "", 1, -5, 1.5, 0, true, false});
}

json::value flag() {
  return *rc::gen::elementOf(
      std::vector<json::value>{true, true, true, false, 1, 0, "no", nullptr});
}

json::value batch_size() {
  if (one_in(20))
    return *rc::gen::elementOf(std::vector<json::value>{1'000'000, 0, -1, "x", nullptr});
  return *rc::gen::elementOf(std::vector<json::value>{1, 2, 3, 4, "2", true, 2.7});
}

json::value element(const std::vector<std::string>& attrs, std::size_t level);

json::value values(const std::vector<std::string>& attrs, std::size_t level) {
  if (one_in(20))
    return *rc::gen::elementOf(
        std::vector<json::value>{nullptr, json::array(), json::object(), 7, "abc"});
  const auto count = below(5);
  if (one_in(3) || level + 1 == attrs.size()) {
    json::array list;
    json::object keys;
    for (int i = 0; i < count; ++i) {
      list.push_back(scalar());
      keys["k" + std::to_string(i)] = nullptr;
    }
    if (one_in(2)) return list;
    return keys;
  }
  json::object elements;
  for (int i = 0; i < count; ++i)
    elements[attrs[level] + std::to_string(i)] =
        one_in(5) ? json::value() : element(attrs, level + 1);
  if (one_in(6)) return json::array{elements, {{"more", nullptr}}};
  return elements;
}

json::value element(const std::vector<std::string>& attrs, std::size_t level) {
  json::object fields;
  if (one_in(4)) fields["custom"] = scalar();
  if (level < attrs.size() && !one_in(8)) {
    fields[attrs[level] + (one_in(6) ? "" : "s")] = values(attrs, level);
    if (one_in(20)) fields[attrs[level]] = values(attrs, level);
  }
  for (const auto& attr : attrs) {
    if (one_in(5)) fields["isolate_" + attr + (one_in(4) ? "" : "s")] = flag();
    if (one_in(10)) fields["max_" + attr + (one_in(4) ? "" : "s") + "_per_batch"] = batch_size();
  }
  if (one_in(15)) fields[*rc::gen::elementOf(kNames) + "s"] = "outside";
  if (one_in(15)) fields["date_list"] = "mine";
  if (one_in(15)) fields["labourer_id"] = "spoofed";
  return fields;
}

struct Generated {
  std::vector<std::string> attrs;
  json::object body;
};

Generated generated() {
  Generated job;
  job.attrs.assign(kNames.begin(), kNames.begin() + (one_in(15) ? 0 : 1 + below(4)));
  job.body = element(job.attrs, 0).as_object();
  if (one_in(2))
    job.body["period"] = one_in(20) ? "nope" : one_in(20) ? "last_0_days" : "last_3_days";
  if (one_in(2)) job.body["isolate_days"] = flag();
  if (!job.attrs.empty() && !one_in(3))
    job.body["isolate_" +
             job.attrs[static_cast<std::size_t>(below(static_cast<int>(job.attrs.size())))] + "s"] =
        true;
  RC_LOG() << json_text(job.body);
  return job;
}

Result<JobRows> folded(const Generated& job) {
  return JobRows::from_job({"some_function", job.body}, *JobSchema::create(job.attrs), Periods(),
                           kToday);
}

std::vector<std::string> all(const JobRows& rows, JobRows::Form form) {
  std::vector<std::string> texts;
  auto cursor = rows.at(0, form);
  for (std::string text; cursor.next(text); text.clear()) texts.push_back(text);
  return texts;
}

RC_GTEST_PROP(FoldedJob, HasTheRowsOfThePlainModelByteForByte, ()) {
  const auto job = generated();
  const auto rows = folded(job);
  std::optional<std::vector<std::string>> expected;
  try {
    auto body = job.body;
    body["lambda_name"] = "some_function";
    const ChunkingModel model(job.attrs, kToday, Periods(), Faults());
    expected.emplace();
    for (const auto& row : model.parse_job(body)) expected->push_back(json_text(row));
  } catch (const PythonError&) {
    expected.reset();
  }
  RC_CLASSIFY(!expected, "refused");
  RC_ASSERT(static_cast<bool>(rows) == expected.has_value());
  if (!expected) return;
  RC_CLASSIFY(expected->size() > 10, "more than ten rows");
  RC_ASSERT(all(*rows, JobRows::Form::queue_file) == *expected);
}

RC_GTEST_PROP(FoldedJob, CountsWhatItStreamsAndStartsAnywhere, ()) {
  const auto rows = folded(generated());
  if (!rows) return;
  for (const auto form : {JobRows::Form::payload, JobRows::Form::queue_file}) {
    const auto texts = all(*rows, form);
    RC_ASSERT(rows->count() == static_cast<std::int64_t>(texts.size()));
    for (std::size_t k = 0; k <= texts.size(); ++k) {
      auto cursor = rows->at(static_cast<std::int64_t>(k), form);
      std::string text;
      for (std::size_t i = k; i < std::min(texts.size(), k + 3); ++i) {
        RC_ASSERT(cursor.next(text));
        RC_ASSERT(text == texts[i]);
        text.clear();
      }
      RC_ASSERT(k + 3 < texts.size() || !cursor.next(text));
    }
  }
}

RC_GTEST_PROP(FoldedJob, OpensAgainFromItsText, ()) {
  const auto rows = folded(generated());
  if (!rows) return;
  const auto again = JobRows::open(parse_json(json_text(rows->description()))->as_object());
  RC_ASSERT(static_cast<bool>(again));
  RC_ASSERT(all(*again, JobRows::Form::payload) == all(*rows, JobRows::Form::payload));
}

// Two levels, each value with a number of its own: whatever the flags and spellings, the tasks
// together hold each value once, in batches no larger than asked for.
RC_GTEST_PROP(FoldedJob, LosesAndDoublesNoValue, ()) {
  const auto topics = 1 + below(5);
  const auto batch = 1 + below(4);
  const std::string topic = one_in(2) ? "topic" : "topics";
  std::vector<std::int64_t> given;
  json::object elements;
  for (int t = 0; t < topics; ++t) {
    json::array words;
    for (int w = 1 + below(8); w > 0; --w) {
      given.push_back(static_cast<std::int64_t>(given.size()));
      words.emplace_back(given.back());
    }
    elements["t" + std::to_string(t)] = {{one_in(2) ? "word" : "words", words}};
  }
  Generated job{{"topic", "word"}, {{topic, elements}, {"max_words_per_batch", batch}}};
  if (one_in(2)) job.body["isolate_topics"] = true;
  const auto rows = folded(job);
  RC_ASSERT(static_cast<bool>(rows));
  std::vector<std::int64_t> found;
  for (const auto& text : all(*rows, JobRows::Form::payload)) {
    const auto row = *parse_json(text);
    const auto& words = row.at("words").as_array();
    RC_ASSERT(!words.empty() && words.size() <= static_cast<std::size_t>(batch));
    RC_ASSERT(!row.as_object().contains("word") && !row.as_object().contains("topic"));
    for (const auto& word : words) found.push_back(word.as_int64());
  }
  RC_ASSERT(found == given);  // in order, too
}

}  // namespace
}  // namespace sosw::golden
