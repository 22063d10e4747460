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

}  // namespace

std::string_view to_string(KnownBackend backend)
{
    return backend == KnownBackend::nft ? "nft" : "legacy";
}

std::optional<KnownBackend> BackendEvidence::backend() const
{
    if (policy == policies::BackendChoice::nft)
        return KnownBackend::nft;
    std::set<KnownBackend> candidates;
    if (chains_in_nft)
        candidates.insert(KnownBackend::nft);
    if (remembered)
        candidates.insert(*remembered);
    if (iptables_says)
        candidates.insert(*iptables_says);
    return candidates.size() == 1 ? std::optional{*candidates.begin()} : std::nullopt;
}

std::string BackendEvidence::describe() const
{
    if (policy == policies::BackendChoice::nft)
        return "the policy says nft";
    std::vector<std::string> witnesses;
    if (chains_in_nft)
        witnesses.emplace_back("guarded chains are in nf_tables");
    if (remembered)
        witnesses.push_back(fmt::format("{} was in use before", to_string(*remembered)));
    if (iptables_says)
        witnesses.push_back(fmt::format("iptables -V says {}", to_string(*iptables_says)));
    if (witnesses.empty())
        return "nothing tells which backend kubelet uses";
    return fmt::format("{}", fmt::join(witnesses, "; "));
}

std::optional<KnownBackend> backend_in_version(std::string_view iptables_version)
{
    if (!iptables_version.starts_with("iptables v"))
        return std::nullopt;
    return iptables_version.find("(nf_tables)") != std::string_view::npos ? KnownBackend::nft : KnownBackend::legacy;
}

std::optional<KnownBackend> ask_iptables()
{
    const auto answer = repair::run_command({"iptables", "-V"}, std::chrono::seconds{2});
    if (!answer || answer->exit_code != 0)
        return std::nullopt;
    return backend_in_version(answer->output);
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
