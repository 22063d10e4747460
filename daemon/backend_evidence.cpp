// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/backend_evidence.hpp"

#include "daemon/state_file.hpp"
#include "policies/text_file.hpp"
#include "repair/process/child_process.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <set>
#include <vector>

namespace chainkeeper::daemon {

namespace {

constexpr std::string_view file_name = "backend";

std::optional<KnownBackend> backend_named(std::string_view name)
{
    for (const auto backend : {KnownBackend::nft, KnownBackend::legacy})
        if (name == to_string(backend))
            return backend;
    return std::nullopt;
}

std::optional<KnownBackend> backend_of(policies::BackendChoice choice)
{
    switch (choice) {
    case policies::BackendChoice::automatic: return std::nullopt;
    case policies::BackendChoice::nft: return KnownBackend::nft;
    case policies::BackendChoice::legacy: return KnownBackend::legacy;
    }
    return std::nullopt;
}

}  // namespace

std::string_view place_of(KnownBackend backend)
{
    return backend == KnownBackend::nft ? "nf_tables" : "iptables-legacy's tables";
}

KnownBackend other_than(KnownBackend backend)
{
    return backend == KnownBackend::nft ? KnownBackend::legacy : KnownBackend::nft;
}

std::optional<KnownBackend> BackendEvidence::backend() const
{
    if (const auto chosen = backend_of(policy))
        return chosen;
    const bool in_both = present.size() > 1;
    if (in_both && !(remembered && iptables_says))
        return std::nullopt;
    auto candidates = in_both ? std::set<KnownBackend>{} : present;
    for (const auto& witness : {remembered, iptables_says})
        if (witness)
            candidates.insert(*witness);
    return candidates.size() == 1 ? std::optional{*candidates.begin()} : std::nullopt;
}

std::string BackendEvidence::describe() const
{
    if (const auto chosen = backend_of(policy))
        return fmt::format("the policy says {}", to_string(*chosen));
    std::vector<std::string> witnesses;
    for (const auto backend : present)
        witnesses.push_back(fmt::format("guarded chains are in {}", place_of(backend)));
    if (remembered)
        witnesses.push_back(fmt::format("{} was in use before", to_string(*remembered)));
    if (iptables_says)
        witnesses.push_back(fmt::format("iptables -V says {}", to_string(*iptables_says)));
    if (witnesses.empty())
        return "nothing tells which backend kubelet uses";
    return fmt::format("{}", fmt::join(witnesses, "; "));
}

std::optional<KnownBackend> ask_iptables()
{
    const auto answer = repair::run_command({"iptables", "-V"}, std::chrono::seconds{2});
    if (!answer || answer->exit_code != 0)
        return std::nullopt;
    return repair::variant_in(answer->output);
}

std::optional<KnownBackend> remembered_backend(const std::filesystem::path& state_directory)
{
    const auto text = policies::read_text_file(state_directory / file_name);
    return text ? backend_named(std::string_view{*text}.substr(0, text->find('\n'))) : std::nullopt;
}

repair::Result<void> remember_backend(const std::filesystem::path& state_directory, KnownBackend backend)
{
    return write_state_file(state_directory / file_name, fmt::format("{}\n", to_string(backend)));
}

}  // namespace chainkeeper::daemon
