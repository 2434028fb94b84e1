// SPDX-License-Identifier: MIT
// Environment, files, programs and endpoints that give credentials, regions and addresses.
#include "aws/credentials.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <mutex>
#include <thread>

#include "aws/client.h"
#include "aws/endpoints.h"
#include "aws/metadata.h"
#include "aws/shared_files.h"
#include "support/http_server.h"
#include "support/scratch_folder.h"

namespace sosw::aws {
namespace {

using sosw::testing::HttpReply;
using sosw::testing::HttpRequest;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::chrono::system_clock::time_point at(const std::string& text) { return *parse_time(text); }

std::chrono::system_clock::time_point g_now;  // NOLINT: a CredentialSource asks a plain function

// No home, no AWS anywhere.
class CredentialsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (char** entry = environ; *entry != nullptr;) {
      const std::string name(*entry, std::string_view(*entry).find('='));
      if (name.starts_with("AWS_"))
        unset(name);
      else
        ++entry;
    }
    set("HOME", folder_.path().string());
    set("AWS_EC2_METADATA_DISABLED", "true");
    g_now = at("2026-11-24T10:00:00Z");
  }
  void TearDown() override {
    for (const auto& name : set_) unset(name);
  }
  void set(const std::string& name, const std::string& value) {
    setenv(name.c_str(), value.c_str(), 1);  // NOLINT(concurrency-mt-unsafe)
    set_.insert(name);
  }
  static void unset(const std::string& name) {
    unsetenv(name.c_str());  // NOLINT(concurrency-mt-unsafe)
  }
  std::string file(const std::string& name, std::string_view text) {
    const auto path = folder_.path() / name;
    create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << text;
    return path.string();
  }

  Credentials found() {
    auto answer = source_.get();
    if (const auto* wrong = std::get_if<std::string>(&answer)) {
      ADD_FAILURE() << *wrong;
      return {};
    }
    return std::get<Credentials>(answer);
  }
  std::string wrong() {
    auto answer = source_.get();
    const auto* text = std::get_if<std::string>(&answer);
    return text ? *text : "none: " + std::get<Credentials>(answer).access_key_id;
  }

  static std::string document(const std::string& key, const std::string& expires) {
    return R"({"Code":"Success","Version":1,"AccessKeyId":")" + key +
           R"(","SecretAccessKey":"s","Token":"t","Expiration":")" + expires + "\"}";
  }

  sosw::testing::ScratchFolder folder_;
  std::set<std::string> set_;
  CredentialSource source_{[] { return g_now; }};
};

TEST_F(CredentialsTest, OfTheEnvironmentComeFirst) {
  file(".aws/credentials", "[default]\naws_access_key_id = file\naws_secret_access_key = s\n");
  EXPECT_EQ(found(), (Credentials{"file", "s", ""}));
  set("AWS_ACCESS_KEY_ID", "id");
  EXPECT_EQ(found().access_key_id, "file");  // half of a pair is none
  set("AWS_SECRET_ACCESS_KEY", "secret");
  EXPECT_EQ(found(), (Credentials{"id", "secret", ""}));
  set("AWS_SESSION_TOKEN", "token");
  EXPECT_EQ(found(), (Credentials{"id", "secret", "token"}));
}

TEST_F(CredentialsTest, SayWhatWasLookedAt) {
  EXPECT_THAT(wrong(), AllOf(HasSubstr("AWS_ACCESS_KEY_ID"), HasSubstr("profile 'default'"),
                             HasSubstr(folder_.path().string() + "/.aws/credentials"),
                             HasSubstr(folder_.path().string() + "/.aws/config (cannot be read)"),
                             HasSubstr("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"),
                             HasSubstr("AWS_EC2_METADATA_DISABLED is true")));
}

TEST_F(CredentialsTest, OfTheChosenProfile) {
  file(".aws/credentials",
       "\xef\xbb\xbf# comment\r\n[default]\r\naws_access_key_id=d\r\naws_secret_access_key=s\r\n"
       "\r\n[work]\r\nAWS_Access_Key_Id = w \r\naws_secret_access_key = a=b#c;d\r\n"
       "aws_session_token = t\r\n");
  file(".aws/config", "[profile work]\naws_access_key_id = hidden\nregion = eu-west-3\n");
  EXPECT_EQ(found().access_key_id, "d");
  EXPECT_EQ(find_region(), "");
  set("AWS_PROFILE", "work");
  EXPECT_EQ(CredentialSource().get(),
            (std::variant<Credentials, std::string>(Credentials{"w", "a=b#c;d", "t"})));
  EXPECT_EQ(find_region(), "eu-west-3");
}

TEST_F(CredentialsTest, OfFilesElsewhere) {
  set("AWS_SHARED_CREDENTIALS_FILE", file("keys",
                                          "[x]\naws_access_key_id = k\n"
                                          "aws_secret_access_key = s\n"));
  set("AWS_CONFIG_FILE", file("settings", "[profile \"x\"]\nregion = r\n"));
  set("AWS_PROFILE", "x");
  EXPECT_EQ(found().access_key_id, "k");
  EXPECT_EQ(find_region(), "r");
}

TEST_F(CredentialsTest, OfAProfileThatIsNotThereAreAnError) {
  set("AWS_PROFILE", "nobody");
  EXPECT_THAT(wrong(), AllOf(HasSubstr("no profile 'nobody'"), HasSubstr(".aws/config")));
}

TEST_F(CredentialsTest, OfFilesThatCannotBeUnderstoodSayTheLine) {
  const auto path = file(".aws/config", "[default]\nregion = r\nnonsense\n");
  EXPECT_EQ(wrong(), path + ":3: neither '[section]' nor 'name = value'");
  file(".aws/config", "[default\n");
  g_now += std::chrono::minutes(1);
  EXPECT_EQ(wrong(), path + ":1: a section without its ']'");
}

TEST_F(CredentialsTest, OfAProgram) {
  file(".aws/config", "[default]\ncredential_process = echo '" +
                          document("P", "2026-11-24T11:00:00+00:00") + "'\n");
  EXPECT_EQ(found(), (Credentials{"P", "s", "t", at("2026-11-24T11:00:00Z")}));
}

TEST_F(CredentialsTest, OfAProgramThatFailsSayHow) {
  file(".aws/config", "[default]\ncredential_process = exit 3\n");
  EXPECT_EQ(wrong(), "credential_process 'exit 3' ended with status 3");
  file(".aws/config", "[default]\ncredential_process = echo nothing\n");
  g_now += std::chrono::minutes(1);
  EXPECT_EQ(wrong(), "credential_process 'echo nothing': the answer is no JSON object");
}

TEST_F(CredentialsTest, OfAPersonWhoSignsInByBrowserAreTheCommandsBusiness) {
  file(".aws/config", "[default]\nsso_session = me\n[sso-session me]\nsso_region = r\n");
  EXPECT_THAT(wrong(), HasSubstr("aws configure export-credentials --profile default"));
}

TEST_F(CredentialsTest, OfARole) {
  std::vector<HttpRequest> seen;
  sosw::testing::HttpServer sts([&](const HttpRequest& request) {
    seen.push_back(request);
    return HttpReply{.body =
                         "<AssumeRoleResponse><AssumeRoleResult><Credentials>"
                         "<AccessKeyId>ASIA1</AccessKeyId><SecretAccessKey>s</SecretAccessKey>"
                         "<SessionToken>t</SessionToken><Expiration>2026-11-24T11:00:00Z"
                         "</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"};
  });
  set("AWS_ENDPOINT_URL_STS", sts.url());
  file(".aws/config",
       "[default]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = keys\nexternal_id = e\n"
       "role_session_name = me\nregion = eu-west-1\n");
  file(".aws/credentials", "[keys]\naws_access_key_id = AKIA\naws_secret_access_key = s\n");
  EXPECT_EQ(found(), (Credentials{"ASIA1", "s", "t", at("2026-11-24T11:00:00Z")}));
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_THAT(seen[0].headers.at("authorization"), HasSubstr("Credential=AKIA/"));
  EXPECT_EQ(seen[0].body,
            "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fr"
            "&RoleSessionName=me&ExternalId=e");
}

TEST_F(CredentialsTest, OfARoleByTheTokenOfAPod) {
  HttpRequest seen;
  int status = 200;
  sosw::testing::HttpServer sts([&](const HttpRequest& request) {
    seen = request;
    if (status != 200)
      return HttpReply{.status = status,
                       .body =
                           "<ErrorResponse><Error><Code>InvalidIdentityToken</Code><Message>no"
                           "</Message></Error></ErrorResponse>"};
    return HttpReply{.body =
                         "<AssumeRoleWithWebIdentityResponse>"
                         "<AssumeRoleWithWebIdentityResult><Credentials>"
                         "<AccessKeyId>ASIA2</AccessKeyId><SecretAccessKey>s</SecretAccessKey>"
                         "<SessionToken>t</SessionToken><Expiration>2026-11-24T11:00:00Z"
                         "</Expiration></Credentials></AssumeRoleWithWebIdentityResult>"
                         "</AssumeRoleWithWebIdentityResponse>"};
  });
  set("AWS_ENDPOINT_URL", sts.url());
  set("AWS_ROLE_ARN", "arn:aws:iam::1:role/r");
  set("AWS_ROLE_SESSION_NAME", "me");
  set("AWS_WEB_IDENTITY_TOKEN_FILE", file("token", "a.b/c"));
  status = 400;
  EXPECT_EQ(wrong(),
            "role arn:aws:iam::1:role/r by web identity: InvalidIdentityToken: no (HTTP 400)");
  status = 200;
  g_now += std::chrono::minutes(1);
  EXPECT_EQ(found().access_key_id, "ASIA2");
  EXPECT_EQ(seen.headers.count("authorization"), 0U);
  EXPECT_THAT(seen.body, HasSubstr("&WebIdentityToken=a.b%2Fc"));
}

TEST_F(CredentialsTest, OfARoleWithoutASourceSayWhatIsMissing) {
  file(".aws/config", "[default]\nrole_arn = a\n");
  EXPECT_THAT(wrong(), HasSubstr("role_arn needs source_profile"));
  file(".aws/config", "[default]\nrole_arn = a\nsource_profile = none\n");
  g_now += std::chrono::minutes(1);
  EXPECT_THAT(wrong(), HasSubstr("source_profile 'none' has no credentials"));
  file(".aws/config",
       "[default]\nrole_arn = a\nsource_profile = b\n[profile b]\nrole_arn = c\n"
       "source_profile = default\n");
  g_now += std::chrono::minutes(1);
  EXPECT_THAT(wrong(), HasSubstr("leads back to it"));
}

TEST_F(CredentialsTest, OfTheContainer) {
  std::string token;
  sosw::testing::HttpServer server([&](const HttpRequest& request) {
    token = request.headers.count("authorization") ? request.headers.at("authorization") : "none";
    return HttpReply{.body = document("C", "2026-11-24T16:00:00Z")};
  });
  set("AWS_CONTAINER_CREDENTIALS_FULL_URI", server.url() + "/role");
  EXPECT_EQ(found(), (Credentials{"C", "s", "t", at("2026-11-24T16:00:00Z")}));
  EXPECT_EQ(token, "none");
  set("AWS_CONTAINER_AUTHORIZATION_TOKEN", "word");
  EXPECT_TRUE(std::holds_alternative<Credentials>(container_credentials()));
  EXPECT_EQ(token, "word");
  set("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", file("token", "other\n"));
  EXPECT_TRUE(std::holds_alternative<Credentials>(container_credentials()));
  EXPECT_EQ(token, "other");
}

TEST_F(CredentialsTest, OfAContainerAreNotAskedForFarAway) {
  for (const char* url : {"http://example.com/", "http://127.evil.example/", "http://10.0.0.1/",
                          "http://169.254.170.2.example/", "ftp://localhost/"}) {
    set("AWS_CONTAINER_CREDENTIALS_FULL_URI", url);
    auto answer = container_credentials();
    ASSERT_TRUE(std::holds_alternative<std::string>(answer)) << url;
    EXPECT_THAT(std::get<std::string>(answer), HasSubstr("neither https nor of this machine"));
  }
}

// Instance metadata, version 2.
class InstanceTest : public CredentialsTest {
 protected:
  void SetUp() override {
    CredentialsTest::SetUp();
    set("AWS_EC2_METADATA_DISABLED", "false");
    set("AWS_EC2_METADATA_SERVICE_ENDPOINT", server_.url() + "/");
  }
  void expires(const std::string& text) { expires_ = text; }
  void broken(bool yes) { broken_ = yes; }
  [[nodiscard]] int given() const { return given_; }

 private:
  HttpReply answer(const HttpRequest& request) {
    const std::lock_guard lock(mutex_);
    if (broken_) return {.status = 500};
    if (request.target == "/latest/api/token")
      return request.method == "PUT" &&
                     request.headers.count("x-aws-ec2-metadata-token-ttl-seconds") == 1
                 ? HttpReply{.body = "session"}
                 : HttpReply{.status = 405};
    const auto token = request.headers.find("x-aws-ec2-metadata-token");
    if (token == request.headers.end() || token->second != "session") return {.status = 401};
    if (request.target == "/latest/meta-data/placement/region") return {.body = "eu-north-1"};
    const std::string roles = "/latest/meta-data/iam/security-credentials/";
    if (request.target == roles) return {.body = "my-role\n"};
    if (request.target == roles + "my-role")
      return {.body = document("I" + std::to_string(++given_), expires_)};
    return {.status = 404};
  }

  std::mutex mutex_;
  std::string expires_ = "2026-11-24T11:00:00Z";
  bool broken_ = false;
  std::atomic<int> given_ = 0;
  sosw::testing::HttpServer server_{[this](const HttpRequest& request) { return answer(request); }};
};

TEST_F(InstanceTest, GivesCredentialsAndRegion) {
  EXPECT_EQ(found(), (Credentials{"I1", "s", "t", at("2026-11-24T11:00:00Z")}));
  EXPECT_EQ(find_region(), "eu-north-1");
  set("AWS_EC2_METADATA_DISABLED", "TRUE");
  EXPECT_EQ(find_region(), "");
}

TEST_F(InstanceTest, CredentialsAreRenewedBeforeTheyExpire) {
  EXPECT_EQ(found().access_key_id, "I1");
  g_now = at("2026-11-24T10:54:59Z");
  EXPECT_EQ(found().access_key_id, "I1");
  expires("2026-11-24T12:00:00Z");
  g_now = at("2026-11-24T10:55:01Z");
  EXPECT_EQ(found().access_key_id, "I2");
  EXPECT_EQ(found().access_key_id, "I2");
  EXPECT_EQ(given(), 2);
}

TEST_F(InstanceTest, OldCredentialsServeWhileNewOnesCannotBeHad) {
  EXPECT_EQ(found().access_key_id, "I1");
  broken(true);
  g_now = at("2026-11-24T10:58:00Z");
  EXPECT_EQ(found().access_key_id, "I1");
  g_now = at("2026-11-24T11:00:00Z");
  EXPECT_THAT(wrong(), HasSubstr("HTTP status 500"));
  broken(false);
  EXPECT_THAT(wrong(), HasSubstr("HTTP status 500"));  // nobody asks at once again
  g_now = at("2026-11-24T11:00:06Z");
  expires("2026-11-24T12:00:00Z");
  EXPECT_EQ(found().access_key_id, "I2");
}

TEST_F(InstanceTest, RefusedCredentialsAreAskedForAnew) {
  const auto first = found();
  source_.refused({"another", "s", ""});
  EXPECT_EQ(found().access_key_id, "I1");
  source_.refused(first);
  EXPECT_EQ(found().access_key_id, "I2");
}

TEST_F(InstanceTest, AClientAsksAnewForAKeyThatAServiceRefuses) {
  std::vector<std::string> keys;
  std::string good = "I2";
  sosw::testing::HttpServer service([&](const HttpRequest& request) {
    const auto& header = request.headers.at("authorization");
    const auto begin = header.find('=') + 1;
    keys.push_back(header.substr(begin, header.find('/', begin) - begin));
    return keys.back() == good
               ? HttpReply{.body = "{}"}
               : HttpReply{.status = 400,
                           .body = R"({"__type":"ExpiredTokenException","message":"old"})"};
  });
  Client client("dynamodb",
                {.region = "r", .endpoint = service.url(), .credential_source = &source_});
  ASSERT_TRUE(client.call("PutItem"));
  EXPECT_THAT(keys, ElementsAre("I1", "I2"));
  // Not for ever.
  good = "none";
  EXPECT_EQ(client.call("PutItem").error().code, "ExpiredTokenException");
  EXPECT_THAT(keys, ElementsAre("I1", "I2", "I2", "I3"));
}

TEST_F(InstanceTest, ManyThreadsAskOnce) {
  std::vector<std::thread> threads;
  std::atomic<int> right = 0;
  threads.reserve(8);
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&] {
      const auto answer = source_.get();
      if (const auto* got = std::get_if<Credentials>(&answer); got && got->access_key_id == "I1")
        ++right;
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(right, 8);
  EXPECT_EQ(given(), 1);
}

TEST_F(CredentialsTest, RegionOfTheEnvironmentComesFirst) {
  file(".aws/config", "[default]\nregion = eu-west-2\n");
  EXPECT_EQ(find_region(), "eu-west-2");
  set("AWS_DEFAULT_REGION", "us-east-1");
  EXPECT_EQ(find_region(), "us-east-1");
  set("AWS_REGION", "eu-west-1");
  EXPECT_EQ(find_region(), "eu-west-1");
}

TEST_F(CredentialsTest, EndpointsAreFoundFromTheNearestToTheFarthest) {
  const auto url = [](const char* service, const char* region = "eu-west-1") {
    return find_endpoint(*find_service(service), region).url;
  };
  EXPECT_EQ(url("lambda"), "https://lambda.eu-west-1.amazonaws.com");
  EXPECT_EQ(url("cloudwatch", "cn-north-1"), "https://monitoring.cn-north-1.amazonaws.com.cn");
  EXPECT_TRUE(find_endpoint(*find_service("lambda"), "eu-west-1").own);
  file(".aws/config",
       "[default]\nservices = mine\nendpoint_url = http://profile\n"
       "[services mine]\ns3 =\n  addressing_style = path\nsecrets_manager =\n"
       "  endpoint_url = http://secrets\n");
  EXPECT_EQ(url("lambda"), "http://profile");
  EXPECT_EQ(url("s3"), "http://profile");
  EXPECT_EQ(url("secretsmanager"), "http://secrets");
  EXPECT_FALSE(find_endpoint(*find_service("lambda"), "eu-west-1").own);
  set("AWS_ENDPOINT_URL", "http://all");
  EXPECT_EQ(url("secretsmanager"), "http://all");
  set("AWS_ENDPOINT_URL_SECRETS_MANAGER", "http://one");
  EXPECT_EQ(url("secretsmanager"), "http://one");
  EXPECT_EQ(url("lambda"), "http://all");
  set("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "True");
  EXPECT_EQ(url("secretsmanager"), "https://secretsmanager.eu-west-1.amazonaws.com");
}

TEST_F(CredentialsTest, AClientWithoutThemSaysSoAndSendsNothing) {
  sosw::testing::HttpServer server([](const HttpRequest&) { return HttpReply{}; });
  const auto answer =
      Client("dynamodb", {.region = "r", .endpoint = server.url()}).call("ListTables");
  ASSERT_FALSE(answer);
  EXPECT_THAT(answer.error().text(), HasSubstr("dynamodb ListTables: no credentials: AWS_"));
  EXPECT_EQ(server.connections(), 0);
  EXPECT_THAT(Client("dynamodb").call("ListTables").error().text(),
              HasSubstr("no region: set AWS_REGION, or `region` of the profile 'default'"));
}

}  // namespace
}  // namespace sosw::aws
