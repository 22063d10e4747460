// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/doctor/conntrack_losses.hpp"

#include "daemon/doctor/kernel_number.hpp"
#include "repair/nft/message.hpp"
#include "repair/nft/requests.hpp"
#include "repair/nft/socket.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fmt/format.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <span>
#include <sstream>
#include <sys/socket.h>
#include <system_error>
#include <vector>

namespace chainkeeper::daemon::doctor {

namespace {

using repair::nft::ByteView;
using repair::nft::Message;

struct Counter {
    std::string_view column;
    std::uint16_t attribute;
    std::uint64_t ConntrackLosses::*count;
};
constexpr std::array all_counters{
    Counter{"insert_failed", CTA_STATS_INSERT_FAILED, &ConntrackLosses::insert_failed},
    Counter{"drop", CTA_STATS_DROP, &ConntrackLosses::drop},
    Counter{"early_drop", CTA_STATS_EARLY_DROP, &ConntrackLosses::early_drop},
};

std::vector<std::string> words_of(const std::string& line)
{
    std::istringstream stream{line};
    std::vector<std::string> words;
    for (std::string word; stream >> word;)
        words.push_back(word);
    return words;
}

// The sum over all processors of a column of the statistics: hexadecimal, below its name. Nothing where there is no
// such column, or no number in it.
std::optional<std::uint64_t> total_of(const std::string& statistics, std::string_view column)
{
    std::istringstream lines{statistics};
    std::string line;
    std::getline(lines, line);
    const auto names = words_of(line);
    const auto at = static_cast<std::size_t>(std::ranges::find(names, column) - names.begin());
    if (at == names.size())
        return std::nullopt;
    std::uint64_t total = 0;
    while (std::getline(lines, line)) {
        const auto words = words_of(line);
        const auto number = at < words.size() ? number_of(words[at], 16) : std::nullopt;
        if (!number)
            return std::nullopt;
        total += *number;
    }
    return total;
}

// ---- ctnetlink (net/netfilter/nf_conntrack_netlink.c, ctnetlink_ct_stat_cpu_fill_info)

std::string reason_of(int error_number)
{
    return fmt::format("ctnetlink: {}", std::generic_category().message(error_number));
}

// The kernel was built without it, or does not tell whoever asks.
bool is_refusal(int error_number)
{
    return error_number == EINVAL || error_number == ENOENT || error_number == EPERM || error_number == EOPNOTSUPP;
}

struct Request {
    nlmsghdr header{};
    nfgenmsg netfilter{};
};

Request request_for_losses(std::uint32_t sequence)
{
    Request request;
    request.header.nlmsg_len = sizeof request;
    request.header.nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8U | IPCTNL_MSG_CT_GET_STATS_CPU;
    request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    request.header.nlmsg_seq = sequence;
    request.netfilter.nfgen_family = AF_UNSPEC;
    request.netfilter.version = NFNETLINK_V0;
    return request;
}

// What the answers say, one for each processor.
class Answers {
public:
    explicit Answers(std::uint32_t sequence) : sequence_{sequence} {}

    // True at the last.
    repair::Result<bool> take(const Message& message)
    {
        if (message.sequence != sequence_)
            return false;
        if (const auto refusal = repair::nft::acknowledgement(message)) {
            error_ = refusal->error_number;
            return true;
        }
        if (message.type == NLMSG_DONE) {
            error_ = error_at_end(message.payload);
            return true;
        }
        return add(message);
    }
    [[nodiscard]] LossesSeen seen() const
    {
        if (error_ == 0)
            return LossesTold{.losses = total_};
        if (is_refusal(error_))
            return LossesTold{.losses = std::nullopt, .untold = reason_of(error_)};
        return tl::unexpected(reason_of(error_));
    }

private:
    static int error_at_end(ByteView payload)
    {
        std::int32_t error = 0;
        if (payload.size() >= sizeof error)
            std::memcpy(&error, payload.data(), sizeof error);
        return -error;
    }

    repair::Result<bool> add(const Message& message)
    {
        const auto payload = repair::nft::netfilter_payload(message);
        for (const auto& [column, attribute, count] : all_counters) {
            const auto number = payload ? repair::nft::find_u32(payload->attributes, attribute) : std::nullopt;
            if (!number)
                return tl::unexpected(
                    repair::Error{repair::ErrorCode::protocol, fmt::format("it gives no number for {}", column)});
            total_.*count += *number;
        }
        return false;
    }

    std::uint32_t sequence_;
    ConntrackLosses total_;
    int error_ = 0;
};

// The socket never waits: the kernel has answered by the time it has taken the request.
repair::Result<LossesSeen> ask(repair::nft::Socket& socket)
{
    const auto request = request_for_losses(socket.reserve_sequences(1));
    Answers answers{request.header.nlmsg_seq};
    return socket.send(std::as_bytes(std::span{&request, 1}))
        .and_then([&] { return receive_until(socket, [&](const Message& message) { return answers.take(message); }); })
        .map([&] { return answers.seen(); });
}

}  // namespace

tl::expected<ConntrackLosses, std::string> losses_in(const std::string& statistics)
{
    ConntrackLosses losses;
    for (const auto& counter : all_counters) {
        const auto total = total_of(statistics, counter.column);
        if (!total)
            return tl::unexpected(fmt::format("holds no numbers for {}", counter.column));
        losses.*counter.count = *total;
    }
    return losses;
}

LossesSeen KernelLossCounters::read() const
{
    auto socket = repair::nft::Socket::open();
    if (!socket)
        return LossesTold{.losses = std::nullopt, .untold = socket.error().what};
    const auto seen = ask(*socket);
    return seen ? *seen : tl::unexpected(fmt::format("ctnetlink: {}", seen.error().what));
}

LossesSeen NoLossCounters::read() const
{
    return LossesTold{.losses = std::nullopt, .untold = "the kernel is not that of another root"};
}

}  // namespace chainkeeper::daemon::doctor
