// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/api/interface.hpp"

#include "daemon/api/reply.hpp"
#include "daemon/version.hpp"
#include "repair/printable.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <systemd/sd-bus.h>

namespace chainkeeper::daemon {

namespace {

constexpr std::uint32_t most_history = 10000;

std::string text_of(const nlohmann::json& json)
{
    return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

int reply_result(sd_bus_message& call, const repair::Result<void>& result)
{
    return result ? reply_done(call) : reply_error(call, bus_name::failed, result.error().what);
}

// ---- methods

int check(Interface& interface, sd_bus_message& call)
{
    return reply_text(call, text_of(to_json(interface.requests.check())));
}

int plan(Interface& interface, sd_bus_message& call)
{
    return reply_text(call, text_of(interface.requests.plan()));
}

int repair_now(Interface& interface, sd_bus_message& call)
{
    int dry_run = 0;
    if (const int result = sd_bus_message_read(&call, "b", &dry_run); result < 0)
        return result;
    if (dry_run != 0)
        return reply_text(call, text_of(interface.requests.repair(true)));
    return interface.authorisation.ask(call, Privilege::repair, [&](sd_bus_message& allowed, const Caller&) {
        reply_text(allowed, text_of(interface.requests.repair(false)));
    });
}

int recheck(Interface& interface, sd_bus_message& call)
{
    const char* reason = nullptr;
    if (const int result = sd_bus_message_read(&call, "s", &reason); result < 0)
        return result;
    if (*reason != '\0' && !is_hold_text(reason))
        return reply_error(call, bus_name::invalid, std::string{hold_text_rule});
    return interface.authorisation.ask(
        call, Privilege::repair, [&, why = std::string{reason}](sd_bus_message& allowed, const Caller& caller) {
            interface.requests.recheck(why.empty() ? fmt::format("{} asked for it", caller.login) : why);
            reply_done(allowed);
        });
}

void set_hold(const Interface& interface, sd_bus_message& call, Hold hold)
{
    const auto text = to_json(hold);
    const auto held = interface.requests.hold(std::move(hold));
    if (held)
        reply_text(call, text);
    else
        reply_error(call, bus_name::failed, held.error().what);
}

int hold(Interface& interface, sd_bus_message& call)
{
    std::uint64_t seconds = 0;
    const char* reason = nullptr;
    int stop = 0;
    if (const int result = sd_bus_message_read(&call, "tsb", &seconds, &reason, &stop); result < 0)
        return result;
    if (seconds == 0 || seconds > static_cast<std::uint64_t>(longest_hold / std::chrono::seconds{1}))
        return reply_error(call, bus_name::invalid, "a hold lasts from 1 second to 31 days");
    if (!is_hold_text(reason))
        return reply_error(call, bus_name::invalid, std::string{hold_text_rule});
    const std::chrono::seconds length{seconds};
    const Hold asked{.set_at = {}, .until = {}, .reason = reason, .stop = stop != 0, .uid = 0, .login = {}};
    const auto set = [&interface, asked, length](sd_bus_message& allowed, const Caller& caller) {
        auto granted = asked;
        granted.set_at = std::chrono::floor<std::chrono::microseconds>(interface.clock.wall());
        granted.until = granted.set_at + length;
        granted.uid = caller.uid;
        granted.login = caller.login;
        set_hold(interface, allowed, std::move(granted));
    };
    return interface.authorisation.ask(call, Privilege::hold, set);
}

int release(Interface& interface, sd_bus_message& call)
{
    return interface.authorisation.ask(call, Privilege::hold, [&](sd_bus_message& allowed, const Caller& caller) {
        const auto released = interface.requests.release(caller.login);
        if (released)
            reply_flag(allowed, *released);
        else
            reply_error(allowed, bus_name::failed, released.error().what);
    });
}

int reload(Interface& interface, sd_bus_message& call)
{
    return interface.authorisation.ask(call, Privilege::reload, [&](sd_bus_message& allowed, const Caller&) {
        reply_result(allowed, interface.requests.reload());
    });
}

int history(Interface& interface, sd_bus_message& call)
{
    std::uint32_t most = 0;
    if (const int result = sd_bus_message_read(&call, "u", &most); result < 0)
        return result;
    if (most == 0 || most > most_history)
        return reply_error(call, bus_name::invalid, fmt::format("ask for 1 to {} entries", most_history));
    const auto lines = interface.requests.history(most);
    return lines ? reply_lines(call, *lines) : reply_error(call, bus_name::failed, lines.error().what);
}

// Calls come from C, and nothing may be thrown into it: what is thrown ends the program.
template <int (*Handle)(Interface&, sd_bus_message&)>
int method(sd_bus_message* call, void* interface, sd_bus_error* /*error*/) noexcept
{
    const int result = Handle(*static_cast<Interface*>(interface), *call);
    return result < 0 ? result : 1;
}

// ---- properties

int append_text(sd_bus_message& message, std::string_view text)
{
    return sd_bus_message_append(&message, "s", repair::printable(text).c_str());
}

int append_texts(sd_bus_message& message, const std::map<std::string, std::string>& texts)
{
    int result = sd_bus_message_open_container(&message, SD_BUS_TYPE_ARRAY, "{ss}");
    for (const auto& [name, text] : texts)
        if (result >= 0)
            result = sd_bus_message_append(&message, "{ss}", name.c_str(), text.c_str());
    return result < 0 ? result : sd_bus_message_close_container(&message);
}

int get_state(const Interface& interface, sd_bus_message& message)
{
    return append_text(message, to_string(interface.properties.state));
}

int get_decision(const Interface& interface, sd_bus_message& message)
{
    return append_texts(message, interface.properties.decision);
}

int get_backend(const Interface& interface, sd_bus_message& message)
{
    return append_text(message, interface.properties.backend);
}

int get_mode(const Interface& interface, sd_bus_message& message)
{
    return append_text(message, interface.properties.mode);
}

int get_kubelet_monitor(const Interface& interface, sd_bus_message& message)
{
    return append_texts(message, interface.properties.kubelet_monitor);
}

int get_last_repair(const Interface& interface, sd_bus_message& message)
{
    const auto& [at, family, decision] = interface.properties.last_repair;
    return sd_bus_message_append(&message, "(tss)", at, family.c_str(), decision.c_str());
}

int get_hold(const Interface& interface, sd_bus_message& message)
{
    const auto& [until, reason, stop, login] = interface.properties.hold;
    return sd_bus_message_append(&message, "(tsbs)", until, reason.c_str(), static_cast<int>(stop), login.c_str());
}

int get_version(const Interface& /*interface*/, sd_bus_message& message)
{
    return append_text(message, version);
}

int get_network_namespace(const Interface& interface, sd_bus_message& message)
{
    return append_text(message, interface.place.network_namespace);
}

int get_runtime_directory(const Interface& interface, sd_bus_message& message)
{
    return append_text(message, interface.place.runtime_directory);
}

template <int (*Get)(const Interface&, sd_bus_message&)>
int property(sd_bus* /*bus*/, const char* /*path*/, const char* /*interface*/, const char* /*property*/,
             sd_bus_message* reply, void* interface, sd_bus_error* /*error*/) noexcept
{
    return Get(*static_cast<const Interface*>(interface), *reply);
}

// sd-bus itself would ask for a capability of callers that are not root: who may do what is for Authorisation to say.
constexpr auto anybody = SD_BUS_VTABLE_UNPRIVILEGED;
constexpr auto changing = SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE;
constexpr auto constant = SD_BUS_VTABLE_PROPERTY_CONST;

const sd_bus_vtable table[] = {
    SD_BUS_VTABLE_START(0),
    SD_BUS_METHOD_WITH_ARGS("Check", SD_BUS_NO_ARGS, SD_BUS_RESULT("s", status), method<check>, anybody),
    SD_BUS_METHOD_WITH_ARGS("Plan", SD_BUS_NO_ARGS, SD_BUS_RESULT("s", plan), method<plan>, anybody),
    SD_BUS_METHOD_WITH_ARGS("Repair", SD_BUS_ARGS("b", dry_run), SD_BUS_RESULT("s", outcome), method<repair_now>,
                            anybody),
    SD_BUS_METHOD_WITH_ARGS("Recheck", SD_BUS_ARGS("s", reason), SD_BUS_NO_RESULT, method<recheck>, anybody),
    SD_BUS_METHOD_WITH_ARGS("Hold", SD_BUS_ARGS("t", seconds, "s", reason, "b", stop), SD_BUS_RESULT("s", hold),
                            method<hold>, anybody),
    SD_BUS_METHOD_WITH_ARGS("Release", SD_BUS_NO_ARGS, SD_BUS_RESULT("b", was_held), method<release>, anybody),
    SD_BUS_METHOD_WITH_ARGS("Reload", SD_BUS_NO_ARGS, SD_BUS_NO_RESULT, method<reload>, anybody),
    SD_BUS_METHOD_WITH_ARGS("History", SD_BUS_ARGS("u", most), SD_BUS_RESULT("as", entries), method<history>, anybody),
    SD_BUS_PROPERTY("State", "s", property<get_state>, 0, changing),
    SD_BUS_PROPERTY("Decision", "a{ss}", property<get_decision>, 0, changing),
    SD_BUS_PROPERTY("Backend", "s", property<get_backend>, 0, changing),
    SD_BUS_PROPERTY("Mode", "s", property<get_mode>, 0, changing),
    SD_BUS_PROPERTY("KubeletMonitor", "a{ss}", property<get_kubelet_monitor>, 0, changing),
    SD_BUS_PROPERTY("LastRepair", "(tss)", property<get_last_repair>, 0, changing),
    SD_BUS_PROPERTY("Hold", "(tsbs)", property<get_hold>, 0, changing),
    SD_BUS_PROPERTY("Version", "s", property<get_version>, 0, constant),
    SD_BUS_PROPERTY("NetworkNamespace", "s", property<get_network_namespace>, 0, constant),
    SD_BUS_PROPERTY("RuntimeDirectory", "s", property<get_runtime_directory>, 0, constant),
    SD_BUS_SIGNAL_WITH_ARGS(
        "Flushed",
        SD_BUS_ARGS("s", culprit_unit, "s", comm, "u", pid, "u", tables, "u", chains, "u", rules, "u", entries), 0),
    SD_BUS_SIGNAL_WITH_ARGS("Decided", SD_BUS_ARGS("s", family, "s", decision), 0),
    SD_BUS_SIGNAL_WITH_ARGS("Repaired", SD_BUS_ARGS("s", family, "s", decision, "u", steps, "b", verified), 0),
    SD_BUS_VTABLE_END,
};

}  // namespace

const sd_bus_vtable* interface_table()
{
    return table;
}

}  // namespace chainkeeper::daemon
