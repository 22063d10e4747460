// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/api/client.hpp"

#include "daemon/api/names.hpp"
#include "daemon/api/place.hpp"

#include <cerrno>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <system_error>
#include <systemd/sd-bus.h>
#include <unistd.h>

namespace chainkeeper::daemon {

namespace {

using nlohmann::json;

// With what sd-bus says in it; freed with it.
struct BusError {
    BusError() = default;
    BusError(const BusError&) = delete;
    BusError& operator=(const BusError&) = delete;
    BusError(BusError&&) = delete;
    BusError& operator=(BusError&&) = delete;
    ~BusError() { sd_bus_error_free(&value); }

    [[nodiscard]] bool is(const char* name) const { return sd_bus_error_has_name(&value, name) != 0; }
    [[nodiscard]] std::string message() const { return value.message == nullptr ? "" : value.message; }

    sd_bus_error value = SD_BUS_ERROR_NULL;
};

constexpr std::string_view other_version = "chainkeeperd's answer makes no sense: it is of another version than this "
                                           "command; `systemctl restart chainkeeperd` "
                                           "starts the one that is installed";

std::uint64_t microseconds(Duration duration)
{
    return static_cast<std::uint64_t>(std::chrono::ceil<std::chrono::microseconds>(duration).count());
}

std::string no_bus(int error_number)
{
    return fmt::format("no daemon can be asked: there is no system bus here ({}); run this on the node itself",
                       std::generic_category().message(error_number));
}

// What the daemon or the bus said, and what to do next.
std::string sentence_of(const BusError& error, int error_number, Duration patience)
{
    if (error.is(bus_name::invalid) || error.is(bus_name::refused) || error.is(bus_name::failed))
        return error.message();
    if (error.is(SD_BUS_ERROR_ACCESS_DENIED) || error.is(SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED))
        return fmt::format("not allowed: {}", error.message());
    if (error.is(SD_BUS_ERROR_SERVICE_UNKNOWN) || error.is(SD_BUS_ERROR_NAME_HAS_NO_OWNER) ||
        error.is(SD_BUS_ERROR_DISCONNECTED))
        return "chainkeeperd has just ended: `systemctl status chainkeeperd` says why";
    if (error.is(SD_BUS_ERROR_NO_REPLY) || error.is(SD_BUS_ERROR_TIMEOUT) || error_number == ETIMEDOUT)
        return fmt::format(
            "chainkeeperd has not answered within {} s: `journalctl -u chainkeeperd` says what it is doing",
            patience / std::chrono::seconds{1});
    if (error.is(SD_BUS_ERROR_UNKNOWN_METHOD) || error.is(SD_BUS_ERROR_UNKNOWN_OBJECT) ||
        error.is(SD_BUS_ERROR_UNKNOWN_INTERFACE) || error.is(SD_BUS_ERROR_UNKNOWN_PROPERTY))
        return std::string{other_version};
    const auto message = error.message();
    return fmt::format("asking chainkeeperd failed: {}",
                       message.empty() ? std::generic_category().message(error_number) : message);
}

// Connected and greeted within that time, or an errno.
int await_ready(sd_bus& bus, Duration patience)
{
    const SystemClock clock;
    const auto end = clock.now() + patience;
    int result = 0;
    while ((result = sd_bus_is_ready(&bus)) == 0) {
        if (result = sd_bus_process(&bus, nullptr); result < 0)
            return result;
        const auto left = end - clock.now();
        if (left <= Duration::zero())
            return -ETIMEDOUT;
        if (result == 0)
            result = sd_bus_wait(&bus, microseconds(left));
        if (result < 0 && result != -EINTR)
            return result;
    }
    return result;
}

Answer<BusConnection> open_bus(Duration patience)
{
    sd_bus* opened = nullptr;
    int result = sd_bus_open_system(&opened);
    BusConnection bus{opened};
    if (result >= 0)
        result = sd_bus_set_allow_interactive_authorization(opened, 1);
    if (result >= 0)
        result = await_ready(*opened, patience);
    if (result < 0)
        return tl::unexpected(no_bus(-result));
    return bus;
}

Answer<std::string> read_text(const BusMessage& message)
{
    const char* text = nullptr;
    if (sd_bus_message_read(message.get(), "s", &text) <= 0)
        return tl::unexpected(std::string{other_version});
    return text;
}

Answer<json> read_json(const BusMessage& message)
{
    return read_text(message).and_then([](const std::string& text) -> Answer<json> {
        auto parsed = json::parse(text, nullptr, false);
        if (parsed.is_discarded())
            return tl::unexpected(std::string{other_version});
        return parsed;
    });
}

Answer<bool> read_flag(const BusMessage& message)
{
    int flag = 0;
    if (sd_bus_message_read(message.get(), "b", &flag) <= 0)
        return tl::unexpected(std::string{other_version});
    return flag != 0;
}

Answer<std::vector<std::string>> read_lines(const BusMessage& message)
{
    std::vector<std::string> lines;
    const char* line = nullptr;
    int result = sd_bus_message_enter_container(message.get(), SD_BUS_TYPE_ARRAY, "s");
    while (result > 0 && (result = sd_bus_message_read(message.get(), "s", &line)) > 0)
        lines.emplace_back(line);
    if (result < 0)
        return tl::unexpected(std::string{other_version});
    return lines;
}

Answer<std::string> text_property(sd_bus& bus, const char* name, Duration patience)
{
    BusError error;
    sd_bus_message* answer = nullptr;
    const int result = sd_bus_get_property(&bus, bus_name::service, bus_name::object, bus_name::interface, name,
                                           &error.value, &answer, "s");
    const BusMessage message{answer};
    if (result < 0)
        return tl::unexpected(sentence_of(error, -result, patience));
    return read_text(message);
}

// NameHasOwner: a call of a method would start a service of that name.
Answer<bool> has_owner(sd_bus& bus)
{
    BusError error;
    sd_bus_message* answer = nullptr;
    const int result = sd_bus_call_method(&bus, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                                          "NameHasOwner", &error.value, &answer, "s", bus_name::service);
    const BusMessage message{answer};
    if (result < 0)
        return tl::unexpected(fmt::format("the system bus does not answer: {}", error.message()));
    return read_flag(message);
}

}  // namespace

Answer<DaemonClient> DaemonClient::find(Duration patience)
{
    auto bus = open_bus(patience);
    if (!bus)
        return tl::unexpected(bus.error());
    sd_bus_set_method_call_timeout(bus->get(), microseconds(patience));
    const auto owned = has_owner(**bus);
    if (!owned)
        return tl::unexpected(owned.error());
    if (!*owned)
        return tl::unexpected(std::string{"chainkeeperd does not run here; `systemctl start chainkeeperd` starts it"});
    DaemonClient client{*std::move(bus), patience};
    if (const auto here = client.check_place(); !here)
        return tl::unexpected(here.error());
    return client;
}

Answer<void> DaemonClient::check_place() const
{
    const auto here = place_of_this_process();
    const auto network = text_property(*bus_, "NetworkNamespace", patience_);
    if (!network)
        return tl::unexpected(network.error());
    if (*network != here.network_namespace)
        return tl::unexpected(
            fmt::format("the chainkeeperd of this machine keeps another network namespace ({}, this is "
                        "{}); run this there",
                        *network, here.network_namespace));
    const auto directory = text_property(*bus_, "RuntimeDirectory", patience_);
    if (!directory)
        return tl::unexpected(directory.error());
    if (*directory != here.runtime_directory)
        return tl::unexpected(fmt::format("the chainkeeperd of this machine works in {}, and this command in {}; unset "
                                          "RUNTIME_DIRECTORY to reach it",
                                          *directory, here.runtime_directory));
    return {};
}

template <typename... Arguments>
Answer<BusMessage> DaemonClient::call(const char* method, Leave leave, const char* types, Arguments... arguments) const
{
    sd_bus_message* made = nullptr;
    int result = sd_bus_message_new_method_call(bus_.get(), &made, bus_name::service, bus_name::object,
                                                bus_name::interface, method);
    BusMessage message{made};
    if (result >= 0 && *types != '\0')
        result = sd_bus_message_append(made, types, arguments...);
    if (result >= 0)
        result = sd_bus_message_set_auto_start(made, 0);
    if (result < 0)
        return tl::unexpected(fmt::format("asking chainkeeperd failed: {}", std::generic_category().message(-result)));
    return send(std::move(message), leave);
}

Answer<BusMessage> DaemonClient::send(BusMessage message, Leave leave) const
{
    const bool asks_polkit = leave == Leave::may_need_password && geteuid() != 0;
    const auto time = asks_polkit ? patience_ + bus_name::password_time : patience_;
    BusError error;
    sd_bus_message* answer = nullptr;
    const int result = sd_bus_call(bus_.get(), message.get(), microseconds(time), &error.value, &answer);
    BusMessage received{answer};
    if (result < 0)
        return tl::unexpected(sentence_of(error, -result, time));
    return received;
}

Answer<json> DaemonClient::check() const
{
    return call("Check", Leave::none, "").and_then(read_json);
}

Answer<json> DaemonClient::plan() const
{
    return call("Plan", Leave::none, "").and_then(read_json);
}

Answer<json> DaemonClient::repair(bool dry_run) const
{
    return call("Repair", dry_run ? Leave::none : Leave::may_need_password, "b", static_cast<int>(dry_run))
        .and_then(read_json);
}

Answer<void> DaemonClient::recheck(const std::string& reason) const
{
    return call("Recheck", Leave::may_need_password, "s", reason.c_str()).map([](const BusMessage&) {});
}

Answer<json> DaemonClient::hold(std::chrono::seconds length, const std::string& reason, bool stop) const
{
    return call("Hold", Leave::may_need_password, "tsb", static_cast<std::uint64_t>(length.count()), reason.c_str(),
                static_cast<int>(stop))
        .and_then(read_json);
}

Answer<bool> DaemonClient::release() const
{
    return call("Release", Leave::may_need_password, "").and_then(read_flag);
}

Answer<void> DaemonClient::reload() const
{
    return call("Reload", Leave::may_need_password, "").map([](const BusMessage&) {});
}

Answer<std::vector<std::string>> DaemonClient::history(std::uint32_t most) const
{
    return call("History", Leave::none, "u", most).and_then(read_lines);
}

}  // namespace chainkeeper::daemon
