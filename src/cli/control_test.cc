// SPDX-License-Identifier: MIT
// Requests to a running engine and their answers.
#include "cli/control.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <atomic>
#include <string>
#include <vector>

namespace sosw::cli {
namespace {

class Folder {
 public:
  explicit Folder(const std::string& below = "") {
    std::string pattern = std::filesystem::temp_directory_path() / "sosw-control-XXXXXX";
    top_ = ::mkdtemp(pattern.data());
    path = top_ / below;
    std::filesystem::create_directories(path);
  }
  ~Folder() { std::filesystem::remove_all(top_); }
  std::filesystem::path path;

 private:
  std::filesystem::path top_;
};

Result<json::object> echo(const json::object& request) {
  if (request.contains("fail")) {
    return Error{Code::conflict, "task is not dead", "look at it first"};
  }
  return json::object{{"asked", request}};
}

TEST(Control, AnswersRequests) {
  const Folder folder;
  const auto server = ControlServer::listen(folder.path, echo);
  ASSERT_TRUE(server) << server.error().text();
  const auto answer = ask_engine(folder.path, {{"op", "pause"}, {"labourer", "a\nb"}});
  ASSERT_TRUE(answer) << answer.error().text();
  ASSERT_TRUE(answer->has_value());
  EXPECT_EQ((**answer).at("asked").at("labourer").as_string(), "a\nb");
}

TEST(Control, HandsErrorsOverWhole) {
  const Folder folder;
  const auto server = ControlServer::listen(folder.path, echo);
  ASSERT_TRUE(server);
  const auto answer = ask_engine(folder.path, {{"fail", true}});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::conflict);
  EXPECT_EQ(answer.error().message, "task is not dead");
  EXPECT_EQ(answer.error().hint, "look at it first");
}

TEST(Control, CarriesALargeJob) {
  const Folder folder;
  const auto server = ControlServer::listen(folder.path, echo);
  ASSERT_TRUE(server);
  const std::string words(5'000'000, 'w');
  const auto answer = ask_engine(folder.path, {{"words", words}});
  ASSERT_TRUE(answer) << answer.error().text();
  EXPECT_EQ((**answer).at("asked").at("words").as_string().size(), words.size());
}

TEST(Control, IsForItsOwnerOnly) {
  const Folder folder;
  const auto server = ControlServer::listen(folder.path, echo);
  ASSERT_TRUE(server);
  struct stat status {};
  ASSERT_EQ(::stat((folder.path / "engine.sock").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST(Control, WorksInAFolderWithALongName) {
  const Folder folder(std::string(200, 'd'));
  const auto server = ControlServer::listen(folder.path, echo);
  ASSERT_TRUE(server) << server.error().text();
  const auto answer = ask_engine(folder.path, {{"op", "about"}});
  ASSERT_TRUE(answer) << answer.error().text();
  EXPECT_TRUE(answer->has_value());
}

TEST(Control, SeesThatNoEngineRuns) {
  const Folder folder;
  const auto none = ask_engine(folder.path, {{"op", "about"}});
  ASSERT_TRUE(none);
  EXPECT_FALSE(none->has_value());
  const auto no_folder = ask_engine(folder.path / "missing", {{"op", "about"}});
  ASSERT_TRUE(no_folder);
  EXPECT_FALSE(no_folder->has_value());
}

TEST(Control, TakesOverWhatAKilledEngineHasLeft) {
  const Folder folder;
  const std::string path = folder.path / "engine.sock";
  {
    const local::OwnedFd left(::socket(AF_UNIX, SOCK_STREAM, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    ASSERT_EQ(::bind(left.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  }
  ASSERT_TRUE(std::filesystem::exists(path));
  const auto stale = ask_engine(folder.path, {{"op", "about"}});
  ASSERT_TRUE(stale) << stale.error().text();
  EXPECT_FALSE(stale->has_value());
  const auto server = ControlServer::listen(folder.path, echo);
  ASSERT_TRUE(server) << server.error().text();
  const auto answer = ask_engine(folder.path, {{"op", "about"}});
  ASSERT_TRUE(answer);
  EXPECT_TRUE(answer->has_value());
}

TEST(Control, LeavesNothingBehind) {
  const Folder folder;
  { ASSERT_TRUE(ControlServer::listen(folder.path, echo)); }
  EXPECT_FALSE(std::filesystem::exists(folder.path / "engine.sock"));
}

TEST(Control, GivesUpOnAnEngineThatDoesNotAnswer) {
  const Folder folder;
  std::atomic<bool> go = false;
  const auto server = ControlServer::listen(folder.path, [&](const json::object&) {
    go.wait(false);
    return Result<json::object>(json::object{});
  });
  ASSERT_TRUE(server);
  const auto answer = ask_engine(folder.path, {{"op", "about"}}, std::chrono::milliseconds{1});
  go = true;
  go.notify_all();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::unavailable);
}

TEST(Control, RefusesWhatIsNoRequest) {
  const Folder folder;
  const auto server = ControlServer::listen(folder.path, echo);
  ASSERT_TRUE(server);
  const local::OwnedFd fd(::socket(AF_UNIX, SOCK_STREAM, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  (folder.path / "engine.sock").string().copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  const std::string garbage = "{not json\n[1]\n";
  ASSERT_EQ(::send(fd.get(), garbage.data(), garbage.size(), 0),
            static_cast<ssize_t>(garbage.size()));
  std::string in;
  while (std::count(in.begin(), in.end(), '\n') < 2) {
    char buffer[4096];
    const ssize_t n = ::recv(fd.get(), buffer, sizeof buffer, 0);
    ASSERT_GT(n, 0);
    in.append(buffer, static_cast<std::size_t>(n));
  }
  EXPECT_EQ(in.find("\"ok\""), std::string::npos) << in;
  EXPECT_NE(in.find("a request is a JSON object"), std::string::npos) << in;
}

}  // namespace
}  // namespace sosw::cli
