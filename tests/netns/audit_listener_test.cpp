// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/audit_listener.hpp"

#include "daemon/culprit.hpp"
#include "tests/netns/audit.hpp"
#include "tests/netns/await.hpp"
#include "tests/netns/node.hpp"
#include "tests/netns/process.hpp"
#include "tests/support/command.hpp"
#include "tests/support/network_namespace.hpp"
#include "tests/support/ruleset.hpp"
#include "tests/support/without_capability.hpp"

#include <algorithm>
#include <array>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/netlink.h>
#include <string>
#include <sys/socket.h>
#include <sys/stat.h>
#include <vector>

// What is heard of the kernel's real audit. The listener is in the first network namespace, the tables are in the
// test's.
namespace chainkeeper::tests {

using daemon::AuditListener;
using daemon::FileDescriptor;
using daemon::NetfilterConfig;
using repair::Family;

namespace {

// What the listener heard so far.
class Ears {
public:
    Ears()
    {
        in_first_network_namespace([this] {
            auto opened = AuditListener::open();
            if (opened)
                listener_ = *std::move(opened);
        });
        REQUIRE(listener_);
    }

    AuditListener::Heard listen()
    {
        return listen([](const NetfilterConfig&) {});
    }
    AuditListener::Heard listen(const std::function<void(const NetfilterConfig&)>& at_once)
    {
        const auto heard = listener_->read([&](const NetfilterConfig& config) {
            at_once(config);
            configs_.push_back(config);
        });
        REQUIRE(heard);
        CHECK(heard->malformed == 0);
        return *heard;
    }
    // What is in the socket, of which types; nothing of it is heard.
    [[nodiscard]] std::vector<std::uint16_t> take_types() const
    {
        std::vector<std::uint16_t> types;
        nlmsghdr header{};
        while (recv(listener_->descriptor(), &header, sizeof header, MSG_DONTWAIT) == sizeof header)
            types.push_back(header.nlmsg_type);
        return types;
    }
    std::vector<NetfilterConfig> await_of(pid_t pid, std::size_t count)
    {
        await(fmt::format("{} records of process {} were heard", count, pid), [&] {
            listen();
            return of(pid).size() >= count;
        });
        return of(pid);
    }
    [[nodiscard]] std::vector<NetfilterConfig> of(pid_t pid) const
    {
        std::vector<NetfilterConfig> found;
        std::ranges::copy_if(configs_, std::back_inserter(found), [pid](const NetfilterConfig& config) {
            return config.pid == static_cast<std::uint32_t>(pid);
        });
        return found;
    }
    [[nodiscard]] const std::vector<NetfilterConfig>& all() const { return configs_; }

private:
    std::unique_ptr<AuditListener> listener_;
    std::vector<NetfilterConfig> configs_;
};

// All that audit sends, of any type and any namespace.
class AllRecords {
public:
    AllRecords()
    {
        in_first_network_namespace([this] {
            socket_ = FileDescriptor{socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_AUDIT)};
            sockaddr_nl records{};
            records.nl_family = AF_NETLINK;
            records.nl_groups = 1U << (AUDIT_NLGRP_READLOG - 1);
            const auto* const address = static_cast<const sockaddr*>(static_cast<const void*>(&records));
            REQUIRE(bind(socket_.number(), address, sizeof records) == 0);
        });
    }
    // The text of the first record, from now on, of which all these are a part.
    std::string await_record(const std::vector<std::string>& parts)
    {
        std::string text;
        await("audit had sent a record", [&] {
            do
                text = next();
            while (!text.empty() && !has_all(text, parts));
            return !text.empty();
        });
        return text;
    }

private:
    static bool has_all(const std::string& text, const std::vector<std::string>& parts)
    {
        return std::ranges::all_of(parts, [&](const auto& part) { return text.find(part) != std::string::npos; });
    }
    std::string next()
    {
        std::array<char, 16384> buffer{};
        const auto size = recv(socket_.number(), buffer.data(), buffer.size(), 0);
        return size > NLMSG_HDRLEN ? std::string{buffer.data() + NLMSG_HDRLEN, buffer.data() + size} : std::string{};
    }

    FileDescriptor socket_;
};

std::string legacy(Family family)
{
    return family == Family::ipv4 ? "iptables-legacy" : "ip6tables-legacy";
}

std::string comm_of(const std::string& program)
{
    return program.substr(0, 15);
}

pid_t pid_of_successful(const std::vector<std::string>& arguments)
{
    const auto result = run(arguments);
    CAPTURE(result.errors);
    REQUIRE(result.status == 0);
    return result.pid;
}

// A program that has written its table, and is still there: iptables-restore at a pipe to which no more is written.
class LiveWriter {
public:
    LiveWriter(const std::filesystem::path& pipe, const std::vector<std::string>& before)
        : pipe_{open_pipe(pipe)}, process_{start(pipe, before)}
    {
        constexpr std::string_view lines = "*filter\n:FOREIGN - [0:0]\nCOMMIT\n";
        REQUIRE(write(pipe_.number(), lines.data(), lines.size()) == static_cast<ssize_t>(lines.size()));
    }
    [[nodiscard]] pid_t pid() const { return process_.pid(); }

private:
    static FileDescriptor open_pipe(const std::filesystem::path& path)
    {
        REQUIRE(mkfifo(path.c_str(), 0600) == 0);
        return FileDescriptor{open(path.c_str(), O_RDWR | O_CLOEXEC)};
    }
    static Process::Start start(const std::filesystem::path& pipe, std::vector<std::string> arguments)
    {
        arguments.insert(arguments.end(), {"iptables-legacy-restore", "--noflush", pipe.string()});
        return {.arguments = arguments, .environment = {}, .output = {}, .errors = {}};
    }

    FileDescriptor pipe_;
    Process process_;
};

}  // namespace

TEST_CASE("audit tells of every change of a legacy table, and by whom, when the writer has gone")
{
    const auto family = each_family();
    const NetworkNamespace network_namespace;
    const AuditOn audit;
    Ears ears;
    const auto program = legacy(family);
    const auto made = pid_of_successful({program, "-t", "mangle", "-N", "KUBE-KUBELET-CANARY"});
    NetfilterConfig expected{.table = "mangle",
                             .family = family,
                             .operation = "xt_register",
                             .entries = 0,
                             .pid = static_cast<std::uint32_t>(made),
                             .comm = comm_of(program)};
    auto heard = ears.await_of(made, 2);
    REQUIRE(heard.size() == 2);
    CHECK(heard.front() == expected);
    expected.operation = "xt_replace";
    expected.entries = heard.back().entries;
    CHECK(heard.back() == expected);
    const auto deleted = pid_of_successful({program, "-t", "mangle", "-X"});
    heard = ears.await_of(deleted, 1);
    REQUIRE(heard.size() == 1);
    expected.pid = static_cast<std::uint32_t>(deleted);
    expected.entries += 2;  // the head of a chain, and the end of it
    CHECK(heard.front() == expected);
}

TEST_CASE("audit tells of nf_tables, too")
{
    const auto family = each_family();
    const NetworkNamespace network_namespace;
    const AuditOn audit;
    Ears ears;
    const std::string program = family == Family::ipv4 ? "iptables-nft" : "ip6tables-nft";
    const auto pid = pid_of_successful({program, "-t", "nat", "-N", "KUBE-KUBELET-CANARY"});
    const auto heard = ears.await_of(pid, 1);
    CHECK(heard.front().table == "nat");
    CHECK(heard.front().family == family);
    CHECK(heard.front().operation.starts_with("nft_register_"));
    CHECK(heard.front().comm == comm_of(program));
}

TEST_CASE("audit sends nothing to another network namespace than the first")
{
    const NetworkNamespace network_namespace;
    const AuditOn audit;
    Ears ears;
    const auto here = AuditListener::open();
    REQUIRE(here);
    ears.await_of(pid_of_successful({"iptables-legacy", "-N", "FOREIGN"}), 2);
    bool has_heard = false;
    const auto heard = (*here)->read([&](const NetfilterConfig&) { has_heard = true; });
    REQUIRE(heard);
    CHECK_FALSE(heard->lost);
    CHECK_FALSE(has_heard);
}

TEST_CASE("a writer that is still there is heard, unless it is in another network namespace")
{
    const Node node;
    const AuditOn audit;
    AllRecords records;
    Ears ears;
    const LiveWriter ours{node.folder() / "ours", {}};
    const LiveWriter other{node.folder() / "other", {"unshare", "--net"}};
    records.await_record({"op=xt_replace", fmt::format(" pid={} ", other.pid())});
    CHECK(ears.await_of(ours.pid(), 2).size() == 2);
    ears.await_of(pid_of_successful({"iptables-legacy", "-N", "FOREIGN-TOO"}), 1);
    CHECK(ears.of(other.pid()).empty());
}

TEST_CASE("the end of another network namespace with legacy tables is not heard")
{
    const NetworkNamespace network_namespace;
    const AuditOn audit;
    AllRecords records;
    Ears ears;
    must_run({"unshare", "--net", "iptables-legacy", "-t", "raw", "-N", "FOREIGN"});
    records.await_record({"table=raw ", "op=xt_unregister"});
    ears.await_of(pid_of_successful({"iptables-legacy", "-N", "FOREIGN"}), 2);
    CHECK(std::ranges::none_of(ears.all(),
                               [](const NetfilterConfig& config) { return config.operation == "xt_unregister"; }));
}

TEST_CASE("records of other types do not come to the listener's socket, and so wake nobody")
{
    const NetworkNamespace network_namespace;
    const AuditOn audit;
    AllRecords records;
    const Ears ears;
    const auto pid = pid_of_successful({"iptables-legacy", "-N", "FOREIGN"});
    records.await_record({"op=xt_replace", fmt::format(" pid={} ", pid)});
    records.await_record({"proctitle="});  // the same event: who made the system call, and with which command line
    const auto types = ears.take_types();
    CHECK(types.size() >= 2);
    CHECK(std::ranges::all_of(types, [](auto type) { return type == AUDIT_NETFILTER_CFG; }));
}

TEST_CASE("more records than the socket holds are told as lost, and those after them are heard")
{
    const NetworkNamespace network_namespace;
    const AuditOn audit;
    Ears ears;
    std::string tables;
    for (int number = 0; number < 4000; ++number)
        tables += fmt::format("add table ip t{}\n", number);
    nft_script(tables);
    bool lost = false;
    await("all that is left was read, and a loss was told", [&] {
        const auto heard = ears.listen();
        lost = lost || heard.lost;
        return lost && !heard.more;
    });
    ears.await_of(pid_of_successful({"iptables-legacy", "-N", "FOREIGN"}), 2);
    MESSAGE("of 4000 records that nobody read, the socket held ", ears.all().size() - 2);
}

TEST_CASE("without CAP_AUDIT_READ the listener does not open, and says in one sentence what it needs")
{
    const NetworkNamespace network_namespace;
    const auto said = without_capability(CAP_AUDIT_READ, [] {
        const auto listener = AuditListener::open();
        if (listener)
            return std::string{"it opened"};
        return (listener.error().code == repair::ErrorCode::denied ? "denied: " : "other: ") + listener.error().what;
    });
    CHECK(said == "denied: listening to audit was refused: it needs CAP_AUDIT_READ (AUDIT in chainkeeperd(8) says how "
                  "to give it)");
}

TEST_CASE("audit tells of every short command of iptables-legacy, most of which have ended by then")
{
    constexpr std::size_t commands = 200;
    constexpr std::string_view loop = R"shell(
turn=0
while [ $turn -lt "$1" ]; do
    turn=$((turn + 2))
    iptables-legacy -A FOREIGN -j RETURN || exit
    iptables-legacy -D FOREIGN -j RETURN || exit
done
)shell";
    const Node node;
    must_run({"iptables-legacy", "-N", "FOREIGN"});
    const AuditOn audit;
    Ears ears;
    Process writer{{.arguments = {"sh", "-c", std::string{loop}, "writer", std::to_string(commands)},
                    .environment = {},
                    .output = node.folder() / "writer.log",
                    .errors = node.folder() / "writer.log"}};
    std::size_t heard = 0;
    std::size_t by_unit = 0;
    std::size_t by_command_line = 0;
    const auto look_at_writer = [&](const NetfilterConfig& config) {
        const auto culprit = daemon::read_culprit("/proc", config.pid, config.comm);
        if (config.operation != "xt_replace" || config.comm != "iptables-legacy")
            return;
        ++heard;
        by_unit += culprit.confidence == daemon::Confidence::process ? 1U : 0U;
        by_command_line += culprit.command_line.find(" FOREIGN -j RETURN") != std::string::npos ? 1U : 0U;
    };
    await(
        "all commands were heard", [&] { return ears.listen(look_at_writer), heard >= commands; },
        std::chrono::milliseconds{0});
    CHECK(writer.await_end() == 0);
    CHECK(heard == commands);
    MESSAGE("of ", commands, " short iptables-legacy commands, all heard from audit, ", by_command_line,
            " still had a command line, and ", by_unit, " that or a unit");
}

}  // namespace chainkeeper::tests
