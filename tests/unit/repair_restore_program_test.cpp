// SPDX-License-Identifier: GPL-2.0-or-later
#include "repair/restore/answer.hpp"
#include "repair/restore/program.hpp"

#include <csignal>
#include <doctest/doctest.h>
#include <map>

namespace chainkeeper::repair {

namespace {

using enum IptablesVariant;

// Programs by name, each with what it answers to --version.
Programs installed(const std::map<std::string, std::string>& versions)
{
    return {.exists = [versions](const std::string& name) { return versions.contains(name); },
            .version_of = [versions](const std::string& name) { return versions.at(name); }};
}

std::string chosen(const Programs& programs, Family family, IptablesVariant variant)
{
    const auto program = restore_program(programs, family, variant);
    return program ? *program : "error: " + program.error().what;
}

CommandAnswer answer(int exit_code, std::string output)
{
    return {.exit_code = exit_code, .output = std::move(output)};
}

}  // namespace

TEST_CASE("restore program: the one that has the variant in its name is preferred")
{
    const auto programs = installed({{"iptables-nft-restore", ""},
                                     {"iptables-legacy-restore", ""},
                                     {"ip6tables-nft-restore", ""},
                                     {"ip6tables-legacy-restore", ""},
                                     {"iptables-restore", "iptables-restore v1.8.9 (nf_tables)\n"},
                                     {"ip6tables-restore", "ip6tables-restore v1.8.9 (nf_tables)\n"}});
    CHECK(chosen(programs, Family::ipv4, nft) == "iptables-nft-restore");
    CHECK(chosen(programs, Family::ipv6, nft) == "ip6tables-nft-restore");
    CHECK(chosen(programs, Family::ipv4, legacy) == "iptables-legacy-restore");
    CHECK(chosen(programs, Family::ipv6, legacy) == "ip6tables-legacy-restore");
}

TEST_CASE("restore program: the plain one serves where it says that it is of the variant")
{
    const auto of_nft = installed({{"iptables-restore", "iptables-restore v1.8.9 (nf_tables)\n"}});
    const auto of_legacy = installed({{"iptables-restore", "iptables-restore v1.8.9 (legacy)\n"}});
    CHECK(chosen(of_nft, Family::ipv4, nft) == "iptables-restore");
    CHECK(chosen(of_legacy, Family::ipv4, legacy) == "iptables-restore");
    CHECK(chosen(of_nft, Family::ipv4, legacy) ==
          "error: this machine has no iptables-legacy-restore, and its iptables-restore is not known to be legacy: it "
          "says 'iptables-restore v1.8.9 (nf_tables)' of itself");
    CHECK(chosen(of_nft, Family::ipv6, nft) ==
          "error: this machine has neither ip6tables-nft-restore nor ip6tables-restore: install iptables");
}

TEST_CASE("restore program: one that does not name its variant is not guessed at")
{
    for (const auto* const version : {"iptables-restore v1.9.0 (something)", "", "(nf_tables) or so", "x\n(nf_tables)"})
        for (const auto variant : {nft, legacy})
            CHECK(chosen(installed({{"iptables-restore", version}}), Family::ipv4, variant).starts_with("error: "));
}

TEST_CASE("restore program: what iptables says of itself")
{
    CHECK(variant_in("iptables v1.8.9 (nf_tables)\n") == nft);
    CHECK(variant_in("ip6tables v1.8.7 (legacy)\n") == legacy);
    CHECK_FALSE(variant_in("sh: iptables: not found"));
    CHECK(variant_in("iptables-restore v1.8.9 (nf_tables)\n") == nft);
    CHECK(variant_in("iptables-restore v1.8.9 (legacy)") == legacy);
    CHECK(variant_in("iptables-restore v1.6.1\n") == legacy);
    CHECK_FALSE(variant_in(""));
}

TEST_CASE("restore program: its complaint is a line, without the way to its help")
{
    CHECK(complaint_in("iptables-restore v1.8.9 (nf_tables): Chain 'X' does not exist\nError occurred at line: 7\nTry "
                       "`iptables-restore -h' or 'iptables-restore --help' for more information.\n") ==
          "iptables-restore v1.8.9 (nf_tables): Chain 'X' does not exist; Error occurred at line: 7");
    CHECK(complaint_in("iptables-nft-restore: line 5 failed: Chain already exists.\n") ==
          "iptables-nft-restore: line 5 failed: Chain already exists");
    CHECK(complaint_in("\n\n").empty());
    CHECK(complaint_in("one\x1b[2J\ntwo\xff") == "one?[2J; two?");
    CHECK(complaint_in(std::string(10'000, 'x')).size() == 300);
    CHECK(complaint_in(std::string(299, 'x') + "\n" + std::string(10'000, 'y')).size() == 300);
}

TEST_CASE("restore program: a refusal is denied where its words say so, and failed otherwise")
{
    const auto kind_of = [](const char* output) { return refusal_of("iptables-restore", answer(4, output)).kind; };
    CHECK(kind_of("Could not fetch rule set generation id: Permission denied (you must be root)\n") ==
          Outcome::Kind::denied);
    CHECK(kind_of("line 2: CHAIN_ADD failed (Operation not permitted): chain X\n") == Outcome::Kind::denied);
    CHECK(kind_of("Another app is currently holding the xtables lock.\n") == Outcome::Kind::failed);
    CHECK(kind_of("") == Outcome::Kind::failed);
}

TEST_CASE("restore program: a refusal is a sentence")
{
    CHECK(refusal_of("iptables-restore", answer(4, "line 2 failed.\n")).detail ==
          "iptables-restore ended with 4: line 2 failed");
    CHECK(refusal_of("iptables-restore", answer(127, "")).detail == "iptables-restore ended with 127");
    const auto killed =
        refusal_of("iptables-restore", {.ended = false, .exit_code = 128 + SIGKILL, .output = "Permission denied"});
    CHECK(killed.kind == Outcome::Kind::failed);
    CHECK(killed.detail == "iptables-restore did not end in time and was killed");
    CHECK(killed.transactions.empty());
}

}  // namespace chainkeeper::repair
