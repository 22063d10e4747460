// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/iptables_watch.hpp"
#include "tests/support/environment.hpp"
#include "tests/support/temporary_directory.hpp"

#include <doctest/doctest.h>
#include <filesystem>
#include <systemd/sd-event.h>

using namespace chainkeeper;
using namespace chainkeeper::daemon;
using namespace std::chrono_literals;
using tests::TemporaryDirectory;

namespace {

// An iptables of either kind, and the link that chooses one, as update-alternatives has it.
struct Alternatives {
    Alternatives()
    {
        program("nft", "iptables v1.8.9 (nf_tables)");
        program("legacy", "iptables v1.8.9 (legacy)");
        std::filesystem::create_symlink("alternatives", directory.path() / "iptables");
        choose("nft");
    }
    void program(const std::string& name, const std::string& says) const
    {
        directory.write(name, "#!/bin/sh\necho '" + says + "'\n");
        std::filesystem::permissions(directory.path() / name, std::filesystem::perms{0755});
    }
    // By rename(2), so that there always is one.
    void choose(const std::string& name) const
    {
        std::filesystem::create_symlink(name, directory.path() / "new");
        std::filesystem::rename(directory.path() / "new", directory.path() / "alternatives");
    }
    TemporaryDirectory directory;
};

}  // namespace

TEST_CASE("iptables watch: every link on the way to the program is known")
{
    const Alternatives alternatives;
    const auto folder = alternatives.directory.path();
    CHECK(way_to("iptables", "/nonexistent:" + folder.string()) ==
          std::vector{folder / "iptables", folder / "alternatives", folder / "nft"});
    CHECK(way_to("iptables", "/nonexistent").empty());
    std::filesystem::create_symlink("loop", folder / "loop");
    CHECK(way_to("loop", folder.string()).empty());
}

TEST_CASE("iptables watch: when another program is chosen it is asked what it is")
{
    block_child_signals();
    const Alternatives alternatives;
    const tests::Variable path{"PATH", alternatives.directory.path().string() + ":/usr/bin:/bin"};
    auto loop = *EventLoop::create();
    const SystemClock clock;
    std::vector<std::optional<KnownBackend>> answers;
    const auto watch = IptablesWatch::start(loop, clock, [&](auto says) { answers.push_back(says); });
    REQUIRE(watch);
    const auto run_until_answers = [&](std::size_t count) {
        const auto end = clock.now() + 10s;
        while (answers.size() < count && clock.now() < end)
            sd_event_run(loop.native(), 10'000);
        return answers.size() == count;
    };
    alternatives.choose("legacy");
    REQUIRE(run_until_answers(1));
    CHECK(answers.back() == KnownBackend::legacy);
    alternatives.choose("nft");
    REQUIRE(run_until_answers(2));
    CHECK(answers.back() == KnownBackend::nft);
    std::filesystem::remove(alternatives.directory.path() / "iptables");
    REQUIRE(run_until_answers(3));
    std::filesystem::create_symlink("legacy", alternatives.directory.path() / "iptables");
    REQUIRE(run_until_answers(4));
    CHECK(answers.back() == KnownBackend::legacy);
    std::filesystem::remove(alternatives.directory.path() / "iptables");
    std::filesystem::create_symlink("alternatives", alternatives.directory.path() / "iptables");
    REQUIRE(run_until_answers(5));
    alternatives.program("other", "something else");
    alternatives.choose("other");
    REQUIRE(run_until_answers(6));
    CHECK_FALSE(answers.back());
}
