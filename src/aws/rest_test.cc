// SPDX-License-Identifier: MIT
// What the REST services are sent, and what their answers mean. That they agree is seen in
// tests/aws.
#include "aws/rest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

namespace sosw::aws {
namespace {

namespace json = boost::json;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

Call call_of(std::string_view service, std::string_view name, const json::object& input,
             bool virtual_host = false) {
  const auto* operation = find_rest_operation(service, name);
  if (!operation) throw std::invalid_argument(std::string(name));
  auto made = rest_call(*operation, find_service(service)->protocol, input, virtual_host);
  if (const auto* wrong = std::get_if<std::string>(&made)) throw std::invalid_argument(*wrong);
  return std::get<Call>(made);
}

std::string complaint(std::string_view service, std::string_view name, const json::object& input) {
  try {
    call_of(service, name, input);
  } catch (const std::invalid_argument& wrong) {
    return wrong.what();
  }
  return "none";
}

json::value value_of(std::string_view service, std::string_view name, const Response& response) {
  return rest_value(*find_rest_operation(service, name), find_service(service)->protocol, response);
}

TEST(Rest, puts_each_member_into_its_place) {
  auto call = call_of("lambda", "Invoke",
                      {{"FunctionName", "arn:aws:lambda:eu-west-1:1:function:f"},
                       {"Qualifier", "$LATEST"},
                       {"InvocationType", "Event"},
                       {"ClientContext", nullptr},
                       {"Payload", "\x01 any bytes"}});
  EXPECT_EQ(call.method, "POST");
  EXPECT_EQ(call.path, "/2015-03-31/functions/arn:aws:lambda:eu-west-1:1:function:f/invocations");
  EXPECT_THAT(call.query, ElementsAre(Pair("Qualifier", "$LATEST")));
  EXPECT_THAT(call.headers, ElementsAre(Pair("X-Amz-Invocation-Type", "Event")));
  EXPECT_EQ(call.body, "\x01 any bytes");

  // What has no place of its own is the body; without any there is none.
  call = call_of("lambda", "UpdateFunctionConfiguration", {{"FunctionName", "f"}, {"Timeout", 3}});
  EXPECT_EQ(call.method, "PUT");
  EXPECT_THAT(call.headers, ElementsAre(Pair("Content-Type", "application/json")));
  EXPECT_EQ(call.body, R"({"Timeout":3})");
  EXPECT_EQ(call_of("lambda", "PublishVersion", {{"FunctionName", "f"}}).body, "");

  call = call_of("lambda", "UntagResource", {{"Resource", "arn:x"}, {"TagKeys", {"a", "b"}}});
  EXPECT_THAT(call.query, ElementsAre(Pair("tagKeys", "a"), Pair("tagKeys", "b")));
}

TEST(Rest, writes_the_requests_of_s3) {
  auto call = call_of("s3", "PutObject",
                      {{"Bucket", "b"},
                       {"Key", "a//b c/../d"},
                       {"Body", "bytes"},
                       {"Metadata", {{"one", "1"}, {"two", "2"}}}});
  EXPECT_EQ(call.method, "PUT");
  EXPECT_EQ(call.path, "/b/a//b c/../d");
  EXPECT_EQ(call.body, "bytes");
  EXPECT_THAT(call.headers, ElementsAre(Pair("x-amz-meta-one", "1"), Pair("x-amz-meta-two", "2")));

  call = call_of("s3", "ListObjectsV2", {{"Bucket", "b"}, {"Prefix", "x/"}, {"MaxKeys", 2}});
  EXPECT_EQ(call.path, "/b");
  EXPECT_THAT(call.query, UnorderedElementsAre(Pair("list-type", "2"), Pair("prefix", "x/"),
                                               Pair("max-keys", "2")));

  call = call_of(
      "s3", "DeleteObjects",
      {{"Bucket", "b"},
       {"Delete",
        {{"Objects", {{{"Key", "a<&\n"}}, {{"Key", "b"}, {"VersionId", "v"}}}}, {"Quiet", true}}}});
  EXPECT_THAT(call.query, ElementsAre(Pair("delete", "")));
  EXPECT_EQ(
      call.body,
      R"(<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Object><Key>a&#60;&#38;&#10;)"
      "</Key></Object><Object><Key>b</Key><VersionId>v</VersionId></Object><Quiet>true</Quiet>"
      "</Delete>");

  const auto source = [](const json::value& value) {
    return call_of("s3", "CopyObject", {{"Bucket", "b"}, {"Key", "k"}, {"CopySource", value}})
        .headers.at(0)
        .second;
  };
  EXPECT_EQ(source({{"Bucket", "from"}, {"Key", "a b/c"}, {"VersionId", "v="}}),
            "from/a%20b/c?versionId=v%3D");
  EXPECT_EQ(source("from/a b/c?versionId=v1"), "from/a%20b/c?versionId=v1");
}

TEST(Rest, puts_a_bucket_into_the_host_name_where_its_name_permits) {
  const json::object input = {{"Bucket", "my-bucket"}, {"Key", "k"}};
  auto call = call_of("s3", "GetObject", input, true);
  EXPECT_EQ(call.host_prefix, "my-bucket.");
  EXPECT_EQ(call.path, "/k");
  call = call_of("s3", "GetObject", input, false);
  EXPECT_EQ(call.host_prefix, "");
  EXPECT_EQ(call.path, "/my-bucket/k");
  EXPECT_EQ(call_of("s3", "ListObjectsV2", {{"Bucket", "my-bucket"}}, true).path, "/");
  // The certificate is for one name before the service's, and names have no capitals.
  for (const char* name : {"my.bucket", "MyBucket", "my_bucket", "-my-bucket", "ab"})
    EXPECT_EQ(call_of("s3", "GetObject", {{"Bucket", name}, {"Key", "k"}}, true).host_prefix, "");
  EXPECT_EQ(call_of("s3", "ListBuckets", {}, true).path, "/");
}

TEST(Rest, refuses_what_would_ask_something_else) {
  EXPECT_EQ(complaint("lambda", "Invoke", {{"Payload", "{}"}}), "FunctionName is missing");
  EXPECT_EQ(complaint("s3", "DeleteObject", {{"Bucket", "b"}, {"Key", ""}}),
            "Key is missing");  // it would be the bucket that is deleted
  EXPECT_EQ(complaint("s3", "ListObjectsV2", {{"Bucket", "a/b"}}),
            "Bucket 'a/b' may not have a slash");
  EXPECT_EQ(complaint("s3", "GetObject", {{"Bucket", "b"}, {"Key", "k"}, {"Keys", 1}}),
            "it has no member Keys");
  EXPECT_EQ(complaint("lambda", "Invoke", {{"FunctionName", "f"}, {"payload", "{}"}}),
            "it has no member payload");
  EXPECT_EQ(complaint("s3", "PutObject",
                      {{"Bucket", "b"}, {"Key", "k"}, {"Metadata", {{"a", "1\r\nx: y"}}}}),
            "the value for the header x-amz-meta-a may not have a line break");
  EXPECT_EQ(find_rest_operation("s3", "Nothing"), nullptr);
}

TEST(Rest, reads_bodies_and_headers) {
  const Response got = {.status = 200,
                        .headers = {{"Content-Length", "3"},
                                    {"ETag", "\"e\""},
                                    {"Last-Modified", "Tue, 24 Nov 2026 10:00:00 GMT"},
                                    {"X-Amz-Meta-Who", "me"}},
                        .body = "\x01\x02\x03"};
  EXPECT_EQ(value_of("s3", "GetObject", got), json::value({{"Body", "\x01\x02\x03"},
                                                           {"ContentLength", 3},
                                                           {"ETag", "\"e\""},
                                                           {"LastModified", "2026-11-24T10:00:00Z"},
                                                           {"Metadata", {{"who", "me"}}}}));
  EXPECT_EQ(value_of("lambda", "Invoke",
                     {.status = 200,
                      .headers = {{"x-amz-function-error", "Unhandled"}},
                      .body = R"({"errorMessage":"no"})"}),
            json::value({{"StatusCode", 200},
                         {"FunctionError", "Unhandled"},
                         {"Payload", R"({"errorMessage":"no"})"}}));
  EXPECT_EQ(
      value_of("lambda", "GetFunctionConfiguration", {.status = 200, .body = R"({"Timeout":3})"}),
      json::value({{"Timeout", 3}}));
  EXPECT_EQ(value_of("lambda", "DeleteAlias", {.status = 204}), json::value(json::object()));
  for (const char* body : {"{", "[]", "1"})
    EXPECT_TRUE(value_of("lambda", "GetPolicy", {.status = 200, .body = body}).is_null()) << body;
}

TEST(Rest, reads_the_lists_of_s3) {
  EXPECT_EQ(value_of("s3", "ListObjectsV2", {.status = 200, .body = R"(<?xml version="1.0"?>
    <ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name><Prefix/>
    <KeyCount>2</KeyCount><IsTruncated>false</IsTruncated>
    <Contents><Key> </Key><Size>10</Size></Contents><Contents><Key>a&amp;b</Key><Size>0</Size></Contents>
    </ListBucketResult>)"}),
            json::parse(R"({"Name": "b", "Prefix": "", "KeyCount": 2, "IsTruncated": false,
              "Contents": [{"Key": " ", "Size": 10}, {"Key": "a&b", "Size": 0}]})"));
  EXPECT_EQ(value_of("s3", "ListBuckets", {.status = 200, .body = R"(<ListAllMyBucketsResult>
    <Owner><ID>o</ID></Owner><Buckets><Bucket><Name>a</Name></Bucket></Buckets></ListAllMyBucketsResult>)"}),
            json::parse(R"({"Owner": {"ID": "o"}, "Buckets": [{"Name": "a"}]})"));
  EXPECT_EQ(value_of("s3", "DeleteObjects", {.status = 200, .body = R"(<DeleteResult>
    <Deleted><Key>a</Key></Deleted><Error><Key>b</Key><Code>AccessDenied</Code></Error></DeleteResult>)"}),
            json::parse(R"({"Deleted": [{"Key": "a"}],
              "Errors": [{"Key": "b", "Code": "AccessDenied"}]})"));
  EXPECT_EQ(value_of("s3", "CopyObject", {.status = 200, .body = R"(<CopyObjectResult>
    <ETag>e</ETag></CopyObjectResult>)"}),
            json::parse(R"({"CopyObjectResult": {"ETag": "e"}})"));
  EXPECT_EQ(value_of("s3", "GetBucketLocation", {.status = 200, .body = R"(<LocationConstraint
    xmlns="http://s3.amazonaws.com/doc/2006-03-01/">eu-west-1</LocationConstraint>)"}),
            json::parse(R"({"LocationConstraint": "eu-west-1"})"));
  EXPECT_TRUE(value_of("s3", "ListObjectsV2", {.status = 200, .body = "<a"}).is_null());
}

}  // namespace
}  // namespace sosw::aws
