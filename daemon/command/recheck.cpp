// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/api/client.hpp"
#include "daemon/command/command.hpp"
#include "daemon/hold.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace chainkeeper::daemon {

namespace {

int tell(const CommandOptions& options, const Answer<void>& done, const char* key, std::string_view sentence)
{
    if (!done)
        return give_up(options, done.error());
    if (options.json)
        print_json(nlohmann::json{{key, true}});
    else
        fmt::print("{}\n", sentence);
    return exit_healthy;
}

}  // namespace

int run_recheck(const CommandOptions& options, const RecheckOptions& recheck)
{
    if (!recheck.reason.empty() && !is_hold_text(recheck.reason))
        return give_up(options, fmt::format("--reason: {}", hold_text_rule));
    const auto daemon = DaemonClient::find();
    if (!daemon && recheck.or_repair)
        return run_repair(options, false);
    const auto asked = daemon.and_then([&](const DaemonClient& found) { return found.recheck(recheck.reason); });
    return tell(options, asked, "asked", "chainkeeperd looks again as soon as the ruleset has settled");
}

int run_reload(const CommandOptions& options)
{
    const auto reloaded = DaemonClient::find().and_then([](const DaemonClient& daemon) { return daemon.reload(); });
    return tell(options, reloaded, "reloaded", "the policy was read again, and is in force");
}

}  // namespace chainkeeper::daemon
