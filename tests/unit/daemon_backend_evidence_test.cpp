// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/backend_evidence.hpp"

#include <doctest/doctest.h>
#include <filesystem>
#include <fmt/format.h>
#include <unistd.h>

using namespace chainkeeper::daemon;
using chainkeeper::policies::BackendChoice;

namespace {

const std::optional<KnownBackend> nft = KnownBackend::nft;
const std::optional<KnownBackend> legacy = KnownBackend::legacy;

}  // namespace

TEST_CASE("backend evidence: one witness is enough, and none is not")
{
    CHECK_FALSE(BackendEvidence{}.backend());
    CHECK(BackendEvidence{.policy = BackendChoice::nft}.backend() == nft);
    CHECK(BackendEvidence{.present = {KnownBackend::nft}}.backend() == nft);
    CHECK(BackendEvidence{.remembered = legacy}.backend() == legacy);
    CHECK(BackendEvidence{.iptables_says = nft}.backend() == nft);
}

TEST_CASE("backend evidence: witnesses that disagree leave it in doubt, but for the policy")
{
    CHECK_FALSE(BackendEvidence{.present = {KnownBackend::nft}, .iptables_says = legacy}.backend());
    CHECK_FALSE(BackendEvidence{.present = {KnownBackend::nft}, .remembered = legacy}.backend());
    CHECK_FALSE(BackendEvidence{.remembered = nft, .iptables_says = legacy}.backend());
    CHECK(BackendEvidence{.policy = BackendChoice::nft, .remembered = legacy, .iptables_says = legacy}.backend() ==
          nft);
    CHECK(BackendEvidence{.present = {KnownBackend::nft}, .remembered = nft, .iptables_says = nft}.backend() == nft);
}

TEST_CASE("backend evidence: chains in both places say nothing, and both of the other witnesses have to be there")
{
    const std::set both{KnownBackend::nft, KnownBackend::legacy};
    CHECK_FALSE(BackendEvidence{.present = both}.backend());
    CHECK_FALSE(BackendEvidence{.present = both, .remembered = nft}.backend());
    CHECK_FALSE(BackendEvidence{.present = both, .iptables_says = nft}.backend());
    CHECK_FALSE(BackendEvidence{.present = both, .remembered = nft, .iptables_says = legacy}.backend());
    CHECK(BackendEvidence{.present = both, .remembered = legacy, .iptables_says = legacy}.backend() == legacy);
    CHECK(BackendEvidence{.policy = BackendChoice::nft, .present = both}.backend() == nft);
    CHECK(BackendEvidence{.policy = BackendChoice::legacy, .present = {KnownBackend::nft}}.backend() == legacy);
}

TEST_CASE("backend evidence: says what it rests on")
{
    CHECK(BackendEvidence{}.describe() == "nothing tells which backend kubelet uses");
    CHECK(BackendEvidence{.present = {KnownBackend::nft}, .iptables_says = legacy}.describe() ==
          "guarded chains are in nf_tables; iptables -V says legacy");
    CHECK(BackendEvidence{.present = {KnownBackend::legacy}, .remembered = nft}.describe() ==
          "guarded chains are in iptables-legacy's tables; nft was in use before");
    CHECK(BackendEvidence{.policy = BackendChoice::legacy, .remembered = nft}.describe() == "the policy says legacy");
}

TEST_CASE("backend evidence: is remembered in a directory")
{
    const auto directory = std::filesystem::temp_directory_path() / fmt::format("backend-evidence-{}", getpid());
    std::filesystem::create_directories(directory);
    CHECK_FALSE(remembered_backend(directory));
    CHECK(remember_backend(directory, KnownBackend::legacy));
    CHECK(remembered_backend(directory) == legacy);
    CHECK(remember_backend(directory, KnownBackend::nft));
    CHECK(remembered_backend(directory) == nft);
    std::filesystem::remove_all(directory);
    const auto failed = remember_backend(directory, KnownBackend::nft);
    REQUIRE_FALSE(failed);
    CHECK(failed.error().what.find("No such file or directory") != std::string::npos);
}
