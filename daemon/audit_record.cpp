// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/audit_record.hpp"

#include <charconv>
#include <linux/audit.h>
#include <linux/netfilter.h>

namespace chainkeeper::daemon {

namespace {

// Takes the last field of that name off the end, with all that stands behind it: its value. Nothing where there is
// none. From the end, because the table comes first and its name may be anything, " pid=1" too, while what stands
// behind it is the kernel's own or encoded.
std::optional<std::string_view> take_last(std::string_view& fields, std::string_view key)
{
    const auto at = fields.rfind(key);
    if (at == std::string_view::npos)
        return std::nullopt;
    const auto value = fields.substr(at + key.size());
    fields = fields.substr(0, at);
    return value.substr(0, value.find(' '));
}

template <typename Number>
std::optional<Number> number_from(std::string_view text, int base = 10)
{
    Number number{};
    const auto* const end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data(), end, number, base);
    return parsed.ec == std::errc{} && parsed.ptr == end ? std::optional{number} : std::nullopt;
}

std::optional<repair::Family> family_of(unsigned protocol)
{
    if (protocol == NFPROTO_IPV4)
        return repair::Family::ipv4;
    return protocol == NFPROTO_IPV6 ? std::optional{repair::Family::ipv6} : std::nullopt;
}

// What follows "audit(1700000000.123:45): ".
std::optional<std::string_view> fields_of(std::string_view text)
{
    constexpr std::string_view stamp_end = "): ";
    const auto end = text.find(stamp_end);
    if (!text.starts_with("audit(") || end == std::string_view::npos)
        return std::nullopt;
    return text.substr(end + stamp_end.size());
}

// In quotes; in hexadecimal where it holds a quote, a space, a control character or anything past ASCII
// (kernel/audit.c, audit_log_n_untrustedstring).
std::string untrusted_string(std::string_view value)
{
    if (value.size() >= 2 && value.starts_with('"') && value.ends_with('"'))
        return std::string{value.substr(1, value.size() - 2)};
    std::string decoded;
    for (; value.size() >= 2; value.remove_prefix(2)) {
        const auto byte = number_from<unsigned char>(value.substr(0, 2), 16);
        if (!byte)
            return {};
        decoded.push_back(static_cast<char>(*byte));
    }
    return value.empty() ? decoded : std::string{};
}

// "filter:27"; from Linux 5.9 to 5.12 "filter:1;INPUT:2", with handles (net/netfilter/nf_tables_api.c).
std::string_view without_generation(std::string_view table)
{
    return table.substr(0, table.find(':'));
}

std::string_view text_of(repair::nft::ByteView payload)
{
    return {static_cast<const char*>(static_cast<const void*>(payload.data())), payload.size()};
}

}  // namespace

std::optional<NetfilterConfig> netfilter_config_from(std::string_view text)
{
    constexpr std::string_view table_key = "table=";
    auto fields = fields_of(text).value_or(std::string_view{});
    if (!fields.starts_with(table_key))
        return std::nullopt;
    const auto comm = take_last(fields, " comm=");
    const auto pid = take_last(fields, " pid=");
    const auto operation = take_last(fields, " op=").value_or(std::string_view{});
    const auto entries = take_last(fields, " entries=");
    const auto protocol = number_from<unsigned>(take_last(fields, " family=").value_or(std::string_view{}));
    const auto table = fields.substr(table_key.size());
    if (!protocol || table.empty())
        return std::nullopt;
    return NetfilterConfig{.table = std::string{operation.starts_with("nft_") ? without_generation(table) : table},
                           .family = family_of(*protocol),
                           .operation = std::string{operation},
                           .entries = number_from<unsigned>(entries.value_or(std::string_view{})).value_or(0),
                           .pid = number_from<std::uint32_t>(pid.value_or(std::string_view{})).value_or(0),
                           .comm = untrusted_string(comm.value_or(std::string_view{}))};
}

unsigned read_audit_records(repair::nft::ByteView datagram, const std::function<void(const NetfilterConfig&)>& hear)
{
    unsigned malformed = 0;
    while (const auto message = repair::nft::take_message(datagram)) {
        if (message->type != AUDIT_NETFILTER_CFG)
            continue;
        if (const auto config = netfilter_config_from(text_of(message->payload)))
            hear(*config);
        else
            ++malformed;
    }
    return malformed + (datagram.empty() ? 0U : 1U);
}

}  // namespace chainkeeper::daemon
