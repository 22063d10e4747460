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
    CHECK(BackendEvidence{.chains_in_nft = true}.backend() == nft);
    CHECK(BackendEvidence{.remembered = legacy}.backend() == legacy);
    CHECK(BackendEvidence{.iptables_says = nft}.backend() == nft);
}

TEST_CASE("backend evidence: witnesses that disagree leave it in doubt, but for the policy")
{
    CHECK_FALSE(BackendEvidence{.chains_in_nft = true, .iptables_says = legacy}.backend());
    CHECK_FALSE(BackendEvidence{.chains_in_nft = true, .remembered = legacy}.backend());
    CHECK_FALSE(BackendEvidence{.remembered = nft, .iptables_says = legacy}.backend());
    CHECK(BackendEvidence{.policy = BackendChoice::nft, .remembered = legacy, .iptables_says = legacy}.backend() ==
          nft);
    CHECK(BackendEvidence{.chains_in_nft = true, .remembered = nft, .iptables_says = nft}.backend() == nft);
}

TEST_CASE("backend evidence: says what it rests on")
{
    CHECK(BackendEvidence{}.describe() == "nothing tells which backend kubelet uses");
    CHECK(BackendEvidence{.chains_in_nft = true, .iptables_says = legacy}.describe() ==
          "guarded chains are in nf_tables; iptables -V says legacy");
}

TEST_CASE("backend evidence: iptables names its backend from 1.8.0 on")
{
    CHECK(backend_in_version("iptables v1.8.9 (nf_tables)\n") == nft);
    CHECK(backend_in_version("iptables v1.8.7 (legacy)\n") == legacy);
    CHECK(backend_in_version("iptables v1.6.1\n") == legacy);
    CHECK_FALSE(backend_in_version("sh: iptables: not found"));
    CHECK_FALSE(backend_in_version(""));
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
