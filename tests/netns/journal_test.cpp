// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/history/history_file.hpp"
#include "tests/netns/daemon_process.hpp"
#include "tests/netns/journal_socket.hpp"
#include "tests/netns/node.hpp"
#include "tests/netns/stand_in.hpp"

#include <algorithm>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <sys/stat.h>

// What the daemon sends to journald, and what it keeps of it.
namespace chainkeeper::tests {

using daemon::Message;
using repair::Family;

namespace {

// systemd.exec(5): $JOURNAL_STREAM names the file that standard error leads to.
DaemonOptions logging_to_the_journal(const Node& node, std::vector<std::string> arguments)
{
    const auto log = node.folder() / "chainkeeperd.log";
    write_text(log, "");
    struct stat status {};
    REQUIRE(stat(log.c_str(), &status) == 0);
    return {.arguments = std::move(arguments),
            .environment = {{"JOURNAL_STREAM", fmt::format("{}:{}", status.st_dev, status.st_ino)}}};
}

const JournalEntry& of_family(const std::vector<JournalEntry>& entries, Family family)
{
    const auto found = std::ranges::find_if(
        entries, [&](const JournalEntry& entry) { return entry.value("CHAINKEEPER_FAMILY") == to_string(family); });
    REQUIRE(found != entries.end());
    return *found;
}

void check_repair(const JournalEntry& entry)
{
    CHECK(entry.value("PRIORITY") == "4");
    CHECK(entry.value("CHAINKEEPER_EVENT") == "repair");
    CHECK(entry.value("CHAINKEEPER_DECISION") == "repair: no_monitor");
    CHECK(entry.value("CHAINKEEPER_ACTION") == "repair");
    CHECK(entry.value("CHAINKEEPER_MONITOR") == "dead");
    CHECK(entry.value("CHAINKEEPER_MONITOR_SOURCE") == "assumed");
    CHECK(entry.value("CHAINKEEPER_FINDINGS") == fmt::to_string(entry.count("CHAINKEEPER_FINDING")));
    // The findings are lines of the same entry, and the plan is text for iptables-restore.
    const auto message = entry.value("MESSAGE");
    CHECK(static_cast<std::size_t>(std::ranges::count(message, '\n')) == entry.count("CHAINKEEPER_FINDING"));
    CHECK(message.find("KUBE-IPTABLES-HINT is missing from table mangle") != std::string::npos);
    CHECK(entry.value("CHAINKEEPER_PLAN").ends_with("COMMIT\n"));
    CHECK(entry.value("CHAINKEEPER_PLAN").find("-N KUBE-KUBELET-CANARY\n") != std::string::npos);
}

}  // namespace

TEST_CASE("in the journal every event is one entry, with an id and its fields")
{
    const Node node;
    JournalSocket journal;
    make_once(node);
    const Daemon daemon{node, logging_to_the_journal(node, {"--assume-monitor=dead"})};
    flush_everything();
    const auto verified = journal.await_all(Message::verified, 2);
    CHECK(verified.size() == 2);

    const auto flushes = journal.all(Message::flush);
    REQUIRE(flushes.size() == 1);
    CHECK(flushes[0].value("MESSAGE").starts_with("flush by "));
    CHECK(flushes[0].value("PRIORITY") == "4");
    CHECK(flushes[0].value("CHAINKEEPER_CULPRIT_COMM") == "nft");
    CHECK(std::stoul(flushes[0].value("CHAINKEEPER_CULPRIT_PID")) > 1);
    CHECK(flushes[0].count("CHAINKEEPER_CULPRIT_CONFIDENCE") == 1);
    CHECK(std::stoul(flushes[0].value("CHAINKEEPER_LOST_TABLES")) >= 4);
    CHECK(flushes[0].value("CHAINKEEPER_TRANSACTIONS") == "1");

    const auto repairs = journal.all(Message::repair);
    const auto commits = journal.all(Message::committed);
    CHECK(repairs.size() == 2);
    CHECK(commits.size() == 2);
    for (const auto family : repair::all_families) {
        const auto& repair = of_family(repairs, family);
        const auto& commit = of_family(commits, family);
        check_repair(repair);
        CHECK(commit.value("CHAINKEEPER_OUTCOME") == "committed");
        CHECK(commit.value("CHAINKEEPER_STEPS") == repair.value("CHAINKEEPER_STEPS"));
        CHECK(std::stoul(commit.value("CHAINKEEPER_GENERATION")) > std::stoul(repair.value("CHAINKEEPER_GENERATION")));
        CHECK(of_family(verified, family).value("CHAINKEEPER_FINDINGS") == "0");
    }
    CHECK(daemon.log().empty());
}

TEST_CASE("in the journal every entry has an id of ours, one message and the daemon's name")
{
    const Node node;
    JournalSocket journal;
    make_once(node);
    {
        const Daemon daemon{node, logging_to_the_journal(node, {"--dry-run", "--assume-monitor=dead"})};
        flush_filter(Family::ipv4);
        const auto planned = journal.await_all(Message::would_repair, 1);
        CHECK(of_family(planned, Family::ipv4).count("CHAINKEEPER_PLAN") == 1);
        journal.await_all(Message::recorded, 1);
    }
    std::set<std::string> ids;
    for (const auto message : daemon::all_messages)
        ids.emplace(daemon::message_id(message));
    CHECK(journal.entries().size() > 4);
    for (const auto& entry : journal.entries()) {
        CHECK(ids.contains(entry.value("MESSAGE_ID")));
        CHECK_FALSE(entry.value("MESSAGE").empty());
        CHECK(entry.value("SYSLOG_IDENTIFIER") == "chainkeeperd");
        CHECK(entry.count("CHAINKEEPER_EVENT") == 1);
        CHECK(entry.count("CODE_FILE") == 0);
    }
}

TEST_CASE("without the journal's stream on standard error, the journal gets nothing")
{
    const Node node;
    JournalSocket journal;
    make_once(node);
    const Daemon daemon{node, {.arguments = {}, .environment = {{"JOURNAL_STREAM", "1:1"}}}};
    daemon.await_log("ipv6: healthy");
    CHECK(journal.entries().empty());
}

TEST_CASE("a flush and its repair are one incident of the history, with who did it")
{
    const Node node;
    make_once(node);
    {
        const Daemon daemon{node, {.arguments = {"--assume-monitor=dead"}}};
        flush_everything();
        for (const auto family : repair::all_families)
            daemon.await_log(decided(family, "all that was to be repaired is there"));
    }
    const auto lines = daemon::HistoryFile{node.folder() / "state", std::size_t{1} << 20U}.newest(9);
    REQUIRE(lines);
    REQUIRE(lines->size() == 1);
    const auto incident = nlohmann::json::parse(lines->front());
    CHECK(incident["culprit"]["comm"] == "nft");
    REQUIRE(incident["families"].size() == 2);
    for (const auto& family : incident["families"]) {
        CHECK(family["decision"] == "repair: no_monitor");
        CHECK(family["outcome"] == "committed");
        CHECK(family["verified"] == true);
    }
    CHECK(incident["timeline"].front()["event"] == "heard");
    CHECK(incident["timeline"].back()["event"] == "verified");
}

}  // namespace chainkeeper::tests
