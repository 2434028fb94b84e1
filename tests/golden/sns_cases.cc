// SPDX-License-Identifier: MIT
// The file `sns`. The right answers of the rules come from a plain reading of what the original
// does, with each of its faults as a switch.
#include <algorithm>
#include <cctype>

#include "areas.h"
#include "exceptions.h"
#include "helpers_model.h"
#include "rows.h"
#include "sdk/python.h"
#include "sosw/sns.h"
#include "support/aws_peer.h"

namespace sosw::golden {
namespace {

using sosw::testing::AwsPeer;
using sosw::testing::AwsRequest;

std::string answer_to(const AwsRequest& request) {
  if (request.operation == "Publish") return "<MessageId>m</MessageId>";
  if (request.operation == "CreateTopic") return "<TopicArn>arn:x</TopicArn>";
  return "<SubscriptionArn>arn:s</SubscriptionArn>";
}

// What is no text is given as what it is written like.
std::string text_of(const json::value& value) {
  if (value.is_null()) return {};
  return value.is_string() ? std::string(value.get_string()) : json::serialize(value);
}

json::value text_or_null(std::string_view text) {
  return text.empty() ? json::value() : json::value(text);
}

json::object arguments(const json::value& operation) {
  const auto* args = operation.at("args").if_object();
  return args ? *args : json::object();
}

Answer send(SnsManager& sns, const json::object& args) {
  const auto& message = args.at("message");
  // Neither compiles.
  if (!message.is_string() || has_typed_value(args)) return Answer::error("TypeError");
  std::optional<std::string> subject;
  if (const auto* given = args.if_contains("subject"); given && !given->is_null())
    subject = sdk::to_str(*given);
  const auto* force = args.if_contains("forse_commit");
  std::optional<json::object> attributes;
  if (const auto* given = args.if_contains("message_attributes"); given && given->is_object())
    attributes = given->get_object();
  return answer_of([&] {
    sns.send_message(message.get_string(), subject, force && force->is_bool() && force->get_bool(),
                     attributes);
  });
}

Answer do_one(std::unique_ptr<SnsManager>& sns, std::string_view op, const json::value& operation) {
  const auto& args = operation.at("args");
  if (op == "send") return send(*sns, arguments(operation));
  return answer_of([&] {
    if (op == "commit") return sns->commit();
    if (op == "destroy") return sns.reset();
    if (op == "set_subject") return sns->set_subject(sdk::to_str(args));
    // What does not compile is refused there, too.
    if (op == "set_message_attributes" ? !args.is_object() : !args.is_string())
      throw AssertionError("it has another type");
    if (op == "set_recipient") return sns->set_recipient(args.get_string());
    if (op == "set_separator") return sns->set_separator(args.get_string());
    if (op == "set_message_attributes") return sns->set_message_attributes(args.get_object());
    throw std::runtime_error("unknown operation " + std::string(op));
  });
}

Answer batching(const Case& what) {
  const sosw::testing::Variables no_test({{"STAGE", std::nullopt}, {"autotest", std::nullopt}});
  AwsPeer peer(answer_to);
  return answer_of([&]() -> json::value {
    auto sns = std::make_unique<SnsManager>(what.in("init").as_object(),
                                            AwsClientOptions{.endpoint = peer.url()});
    json::array trace;
    for (const auto& operation : what.in("operations").as_array()) {
      const std::string op(operation.at("op").as_string());
      const auto queue = sns->queue();
      const auto subject = sns->subject();
      const auto recipient = sns->recipient();
      const auto sent = peer.requests().size();
      const auto result = do_one(sns, op, operation);
      json::object entry = {{"op", op}, {"published_total", peer.requests().size()}};
      if (sns) {
        entry["queued"] = json::value_from(sns->queue());
        entry["subject"] = text_or_null(sns->subject());
        entry["recipient"] = text_or_null(sns->recipient());
      } else {  // destroyed: what it has not sent is left, but for the empty message, which it
                // drops
        const bool dropped = queue == std::vector<std::string>{""} && !recipient.empty();
        entry["queued"] = dropped || peer.requests().size() > sent
                              ? json::array()
                              : json::value_from(queue).as_array();
        entry["subject"] = text_or_null(subject);
        entry["recipient"] = text_or_null(recipient);
      }
      if (result.is_error()) entry["raised"] = result.error_class();
      trace.push_back(std::move(entry));
      if (!sns) break;
    }
    json::array published;
    for (const auto& request : peer.requests()) published.push_back(request.params);
    return {{"trace", std::move(trace)}, {"published", std::move(published)}};
  });
}

Answer get_message_attribute(const Case& what) {
  const auto& attribute = what.in("attribute");
  const auto* object = attribute.if_object();
  const auto* type = object ? object->if_contains("$type") : nullptr;
  if (type && *type != "tuple") return Answer::error("TypeError");  // not given in JSON
  return answer_of(
      [&]() -> json::value { return SnsManager::get_message_attribute(plain(attribute)); });
}

Answer create_topic(const Case& what) {
  const auto& name = what.in("topic_name");
  if (!name.is_string() && !name.is_null()) return Answer::error("TypeError");
  AwsPeer peer(answer_to);
  return answer_of([&]() -> json::value {
    SnsManager sns(what.config, {.endpoint = peer.url()});
    const auto arn = sns.create_topic(text_of(name));
    json::array requests;
    for (const auto& request : peer.requests())
      requests.push_back({{"operation", "create_topic"}, {"params", request.params}});
    return {{"result", arn}, {"requests", std::move(requests)}};
  });
}

Answer create_subscription(const Case& what) {
  for (const auto* name : {"topic_arn", "protocol", "endpoint"})
    if (!what.in(name).is_string() && !what.in(name).is_null()) return Answer::error("TypeError");
  AwsPeer peer(answer_to);
  return answer_of([&]() -> json::value {
    SnsManager sns(what.config, {.endpoint = peer.url()});
    sns.create_subscription(text_of(what.in("topic_arn")), text_of(what.in("protocol")),
                            text_of(what.in("endpoint")));
    json::array requests;
    for (const auto& request : peer.requests())
      requests.push_back({{"operation", "subscribe"}, {"params", request.params}});
    return {{"requests", std::move(requests)}};
  });
}

// ------------------------------------------------------------------------------------------------

struct Mended {
  bool first_subject = false;  // is kept
  bool no_attributes = false;  // are empty ones; after some the queue goes first
  bool late = false;           // a recipient or subject, when messages wait for it
  bool arguments = false;      // are checked when they are given
  bool booleans = false;       // are texts
  bool partitions = false;     // all of them have topics

  static Mended all() { return {true, true, true, true, true, true}; }
};

class Model {
 public:
  // `none_error`: what the original raises, when it comes back from attributes to none.
  Model(const Case& what, Mended mended, std::string none_error)
      : mended_(mended),
        none_error_(std::move(none_error)),
        recipient_(text_of(what.in("init").as_object().contains("recipient")
                               ? what.in("init").at("recipient")
                               : json::value())),
        subject_(text_of(what.in("init").as_object().contains("subject")
                             ? what.in("init").at("subject")
                             : json::value())) {
    for (const auto& operation : what.in("operations").as_array()) step(operation);
  }

  [[nodiscard]] Answer answer() const {
    return Answer::output({{"trace", trace_}, {"published", published_}});
  }

 private:
  struct Raised {
    std::string name;
  };

  void step(const json::value& operation) {
    const std::string_view op = operation.at("op").as_string();
    json::object entry = {{"op", op}};
    try {
      run(op, operation);
    } catch (const Raised& raised) {
      entry["raised"] = raised.name;
    }
    entry["published_total"] = published_.size();
    entry["queued"] = queue_;
    entry["subject"] = text_or_null(subject_);
    entry["recipient"] = text_or_null(recipient_);
    trace_.push_back(std::move(entry));
  }

  void run(std::string_view op, const json::value& operation) {
    const auto& args = operation.at("args");
    if (op == "send") return send(arguments(operation));
    if (op == "commit") {
      commit();
      defaults_.clear();
    } else if (op == "set_separator") {
      if (!args.is_string()) throw Raised{"AssertionError"};
      separator_ = args.get_string();
    } else if (op == "set_subject") {
      change(subject_, sdk::to_str(args));
    } else if (op == "set_recipient") {
      if (!args.is_string() || !is_arn(text_of(args))) throw Raised{"AssertionError"};
      change(recipient_, text_of(args));
    } else if (op == "set_message_attributes") {
      if (!args.is_object()) throw Raised{"AssertionError"};
      set_attributes(args.get_object());
    } else if (op == "destroy") {
      try {
        send_queue();
      } catch (const Raised&) {  // nobody is told
      }
    }
  }

  [[nodiscard]] bool is_arn(std::string text) const {
    std::transform(text.begin(), text.end(), text.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return text.starts_with("arn:aws:") || (mended_.partitions && text.starts_with("arn:aws-"));
  }

  void change(std::string& value, std::string wanted) {
    if (value == wanted) return;
    if (!value.empty() || !mended_.late) send_queue();
    value = std::move(wanted);
  }

  void set_attributes(const json::object& wanted) {
    if (mended_.arguments) (void)converted(wanted);
    const bool same = mended_.no_attributes ? attributes_.value_or(json::object()) == wanted
                                            : attributes_ == wanted;
    if (!same) send_queue();
    if (mended_.no_attributes)
      defaults_ = wanted;
    else
      attributes_ = wanted;
  }

  void send(const json::object& args) {
    const auto& message = args.at("message");
    const auto* given = args.if_contains("subject");
    const auto subject = given && !given->is_null() ? sdk::to_str(*given) : std::string();
    const auto* attributes = args.if_contains("message_attributes");
    std::optional<json::object> wanted;
    if (attributes && attributes->is_object()) wanted = attributes->get_object();
    const auto* force = args.if_contains("forse_commit");
    const bool forced = force && *force == true;
    if (mended_.arguments && !message.is_string()) throw Raised{"TypeError"};
    if (subject_.empty() && subject.empty()) throw Raised{"RuntimeError"};
    if (mended_.arguments && wanted) (void)converted(*wanted);
    if (!subject.empty() && !subject_.empty()) change(subject_, subject);
    if (!subject.empty() && subject_.empty() && mended_.first_subject) subject_ = subject;
    if (mended_.no_attributes) {
      const auto effective = wanted.value_or(defaults_);
      if (attributes_.value_or(json::object()) != effective) {
        send_queue();
        attributes_ = effective;
      }
    } else if (attributes_ != wanted) {
      if (!wanted) throw Raised{none_error_};
      send_queue();
      attributes_ = wanted;
    }
    queue_.push_back(message);
    if (!forced) return;
    if (subject_.empty()) subject_ = subject;
    commit();
    defaults_.clear();
  }

  void send_queue() {
    if (!queue_.empty()) commit();
  }

  void commit() {
    if (recipient_.empty() || subject_.empty()) throw Raised{"RuntimeError"};
    std::string joined;
    for (std::size_t i = 0; i < queue_.size(); ++i) {
      if (!queue_[i].is_string()) throw Raised{"TypeError"};
      joined += (i > 0 ? separator_ : "") + text_of(queue_[i]);
    }
    json::object request = {{"TopicArn", recipient_}, {"Subject", subject_}, {"Message", joined}};
    if (!joined.empty()) {
      if (attributes_ && !attributes_->empty())
        request["MessageAttributes"] = converted(*attributes_);
      published_.push_back(std::move(request));
    }
    queue_.clear();
    attributes_.reset();
  }

  [[nodiscard]] json::object converted(const json::object& attributes) const {
    json::object out;
    for (const auto& [name, value] : attributes) {
      if (value.is_null()) throw Raised{"TypeError"};
      std::string type = "String.Array";
      std::string text = json::serialize(value);
      if (value.is_string()) {
        type = "String";
        text = value.get_string();
      } else if (value.is_bool()) {
        type = mended_.booleans ? "String" : "Number";
        if (!mended_.booleans) text = value.get_bool() ? "True" : "False";
      } else if (value.is_number()) {
        type = "Number";
        if (value.is_double()) text = shortest(value.get_double());
      }
      out[name] = {{"DataType", type}, {"StringValue", text}};
    }
    return out;
  }

  static std::string shortest(double number) {
    char buffer[32];
    for (int digits = 1; digits < 18; ++digits) {
      std::snprintf(buffer, sizeof buffer, "%.*g", digits, number);
      if (std::strtod(buffer, nullptr) == number) break;
    }
    std::string text = buffer;
    if (text.find_first_of(".en") == text.npos) text += ".0";
    return text;
  }

  Mended mended_;
  std::string none_error_;
  std::string recipient_, subject_;
  std::string separator_ = "\n\n#####\n\n";
  json::array queue_, trace_, published_;
  std::optional<json::object> attributes_;
  json::object defaults_;  // of messages that bring none; the original knows none of these
};

// The first class that is raised by a message without attributes behind one with some.
std::string error_of_none(const Case& what, const Answer& recorded) {
  const auto& operations = what.in("operations").as_array();
  const auto& trace = recorded.value().at("trace").as_array();
  for (std::size_t i = 1; i < operations.size() && i < trace.size(); ++i) {
    const auto* raised = trace[i].as_object().if_contains("raised");
    if (raised && operations[i].at("op") == "send" &&
        !arguments(operations[i]).contains("message_attributes"))
      return text_of(*raised);
  }
  return "TypeError";
}

// Applies where the original with all its faults gave what was recorded, and mending this one makes
// a difference.
template <bool Mended::*Fault>
std::optional<Answer> right_answer(const Case& what, const Answer& recorded) {
  if (what.function != "batching" || recorded.is_error()) return std::nullopt;
  const auto none_error = error_of_none(what, recorded);
  const auto with = [&](Mended mended) { return Model(what, mended, none_error).answer(); };
  if (with({}).value() != recorded.value()) return std::nullopt;
  Mended one;
  one.*Fault = true;
  if (with(one).value() == recorded.value()) return std::nullopt;
  return with(Mended::all());
}

std::optional<Answer> booleans_are_texts(const Case& what, const Answer& recorded) {
  if (what.function != "get_message_attribute")
    return right_answer<&Mended::booleans>(what, recorded);
  const auto* boolean = what.in("attribute").if_bool();
  if (!boolean) return std::nullopt;
  return Answer::output({{"DataType", "String"}, {"StringValue", *boolean ? "true" : "false"}});
}

std::optional<Answer> typed_names(const Case& what, const Answer&) {
  const auto is_other = [&](std::string_view name) {
    return what.input.contains(name) && !what.in(name).is_string() && !what.in(name).is_null();
  };
  if (is_other("topic_name") || is_other("topic_arn") || is_other("protocol") ||
      is_other("endpoint"))
    return Answer::error("TypeError");
  return std::nullopt;
}

// An empty recipient or subject is none. What a destructor raises, nobody hears.
json::value behaviour(const Case& what, const json::value& output) {
  auto out = output;
  if (what.function == "batching" && out.is_object())
    for (auto& entry : out.get_object().at("trace").as_array()) {
      if (entry.at("op") == "destroy") entry.as_object().erase("raised");
      for (const auto* name : {"recipient", "subject"})
        if (entry.at(name) == "") entry.as_object()[name] = nullptr;
    }
  return out;
}

}  // namespace

Area sns_area() {
  return {.name = "sns",
          .handlers = {{"batching", batching},
                       {"get_message_attribute", get_message_attribute},
                       {"create_topic", create_topic},
                       {"create_subscription", create_subscription}},
          .rules = {{"first_subject_is_kept", "the second message would fail",
                     right_answer<&Mended::first_subject>},
                    {"from_attributes_to_none", "a message without attributes is none with them",
                     right_answer<&Mended::no_attributes>},
                    {"recipient_comes_later", "the messages that wait are for it",
                     right_answer<&Mended::late>},
                    {"messages_checked_when_given", "the queue would never be sent again",
                     right_answer<&Mended::arguments>},
                    {"booleans_are_texts", "SNS refuses the number True", booleans_are_texts},
                    {"topics_of_every_partition", "D-55", right_answer<&Mended::partitions>},
                    {"typed_names", "the compiler checks it", typed_names}},
          .behaviour = behaviour,
          .json_text_by_value = true};
}

}  // namespace sosw::golden
