// SPDX-License-Identifier: GPL-2.0-or-later
// How long kubelet's chains are gone: chainkeeperd, with settle = 0, against the floor: what the kernel alone takes for
// the same two transactions. Flushes by turns a network namespace with the daemon and one without.
#include "daemon/clock.hpp"
#include "daemon/nft_listener.hpp"
#include "daemon/policy_source.hpp"
#include "repair/diagnose.hpp"
#include "repair/nft/backend.hpp"
#include "repair/nft/batch.hpp"
#include "repair/process/child_process.hpp"
#include "tests/support/network_namespace.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <libmnl/libmnl.h>
#include <libnftnl/common.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stdexcept>
#include <sys/wait.h>

namespace {

using namespace chainkeeper;
using daemon::Duration;
using daemon::Instant;

template <typename Value>
Value need(repair::Result<Value> result)
{
    if (!result)
        throw std::runtime_error{result.error().what};
    return *std::move(result);
}

Instant now()
{
    return daemon::SystemClock{}.now();
}

// The floor: a socket that sends a batch and waits for the answer to it, and does nothing else.
class PlainSender {
public:
    PlainSender() : socket_{mnl_socket_open(NETLINK_NETFILTER)}
    {
        if (socket_ == nullptr || mnl_socket_bind(socket_, 0, MNL_SOCKET_AUTOPID) != 0)
            throw std::runtime_error{"no netlink socket"};
    }
    PlainSender(const PlainSender&) = delete;
    PlainSender& operator=(const PlainSender&) = delete;
    PlainSender(PlainSender&&) = delete;
    PlainSender& operator=(PlainSender&&) = delete;
    ~PlainSender() { mnl_socket_close(socket_); }

    void send(const std::vector<std::byte>& batch)
    {
        if (mnl_socket_sendto(socket_, batch.data(), batch.size()) < 0)
            throw std::runtime_error{"the kernel took no batch"};
        std::array<char, 8192> answer{};
        const auto size = mnl_socket_recvfrom(socket_, answer.data(), answer.size());
        const auto* const header = static_cast<const nlmsghdr*>(static_cast<const void*>(answer.data()));
        const auto* const error = static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(header));
        if (size < 0 || header->nlmsg_type != NLMSG_ERROR || error->error != 0)
            throw std::runtime_error{"the kernel refused a batch"};
    }

private:
    mnl_socket* socket_;
};

// Messages of one transaction, written one after the other.
class Transaction {
public:
    Transaction() : bytes_(1024) { used_ += MNL_ALIGN(nftnl_batch_begin(at_end(), 0)->nlmsg_len); }

    nlmsghdr* add(std::uint16_t message, std::uint8_t protocol)
    {
        return nftnl_nlmsg_build_hdr(at_end(), message, protocol, NLM_F_ACK, 1);
    }
    void keep(const nlmsghdr* header) { used_ += MNL_ALIGN(header->nlmsg_len); }
    std::vector<std::byte> finish() &&
    {
        used_ += MNL_ALIGN(nftnl_batch_end(at_end(), 2)->nlmsg_len);
        bytes_.resize(used_);
        return std::move(bytes_);
    }

private:
    char* at_end() { return static_cast<char*>(static_cast<void*>(bytes_.data() + used_)); }

    std::vector<std::byte> bytes_;
    std::size_t used_ = 0;
};

// What `nft flush ruleset` sends.
std::vector<std::byte> flush_ruleset()
{
    Transaction transaction;
    transaction.keep(transaction.add(NFT_MSG_DELTABLE, NFPROTO_UNSPEC));
    return std::move(transaction).finish();
}

// What `nft delete chain ip mangle KUBE-IPTABLES-HINT` sends.
std::vector<std::byte> delete_hint()
{
    Transaction transaction;
    auto* const header = transaction.add(NFT_MSG_DELCHAIN, NFPROTO_IPV4);
    mnl_attr_put_strz(header, NFTA_CHAIN_TABLE, "mangle");
    mnl_attr_put_strz(header, NFTA_CHAIN_NAME, "KUBE-IPTABLES-HINT");
    transaction.keep(header);
    return std::move(transaction).finish();
}

const std::vector<repair::DesiredState>& guarded()
{
    static const auto sets = daemon::guarded_sets(policies::Policy{}).value();
    return sets;
}

bool all_healthy(repair::Backend& backend)
{
    return std::ranges::all_of(guarded(), [&](const repair::DesiredState& desired) {
        return repair::diagnose(desired, need(backend.observe(desired))).healthy();
    });
}

// One way to lose chains, and the transactions that bring them back.
struct Loss {
    std::string_view name;
    std::vector<std::byte> transaction;
    std::vector<repair::Plan> repairs;
};

Loss lose_everything()
{
    Loss loss{.name = "nft flush ruleset", .transaction = flush_ruleset(), .repairs = {}};
    for (const auto& desired : guarded()) {
        const repair::Snapshot nothing{.family = desired.family, .tables = {}, .chains = {}};
        loss.repairs.push_back(repair::make_plan(desired, repair::diagnose(desired, nothing), {.canaries = true}));
    }
    return loss;
}

Loss lose_hint()
{
    const repair::CreateChain step{.table = repair::Table::mangle, .chain = "KUBE-IPTABLES-HINT"};
    return {.name = "one chain deleted",
            .transaction = delete_hint(),
            .repairs = {{.family = repair::Family::ipv4, .steps = {step}}}};
}

// Thousands of repairs in a row are what a fight looks like: the limit is out of the way.
constexpr std::string_view policy = R"(
[guard]
backend = "nft"
[repair]
settle = "0s"
[limits]
repairs = 1000
per = "1s"
backoff = "1s"
)";

// chainkeeperd in the network namespace of the caller.
class Daemon {
public:
    Daemon() : directory_{std::filesystem::temp_directory_path() / fmt::format("flush-latency-{}", getpid())}
    {
        std::filesystem::create_directories(directory_);
        std::ofstream{directory_ / "policy.toml"} << policy;
        setenv("RUNTIME_DIRECTORY", directory_.c_str(), 1);
        setenv("STATE_DIRECTORY", directory_.c_str(), 1);
        const auto file = (directory_ / "policy.toml").string();
        child_ = need(repair::start_command(
            {CHAINKEEPERD, "--any-network-namespace", "--policy", file, "--assume-monitor", "dead"}, {}));
    }
    Daemon(const Daemon&) = delete;
    Daemon& operator=(const Daemon&) = delete;
    Daemon(Daemon&&) = delete;
    Daemon& operator=(Daemon&&) = delete;
    ~Daemon()
    {
        kill(child_, SIGTERM);
        waitpid(child_, nullptr, 0);
        std::error_code ignored;  // a leftover in the temporary directory spoils no measurement
        std::filesystem::remove_all(directory_, ignored);
    }

private:
    std::filesystem::path directory_;
    pid_t child_ = -1;
};

// With the daemon: from the loss to the last of its transactions.
class Guarded {
public:
    Guarded() : events_{need(daemon::NftListener::open())}, backend_{need(repair::nft::NftBackend::open())}
    {
        const auto deadline = now() + std::chrono::seconds{30};
        while (!all_healthy(*backend_))
            if (now() > deadline)
                throw std::runtime_error{"the daemon did not make the chains"};
        (void)generations_heard();
    }

    Duration suffer(const Loss& loss)
    {
        loser_.send(loss.transaction);
        const auto lost = now();
        const auto wanted = 1 + loss.repairs.size();
        for (std::size_t heard = 0; heard < wanted; heard += generations_heard())
            wait_for_events();
        const auto back = now();
        if (!all_healthy(*backend_))
            throw std::runtime_error{"the chains came back in part"};
        return back - lost;
    }

private:
    // Asleep: a busy processor would hold up the grace period for which the kernel makes a commit wait.
    void wait_for_events() const
    {
        pollfd waiting{.fd = events_->descriptor(), .events = POLLIN, .revents = 0};
        if (poll(&waiting, 1, 10'000) <= 0)
            throw std::runtime_error{"the chains did not come back"};
    }

    unsigned generations_heard()
    {
        unsigned generations = 0;
        need(events_->read([&](const repair::nft::Event& event) {
            generations += std::holds_alternative<repair::nft::Generation>(event) ? 1 : 0;
        }));
        return generations;
    }

    tests::NetworkNamespace namespace_;
    Daemon daemon_;
    std::unique_ptr<daemon::NftListener> events_;
    std::unique_ptr<repair::nft::NftBackend> backend_;
    PlainSender loser_;
};

// Without it: the daemon's own transactions, made before the clock starts.
class Floor {
public:
    Floor() : backend_{need(repair::nft::NftBackend::open())}
    {
        for (const auto& batch : batches(lose_everything(), 0))
            sender_.send(batch.messages);
    }

    Duration suffer(const Loss& loss)
    {
        const auto made = batches(loss, 1);
        loser_.send(loss.transaction);
        const auto lost = now();
        for (const auto& batch : made)
            sender_.send(batch.messages);
        return now() - lost;
    }

private:
    // `ahead`: how many transactions there will be before them.
    std::vector<repair::nft::Batch> batches(const Loss& loss, std::uint32_t ahead)
    {
        auto generation = need(backend_->generation()) + ahead;
        std::vector<repair::nft::Batch> batches;
        for (auto plan : loss.repairs) {
            plan.generation = generation++;
            batches.push_back(need(repair::nft::make_batch(plan, 1)));
        }
        return batches;
    }

    tests::NetworkNamespace namespace_;
    std::unique_ptr<repair::nft::NftBackend> backend_;
    PlainSender loser_;
    PlainSender sender_;
};

double microseconds(Duration duration)
{
    return std::chrono::duration<double, std::micro>{duration}.count();
}

double percentile(std::vector<Duration> durations, double share)
{
    std::ranges::sort(durations);
    const auto index = static_cast<std::size_t>(share * static_cast<double>(durations.size() - 1));
    return microseconds(durations[index]);
}

void print_row(std::string_view name, const std::vector<Duration>& durations)
{
    fmt::print("  {:<13} median {:>8.1f} µs   p99 {:>8.1f} µs\n", name, percentile(durations, 0.5),
               percentile(durations, 0.99));
}

// Returns the ratio of the medians.
double measure(Guarded& guarded, Floor& floor, const Loss& loss, unsigned count)
{
    std::vector<Duration> with_daemon;
    std::vector<Duration> kernel_alone;
    for (unsigned done = 0; done < count; ++done) {
        with_daemon.push_back(guarded.suffer(loss));
        kernel_alone.push_back(floor.suffer(loss));
    }
    const auto ratio = percentile(with_daemon, 0.5) / percentile(kernel_alone, 0.5);
    fmt::print("{}: lost to back, {} times each\n", loss.name, count);
    print_row("chainkeeperd", with_daemon);
    print_row("floor", kernel_alone);
    fmt::print("  ratio of the medians {:.2f}\n", ratio);
    return ratio;
}

}  // namespace

int main(int argc, char** argv)
{
    unsigned count = 1000;
    double bar = 5;
    CLI::App app{"From chain lost to chain back, and what the kernel alone takes for the same transactions."};
    app.add_option("--count", count, "How many of each")->capture_default_str()->check(CLI::PositiveNumber);
    app.add_option("--bar", bar, "Exit with 1 when the ratio for `nft flush ruleset` is above")->capture_default_str();
    CLI11_PARSE(app, argc, argv);

    Guarded guarded_namespace;
    Floor floor_namespace;
    const auto flushed = measure(guarded_namespace, floor_namespace, lose_everything(), count);
    (void)measure(guarded_namespace, floor_namespace, lose_hint(), count);
    return flushed <= bar ? 0 : 1;
}
