// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/api/authorisation.hpp"

#include "daemon/api/login.hpp"
#include "daemon/api/reply.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <optional>
#include <string_view>
#include <systemd/sd-bus.h>
#include <unistd.h>

namespace chainkeeper::daemon {

struct Authorisation::Question {
    Authorisation& owner;
    BusMessage call;
    Privilege privilege;
    Allowed allowed;
    uid_t uid = 0;
    pid_t pid = 0;
    BusSlot slot{};
};

namespace {

constexpr const char* bus_driver = "org.freedesktop.DBus";

struct Credentials {
    std::optional<uid_t> uid;
    pid_t pid = 0;
};

std::uint64_t microseconds(Duration duration)
{
    return static_cast<std::uint64_t>(std::chrono::ceil<std::chrono::microseconds>(duration).count());
}

// One "{sv}" whose key has been read.
int read_credential(sd_bus_message& answer, std::string_view key, Credentials& credentials)
{
    const bool is_uid = key == "UnixUserID";
    if (!is_uid && key != "ProcessID")
        return sd_bus_message_skip(&answer, "v");
    std::uint32_t number = 0;
    const int result = sd_bus_message_read(&answer, "v", "u", &number);
    if (result >= 0 && is_uid)
        credentials.uid = number;
    if (result >= 0 && !is_uid)
        credentials.pid = static_cast<pid_t>(number);
    return result;
}

// The answer of GetConnectionCredentials, "a{sv}"; nobody where it is an error, or makes no sense.
Credentials read_credentials(sd_bus_message& answer)
{
    Credentials credentials;
    const char* const sender = sd_bus_message_get_sender(&answer);
    if (sender == nullptr || std::string_view{sender} != bus_driver || sd_bus_message_is_method_error(&answer, nullptr))
        return {};
    int result = sd_bus_message_enter_container(&answer, SD_BUS_TYPE_ARRAY, "{sv}");
    while (result > 0 && (result = sd_bus_message_enter_container(&answer, SD_BUS_TYPE_DICT_ENTRY, "sv")) > 0) {
        const char* key = nullptr;
        result = sd_bus_message_read(&answer, "s", &key);
        if (result > 0)
            result = read_credential(answer, key, credentials);
        if (result > 0)
            result = sd_bus_message_exit_container(&answer);
    }
    return result < 0 ? Credentials{} : credentials;
}

BusMessage polkit_question(sd_bus& bus, sd_bus_message& call, Privilege privilege, bool with_password)
{
    constexpr std::uint32_t allow_user_interaction = 1;
    sd_bus_message* made = nullptr;
    int result = sd_bus_message_new_method_call(&bus, &made, "org.freedesktop.PolicyKit1",
                                                "/org/freedesktop/PolicyKit1/Authority",
                                                "org.freedesktop.PolicyKit1.Authority", "CheckAuthorization");
    BusMessage question{made};
    if (result >= 0)
        result = sd_bus_message_append(made, "(sa{sv})sa{ss}us", "system-bus-name", 1, "name", "s",
                                       sd_bus_message_get_sender(&call), action_of(privilege), 0,
                                       with_password ? allow_user_interaction : 0U, "");
    return result < 0 ? nullptr : std::move(question);
}

int deny(sd_bus_message& call, Privilege privilege, const std::string& why)
{
    return reply_error(call, SD_BUS_ERROR_ACCESS_DENIED,
                       fmt::format("{} (polkit action {}); run it as root", why, action_of(privilege)));
}

// Where polkit did not answer but with an error.
int deny_for(sd_bus_message& call, Privilege privilege, const sd_bus_error& error)
{
    const auto has = [&](const char* name) { return sd_bus_error_has_name(&error, name) != 0; };
    if (has(SD_BUS_ERROR_SERVICE_UNKNOWN) || has(SD_BUS_ERROR_NAME_HAS_NO_OWNER))
        return deny(call, privilege, "only root may do this: no polkit runs here that could allow it to others");
    if (has(SD_BUS_ERROR_NO_REPLY) || has(SD_BUS_ERROR_TIMEOUT))
        return deny(call, privilege, "polkit has not answered in time");
    return deny(call, privilege,
                fmt::format("polkit could not be asked: {}", error.message == nullptr ? "?" : error.message));
}

int refuse_for_now(sd_bus_message& call)
{
    return reply_error(call, bus_name::refused, "too many callers wait for leave to do this; try again in a minute");
}

}  // namespace

// The slot of a callback may be given back within it: sd-bus holds a reference of its own meanwhile. What a caller that
// has left the bus cannot be told is lost with it.
struct Authorisation::Answers {
    static std::unique_ptr<Question> take(Questions& questions, const Question& question)
    {
        const auto found = std::ranges::find(questions, &question, &std::unique_ptr<Question>::get);
        auto taken = std::move(*found);
        questions.erase(found);
        return taken;
    }

    static int on_credentials(sd_bus_message* answer, void* pointer, sd_bus_error* /*error*/) noexcept
    {
        auto& owner = static_cast<Question*>(pointer)->owner;
        auto question = take(owner.lookups_, *static_cast<Question*>(pointer));
        const auto [uid, pid] = read_credentials(*answer);
        if (!uid)
            return deny(*question->call, question->privilege, "the bus does not say who calls");
        question->uid = *uid;
        question->pid = pid;
        // Our own user needs no leave: its processes could as well be this one (`systemctl reload` runs one of them).
        if (*uid == 0 || *uid == geteuid())
            return allow(*question);
        return owner.ask_polkit(std::move(question));
    }

    static int on_polkit(sd_bus_message* answer, void* pointer, sd_bus_error* /*error*/) noexcept
    {
        auto& owner = static_cast<Question*>(pointer)->owner;
        const auto question = take(owner.questions_, *static_cast<Question*>(pointer));
        if (const auto* const error = sd_bus_message_get_error(answer); error != nullptr)
            return deny_for(*question->call, question->privilege, *error);
        int authorised = 0;
        int challenge = 0;
        if (sd_bus_message_enter_container(answer, SD_BUS_TYPE_STRUCT, "bba{ss}") <= 0 ||
            sd_bus_message_read(answer, "bb", &authorised, &challenge) <= 0)
            return deny(*question->call, question->privilege, "polkit's answer makes no sense");
        if (authorised != 0)
            return allow(*question);
        return challenge != 0 ? miss_password(*question)
                              : deny(*question->call, question->privilege, "polkit does not allow it");
    }

    static int allow(const Question& question)
    {
        question.allowed(*question.call, {.uid = question.uid, .login = login_of(question.uid, question.pid)});
        return 0;
    }

    static int miss_password(const Question& question)
    {
        return reply_error(
            *question.call, SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED,
            fmt::format("polkit asks for a password (action {}), and nobody is here to give it; run it as "
                        "root",
                        action_of(question.privilege)));
    }
};

const char* action_of(Privilege privilege)
{
    switch (privilege) {
    case Privilege::repair: return "org.chainkeeper1.repair";
    case Privilege::hold: return "org.chainkeeper1.hold";
    case Privilege::reload: return "org.chainkeeper1.reload";
    }
    return "org.chainkeeper1.unknown";
}

Authorisation::Authorisation(sd_bus& bus, Limits limits) : bus_{bus}, limits_{limits} {}

Authorisation::~Authorisation() = default;

int Authorisation::ask(sd_bus_message& call, Privilege privilege, Allowed allowed)
{
    const char* const sender = sd_bus_message_get_sender(&call);
    if (sender == nullptr)
        return deny(call, privilege, "the bus does not say who calls");
    if (lookups_.size() >= limits_.lookups)
        return refuse_for_now(call);
    auto& question = lookups_.emplace_back(std::make_unique<Question>(
        Question{.owner = *this, .call = share(call), .privilege = privilege, .allowed = std::move(allowed)}));
    sd_bus_slot* slot = nullptr;
    const int result =
        sd_bus_call_method_async(&bus_, &slot, bus_driver, "/org/freedesktop/DBus", bus_driver,
                                 "GetConnectionCredentials", Answers::on_credentials, question.get(), "s", sender);
    question->slot.reset(slot);
    if (result < 0)
        lookups_.pop_back();
    return result;
}

int Authorisation::ask_polkit(std::unique_ptr<Question> question)
{
    const auto of_the_user = std::ranges::count(questions_, question->uid, [](const auto& each) { return each->uid; });
    if (questions_.size() >= limits_.questions || of_the_user >= static_cast<std::ptrdiff_t>(limits_.of_a_user))
        return refuse_for_now(*question->call);
    const bool with_password = sd_bus_message_get_allow_interactive_authorization(question->call.get()) > 0;
    const auto message = polkit_question(bus_, *question->call, question->privilege, with_password);
    const auto time = with_password ? limits_.answer_with_password : limits_.answer;
    sd_bus_slot* slot = nullptr;
    if (!message ||
        sd_bus_call_async(&bus_, &slot, message.get(), Answers::on_polkit, question.get(), microseconds(time)) < 0)
        return deny(*question->call, question->privilege, "polkit could not be asked");
    question->slot.reset(slot);
    questions_.push_back(std::move(question));
    return 0;
}

}  // namespace chainkeeper::daemon
