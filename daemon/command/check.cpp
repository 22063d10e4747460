// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/command/command.hpp"
#include "daemon/policy_source.hpp"
#include "repair/diagnose.hpp"
#include "repair/json.hpp"
#include "repair/nft/backend.hpp"
#include "repair/printable.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace chainkeeper::daemon {

namespace {

repair::Result<std::vector<repair::Diagnosis>> diagnose_all(const std::vector<repair::DesiredState>& sets)
{
    auto backend = repair::nft::NftBackend::open();
    if (!backend)
        return tl::unexpected(backend.error());
    std::vector<repair::Diagnosis> diagnoses;
    for (const auto& desired : sets) {
        const auto snapshot = (*backend)->observe(desired);
        if (!snapshot)
            return tl::unexpected(snapshot.error());
        diagnoses.push_back(repair::diagnose(desired, *snapshot));
    }
    return diagnoses;
}

void print_text(const std::vector<repair::Diagnosis>& diagnoses, bool healthy)
{
    for (const auto& diagnosis : diagnoses) {
        const auto count = diagnosis.findings.size();
        fmt::print("{}: {}\n", to_string(diagnosis.family),
                   diagnosis.healthy() ? "healthy" : fmt::format("{} finding{}", count, count == 1 ? "" : "s"));
        for (const auto& finding : diagnosis.findings)
            fmt::print("  {}\n", repair::printable(describe(diagnosis.family, finding)));
    }
    if (!healthy)
        fmt::print("`chainkeeper plan` shows what a repair would write\n");
}

void print_report(const std::vector<repair::Diagnosis>& diagnoses, bool healthy)
{
    auto families = nlohmann::json::array();
    for (const auto& diagnosis : diagnoses)
        families.push_back(repair::to_json(diagnosis));
    print_json(nlohmann::json{{"healthy", healthy}, {"families", std::move(families)}});
}

}  // namespace

int run_check(const CommandOptions& options)
{
    const auto policy = load_effective_policy(options.policy.policy);
    if (!policy)
        return give_up(options, policy.error().what);
    const auto sets = guarded_sets(*policy);
    if (!sets)
        return give_up(options, sets.error());
    const auto diagnoses = diagnose_all(*sets);
    if (!diagnoses)
        return give_up(options, diagnoses.error().what);
    const bool healthy = std::ranges::all_of(*diagnoses, &repair::Diagnosis::healthy);
    if (options.json)
        print_report(*diagnoses, healthy);
    else
        print_text(*diagnoses, healthy);
    return healthy ? exit_healthy : exit_findings;
}

}  // namespace chainkeeper::daemon
