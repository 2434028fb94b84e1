// SPDX-License-Identifier: MIT
#include "aws/s3.h"

#include <fmt/format.h>

#include <algorithm>

#include "aws/fields.h"

namespace sosw::aws {
namespace {

namespace json = boost::json;

Done done(const Answer& answer) {
  if (!answer) return answer.error();
  return Nothing{};
}

S3Object object_of(const json::value& answer) {
  const auto& fields = answer.get_object();
  return {text_field(fields, "Body"), text_field(fields, "ETag"),
          text_field(fields, "LastModified")};
}

}  // namespace

Reply<std::optional<S3Object>> S3::get(std::string_view bucket, std::string_view key) {
  const auto answer = client_.call("GetObject", {{"Bucket", bucket}, {"Key", key}});
  if (!answer) {
    if (answer.error().code == "NoSuchKey") return std::nullopt;
    return answer.error();
  }
  return object_of(*answer);
}

Reply<std::optional<S3Object>> S3::get_part(std::string_view bucket, std::string_view key,
                                            std::string_view etag, std::int64_t first,
                                            std::int64_t size) {
  const auto answer =
      client_.call("GetObject", {{"Bucket", bucket},
                                 {"Key", key},
                                 {"IfMatch", etag},
                                 {"Range", fmt::format("bytes={}-{}", first, first + size - 1)}});
  if (!answer) {
    // 416: another one, which is shorter, in a store that does not know the condition.
    const auto& failed = answer.error();
    if (failed.code == "NoSuchKey" || failed.status == 412 || failed.status == 416)
      return std::nullopt;
    return failed;
  }
  auto object = object_of(*answer);
  if (object.etag != etag) return std::nullopt;
  return object;
}

Reply<std::optional<S3Entry>> S3::head(std::string_view bucket, std::string_view key) {
  const auto answer = client_.call("HeadObject", {{"Bucket", bucket}, {"Key", key}});
  if (!answer) {
    if (answer.error().status != 404) return answer.error();
    // The answer to a HEAD does not say what is missing.
    const auto there = client_.call("HeadBucket", {{"Bucket", bucket}});
    if (!there) return there.error();
    return std::nullopt;
  }
  const auto& fields = answer->get_object();
  return S3Entry{std::string(key), number_field(fields, "ContentLength"),
                 text_field(fields, "ETag"), text_field(fields, "LastModified")};
}

Done S3::put(std::string_view bucket, std::string_view key, std::string bytes,
             std::string_view content_type) {
  return done(client_.call("PutObject", {{"Bucket", bucket},
                                         {"Key", key},
                                         {"ContentType", content_type},
                                         {"Body", std::move(bytes)}}));
}

Reply<bool> S3::put_if_absent(std::string_view bucket, std::string_view key, std::string bytes) {
  const auto answer = client_.call(
      "PutObject",
      {{"Bucket", bucket}, {"Key", key}, {"IfNoneMatch", "*"}, {"Body", std::move(bytes)}});
  if (answer) return true;
  // After a lost answer the object may be our own.
  if (answer.error().status == 412 && answer.error().fate == CallError::Fate::not_done)
    return false;
  return answer.error();
}

Reply<bool> S3::copy(std::string_view from_bucket, std::string_view from_key,
                     std::string_view to_bucket, std::string_view to_key) {
  const auto answer =
      client_.call("CopyObject", {{"Bucket", to_bucket},
                                  {"Key", to_key},
                                  {"CopySource", {{"Bucket", from_bucket}, {"Key", from_key}}}});
  if (answer) return true;
  if (answer.error().code == "NoSuchKey") return false;
  return answer.error();
}

Done S3::remove(std::string_view bucket, std::string_view key) {
  return done(client_.call("DeleteObject", {{"Bucket", bucket}, {"Key", key}}));
}

Reply<bool> S3::remove_if_same(std::string_view bucket, std::string_view key,
                               std::string_view etag) {
  // Not every store that speaks S3 knows the condition, so that it is looked at before, too.
  const auto found = head(bucket, key);
  if (!found) return found.error();
  if (!*found || (*found)->etag != etag) return false;
  const auto answer =
      client_.call("DeleteObject", {{"Bucket", bucket}, {"Key", key}, {"IfMatch", etag}});
  if (answer) return true;
  // After a lost answer it may be gone by our own doing.
  const auto& failed = answer.error();
  if ((failed.status == 412 || failed.status == 404 || failed.status == 409) &&
      failed.fate == CallError::Fate::not_done)
    return false;
  return failed;
}

Done S3::remove_all(std::string_view bucket, const std::vector<std::string>& keys) {
  constexpr std::size_t kMost = 1'000;
  std::optional<CallError> first;
  for (std::size_t i = 0; i < keys.size(); i += kMost) {
    json::array objects;
    for (auto n = i; n < std::min(i + kMost, keys.size()); ++n)
      objects.emplace_back(json::object{{"Key", keys[n]}});
    const auto answer = client_.call(
        "DeleteObjects",
        {{"Bucket", bucket}, {"Delete", {{"Objects", std::move(objects)}, {"Quiet", true}}}});
    if (!answer) return answer.error();
    for_each_object(answer->get_object(), "Errors", [&](const json::object& fields) {
      if (first) return;
      first = CallError{.service = "s3", .operation = "DeleteObjects", .status = 200};
      first->code = text_field(fields, "Code");
      first->message = text_field(fields, "Key") + ": " + text_field(fields, "Message");
    });
  }
  if (first) return *std::move(first);
  return Nothing{};
}

Reply<std::vector<S3Entry>> S3::list(std::string_view bucket, std::string_view prefix) {
  std::vector<S3Entry> entries;
  json::object input = {{"Bucket", bucket}, {"Prefix", prefix}};
  while (true) {
    const auto answer = client_.call("ListObjectsV2", input);
    if (!answer) return answer.error();
    const auto& page = answer->get_object();
    for_each_object(page, "Contents", [&](const json::object& fields) {
      entries.push_back({text_field(fields, "Key"), number_field(fields, "Size"),
                         text_field(fields, "ETag"), text_field(fields, "LastModified")});
    });
    const auto token = text_field(page, "NextContinuationToken");
    if (!flag_field(page, "IsTruncated") || token.empty()) return entries;
    input["ContinuationToken"] = token;
  }
}

Done S3::create_bucket(std::string_view bucket) {
  json::object input = {{"Bucket", bucket}};
  // The oldest region has no name here.
  if (client_.region() != "us-east-1")
    input["CreateBucketConfiguration"] = {{"LocationConstraint", client_.region()}};
  const auto answer = client_.call("CreateBucket", input);
  if (answer || answer.error().code == "BucketAlreadyOwnedByYou") return Nothing{};
  return answer.error();
}

Done S3::remove_bucket(std::string_view bucket) {
  return done(client_.call("DeleteBucket", {{"Bucket", bucket}}));
}

}  // namespace sosw::aws
