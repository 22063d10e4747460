// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/api/client.hpp"
#include "daemon/api/names.hpp"
#include "daemon/command/command.hpp"
#include "daemon/command/screen.hpp"
#include "daemon/command/status_text.hpp"
#include "daemon/command/watch_event.hpp"
#include "daemon/event_loop.hpp"
#include "daemon/utc_time.hpp"
#include "repair/printable.hpp"

#include <csignal>
#include <cstdio>
#include <deque>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>
#include <optional>
#include <sys/stat.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

namespace chainkeeper::daemon {

namespace {

using nlohmann::json;

enum class Style : std::uint8_t {
    screen,      // the whole status, drawn again after each event
    lines,       // a line an event
    json_lines,  // a line of JSON an event, of which the first is the status
};

constexpr std::size_t most_recent = 8;

// A burst of signals is drawn once.
constexpr Duration drawing_delay = std::chrono::milliseconds{100};

class Watch {
public:
    Watch(const DaemonClient& client, EventLoop& loop, Style style) : client_{client}, loop_{loop}, style_{style} {}

    repair::Result<void> subscribe()
    {
        auto timer = loop_.add_timer([this] { draw(); });
        if (!timer)
            return tl::unexpected(timer.error());
        timer_ = *timer;
        return check(sd_bus_attach_event(&client_.bus(), loop_.native(), 0))
            // The bus ends every subscription with the connection, so it ends the watch.
            .and_then([this] { return check(sd_bus_set_exit_on_disconnect(&client_.bus(), 1)); })
            .and_then(
                [this] { return match("sender='org.chainkeeper1',path='/org/chainkeeper1'", on_signal, signals_); })
            .and_then([this] {
                return match("sender='org.freedesktop.DBus',member='NameOwnerChanged',arg0='org.chainkeeper1'",
                             on_owner, owner_);
            })
            .and_then([this] { return end_with_the_reader(); });
    }

    // What is so: at first, and on a screen after each event.
    void draw()
    {
        const auto status = client_.check();
        if (style_ == Style::screen)
            draw_screen(status ? text_of(*status) : fmt::format("{}\n", status.error()));
        else if (!status)
            say({.text = status.error(), .json = {{"event", "trouble"}, {"error", status.error()}}});
        else if (style_ == Style::lines)
            print(text_of(*status));
        else
            print_json_line({{"event", "status"}, {"status", *status}});
    }

private:
    static repair::Result<void> check(int result)
    {
        if (result < 0)
            return tl::unexpected(repair::system_error("listening to the system bus", -result));
        return {};
    }

    repair::Result<void> match(const char* rule, sd_bus_message_handler_t handler, BusSlot& slot)
    {
        sd_bus_slot* made = nullptr;
        const int result = sd_bus_add_match(&client_.bus(), &made, rule, handler, this);
        slot.reset(made);
        return check(result);
    }

    // Whoever reads a pipe of ours goes: it is readable then, with an error, and never else.
    repair::Result<void> end_with_the_reader()
    {
        struct stat status {};
        if (fstat(STDOUT_FILENO, &status) != 0 || !S_ISFIFO(status.st_mode))
            return {};
        return loop_.add_readable(STDOUT_FILENO, [this] { loop_.stop(exit_healthy); });
    }

    static int on_signal(sd_bus_message* signal, void* self, sd_bus_error* /*error*/) noexcept
    {
        static_cast<Watch*>(self)->tell(*signal);
        return 0;
    }

    static int on_owner(sd_bus_message* signal, void* self, sd_bus_error* /*error*/) noexcept
    {
        const char* before = nullptr;
        const char* after = nullptr;
        if (sd_bus_message_skip(signal, "s") >= 0 && sd_bus_message_read(signal, "ss", &before, &after) > 0)
            static_cast<Watch*>(self)->tell_owner(*after != '\0');
        return 0;
    }

    void tell(sd_bus_message& signal)
    {
        for (const auto& event : watch_events_of(signal))
            say(event);
        draw_soon();
    }

    void tell_owner(bool is_there)
    {
        if (is_there)
            say({.text = "chainkeeperd is there", .json = {{"event", "daemon started"}}});
        else
            say({.text = "chainkeeperd has ended: `systemctl status chainkeeperd` says why",
                 .json = {{"event", "daemon ended"}}});
        draw_soon();
    }

    void say(const WatchEvent& event)
    {
        if (style_ == Style::json_lines)
            return print_json_line(event.json);
        auto line = fmt::format("{}  {}\n", clock_text(utc_text(clock_.wall())), repair::printable(event.text));
        if (style_ == Style::lines)
            return print(line);
        recent_.push_back(std::move(line));
        if (recent_.size() > most_recent)
            recent_.pop_front();
    }

    void draw_soon()
    {
        if (style_ == Style::screen)
            timer_->set(clock_.now() + drawing_delay);
    }

    void draw_screen(const std::string& status)
    {
        print(fmt::format("\x1b[H\x1b[2J{}\n{}", status, fmt::join(recent_, "")));
    }

    [[nodiscard]] std::string text_of(const json& status) const
    {
        return status_text(status, clock_.wall(), wants_colours(STDOUT_FILENO));
    }

    void print_json_line(json event)
    {
        event["at"] = utc_text(clock_.wall());
        print(event.dump(-1, ' ', false, json::error_handler_t::replace) + "\n");
    }

    // Nobody is left to watch for where it cannot be written; main() says so.
    void print(std::string_view text)
    {
        if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0)
            loop_.stop(exit_unknown);
    }

    const DaemonClient& client_;
    EventLoop& loop_;
    Style style_;
    SystemClock clock_;
    std::optional<EventLoop::Timer> timer_;
    std::deque<std::string> recent_;
    BusSlot signals_;
    BusSlot owner_;
};

Style style_for(const CommandOptions& options)
{
    if (options.json)
        return Style::json_lines;
    return isatty(STDOUT_FILENO) == 1 ? Style::screen : Style::lines;
}

repair::Result<int> watch(const DaemonClient& client, Style style)
{
    auto loop = EventLoop::create();
    if (!loop)
        return tl::unexpected(loop.error());
    for (const int signal : {SIGINT, SIGTERM})
        if (const auto added = loop->add_signal(signal, [&] { loop->stop(exit_healthy); }); !added)
            return tl::unexpected(added.error());
    Watch watch{client, *loop, style};
    if (const auto subscribed = watch.subscribe(); !subscribed)
        return tl::unexpected(subscribed.error());
    watch.draw();
    return loop->run();
}

}  // namespace

int run_watch(const CommandOptions& options)
{
    const auto client = DaemonClient::find();
    if (!client)
        return give_up(options, client.error());
    const auto ended = watch(*client, style_for(options));
    if (!ended)
        return give_up(options, ended.error().what);
    return *ended == exit_healthy ? exit_healthy
                                  : give_up(options, "the system bus has gone; watch again when it is back");
}

}  // namespace chainkeeper::daemon
