// SPDX-License-Identifier: MIT
#include "aws/s3.h"

#include <gmock/gmock.h>

#include "aws/moto.h"

namespace sosw::aws {
namespace {

using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class S3Test : public MotoTest {
 protected:
  void SetUp() override {
    MotoTest::SetUp();
    const auto made = s3_.create_bucket("my-bucket");
    ASSERT_TRUE(made) << made.error().text();
  }
  std::string body(std::string_view key) {
    const auto object = s3_.get("my-bucket", key);
    if (!object) return object.error().text();
    return *object ? (*object)->body : "nothing";
  }

  S3 s3_{options()};
};

TEST_F(S3Test, KeepsObjectsOfAnyBytesUnderAnyKey) {
  std::string bytes(300'000, 'x');
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 7);
  for (const std::string key : {"sosw/scheduler/tasks queue.txt", "a+b=c&d?e#f%20",
                                "zażółć 🦊", "a//b", "x:y@z,$;!*'()"}) {
    ASSERT_TRUE(s3_.put("my-bucket", key, bytes)) << key;
    EXPECT_EQ(body(key), bytes) << key;
    const auto head = s3_.head("my-bucket", key);
    ASSERT_TRUE(head && *head) << key;
    EXPECT_EQ((*head)->size, 300'000);
    const auto removed = s3_.remove("my-bucket", key);
    EXPECT_TRUE(removed) << removed.error().text();
    EXPECT_EQ(body(key), "nothing");
  }
}

TEST_F(S3Test, TellsNoObjectFromNoBucket) {
  const auto object = s3_.get("my-bucket", "none");
  ASSERT_TRUE(object) << object.error().text();
  EXPECT_FALSE(*object);
  const auto head = s3_.head("my-bucket", "none");
  ASSERT_TRUE(head) << head.error().text();
  EXPECT_FALSE(*head);
  EXPECT_EQ(s3_.get("no-bucket", "none").error().code, "NoSuchBucket");
  EXPECT_EQ(s3_.head("no-bucket", "none").error().status, 404);
  EXPECT_TRUE(s3_.remove("my-bucket", "none"));
  const auto copied = s3_.copy("my-bucket", "none", "my-bucket", "copy");
  ASSERT_TRUE(copied) << copied.error().text();
  EXPECT_FALSE(*copied);
}

TEST_F(S3Test, CopiesInsideOfTheService) {
  ASSERT_TRUE(s3_.create_bucket("other-bucket"));
  ASSERT_TRUE(s3_.put("my-bucket", "from a/b", "text"));
  const auto copied = s3_.copy("my-bucket", "from a/b", "other-bucket", "to");
  ASSERT_TRUE(copied) << copied.error().text();
  EXPECT_TRUE(*copied);
  EXPECT_EQ((*s3_.get("other-bucket", "to"))->body, "text");
}

TEST_F(S3Test, WritesOnlyWhereNothingIsIfAsked) {
  const auto first = s3_.put_if_absent("my-bucket", "k", "first");
  ASSERT_TRUE(first) << first.error().text();
  EXPECT_TRUE(*first);
  const auto second = s3_.put_if_absent("my-bucket", "k", "second");
  ASSERT_TRUE(second) << second.error().text();
  EXPECT_FALSE(*second);
  EXPECT_EQ(body("k"), "first");
}

TEST_F(S3Test, RemovesOnlyWhatIsTheSame) {
  ASSERT_TRUE(s3_.put("my-bucket", "k", "first"));
  const auto first = (*s3_.head("my-bucket", "k"))->etag;
  ASSERT_TRUE(s3_.put("my-bucket", "k", "second"));
  const auto kept = s3_.remove_if_same("my-bucket", "k", first);
  ASSERT_TRUE(kept) << kept.error().text();
  EXPECT_FALSE(*kept);
  EXPECT_EQ(body("k"), "second");
  const auto removed = s3_.remove_if_same("my-bucket", "k", (*s3_.head("my-bucket", "k"))->etag);
  ASSERT_TRUE(removed) << removed.error().text();
  EXPECT_TRUE(*removed);
  EXPECT_FALSE((*s3_.head("my-bucket", "k")).has_value());
  const auto gone = s3_.remove_if_same("my-bucket", "k", first);
  ASSERT_TRUE(gone) << gone.error().text();
  EXPECT_FALSE(*gone);
}

TEST_F(S3Test, ListsAndRemovesMoreThanAPage) {
  std::vector<std::string> keys;
  Client client("s3", options());
  std::vector<Operation> puts;
  for (int i = 0; i < 1'005; ++i) {
    keys.push_back("many/" + std::to_string(10'000 + i));
    puts.push_back({"PutObject", {{"Bucket", "my-bucket"}, {"Key", keys.back()}, {"Body", "x"}}});
  }
  for (const auto& answer : client.call_all(puts, 8)) ASSERT_TRUE(answer) << answer.error().text();
  ASSERT_TRUE(s3_.put("my-bucket", "other", ""));
  const auto all = s3_.list("my-bucket", "many/");
  ASSERT_TRUE(all) << all.error().text();
  ASSERT_THAT(*all, SizeIs(1'005));
  for (std::size_t i = 0; i < keys.size(); ++i) EXPECT_EQ((*all)[i].key, keys[i]);
  const auto removed = s3_.remove_all("my-bucket", keys);
  ASSERT_TRUE(removed) << removed.error().text();
  EXPECT_THAT(*s3_.list("my-bucket"), ElementsAre(Field(&S3Entry::key, "other")));
}

TEST_F(S3Test, RemovesOnlyAnEmptyBucket) {
  ASSERT_TRUE(s3_.put("my-bucket", "k", ""));
  EXPECT_EQ(s3_.remove_bucket("my-bucket").error().code, "BucketNotEmpty");
  ASSERT_TRUE(s3_.remove("my-bucket", "k"));
  EXPECT_TRUE(s3_.remove_bucket("my-bucket"));
  EXPECT_EQ(s3_.list("my-bucket").error().code, "NoSuchBucket");
}

TEST_F(S3Test, KeepsMetadata) {
  Client client("s3", options());
  ASSERT_TRUE(client.call("PutObject", {{"Bucket", "my-bucket"},
                                        {"Key", "k"},
                                        {"Body", "text"},
                                        {"ContentType", "text/plain"},
                                        {"Metadata", {{"who", "me"}}}}));
  const auto answer = client.call("HeadObject", {{"Bucket", "my-bucket"}, {"Key", "k"}});
  ASSERT_TRUE(answer) << answer.error().text();
  EXPECT_EQ(answer->at("Metadata"), (boost::json::value{{"who", "me"}}));
  EXPECT_EQ(answer->at("ContentType"), "text/plain");
  EXPECT_EQ(answer->at("ContentLength"), 4);
  const auto missing = client.call("HeadObject", {{"Bucket", "my-bucket"}, {"Key", "none"}});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, "404");
}

}  // namespace
}  // namespace sosw::aws
