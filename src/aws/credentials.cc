// SPDX-License-Identifier: MIT
// The chain of sources, and what of it is kept.
#include "aws/credentials.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/json/serialize.hpp>
#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <fstream>
#include <iterator>
#include <mutex>
#include <set>
#include <system_error>

#include "aws/client.h"
#include "aws/endpoints.h"
#include "aws/fields.h"
#include "aws/http.h"
#include "aws/metadata.h"
#include "aws/query.h"
#include "aws/shared_files.h"
#include "aws/xml.h"

extern char** environ;

namespace sosw::aws {
namespace {

namespace json = boost::json;
using std::chrono::system_clock;

using Found = std::variant<Credentials, std::string>;

constexpr std::chrono::minutes kAhead{5};  // before they expire, new ones are asked for
constexpr std::chrono::minutes kProcess{1};
// After a failure nobody asks again for so long: each call would wait for the network.
constexpr std::chrono::seconds kRest{5};

std::optional<Credentials> from_environment() {
  Credentials credentials{environment("AWS_ACCESS_KEY_ID"), environment("AWS_SECRET_ACCESS_KEY"),
                          environment("AWS_SESSION_TOKEN")};
  if (credentials.access_key_id.empty() || credentials.secret_access_key.empty())
    return std::nullopt;
  return credentials;
}

// What `command` prints; a shell reads it.
std::variant<std::string, std::error_code> output_of(const std::string& command) {
  std::array<int, 2> ends{};
  const auto failed = [] { return std::error_code(errno, std::system_category()); };
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return failed();
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);  // what it starts ends with it
  std::string shell = "/bin/sh";
  std::string option = "-c";
  std::string text = command;
  std::array<char*, 4> arguments = {shell.data(), option.data(), text.data(), nullptr};
  pid_t child = 0;
  const int code =
      posix_spawn(&child, shell.c_str(), &actions, &attributes, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  close(ends[1]);
  if (code != 0) {
    close(ends[0]);
    return std::error_code(code, std::system_category());
  }
  std::string output;
  const auto end = std::chrono::steady_clock::now() + kProcess;
  bool in_time = true;
  while (true) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        end - std::chrono::steady_clock::now());
    pollfd readable{ends[0], POLLIN, 0};
    const int ready = poll(&readable, 1, static_cast<int>(std::max<std::int64_t>(left.count(), 0)));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) {
      in_time = false;
      break;
    }
    std::array<char, 4096> piece{};
    const auto size = read(ends[0], piece.data(), piece.size());
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) break;
    output.append(piece.data(), static_cast<std::size_t>(size));
  }
  close(ends[0]);
  if (!in_time) kill(-child, SIGKILL);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  if (!in_time) return std::make_error_code(std::errc::timed_out);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    return std::error_code(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
                           std::generic_category());
  return output;
}

Found from_process(const std::string& command) {
  auto output = output_of(command);
  if (const auto* failed = std::get_if<std::error_code>(&output)) {
    if (failed->category() == std::generic_category() && *failed != std::errc::timed_out)
      return fmt::format("credential_process '{}' ended with status {}", command, failed->value());
    return fmt::format("credential_process '{}': {}", command, failed->message());
  }
  auto parsed = parse_credentials(std::get<std::string>(output));
  if (const auto* wrong = std::get_if<std::string>(&parsed))
    return fmt::format("credential_process '{}': {}", command, *wrong);
  return parsed;
}

// Roles are asked for wherever the calls go.
std::string region_for_roles() {
  auto region = find_region();
  return region.empty() ? "us-east-1" : region;
}

Found role_of(const json::value& answer) {
  const auto& fields = object_field(answer.get_object(), "Credentials");
  return parse_credentials(json::serialize(fields));
}

json::object role_input(const std::string& role, std::string session) {
  if (session.empty())
    session = fmt::format("sosw-{}", system_clock::to_time_t(system_clock::now()));
  return {{"RoleArn", role}, {"RoleSessionName", session}};
}

Found from_web_identity(const std::string& role, const std::string& path,
                        const std::string& session) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return fmt::format("the web identity token {} cannot be read", path);
  auto input = role_input(role, session);
  input["WebIdentityToken"] = std::string(std::istreambuf_iterator<char>(file), {});
  const auto& sts = *find_service("sts");
  HttpClient http;
  // The token is the proof: this one request goes unsigned.
  const auto response =
      http.send({.method = "POST",
                 .url = find_endpoint(sts, region_for_roles()).url + "/",
                 .headers = {{"Content-Type", "application/x-www-form-urlencoded; charset=utf-8"}},
                 .body = form_of(sts, "AssumeRoleWithWebIdentity", input),
                 .timeout = std::chrono::seconds(10)});
  if (response.error)
    return fmt::format("role {} by web identity: {}", role, response.error->message);
  const auto value = value_of_xml(response.body);
  if (response.status != 200 || !value.is_object()) {
    const auto error = error_of_xml(response.body);
    return fmt::format("role {} by web identity: {}: {} (HTTP {})", role, text_field(error, "Code"),
                       text_field(error, "Message"), response.status);
  }
  return role_of(value);
}

class Profiles {
 public:
  Profiles() : files_(SharedFiles::read()) {}

  [[nodiscard]] const SharedFiles& files() const { return files_; }

  // Nothing: the profile has no credentials.
  std::optional<Found> find(const std::string& name) {
    const auto profile = files_.profiles.find(name);
    if (profile == files_.profiles.end()) return std::nullopt;
    const auto& settings = profile->second;
    const auto setting = [&](std::string_view key) {
      const auto found = settings.find(key);
      return found == settings.end() ? std::string() : found->second;
    };
    const bool again = !seen_.insert(name).second;
    if (const auto role = setting("role_arn"); !role.empty() && !again) {
      if (const auto token = setting("web_identity_token_file"); !token.empty())
        return from_web_identity(role, token, setting("role_session_name"));
      if (!setting("mfa_serial").empty())
        return wrong(name, "mfa_serial: nobody is here to type a code");
      return assume(name, role, settings);
    }
    if (const auto key = setting("aws_access_key_id"); !key.empty()) {
      if (const auto secret = setting("aws_secret_access_key"); !secret.empty())
        return Credentials{key, secret, setting("aws_session_token")};
      return wrong(name, "aws_access_key_id without aws_secret_access_key");
    }
    if (const auto command = setting("credential_process"); !command.empty())
      return from_process(command);
    if (again && !setting("role_arn").empty())
      return wrong(name, "source_profile leads back to it, and it has no keys of its own");
    if (!setting("sso_session").empty() || !setting("sso_start_url").empty() ||
        !setting("login_session").empty())
      return wrong(name,
                   fmt::format("signing in by browser is the aws command's business. Add to it: "
                               "credential_process = aws configure export-credentials --profile {} "
                               "--format process",
                               name));
    return std::nullopt;
  }

 private:
  static Found wrong(const std::string& name, std::string_view what) {
    return fmt::format("profile '{}': {}", name, what);
  }

  Found assume(const std::string& name, const std::string& role, const Settings& settings) {
    const auto setting = [&](std::string_view key) {
      const auto found = settings.find(key);
      return found == settings.end() ? std::string() : found->second;
    };
    std::optional<Found> source;
    if (const auto from = setting("source_profile"); !from.empty()) {
      source = find(from);
      if (!source) return wrong(name, "source_profile '" + from + "' has no credentials");
    } else if (const auto kind = setting("credential_source"); kind == "Environment") {
      const auto found = from_environment();
      source = found ? Found(*found) : wrong(name, "credential_source: none in the environment");
    } else if (kind == "EcsContainer") {
      source = container_credentials();
    } else if (kind == "Ec2InstanceMetadata") {
      source = instance_credentials();
    } else {
      return wrong(name,
                   "role_arn needs source_profile, or credential_source (Environment, "
                   "EcsContainer or Ec2InstanceMetadata)");
    }
    if (std::holds_alternative<std::string>(*source)) return *source;
    auto input = role_input(role, setting("role_session_name"));
    if (const auto id = setting("external_id"); !id.empty()) input["ExternalId"] = id;
    if (const auto time = setting("duration_seconds"); !time.empty())
      input["DurationSeconds"] = time;
    Client sts("sts", {.region = region_for_roles(),
                       .credentials = std::get<Credentials>(*source),
                       .timeout = std::chrono::seconds(10)});
    const auto answer = sts.call("AssumeRole", input);
    if (!answer) return wrong(name, answer.error().text());
    return role_of(*answer);
  }

  SharedFiles files_;
  std::set<std::string> seen_;
};

Found look() {
  if (auto found = from_environment()) return *std::move(found);
  if (const auto token = environment("AWS_WEB_IDENTITY_TOKEN_FILE"),
      role = environment("AWS_ROLE_ARN");
      !token.empty() && !role.empty())
    return from_web_identity(role, token, environment("AWS_ROLE_SESSION_NAME"));

  Profiles profiles;
  const auto name = profile_name();
  if (auto found = profiles.find(name)) return *std::move(found);
  const auto& files = profiles.files();
  if (!files.wrong.empty()) return files.wrong;
  if (!environment("AWS_PROFILE").empty() && !files.profiles.contains(name))
    return fmt::format("there is no profile '{}' (AWS_PROFILE) in {}", name, files.looked_at);

  if (has_container_credentials()) return container_credentials();

  std::string instance = "AWS_EC2_METADATA_DISABLED is true";
  if (!is_instance_metadata_disabled()) {
    auto found = instance_credentials();
    if (std::holds_alternative<Credentials>(found)) return found;
    instance = std::get<std::string>(std::move(found));
  }
  return fmt::format(
      "no credentials: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set; profile '{}' has "
      "none in {}; AWS_CONTAINER_CREDENTIALS_RELATIVE_URI and _FULL_URI are not set; instance "
      "metadata: {}",
      name, files.looked_at, instance);
}

}  // namespace

struct CredentialSource::State {
  Now clock;
  std::mutex mutex;
  std::condition_variable looked;
  bool looking = false;  // one thread does
  std::optional<Credentials> kept;
  std::string wrong;                   // of the last look; empty: it gave `kept`
  system_clock::time_point next_look;  // not before
};

CredentialSource::CredentialSource(Now now) : state_(std::make_unique<State>()) {
  state_->clock = now;
}
CredentialSource::~CredentialSource() = default;

Found CredentialSource::get() {
  if (auto found = from_environment()) return *std::move(found);
  State& state = *state_;
  std::unique_lock lock(state.mutex);
  while (true) {
    const auto now = state.clock();
    const bool valid = state.kept && (!state.kept->expires || *state.kept->expires > now);
    const bool fresh = valid && (!state.kept->expires || *state.kept->expires > now + kAhead);
    if (fresh || (valid && (state.looking || now < state.next_look))) return *state.kept;
    if (!state.wrong.empty() && now < state.next_look) return state.wrong;
    if (!state.looking) break;
    state.looked.wait(lock);
  }
  state.looking = true;
  lock.unlock();
  Found found = std::string("no memory");
  try {
    found = look();
  } catch (...) {
    lock.lock();
    state.looking = false;
    state.looked.notify_all();
    throw;
  }
  lock.lock();
  state.looking = false;
  state.looked.notify_all();
  const auto now = state.clock();
  state.next_look = now + kRest;
  if (auto* credentials = std::get_if<Credentials>(&found)) {
    state.kept = *credentials;
    state.wrong.clear();
    return found;
  }
  state.wrong = std::get<std::string>(found);
  if (state.kept && state.kept->expires && *state.kept->expires > now) return *state.kept;
  return found;
}

void CredentialSource::refused(const Credentials& credentials) {
  const std::lock_guard lock(state_->mutex);
  if (state_->kept != credentials) return;
  state_->kept.reset();
  state_->next_look = {};
}

CredentialSource& credentials_of_process() {
  static CredentialSource source;
  return source;
}

}  // namespace sosw::aws
