// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/unit/fake_systemd.hpp"

#include "daemon/bus/unit_name.hpp"

#include <cerrno>
#include <cstdlib>
#include <stdexcept>
#include <systemd/sd-bus.h>

namespace chainkeeper::tests {

namespace {

constexpr const char* systemd = "org.freedesktop.systemd1";
constexpr const char* manager_path = "/org/freedesktop/systemd1";
constexpr const char* manager = "org.freedesktop.systemd1.Manager";
constexpr const char* unit_prefix = "/org/freedesktop/systemd1/unit";
constexpr const char* job_path = "/org/freedesktop/systemd1/job/1";

void must(int result)
{
    if (result < 0)
        throw std::runtime_error{"the fake systemd cannot speak on its bus"};
}

daemon::BusConnection open_bus(const std::string& address)
{
    sd_bus* made = nullptr;
    must(sd_bus_new(&made));
    daemon::BusConnection bus{made};
    must(sd_bus_set_address(made, address.c_str()));
    must(sd_bus_set_bus_client(made, 1));
    must(sd_bus_start(made));
    return bus;
}

std::string unit_at(const char* path)
{
    char* name = nullptr;
    if (sd_bus_path_decode(path, unit_prefix, &name) <= 0)
        return {};
    std::string unit = name;
    std::free(name);
    return unit;
}

daemon::BusMessage reply_to(sd_bus_message& call)
{
    sd_bus_message* made = nullptr;
    must(sd_bus_message_new_method_return(&call, &made));
    return daemon::BusMessage{made};
}

void append_invocation(sd_bus_message* reply, const std::vector<std::uint8_t>& invocation)
{
    must(sd_bus_message_open_container(reply, 'e', "sv"));
    must(sd_bus_message_append(reply, "s", "InvocationID"));
    must(sd_bus_message_open_container(reply, 'v', "ay"));
    must(sd_bus_message_append_array(reply, 'y', invocation.data(), invocation.size()));
    must(sd_bus_message_close_container(reply));
    must(sd_bus_message_close_container(reply));
}

daemon::BusMessage job_signal(sd_bus* bus, const char* member)
{
    sd_bus_message* made = nullptr;
    must(sd_bus_message_new_signal(bus, &made, manager_path, manager, member));
    return daemon::BusMessage{made};
}

template <typename... Arguments>
void emit_to(sd_bus* bus, const std::string& victim, const char* path, const char* interface, const char* member,
             const char* types, Arguments... arguments)
{
    sd_bus_message* made = nullptr;
    must(sd_bus_message_new_signal(bus, &made, path, interface, member));
    const daemon::BusMessage signal{made};
    must(sd_bus_message_append(made, types, arguments...));
    must(sd_bus_message_set_destination(made, victim.c_str()));
    must(sd_bus_send(bus, made, nullptr));
}

}  // namespace

struct FakeSystemd::Callbacks {
    static int heard(sd_bus_message* message, void* self, sd_bus_error* /*error*/) noexcept
    {
        if (sd_bus_message_is_method_call(message, nullptr, nullptr) <= 0)
            return 0;
        return static_cast<FakeSystemd*>(self)->answer(*message);
    }
};

FakeSystemd::FakeSystemd(daemon::EventLoop& loop, const std::string& address) : bus_{open_bus(address)}
{
    must(sd_bus_add_filter(bus_.get(), nullptr, Callbacks::heard, this));
    join_bus();
    must(sd_bus_attach_event(bus_.get(), loop.native(), 0));
}

void FakeSystemd::join_bus()
{
    must(sd_bus_request_name(bus_.get(), systemd, 0));
}

void FakeSystemd::leave_bus()
{
    must(sd_bus_release_name(bus_.get(), systemd));
}

int FakeSystemd::answer(sd_bus_message& call)
{
    const std::string member = sd_bus_message_get_member(&call);
    ++calls[member];
    switch (manners[member]) {
    case Manner::not_at_all: return 1;
    case Manner::properly: return answer_properly(call, member);
    case Manner::with_an_error: return sd_bus_reply_method_errorf(&call, SD_BUS_ERROR_FAILED, "the fake will not");
    case Manner::with_garbage: return sd_bus_reply_method_return(&call, "as", 1, "garbage");
    case Manner::subscribed_already:
        return sd_bus_reply_method_errorf(&call, "org.freedesktop.systemd1.AlreadySubscribed", "you have");
    }
    return 0;
}

int FakeSystemd::answer_properly(sd_bus_message& call, const std::string& member)
{
    if (member == "Subscribe")
        return sd_bus_reply_method_return(&call, "");
    if (member == "ListJobs")
        return answer_jobs(call);
    if (member == "GetAll")
        return answer_unit(call);
    return 0;
}

int FakeSystemd::answer_unit(sd_bus_message& call)
{
    const auto unit = units[unit_at(sd_bus_message_get_path(&call))];
    const auto reply = reply_to(call);
    must(sd_bus_message_open_container(reply.get(), 'a', "{sv}"));
    must(sd_bus_message_append(reply.get(), "{sv}", "Wants", "as", 2, "a.service", "b.service"));
    must(sd_bus_message_append(reply.get(), "{sv}", "ActiveState", "s", unit.active_state.c_str()));
    must(sd_bus_message_append(reply.get(), "{sv}", "ActiveEnterTimestampMonotonic", "t", unit.active_enter));
    append_invocation(reply.get(), unit.invocation);
    must(sd_bus_message_append(reply.get(), "{sv}", "MainPID", "u", unit.main_pid));
    must(sd_bus_message_append(reply.get(), "{sv}", "ExecMainStartTimestampMonotonic", "t", unit.main_started));
    must(sd_bus_message_close_container(reply.get()));
    return sd_bus_send(bus_.get(), reply.get(), nullptr);
}

int FakeSystemd::answer_jobs(sd_bus_message& call)
{
    const auto reply = reply_to(call);
    must(sd_bus_message_open_container(reply.get(), 'a', "(usssoo)"));
    for (const auto& job : jobs)
        must(sd_bus_message_append(reply.get(), "(usssoo)", job.id, job.unit.c_str(), job.type.c_str(), "running",
                                   job_path, manager_path));
    must(sd_bus_message_close_container(reply.get()));
    return sd_bus_send(bus_.get(), reply.get(), nullptr);
}

void FakeSystemd::announce_change(const std::string& unit)
{
    const auto path = daemon::unit_object_path(unit);
    must(sd_bus_emit_signal(bus_.get(), path.c_str(), "org.freedesktop.DBus.Properties", "PropertiesChanged",
                            "sa{sv}as", "org.freedesktop.systemd1.Unit", 0, 0));
}

void FakeSystemd::announce_job(const char* signal, std::uint32_t id, const std::string& unit)
{
    const auto made = job_signal(bus_.get(), signal);
    must(sd_bus_message_append(made.get(), "uos", id, job_path, unit.c_str()));
    if (std::string_view{signal} == "JobRemoved")
        must(sd_bus_message_append(made.get(), "s", "done"));
    must(sd_bus_send(bus_.get(), made.get(), nullptr));
}

void FakeSystemd::announce_reloading(bool begins)
{
    must(sd_bus_emit_signal(bus_.get(), manager_path, manager, "Reloading", "b", static_cast<int>(begins)));
}

void FakeSystemd::announce_nothing(const std::string& unit)
{
    must(sd_bus_emit_signal(bus_.get(), manager_path, manager, "JobNew", "sss", "not", "a job", unit.c_str()));
}

void FakeSystemd::forge_signals(const std::string& address, const std::string& victim, const std::string& unit)
{
    const auto forger = open_bus(address);
    emit_to(forger.get(), victim, manager_path, manager, "JobNew", "uos", 3, job_path, unit.c_str());
    emit_to(forger.get(), victim, manager_path, manager, "Reloading", "b", 0);
    emit_to(forger.get(), victim, "/org/freedesktop/DBus", "org.freedesktop.DBus", "NameOwnerChanged", "sss", systemd,
            ":1.0", "");
    must(sd_bus_flush(forger.get()));
}

}  // namespace chainkeeper::tests
