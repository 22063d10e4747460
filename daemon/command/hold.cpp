// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/hold.hpp"
#include "daemon/api/client.hpp"
#include "daemon/command/command.hpp"
#include "daemon/command/screen.hpp"
#include "daemon/json_read.hpp"
#include "policies/duration.hpp"
#include "repair/printable.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace chainkeeper::daemon {

namespace {

// A hold of a part of a second is one of a second.
Answer<std::chrono::seconds> length_from(const std::string& text)
{
    return policies::duration_from_string(text).and_then([](Duration length) -> Answer<std::chrono::seconds> {
        if (length <= Duration::zero() || length > longest_hold)
            return tl::unexpected(std::string{
                R"(--for: a hold lasts from 1 second to 31 days ("744h"); for ever is mode = "off" in the policy)"});
        return std::chrono::ceil<std::chrono::seconds>(length);
    });
}

void print_hold(const nlohmann::json& hold)
{
    const auto* const what = flag_member(hold, "stop") ? "nothing is written, or even planned, before then"
                                                       : "what would be repaired before then is only reported";
    fmt::print("held until {}: {}\n{}; `chainkeeper release` ends it\n",
               when_text(text_member(hold, "until"), SystemClock{}.wall()),
               repair::printable(text_member(hold, "reason")), what);
}

}  // namespace

int run_hold(const CommandOptions& options, const HoldOptions& hold)
{
    const auto length = length_from(hold.length);
    if (!length)
        return give_up(options, length.error());
    if (!is_hold_text(hold.reason))
        return give_up(options, fmt::format("--reason: {}", hold_text_rule));
    const auto daemon = DaemonClient::find();
    if (!daemon)
        return give_up(options, daemon.error());
    const auto held = daemon->hold(*length, hold.reason, hold.stop);
    if (!held)
        return give_up(options, held.error());
    if (options.json)
        print_json(*held);
    else
        print_hold(*held);
    return exit_healthy;
}

int run_release(const CommandOptions& options)
{
    const auto released = DaemonClient::find().and_then([](const DaemonClient& daemon) { return daemon.release(); });
    if (!released)
        return give_up(options, released.error());
    if (options.json)
        print_json(nlohmann::json{{"released", *released}});
    else
        fmt::print("{}\n", *released ? "released: chainkeeperd looks again, and repairs what is missing"
                                     : "there was no hold to release");
    return exit_healthy;
}

}  // namespace chainkeeper::daemon
