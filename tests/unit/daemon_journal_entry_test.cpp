// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/journal_entry.hpp"
#include "tests/unit/sample_reports.hpp"

#include <algorithm>
#include <cctype>
#include <doctest/doctest.h>
#include <set>

using namespace chainkeeper;
using namespace chainkeeper::daemon;
using namespace chainkeeper::tests;
using policies::Action;
using policies::Row;

namespace {

std::vector<std::string> values(const Entry& entry, std::string_view name)
{
    std::vector<std::string> found;
    for (const auto& field : entry.fields)
        if (field.name == name)
            found.push_back(field.value);
    return found;
}

std::string value(const Entry& entry, std::string_view name)
{
    const auto found = values(entry, name);
    CAPTURE(name);
    REQUIRE(found.size() == 1);
    return found.front();
}

bool has(const Entry& entry, std::string_view name)
{
    return !values(entry, name).empty();
}

}  // namespace

TEST_CASE("message id: every kind has one of its own, in the form that journald asks for")
{
    std::set<std::string_view> ids;
    std::set<std::string_view> names;
    for (const auto message : all_messages) {
        const auto id = message_id(message);
        CHECK(id.size() == 32);
        CHECK(id.find_first_not_of("0123456789abcdef") == std::string_view::npos);
        ids.insert(id);
        names.insert(to_string(message));
    }
    CHECK(ids.size() == all_messages.size());
    CHECK(names.size() == all_messages.size());
}

TEST_CASE("message id: those that were given out stay as they are")
{
    CHECK(message_id(Message::flush) == "5da723e9e4724fc39997bb215b46af6b");
    CHECK(message_id(Message::repair) == "e4c942e3e74a47aea5dbe43a4062482e");
    CHECK(message_id(Message::standoff) == "0dfd4b78793840e595877db9473d9528");
    CHECK(message_id(Message::stopping) == "efe577eec8374c0ab949074c69ae19aa");
}

TEST_CASE("message id: every kind is that of some report")
{
    const auto reports = sparse_reports();
    REQUIRE(reports.size() == all_messages.size());
    CHECK(std::ranges::equal(reports, all_messages, {}, message_of));
}

TEST_CASE("journal entry: every report is one, with a line and fields that journald takes")
{
    for (const auto& report : sparse_reports()) {
        const auto entry = entry_of(report);
        REQUIRE_FALSE(entry.lines.empty());
        CHECK_FALSE(entry.lines.front().text.empty());
        for (const auto& field : entry.fields) {
            CHECK(field.name.starts_with("CHAINKEEPER_"));
            CHECK(std::ranges::all_of(field.name, [](char one) { return one == '_' || std::isupper(one) != 0; }));
        }
    }
}

TEST_CASE("journal entry: what journald is sent begins with the message, its id and how bad it is")
{
    Verified verified{.at = sample_start, .fulfilled = false, .after = sample_diagnosis()};
    const auto fields = journal_fields(entry_of(verified));
    REQUIRE(fields.size() > 4);
    CHECK(fields[0] == "MESSAGE=ipv4: the repair was accepted and is not there any more\n"
                       "ipv4: chain KUBE-FIREWALL is missing from table filter");
    CHECK(fields[1] == "MESSAGE_ID=f3092b584a61418eab0a30e36478556a");
    CHECK(fields[2] == "PRIORITY=3");
    CHECK(fields[3] == "CHAINKEEPER_EVENT=verify_failed");
    CHECK(fields[4] == "CHAINKEEPER_FAMILY=ipv4");
}

TEST_CASE("journal entry: a flush names the culprit and the losses")
{
    const auto entry = entry_of(Settled{.at = sample_start, .burst = sample_burst(sample_culprit())});
    CHECK(entry.message == Message::flush);
    CHECK(value(entry, "CHAINKEEPER_CULPRIT") == "iptables.service (iptables, pid 13417: `iptables -F`)");
    CHECK(value(entry, "CHAINKEEPER_CULPRIT_UNIT") == "iptables.service");
    CHECK(value(entry, "CHAINKEEPER_CULPRIT_PID") == "13417");
    CHECK(value(entry, "CHAINKEEPER_CULPRIT_COMM") == "iptables");
    CHECK(value(entry, "CHAINKEEPER_CULPRIT_COMMAND_LINE") == "iptables -F");
    CHECK(value(entry, "CHAINKEEPER_CULPRIT_CONFIDENCE") == "process");
    CHECK(values(entry, "CHAINKEEPER_CULPRIT_ANCESTOR") ==
          std::vector<std::string>{"iptables.stop (13410)", "systemd (1)"});
    CHECK(value(entry, "CHAINKEEPER_LOST_TABLES") == "0");
    CHECK(value(entry, "CHAINKEEPER_LOST_CHAINS") == "5");
    CHECK(value(entry, "CHAINKEEPER_LOST_RULES") == "3");
    CHECK(value(entry, "CHAINKEEPER_TRANSACTIONS") == "3");
    CHECK(value(entry, "CHAINKEEPER_GENERATION") == "8");
}

TEST_CASE("journal entry: of an unknown culprit nothing is made up")
{
    auto burst = sample_burst({});
    burst.worst.reset();
    const auto entry = entry_of(Settled{.at = sample_start, .burst = burst});
    CHECK(value(entry, "CHAINKEEPER_CULPRIT") == "somebody");
    CHECK(value(entry, "CHAINKEEPER_CULPRIT_CONFIDENCE") == "none");
    for (const auto* const name : {"UNIT", "PID", "COMM", "COMMAND_LINE", "ANCESTOR"})
        CHECK_FALSE(has(entry, std::string{"CHAINKEEPER_CULPRIT_"} + name));
}

TEST_CASE("journal entry: a gap without a loss is no flush")
{
    auto burst = sample_burst({});
    burst.losses = {};
    burst.add_gap("events were lost (ENOBUFS)");
    const auto entry = entry_of(Settled{.at = sample_start, .burst = burst});
    CHECK(entry.message == Message::events_lost);
    CHECK(values(entry, "CHAINKEEPER_GAP") == std::vector<std::string>{"events were lost (ENOBUFS)"});
}

TEST_CASE("journal entry: a repair is one entry with its findings and the plan as iptables-restore takes it")
{
    auto decided = sample_decision(Row::assist, Action::repair);
    decided.backend = "[guard] backend says nft";
    const auto entry = entry_of(decided);
    CHECK(entry.message == Message::repair);
    CHECK(value(entry, "CHAINKEEPER_DECISION") == "repair: assist");
    CHECK(value(entry, "CHAINKEEPER_ACTION") == "repair");
    CHECK(value(entry, "CHAINKEEPER_FAMILY") == "ipv4");
    CHECK(value(entry, "CHAINKEEPER_MONITOR") == "unknown");
    CHECK(value(entry, "CHAINKEEPER_MONITOR_SOURCE") == "none");
    CHECK(value(entry, "CHAINKEEPER_BACKEND") == "[guard] backend says nft");
    CHECK(value(entry, "CHAINKEEPER_GENERATION") == "14");
    CHECK(value(entry, "CHAINKEEPER_FINDINGS") == "1");
    CHECK(values(entry, "CHAINKEEPER_FINDING") ==
          std::vector<std::string>{"chain KUBE-FIREWALL is missing from table filter"});
    CHECK(value(entry, "CHAINKEEPER_STEPS") == "2");
    CHECK(value(entry, "CHAINKEEPER_PLAN") ==
          "*filter\n-N KUBE-FIREWALL\nCOMMIT\n*mangle\n-N KUBE-IPTABLES-HINT\nCOMMIT\n");
    CHECK(entry.lines.size() == 2);
}

TEST_CASE("journal entry: what writes nothing has no plan")
{
    const auto entry = entry_of(sample_decision(Row::settling, Action::wait));
    CHECK(entry.message == Message::wait);
    CHECK(value(entry, "CHAINKEEPER_STEPS") == "0");
    CHECK_FALSE(has(entry, "CHAINKEEPER_PLAN"));
}

TEST_CASE("journal entry: a plan beyond all measure is counted, and not given in part")
{
    auto decided = sample_decision(Row::no_monitor, Action::would_repair);
    decided.plan.steps.assign(5000, repair::CreateChain{repair::Table::nat, "KUBE-MARK-MASQ"});
    const auto entry = entry_of(decided);
    CHECK(value(entry, "CHAINKEEPER_STEPS") == "5000");
    CHECK_FALSE(has(entry, "CHAINKEEPER_PLAN"));
}

TEST_CASE("journal entry: thousands of findings are a few fields and their number")
{
    auto decided = sample_decision(Row::damaged, Action::report);
    decided.diagnosis.findings.assign(3000, decided.diagnosis.findings.front());
    const auto entry = entry_of(decided);
    CHECK(value(entry, "CHAINKEEPER_FINDINGS") == "3000");
    CHECK(values(entry, "CHAINKEEPER_FINDING").size() == most_findings);
}

TEST_CASE("journal entry: a standoff names the other party, and until when")
{
    auto decided = sample_decision(Row::standoff, Action::refuse);
    decided.standoff_against = "firewalld.service";
    decided.standoff_until = sample_wall;
    const auto entry = entry_of(decided);
    CHECK(entry.message == Message::standoff);
    CHECK(value(entry, "CHAINKEEPER_STANDOFF_AGAINST") == "firewalld.service");
    CHECK(value(entry, "CHAINKEEPER_STANDOFF_UNTIL") == "2026-11-21T08:00:00.000000Z");
    CHECK(journal_fields(entry)[2] == "PRIORITY=3");
    CHECK_FALSE(has(entry_of(sample_decision(Row::assist, Action::repair)), "CHAINKEEPER_STANDOFF_AGAINST"));
}

TEST_CASE("journal entry: what became of a commit")
{
    Committed committed{.at = sample_start,
                        .plan = sample_plan(),
                        .outcome = {.kind = repair::Outcome::Kind::committed, .generation = 17, .detail = {}},
                        .stale_commits = 2};
    const auto good = entry_of(committed);
    CHECK(value(good, "CHAINKEEPER_OUTCOME") == "committed");
    CHECK(value(good, "CHAINKEEPER_GENERATION") == "17");
    CHECK(value(good, "CHAINKEEPER_STALE_COMMITS") == "2");
    CHECK(value(good, "CHAINKEEPER_STEPS") == "2");
    CHECK_FALSE(has(good, "CHAINKEEPER_REASON"));
    committed.outcome = {.kind = repair::Outcome::Kind::denied, .detail = "an LSM said no"};
    const auto bad = entry_of(committed);
    CHECK(bad.message == Message::commit_denied);
    CHECK(value(bad, "CHAINKEEPER_OUTCOME") == "denied");
    CHECK(value(bad, "CHAINKEEPER_REASON") == "an LSM said no");
    CHECK_FALSE(has(bad, "CHAINKEEPER_GENERATION"));
}

TEST_CASE("journal entry: a hold says by whom, why and until when, and who ended it")
{
    const Hold hold{.set_at = sample_wall,
                    .until = sample_wall + std::chrono::hours{2},
                    .reason = "CHG-1234",
                    .stop = true,
                    .login = "alice"};
    const auto set = entry_of(HoldSet{.at = sample_start, .hold = hold});
    CHECK(value(set, "CHAINKEEPER_HOLD_BY") == "alice");
    CHECK(value(set, "CHAINKEEPER_HOLD_REASON") == "CHG-1234");
    CHECK(value(set, "CHAINKEEPER_HOLD_UNTIL") == "2026-11-21T10:00:00.000000Z");
    CHECK(value(set, "CHAINKEEPER_HOLD_STOP") == "yes");
    const auto ended = entry_of(HoldEnded{.at = sample_start, .hold = hold, .released_by = "bob"});
    CHECK(value(ended, "CHAINKEEPER_HOLD_BY") == "alice");
    CHECK(value(ended, "CHAINKEEPER_HOLD_RELEASED_BY") == "bob");
}

TEST_CASE("journal entry: nobody can write fields of their own, and no value is endless")
{
    auto culprit = sample_culprit();
    culprit.comm = "x\nMESSAGE_ID=0";
    culprit.command_line = "y\nPRIORITY=0 " + std::string(100'000, 'z');
    culprit.ancestors = {"a\x1b[31m\xff"};
    const auto fields = journal_fields(entry_of(Settled{.at = sample_start, .burst = sample_burst(culprit)}));
    for (const auto& field : fields) {
        CHECK(field.find('\n') == std::string::npos);
        CHECK(field.find('\x1b') == std::string::npos);
        CHECK(field.find('\xff') == std::string::npos);
        CHECK(field.size() < 1200);
    }
}
