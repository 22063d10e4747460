// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/api/daemon_in_charge.hpp"
#include "daemon/backends.hpp"
#include "daemon/command/command.hpp"
#include "daemon/json_read.hpp"
#include "daemon/policy_source.hpp"
#include "repair/json.hpp"
#include "repair/printable.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace chainkeeper::daemon {

namespace {

using nlohmann::json;

class Nobody final : public ReportSink {
public:
    void report(const Report& /*report*/) override {}
};

// Diagnoses, a family each.
Answer<json> diagnose_all(Keeper::Settings settings)
{
    const auto backends = open_backends(settings.policy);
    if (!backends)
        return tl::unexpected(backends.error().what);
    settings.dry_run = true;
    const SystemClock clock;
    Nobody nobody;
    const auto expected = settings.desired.size();
    Keeper keeper{{.backends = backends->view(), .clock = clock, .sink = nobody}, std::move(settings)};
    keeper.look();
    auto families = keeper.examined_at_look();
    if (families.size() < expected) {
        auto again = keeper.examine();  // says why
        if (!again)
            return tl::unexpected(again.error().what);
        families = *std::move(again);
    }
    auto diagnoses = json::array();
    for (const auto& family : families)
        diagnoses.push_back(repair::to_json(family.diagnosis));
    return diagnoses;
}

Answer<json> look_here(const CommandOptions& options)
{
    return load_effective_policy(options.policy.policy)
        .map_error([](const auto& error) { return error.what; })
        .and_then([](const policies::Policy& policy) { return make_settings(policy, gather_backend_evidence()); })
        .and_then(diagnose_all);
}

Answer<json> diagnoses_of(const json& status)
{
    auto diagnoses = json::array();
    for (const auto& family : array_member(status, "families"))
        diagnoses.push_back(member(family, "diagnosis"));
    if (diagnoses.empty())
        return tl::unexpected(
            std::string{"chainkeeperd could not look at the ruleset: `journalctl -u chainkeeperd` says why"});
    return diagnoses;
}

bool is_healthy(const json& diagnosis)
{
    return array_member(diagnosis, "findings").empty();
}

void print_text(const json& diagnoses, bool healthy)
{
    for (const auto& diagnosis : diagnoses) {
        const auto& findings = array_member(diagnosis, "findings");
        const auto count = findings.size();
        fmt::print("{}: {}\n", repair::printable(text_member(diagnosis, "family")),
                   is_healthy(diagnosis) ? "healthy" : fmt::format("{} finding{}", count, count == 1 ? "" : "s"));
        for (const auto& finding : findings)
            fmt::print("  {}\n", repair::printable(text_member(finding, "text")));
    }
    if (!healthy)
        fmt::print("`chainkeeper plan` shows what a repair would write\n");
}

}  // namespace

int run_check(const CommandOptions& options)
{
    const auto daemon = daemon_in_charge(options.policy);
    const auto diagnoses = daemon ? daemon->check().and_then(diagnoses_of) : look_here(options);
    if (!diagnoses)
        return give_up(options, diagnoses.error());
    const bool healthy = std::ranges::all_of(*diagnoses, is_healthy);
    if (options.json)
        print_json(json{{"healthy", healthy}, {"families", *diagnoses}});
    else
        print_text(*diagnoses, healthy);
    return healthy ? exit_healthy : exit_findings;
}

}  // namespace chainkeeper::daemon
