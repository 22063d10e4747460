// SPDX-License-Identifier: GPL-2.0-or-later
#include "repair/nft/rule_decode.hpp"
#include "repair/nft/rule_encode.hpp"
#include "tests/fuzz/property.hpp"

#include <array>
#include <libmnl/libmnl.h>
#include <libnftnl/rule.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <memory>
#include <span>
#include <vector>

using namespace chainkeeper;
using namespace chainkeeper::repair;
using tests::must_hold;

namespace {

struct FreeRule {
    void operator()(nftnl_rule* rule) const noexcept { nftnl_rule_free(rule); }
};

std::vector<std::byte> message_of(Family family, const Rule& rule)
{
    std::unique_ptr<nftnl_rule, FreeRule> encoded{nftnl_rule_alloc()};
    nftnl_rule_set_str(encoded.get(), NFTNL_RULE_TABLE, "filter");
    nftnl_rule_set_str(encoded.get(), NFTNL_RULE_CHAIN, "INPUT");
    nftnl_rule_set_u64(encoded.get(), NFTNL_RULE_HANDLE, 1);
    nft::encode_rule(family, rule, *encoded);
    // An attribute is no longer than 64 KiB.
    std::vector<std::byte> bytes(std::size_t{1} << 17U);
    auto* const header = nftnl_nlmsg_build_hdr(static_cast<char*>(static_cast<void*>(bytes.data())), NFT_MSG_NEWRULE,
                                               static_cast<std::uint16_t>(family == Family::ipv4 ? 2 : 10), 0, 0);
    nftnl_rule_nlmsg_build_payload(header, encoded.get());
    header->nlmsg_type = static_cast<std::uint16_t>(NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWRULE);
    bytes.resize(header->nlmsg_len);
    return bytes;
}

void read_rule(Family family, const nft::Message& message)
{
    const auto observed = nft::decode_rule(family, message);
    if (!observed || !observed->rule)
        return;
    tests::must_be_printable(to_string(family, *observed->rule));
    const auto bytes = message_of(family, *observed->rule);
    nft::ByteView rest{bytes};
    const auto again = nft::decode_rule(family, nft::take_message(rest).value());
    must_hold(again && again->rule == observed->rule, "a rule that was written is read as it was");
    must_hold(again->dialect == Dialect::iptables, "what we write is in iptables' words");
}

}  // namespace

// The messages of a dump, for each family.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    auto rest = std::as_bytes(std::span{data, size});
    while (const auto message = nft::take_message(rest))
        for (const auto family : all_families)
            read_rule(family, *message);
    return 0;
}
