// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/kubelet/kubelet_journal.hpp"
#include "tests/support/journal_file.hpp"

#include <algorithm>
#include <doctest/doctest.h>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <iterator>
#include <systemd/sd-event.h>
#include <unistd.h>

using namespace chainkeeper;
using namespace chainkeeper::daemon;
using namespace std::chrono_literals;
using repair::Family;
using tests::JournalEntry;

namespace {

const std::string ours(32, 'a');
const std::string theirs(32, 'b');

std::string initialised(std::string_view protocol)
{
    return fmt::format(R"(I0101 12:00:00.000000    1234 x.go:63] "Initialized iptables rules." protocol="{}")",
                       protocol);
}

std::string kubelet_version(unsigned patch)
{
    return fmt::format(R"(I0101 12:00:00.000000    1234 x.go:63] "Kubelet version" kubeletVersion="v1.34.{}")", patch);
}

// A directory of journal files, a loop, and a journal that follows.
struct Node {
    explicit Node(KubeletJournal::Settings settings = {})
    {
        std::filesystem::remove_all(directory);
        std::filesystem::create_directories(directory);
        if (settings.directory.empty())
            settings.directory = directory;
        KubeletJournal::Callbacks callbacks{
            .line =
                [this](const KubeletLine& line) {
                    lines.push_back(line);
                    if (on_line)
                        on_line();
                },
            .trouble = [this](const std::string& what) { troubles.push_back(what); },
            .gave_up = [this] { ++gave_up; },
        };
        journal = *KubeletJournal::create(loop, clock, std::move(callbacks), settings);
    }
    Node(const Node&) = delete;
    Node& operator=(const Node&) = delete;
    Node(Node&&) = delete;
    Node& operator=(Node&&) = delete;
    ~Node() { std::filesystem::remove_all(directory); }

    [[nodiscard]] std::chrono::microseconds after_start(Duration duration) const
    {
        return std::chrono::ceil<std::chrono::microseconds>((start + duration).time_since_epoch());
    }
    [[nodiscard]] std::filesystem::path file(const std::string& name) const { return directory / name; }
    void log(const std::string& name, const std::vector<JournalEntry>& entries) const
    {
        tests::append_to_journal(file(name), entries);
    }
    void step() const { REQUIRE(sd_event_run(loop.native(), 10'000) >= 0); }
    template <typename Done>
    bool run_until(Done done, Duration limit = 10s) const
    {
        const auto end = clock.now() + limit;
        while (!done() && clock.now() < end)
            step();
        return done();
    }
    void run_for(Duration duration) const
    {
        run_until([] { return false; }, duration);
    }

    std::filesystem::path directory =
        std::filesystem::temp_directory_path() / fmt::format("kubelet-journal-{}", getpid());
    EventLoop loop = *EventLoop::create();
    SystemClock clock;
    Instant start = clock.now();
    std::vector<KubeletLine> lines;
    std::vector<std::string> troubles;
    int gave_up = 0;
    std::function<void()> on_line;
    std::unique_ptr<KubeletJournal> journal;
};

}  // namespace

TEST_CASE("kubelet's journal: what is there is delivered in order, of this invocation alone")
{
    Node node;
    node.log("system.journal", {{ours, node.after_start(1ms), kubelet_version(2)},
                                {theirs, node.after_start(2ms), initialised("IPv6")},
                                {ours, node.after_start(3ms), "I0101 12:00:00.000000    1234 x.go:1] \"Something\""},
                                {ours, node.after_start(4ms), std::string{"\0\xff\n", 3}},
                                {ours, node.after_start(5ms), initialised("IPv4")}});
    REQUIRE(node.journal->follow(ours, node.start));
    CHECK(node.lines.empty());
    CHECK(node.run_until([&] { return node.lines.size() >= 2; }));
    node.run_for(50ms);
    REQUIRE(node.lines.size() == 2);
    CHECK(node.lines[0].version == "v1.34.2");
    CHECK(node.lines[1].family == Family::ipv4);
    CHECK(node.troubles.empty());
    CHECK(node.journal->is_following());
}

TEST_CASE("kubelet's journal: what comes later is heard, in the same file and in another one")
{
    Node node;
    REQUIRE(node.journal->follow(ours, node.start));
    node.run_for(30ms);
    node.log("system.journal", {{ours, node.after_start(1ms), initialised("IPv4")}});
    CHECK(node.run_until([&] { return node.lines.size() == 1; }));
    node.log("system.journal", {{theirs, node.after_start(2ms), initialised("IPv4")},
                                {ours, node.after_start(3ms), initialised("IPv6")}});
    CHECK(node.run_until([&] { return node.lines.size() == 2; }));
    node.log("other.journal", {{ours, node.after_start(4ms), kubelet_version(7)}});
    CHECK(node.run_until([&] { return node.lines.size() == 3; }));
    CHECK(node.lines.back().version == "v1.34.7");
    CHECK(node.troubles.empty());
}

TEST_CASE("kubelet's journal: a rotation loses nothing and repeats nothing")
{
    Node node;
    node.log("system.journal", {{ours, node.after_start(1ms), kubelet_version(1)}});
    REQUIRE(node.journal->follow(ours, node.start));
    CHECK(node.run_until([&] { return node.lines.size() == 1; }));
    for (unsigned rotation = 2; rotation < 6; ++rotation) {
        std::filesystem::rename(node.file("system.journal"), node.file(fmt::format("system@{}.journal", rotation)));
        node.log("system.journal", {{ours, node.after_start(rotation * 1ms), kubelet_version(rotation)}});
        CHECK(node.run_until([&] { return node.lines.size() >= rotation; }));
        CHECK(node.lines.back().version == fmt::format("v1.34.{}", rotation));
    }
    node.run_for(50ms);
    CHECK(node.lines.size() == 5);
}

TEST_CASE("kubelet's journal: a long backlog is read in portions, and the loop goes on in between")
{
    Node node;
    std::vector<JournalEntry> entries;
    entries.reserve(5'000);
    for (unsigned i = 0; i < 5'000; ++i)
        entries.push_back({ours, node.after_start(i * 1us), i % 50 == 0 ? kubelet_version(i) : "chatter"});
    node.log("system.journal", entries);
    unsigned turns = 0;
    std::size_t most_in_a_turn = 0;
    std::size_t before = 0;
    std::optional<EventLoop::Timer> timer;
    timer = *node.loop.add_timer([&] {
        ++turns;
        most_in_a_turn = std::max(most_in_a_turn, node.lines.size() - before);
        before = node.lines.size();
        timer->set(node.clock.now());
    });
    timer->set(node.clock.now());
    REQUIRE(node.journal->follow(ours, node.start));
    CHECK(node.run_until([&] { return node.lines.size() == 100; }));
    CHECK(turns >= 5'000 / 256);
    CHECK(most_in_a_turn <= 2 * (256 / 50 + 1));
    CHECK(node.lines.back().version == "v1.34.4950");
}

TEST_CASE("kubelet's journal: after stop() nothing wakes the loop, and another invocation can be followed")
{
    Node node;
    node.log("system.journal",
             {{ours, node.after_start(1ms), initialised("IPv4")}, {theirs, node.after_start(2ms), kubelet_version(9)}});
    REQUIRE(node.journal->follow(ours, node.start));
    CHECK(node.run_until([&] { return node.lines.size() == 1; }));
    node.journal->stop();
    CHECK_FALSE(node.journal->is_following());
    node.log("system.journal", {{ours, node.after_start(3ms), initialised("IPv6")}});
    CHECK(sd_event_run(node.loop.native(), 100'000) == 0);
    CHECK(node.lines.size() == 1);
    REQUIRE(node.journal->follow(theirs, node.start));
    CHECK(node.run_until([&] { return node.lines.size() == 2; }));
    CHECK(node.lines.back().version == "v1.34.9");
}

TEST_CASE("kubelet's journal: the callback may stop it, or follow another invocation, in mid-portion")
{
    Node node;
    node.log("system.journal", {{ours, node.after_start(1ms), initialised("IPv4")},
                                {ours, node.after_start(2ms), initialised("IPv6")},
                                {theirs, node.after_start(3ms), kubelet_version(9)}});
    SUBCASE("stop")
    {
        node.on_line = [&] { node.journal->stop(); };
        REQUIRE(node.journal->follow(ours, node.start));
        node.run_for(100ms);
        CHECK(node.lines.size() == 1);
        CHECK_FALSE(node.journal->is_following());
    }
    SUBCASE("follow")
    {
        node.on_line = [&] {
            node.on_line = nullptr;
            CHECK(node.journal->follow(theirs, node.start));
        };
        REQUIRE(node.journal->follow(ours, node.start));
        CHECK(node.run_until([&] { return node.lines.size() == 2; }));
        node.run_for(50ms);
        REQUIRE(node.lines.size() == 2);
        CHECK(node.lines[1].version == "v1.34.9");
    }
    CHECK(node.gave_up == 0);
}

TEST_CASE("kubelet's journal: an entry after the window ends it, though the window was long ago")
{
    // In seconds: CLOCK_MONOTONIC has nothing before the boot, and that may have been a moment ago.
    Node node{{.window = 1s}};
    const auto start = node.start - 3s;
    const auto at = [&](Duration duration) {
        return std::chrono::ceil<std::chrono::microseconds>((start + duration).time_since_epoch());
    };
    node.log("system.journal", {{ours, at(900ms), initialised("IPv4")}, {ours, at(1100ms), initialised("IPv6")}});
    REQUIRE(node.journal->follow(ours, start));
    CHECK(node.run_until([&] { return node.gave_up == 1; }));
    CHECK(node.lines.size() == 1);
    CHECK_FALSE(node.journal->is_following());
}

TEST_CASE("kubelet's journal: it gives up when the window closes, and at once where it has closed before")
{
    Node node{{.window = 200ms}};
    REQUIRE(node.journal->follow(ours, node.clock.now()));
    node.run_for(100ms);
    CHECK(node.gave_up == 0);
    CHECK(node.run_until([&] { return node.gave_up == 1; }, 2s));
    node.log("system.journal", {{ours, node.after_start(1ms), initialised("IPv4")}});
    REQUIRE(node.journal->follow(ours, node.start));
    CHECK(node.run_until([&] { return node.gave_up == 2; }, 100ms));
    CHECK(node.lines.size() == 1);
}

TEST_CASE("kubelet's journal: one that is not there is reported once, and read when it comes")
{
    Node node{{.retry_after = 20ms}};
    std::filesystem::remove_all(node.directory);
    REQUIRE(node.journal->follow(ours, node.start));
    node.run_for(100ms);
    REQUIRE(node.troubles.size() == 1);
    CHECK(node.troubles[0] == "opening the journal for kubelet's log failed: No such file or directory");
    CHECK(node.journal->is_following());
    std::filesystem::create_directories(node.directory);
    node.log("system.journal", {{ours, node.after_start(1ms), initialised("IPv4")}});
    CHECK(node.run_until([&] { return node.lines.size() == 1; }));
    CHECK(node.gave_up == 0);
}

TEST_CASE("kubelet's journal: one that is not there is given up where the window has closed")
{
    Node node{{.retry_after = 5ms}};
    std::filesystem::remove_all(node.directory);
    REQUIRE(node.journal->follow(ours, node.start - 1h));
    CHECK(node.run_until([&] { return node.gave_up == 1; }, 2s));
    CHECK(node.troubles.size() == 1);
}

TEST_CASE("kubelet's journal: files that vanish or break while they are read do not end it")
{
    Node node{{.retry_after = 20ms}};
    std::vector<JournalEntry> entries;
    entries.reserve(3'000);
    for (unsigned i = 0; i < 3'000; ++i)
        entries.push_back({ours, node.after_start(i * 1us), i % 100 == 0 ? kubelet_version(i) : std::string(200, 'x')});
    node.log("system.journal", entries);
    REQUIRE(node.journal->follow(ours, node.start));
    CHECK(node.run_until([&] { return !node.lines.empty(); }));
    SUBCASE("vacuumed")
    {
        std::filesystem::remove(node.file("system.journal"));
    }
    SUBCASE("damaged")
    {
        std::fstream file{node.file("system.journal"), std::ios::in | std::ios::out | std::ios::binary};
        file.seekp(4096);
        file << std::string(std::filesystem::file_size(node.file("system.journal")) - 8192, '\xa5');
    }
    node.run_for(100ms);
    node.log("new.journal", {{ours, node.after_start(1s), initialised("IPv6")}});
    CHECK(node.run_until([&] { return node.lines.back().family == Family::ipv6; }));
    CHECK(node.journal->is_following());
}

TEST_CASE("kubelet's journal: an entry that is damaged is passed over, and those after it are heard")
{
    Node node;
    node.log("system.journal", {{ours, node.after_start(1ms), kubelet_version(1)},
                                {ours, node.after_start(2ms), kubelet_version(2)},
                                {ours, node.after_start(3ms), kubelet_version(3)}});
    std::fstream file{node.file("system.journal"), std::ios::in | std::ios::out | std::ios::binary};
    const std::string bytes{std::istreambuf_iterator<char>{file}, {}};
    const auto payload = bytes.find("MESSAGE=" + kubelet_version(2));
    REQUIRE(payload != std::string::npos);
    // What stands before it is the header of its data object: 64 bytes, or 72 in the compact format.
    file.clear();
    file.seekp(static_cast<std::streamoff>(payload) - 72);
    file << std::string(72, '\xff') << std::flush;
    REQUIRE(node.journal->follow(ours, node.start));
    CHECK(node.run_until([&] { return node.lines.size() == 2; }));
    REQUIRE(node.lines.size() == 2);
    CHECK(node.lines[0].version == "v1.34.1");
    CHECK(node.lines[1].version == "v1.34.3");
}

TEST_CASE("kubelet's journal: a file that is none is passed over")
{
    Node node;
    std::ofstream{node.file("system.journal")} << "this is no journal";
    std::ofstream{node.file("empty.journal")} << "";
    node.log("good.journal", {{ours, node.after_start(1ms), initialised("IPv4")}});
    REQUIRE(node.journal->follow(ours, node.start));
    CHECK(node.run_until([&] { return node.lines.size() == 1; }));
}

TEST_CASE("kubelet's journal: what is no invocation id is refused")
{
    Node node;
    for (const auto& text : {std::string{}, std::string(31, 'a'), std::string(33, 'a'), std::string(32, 'g'),
                             std::string(32, 'A'), std::string(31, 'a') + "\n"}) {
        CAPTURE(text);
        CHECK_FALSE(node.journal->follow(text, node.start));
        CHECK_FALSE(node.journal->is_following());
    }
}

TEST_CASE("kubelet's journal: this machine's own can be followed, or it says why not")
{
    EventLoop loop = *EventLoop::create();
    const SystemClock clock;
    std::vector<std::string> troubles;
    auto journal = *KubeletJournal::create(loop, clock,
                                           {.line = [](const KubeletLine&) { CHECK(false); },
                                            .trouble = [&](const std::string& what) { troubles.push_back(what); },
                                            .gave_up = [] {}},
                                           {});
    REQUIRE(journal->follow(ours, clock.now()));
    REQUIRE(sd_event_run(loop.native(), 100'000) > 0);
    CHECK(journal->is_following());
    if (!troubles.empty())
        CHECK(troubles[0] == "kubelet's log cannot be read: there is no journal that may be read in /var/log/journal "
                             "or /run/log/journal");
}
