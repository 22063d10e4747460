// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/status.hpp"
#include "daemon/api/client.hpp"
#include "daemon/bus/units_now.hpp"
#include "daemon/command/command.hpp"
#include "daemon/command/screen.hpp"
#include "daemon/command/status_text.hpp"
#include "daemon/history/history_file.hpp"
#include "daemon/json_read.hpp"
#include "daemon/one_look.hpp"
#include "daemon/policy_source.hpp"
#include "daemon/state_file.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

namespace chainkeeper::daemon {

namespace {

using nlohmann::json;

// What can be known without a daemon.
Status status_of(const Looked& looked)
{
    Status status;
    status.backend = looked.backend;
    status.families.reserve(looked.families.size());
    for (const auto& [decided, committed, verified] : looked.families) {
        status.families.push_back({.diagnosis = decided.diagnosis,
                                   .decision = decided.decision,
                                   .monitor = decided.monitor,
                                   .source = decided.source});
        status.backend_evidence = decided.backend;
    }
    return status;
}

// Nobody has to be able to read the history to learn the rest.
std::string last_incident()
{
    const auto lines = recorded_history().newest(1);
    return lines && !lines->empty() ? lines->back() : std::string{};
}

Answer<json> look_here(const CommandOptions& options, const std::string& no_daemon)
{
    constexpr bool dry_run = true;
    const auto policy = load_effective_policy(options.policy.policy);
    const auto looked = look_once(options.policy, dry_run);
    if (!looked)
        return tl::unexpected(looked.error());
    if (!looked->troubles.empty())
        return tl::unexpected(looked->troubles.front());
    auto status = status_of(*looked);
    if (policy)
        status.units = ask_units(*policy, SystemClock{}).value_or(std::nullopt);
    status.last_incident = last_incident();
    if (policy)
        status.mode = to_string(policy->repair.mode);
    auto shown = to_json(status);
    shown["no_daemon"] = no_daemon;
    return shown;
}

Answer<json> ask(const CommandOptions& options)
{
    const auto daemon = DaemonClient::find();
    if (!daemon)
        return look_here(options, daemon.error());
    return daemon->check().map([](json status) {
        status["no_daemon"] = nullptr;
        return status;
    });
}

}  // namespace

HistoryFile recorded_history()
{
    constexpr auto most_bytes = std::size_t{64} << 20U;  // the policy allows no more
    return {state_directory(), most_bytes};
}

int exit_code_of_status(const nlohmann::json& status)
{
    const auto& healthy = member(status, "healthy");
    if (!healthy.is_boolean())
        return exit_unknown;
    return healthy.get<bool>() ? exit_healthy : exit_findings;
}

int run_status(const CommandOptions& options)
{
    const auto status = ask(options);
    if (!status)
        return give_up(options, status.error());
    if (options.json)
        print_json(*status);
    else
        fmt::print("{}", status_text(*status, SystemClock{}.wall(), wants_colours(STDOUT_FILENO)));
    return exit_code_of_status(*status);
}

}  // namespace chainkeeper::daemon
