// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/netns/await.hpp"
#include "tests/netns/bus_daemon.hpp"
#include "tests/netns/daemon_process.hpp"
#include "tests/netns/node.hpp"
#include "tests/netns/private_bus.hpp"
#include "tests/netns/stand_in.hpp"
#include "tests/support/ruleset.hpp"

#include <csignal>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <fstream>
#include <unistd.h>

// `chainkeeper` beside a daemon, which is a fake one on a real bus, and without any.
namespace chainkeeper::tests {

using namespace daemon;
using repair::Family;

namespace {

CommandResult command(const std::vector<std::string>& arguments)
{
    std::vector<std::string> all{CHAINKEEPER};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return run(all);
}

nlohmann::json json_of(const CommandResult& result)
{
    CAPTURE(result.output);
    CAPTURE(result.errors);
    return nlohmann::json::parse(result.output);
}

bool has(const std::string& text, const std::string& part)
{
    CAPTURE(text);
    CAPTURE(part);
    return text.find(part) != std::string::npos;
}

// The node, the bus and the daemon of one case, in one network namespace.
struct Machine {
    explicit Machine(PolkitSays polkit = PolkitSays::nothing_it_is_not_there) : server{polkit}
    {
        server.on_loop([this] {
            server.status.families = {{.diagnosis = {.family = Family::ipv4, .generation = 1}},
                                      {.diagnosis = {.family = Family::ipv6, .generation = 1}}};
            server.status.mode = "repair";
        });
    }

    void lose_a_chain()
    {
        server.on_loop([this] {
            auto& ipv4 = server.status.families.at(0);
            ipv4.diagnosis.findings = {
                {.kind = repair::FindingKind::chain_missing, .table = repair::Table::filter, .chain = "KUBE-FIREWALL"}};
            ipv4.decision = {.row = policies::Row::no_monitor, .action = policies::Action::repair};
        });
    }

    Node node;
    OpenFolder folder;
    PrivateBus bus{folder.path()};
    BusDaemon server;
};

// What the daemon answers to a plan and a repair that has something to do.
nlohmann::json look_of(const std::string& decision)
{
    return nlohmann::json{{"families",
                           {{{"family", "ipv4"},
                             {"decision", decision},
                             {"diagnosis", {{"findings", {{{"text", "x"}}}}}},
                             {"plan", {{"generation", 7}, {"steps", {{{"do", "create_chain"}}}}}},
                             {"lines", {"ipv4: " + decision}},
                             {"restore", "*filter\n-N KUBE-FIREWALL\nCOMMIT\n"}}}},
                          {"errors", nlohmann::json::array()}};
}

}  // namespace

TEST_CASE("command: check asks the daemon, and prints what it prints without one")
{
    Machine machine;
    auto result = command({"check"});
    CHECK(result.status == 0);
    CHECK(result.output == "ipv4: healthy\nipv6: healthy\n");
    machine.lose_a_chain();
    result = command({"check"});
    CHECK(result.status == 1);
    CHECK(has(result.output, "ipv4: 1 finding\n  chain KUBE-FIREWALL is missing from table filter\n"));
    const auto json = json_of(command({"check", "--json"}));
    CHECK(json.at("healthy") == false);
    CHECK(json.at("families").at(0).at("findings").size() == 1);
    CHECK(machine.server.calls().size() == 3);
    machine.server.on_loop([&] { machine.server.status.families.clear(); });
    CHECK(command({"check"}).status == 2);
}

TEST_CASE("command: a policy or an assumption of one's own is not for the daemon")
{
    Machine machine;
    const auto policy = write_policy(machine.node, {}).string();
    CHECK(command({"check", "--policy", policy}).status == 1);
    CHECK(command({"plan", "--policy", policy}).status != 0);
    CHECK(command({"plan", "--assume-monitor=dead"}).status != 0);
    CHECK(chainkeeper(machine.node, {"check"}).status == 1);
    CHECK(machine.server.calls().empty());
}

TEST_CASE("command: plan and repair are the daemon's, with its words and these exit codes")
{
    Machine machine;
    const auto answer = [&](nlohmann::json json) { machine.server.on_loop([&] { machine.server.plan = json; }); };
    answer(look_of("repair: no_monitor"));
    auto result = command({"plan"});
    CHECK(result.status == 1);
    CHECK(result.output == "# ipv4: repair: no_monitor\n# from generation 7, for iptables-restore --noflush\n"
                           "*filter\n-N KUBE-FIREWALL\nCOMMIT\n");
    CHECK(json_of(command({"plan", "--json"})).at("families").size() == 1);
    CHECK(command({"repair"}).status == 1);
    auto mended = look_of("repair: no_monitor");
    mended["families"][0]["verified"] = true;
    answer(mended);
    result = command({"repair"});
    CHECK(result.status == 0);
    CHECK(result.output == "ipv4: repair: no_monitor\n");
    auto denied = look_of("repair: no_monitor");
    denied["families"][0]["outcome"] = {{"kind", "denied"}};
    answer(denied);
    CHECK(command({"repair"}).status == 2);
    answer(look_of("refuse: backend_ambiguous"));
    CHECK(command({"plan"}).status == 2);
    auto failed = look_of("healthy");
    failed["errors"] = {"reading failed"};
    answer(failed);
    result = command({"repair", "--dry-run"});
    CHECK(result.status == 2);
    CHECK(result.errors == "chainkeeper: reading failed\n");
    CHECK(machine.server.calls().back() == "repair true");
}

TEST_CASE("command: an answer of any other shape is survived")
{
    Machine machine;
    for (const auto* const text : {"null", "[]", "7", R"({"families": 7})", R"({"families": [7], "errors": {}})",
                                   R"({"families": [{"lines": [7], "plan": [], "restore": 7}], "errors": [7]})"}) {
        machine.server.on_loop([&] { machine.server.plan = nlohmann::json::parse(text); });
        for (const auto* const name : {"plan", "repair"})
            CHECK(command({name}).status <= 2);
    }
}

TEST_CASE("command: status is one screen, and JSON")
{
    Machine machine;
    auto result = command({"status"});
    CHECK(result.status == 0);
    CHECK(result.output.starts_with("kubelet's chains  ipv4  all there\n"));
    CHECK_FALSE(has(result.output, "\x1b"));
    machine.lose_a_chain();
    result = command({"status", "--json"});
    CHECK(result.status == 1);
    CHECK(json_of(result).at("no_daemon").is_null());
    CHECK(json_of(result).at("families").at(0).at("decision") == "repair: no_monitor");
}

TEST_CASE("command: without a daemon, status says so and looks by itself")
{
    const Node node;
    make_once(node);
    const auto result = chainkeeper(node, {"status"});
    CAPTURE(result.errors);
    CHECK(result.status == 0);
    CHECK(result.output.starts_with("no daemon         no daemon can be asked: there is no system bus here"));
    CHECK(has(result.output, "ipv4  all there\n"));
    flush_everything();
    const auto flushed = generation();
    const auto json = json_of(chainkeeper(node, {"status", "--json"}));
    CHECK(json.at("healthy") == false);
    CHECK(json.at("mode") == "repair");
    CHECK(json.at("backend").at("name") == "nft");
    CHECK(has(json.at("no_daemon").get<std::string>(), "no system bus"));
    CHECK(generation() == flushed);
}

TEST_CASE("command: hold and release")
{
    Machine machine;
    auto result = command({"hold", "--for", "2h", "--reason", "CHG-1234"});
    CHECK(result.status == 0);
    CHECK(result.output.starts_with("held until "));
    CHECK(has(result.output, " UTC, in 1 h 59 min: CHG-1234\n"));
    CHECK(machine.server.calls().at(0).starts_with("hold 7200 CHG-1234 false uid=0"));
    CHECK(json_of(command({"hold", "--for", "90s", "--reason", "x", "--stop", "--json"})).at("stop") == true);
    result = command({"release"});
    CHECK(result.output.starts_with("released"));
    CHECK(json_of(command({"release", "--json"})).at("released") == true);
    const auto calls = machine.server.calls().size();
    for (const auto* const length : {"2", "0s", "745h", "-1h", "forever", ""}) {
        CAPTURE(length);
        CHECK(command({"hold", "--for", length, "--reason", "x"}).status == 2);
    }
    for (const auto& reason : {std::string{}, std::string{"two\nlines"}, std::string(257, 'x')})
        CHECK(command({"hold", "--for", "1h", "--reason", reason}).status == 2);
    CHECK(command({"hold", "--for", "1h"}).status == 2);
    CHECK(command({"hold", "--reason", "x"}).status == 2);
    CHECK(machine.server.calls().size() == calls);
}

TEST_CASE("command: recheck and reload, and the daemon's sentence where it refuses")
{
    Machine machine;
    CHECK(command({"recheck", "--reason", "a look"}).status == 0);
    CHECK(command({"reload"}).output == "the policy was read again, and is in force\n");
    CHECK(json_of(command({"reload", "--json"})).at("reloaded") == true);
    CHECK(machine.server.calls() == std::vector<std::string>{"recheck a look", "reload", "reload"});
    machine.server.on_loop([&] { machine.server.failure = "line 3: unknown key"; });
    const auto result = command({"reload"});
    CHECK(result.status == 2);
    CHECK(result.errors == "chainkeeper: line 3: unknown key\n");
    CHECK(json_of(command({"reload", "--json"})).at("error") == "line 3: unknown key");
}

TEST_CASE("command: what needs a daemon says how to start it, and what needs leave how to get it")
{
    for (const auto& arguments : std::vector<std::vector<std::string>>{
             {"hold", "--for", "1h", "--reason", "x"}, {"release"}, {"recheck"}, {"reload"}, {"watch"}}) {
        const OpenFolder folder;
        const PrivateBus bus{folder.path()};
        const auto result = command(arguments);
        CHECK(result.status == 2);
        CHECK(has(result.errors, "`systemctl start chainkeeperd` starts it"));
    }
    const Machine machine;
    const auto result =
        run({"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--", CHAINKEEPER, "release"});
    CHECK(result.status == 2);
    CHECK(has(result.errors, "not allowed: only root may do this"));
    CHECK(has(result.errors, "run it as root"));
}

TEST_CASE("command: history is the daemon's, else the file's, and a torn line is left out")
{
    const std::string entry = R"({"at": "2026-11-21T08:00:00Z", "culprit": {"comm": "nft", "pid": 7},)"
                              R"( "lost": {"tables": 3}, "timeline": [{"us": 5, "event": "heard", "text": "x"}]})";
    {
        Machine machine;
        machine.server.on_loop([&] { machine.server.history = {entry, R"({"at": "20)"}; });
        auto result = command({"history"});
        CHECK(result.status == 0);
        CHECK(result.output == "2026-11-21 08:00:00 UTC\n  flush by nft (pid 7): 3 tables, 0 chains, 0 rules lost\n");
        CHECK(result.errors == "chainkeeper: entry 2 of 2 was torn, and is left out\n");
        result = command({"history", "--timeline", "--last", "7"});
        CHECK(has(result.output, "           5 µs  heard      x\n"));
        CHECK(machine.server.calls().back() == "history 7");
        CHECK(json_of(command({"history", "--json"})).at("entries").size() == 1);
        CHECK(command({"history", "--last", "0"}).status == 2);
    }
    const Node node;
    CHECK(chainkeeper(node, {"history"}).output == "nothing is on record\n");
    std::filesystem::create_directories(node.folder() / "state");
    write_text(node.folder() / "state" / "history.jsonl", entry + "\n" + entry + "\n{\"at\"");
    const auto result = chainkeeper(node, {"history", "--json"});
    CHECK(json_of(result).at("entries").size() == 2);
    CHECK(result.errors.empty());
}

namespace {

// `chainkeeper watch` with its output in a file.
class Watcher {
public:
    Watcher(const OpenFolder& folder, const std::vector<std::string>& arguments) : output_{folder.path() / "watched"}
    {
        Process::Start start{
            .arguments = {CHAINKEEPER, "watch"}, .environment = {}, .output = output_, .errors = output_};
        start.arguments.insert(start.arguments.end(), arguments.begin(), arguments.end());
        process_ = std::make_unique<Process>(start);
    }
    void await_text(const std::string& text) const
    {
        await("it said: " + text, [&] { return output().find(text) != std::string::npos; });
    }
    [[nodiscard]] std::string output() const { return text_of(output_); }
    Process& process() { return *process_; }

private:
    std::filesystem::path output_;
    std::unique_ptr<Process> process_;
};

}  // namespace

TEST_CASE("command: watch appends a line an event where there is no terminal, until SIGINT")
{
    Machine machine;
    Watcher watcher{machine.folder, {}};
    watcher.await_text("kubelet's chains  ipv4  all there");
    machine.server.on_loop([&] {
        machine.server.object().emit_decided(Family::ipv4,
                                             {.row = policies::Row::assist, .action = policies::Action::repair});
        machine.server.object().emit_repaired(Family::ipv4, {}, 7, true);
        machine.server.status.hold =
            Hold{.set_at = {}, .until = WallTime{std::chrono::hours{1}}, .reason = "CHG", .login = "bob"};
        machine.server.object().emit_properties_changed();
    });
    watcher.await_text(" UTC  ipv4: repair: assist\n");
    watcher.await_text(" UTC  ipv4: repaired, 7 steps, verified\n");
    watcher.await_text(" UTC  held until 1970-01-01 01:00:00 UTC, by bob: CHG\n");
    watcher.process().send(SIGINT);
    CHECK(watcher.process().await_end() == 0);
    CHECK_FALSE(has(watcher.output(), "\x1b"));
}

TEST_CASE("command: watch --json is a document a line")
{
    Machine machine;
    Watcher watcher{machine.folder, {"--json"}};
    watcher.await_text("\n");
    machine.server.on_loop([&] { machine.server.object().emit_decided(Family::ipv6, {}); });
    watcher.await_text("decided");
    std::ifstream lines{machine.folder.path() / "watched"};
    std::string line;
    std::vector<std::string> events;
    while (std::getline(lines, line))
        events.push_back(nlohmann::json::parse(line).at("event"));
    CHECK(events == std::vector<std::string>{"status", "decided"});
}

TEST_CASE("command: watch sees the daemon go and come, and ends with the bus")
{
    Machine machine;
    Watcher watcher{machine.folder, {}};
    watcher.await_text("all there");
    machine.server.on_loop([&] { machine.server.give_name_up(); });
    watcher.await_text("chainkeeperd has ended");
    machine.server.on_loop([&] { machine.server.attach(); });
    watcher.await_text("chainkeeperd is there");
    machine.server.on_loop([&] { machine.server.object().emit_decided(Family::ipv4, {}); });
    watcher.await_text("ipv4: healthy");
    machine.bus.process().stop();
    CHECK(watcher.process().await_end() == 2);
    CHECK(has(watcher.output(), "the system bus has gone"));
}

TEST_CASE("command: watch ends when nobody reads it any more")
{
    const Machine machine;
    const auto result = run({"timeout", "20", "sh", "-c", std::string{CHAINKEEPER} + " watch | head -n 1"});
    CHECK(result.status == 0);
    CHECK(result.output == "kubelet's chains  ipv4  all there\n");
}

TEST_CASE("command: watch draws a screen on a terminal, in colours unless NO_COLOR forbids them")
{
    Machine machine;
    const auto watched = [](const std::string& variables) {
        return run({"sh", "-c",
                    fmt::format("{} timeout --signal=INT 1 script --quiet --return --command '{} watch' /dev/null",
                                variables, CHAINKEEPER)})
            .output;
    };
    const auto coloured = watched("");
    CHECK(has(coloured, "\x1b[H\x1b[2J"));
    CHECK(has(coloured, "\x1b[32mipv4  all there\x1b[0m"));
    const auto plain = watched("NO_COLOR=1");
    CHECK(has(plain, "\x1b[H\x1b[2J"));
    CHECK_FALSE(has(plain, "\x1b[32m"));
}

}  // namespace chainkeeper::tests
