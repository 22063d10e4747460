// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/netns/bus_daemon.hpp"

#include <cstdint>
#include <fmt/format.h>
#include <stdexcept>
#include <sys/eventfd.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

namespace chainkeeper::tests {

using namespace daemon;

namespace {

const SystemClock wall_clock;

void must(int result, const char* what)
{
    if (result < 0)
        throw std::system_error{-result, std::generic_category(), what};
}

BusConnection open_bus(EventLoop& loop)
{
    sd_bus* opened = nullptr;
    must(sd_bus_open_system(&opened), "opening the bus");
    BusConnection bus{opened};
    must(sd_bus_attach_event(opened, loop.native(), 0), "attaching the bus");
    return bus;
}

struct Polkit {
    PolkitSays says;
    std::function<void(std::string)> note;

    // "(sa{sv})sa{ss}us"
    static std::string question_of(sd_bus_message* call)
    {
        const char* kind = nullptr;
        const char* key = nullptr;
        const char* name = nullptr;
        const char* action = nullptr;
        const char* cancellation = nullptr;
        std::uint32_t flags = 0;
        must(sd_bus_message_enter_container(call, 'r', "sa{sv}"), "subject");
        must(sd_bus_message_read(call, "s", &kind), "kind");
        must(sd_bus_message_enter_container(call, 'a', "{sv}"), "properties");
        must(sd_bus_message_read(call, "{sv}", &key, "s", &name), "name");
        must(sd_bus_message_exit_container(call), "properties");
        must(sd_bus_message_exit_container(call), "subject");
        must(sd_bus_message_read(call, "s", &action), "action");
        must(sd_bus_message_skip(call, "a{ss}"), "details");
        must(sd_bus_message_read(call, "us", &flags, &cancellation), "flags");
        return fmt::format("{} {} {}={} flags={}", action, kind, key, name, flags);
    }

    static int answer(sd_bus_message* call, void* pointer, sd_bus_error* /*error*/)
    {
        const auto& self = *static_cast<Polkit*>(pointer);
        self.note(question_of(call));
        switch (self.says) {
        case PolkitSays::yes: return sd_bus_reply_method_return(call, "(bba{ss})", 1, 0, 0);
        case PolkitSays::no: return sd_bus_reply_method_return(call, "(bba{ss})", 0, 0, 0);
        case PolkitSays::password_needed:
            return sd_bus_reply_method_return(call, "(bba{ss})", 0, 1, 1, "polkit.retains", "1");
        case PolkitSays::garbage: return sd_bus_reply_method_return(call, "s", "yes");
        case PolkitSays::error: return sd_bus_reply_method_errorf(call, SD_BUS_ERROR_FAILED, "out of order");
        case PolkitSays::nothing:
        case PolkitSays::nothing_it_is_not_there: return 1;
        }
        return 1;
    }

    void serve(sd_bus* bus)
    {
        must(sd_bus_add_object(bus, nullptr, "/org/freedesktop/PolicyKit1/Authority", answer, this), "polkit's object");
        must(sd_bus_request_name(bus, "org.freedesktop.PolicyKit1", 0), "polkit's name");
    }
};

}  // namespace

BusDaemon::BusDaemon(PolkitSays polkit, Authorisation::Limits limits)
    : polkit_{polkit}, limits_{limits}, wake_{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)}
{
    std::promise<void> ready;
    auto is_ready = ready.get_future();
    thread_ = std::thread{[this, &ready] { run(ready); }};
    try {
        is_ready.get();
    } catch (...) {
        thread_.join();
        throw;
    }
}

BusDaemon::~BusDaemon()
{
    on_loop({});
    thread_.join();
    close(wake_);
}

void BusDaemon::run(std::promise<void>& ready)
try {
    auto loop = EventLoop::create().value();
    const auto polkit_bus = open_bus(loop);
    bus_ = open_bus(loop);
    Polkit polkit{polkit_, [this](std::string question) { note(questions_, std::move(question)); }};
    if (polkit_ != PolkitSays::nothing_it_is_not_there)
        polkit.serve(polkit_bus.get());
    object_ = std::make_unique<BusObject>(
        BusObject::Parts{.requests = requests(),
                         .clock = wall_clock,
                         .trouble = [this](const std::string& sentence) { note(troubles_, sentence); },
                         .notice = [this](const std::string& sentence) { note(troubles_, sentence); },
                         .limits = limits_});
    attach();
    const auto added = loop.add_readable(wake_, [&] {
        eventfd_t count = 0;
        eventfd_read(wake_, &count);
        std::vector<std::function<void()>> functions;
        {
            const std::lock_guard lock{mutex_};
            functions.swap(functions_);
        }
        for (const auto& function : functions)
            if (function)
                function();
            else
                loop.stop(0);
    });
    if (!added)
        throw std::runtime_error{added.error().what};
    // Once the bus has answered this, it has answered the request for the name, which was sent before.
    must(sd_bus_call_method(bus_.get(), "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                            "GetId", nullptr, nullptr, ""),
         "asking the bus");
    ready.set_value();
    const auto ended = loop.run();
    object_.reset();
    bus_.reset();
} catch (...) {
    object_.reset();
    bus_.reset();
    ready.set_exception(std::current_exception());
}

void BusDaemon::attach()
{
    if (const auto attached = object_->attach(*bus_); !attached)
        throw std::runtime_error{attached.error().what};
}

void BusDaemon::give_name_up()
{
    object_->detach();
    must(sd_bus_release_name(bus_.get(), "org.chainkeeper1"), "giving the name up");
}

void BusDaemon::on_loop(std::function<void()> function)
{
    std::promise<void> done;
    const bool stops = !function;
    {
        const std::lock_guard lock{mutex_};
        if (stops)
            functions_.emplace_back();
        else
            functions_.emplace_back([&] {
                function();
                done.set_value();
            });
    }
    eventfd_write(wake_, 1);
    if (!stops)
        done.get_future().get();
}

void BusDaemon::note(std::vector<std::string>& list, std::string text)
{
    const std::lock_guard lock{mutex_};
    list.push_back(std::move(text));
}

std::vector<std::string> BusDaemon::copy(const std::vector<std::string>& list)
{
    const std::lock_guard lock{mutex_};
    return list;
}

std::vector<std::string> BusDaemon::calls()
{
    return copy(calls_);
}

std::vector<std::string> BusDaemon::questions()
{
    return copy(questions_);
}

std::vector<std::string> BusDaemon::troubles()
{
    return copy(troubles_);
}

repair::Result<void> BusDaemon::outcome() const
{
    if (failure.empty())
        return {};
    return tl::unexpected(repair::Error{repair::ErrorCode::failed, failure});
}

Requests BusDaemon::requests()
{
    return {
        .check =
            [this] {
                note(calls_, "check");
                return status;
            },
        .status = [this] { return status; },
        .plan =
            [this] {
                note(calls_, "plan");
                return plan;
            },
        .repair =
            [this](bool dry_run) {
                note(calls_, fmt::format("repair {}", dry_run));
                return plan;
            },
        .recheck = [this](const std::string& reason) { note(calls_, "recheck " + reason); },
        .hold =
            [this](const Hold& hold) {
                note(calls_,
                     fmt::format("hold {} {} {} uid={} login={}", (hold.until - hold.set_at) / std::chrono::seconds{1},
                                 hold.reason, hold.stop, hold.uid, hold.login));
                return outcome();
            },
        .release =
            [this](const std::string& released_by) {
                note(calls_, "release " + released_by);
                return outcome().map([] { return true; });
            },
        .reload =
            [this] {
                note(calls_, "reload");
                return outcome();
            },
        .history =
            [this](unsigned most) {
                note(calls_, fmt::format("history {}", most));
                return outcome().map([this] { return history; });
            },
    };
}

}  // namespace chainkeeper::tests
