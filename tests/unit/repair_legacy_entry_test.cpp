// SPDX-License-Identifier: GPL-2.0-or-later
#include "repair/legacy/entry.hpp"
#include "tests/support/kubelet.hpp"

#include <arpa/inet.h>
#include <cstring>
#include <doctest/doctest.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>
#include <random>
#include <string>
#include <vector>

namespace chainkeeper::tests {

using namespace repair;
using legacy::decode_entry;
using legacy::encode_entry;
using legacy::fingerprint_of;

namespace {

// What libiptc calls the target of a rule of ours.
std::string target_name(const Rule& rule)
{
    struct NameOf {
        std::string operator()(Verdict verdict) const
        {
            return verdict == Verdict::drop ? "DROP" : verdict == Verdict::accept ? "ACCEPT" : "RETURN";
        }
        std::string operator()(const Jump& jump) const { return jump.chain; }
        std::string operator()(const SetMark& /*mark*/) const { return "MARK"; }
        std::string operator()(const Masquerade& /*masquerade*/) const { return "MASQUERADE"; }
    };
    return std::visit(NameOf{}, rule.target);
}

// As the kernel gives it back: the target of a verdict and of a jump has no name.
std::vector<std::uint8_t> as_read(Family family, const Rule& rule)
{
    auto bytes = encode_entry(family, rule);
    if (std::holds_alternative<Verdict>(rule.target) || std::holds_alternative<Jump>(rule.target)) {
        const auto offset = family == Family::ipv4 ? reinterpret_cast<const ipt_entry*>(bytes.data())->target_offset
                                                   : reinterpret_cast<const ip6t_entry*>(bytes.data())->target_offset;
        xt_entry_target target{};
        std::memcpy(&target, bytes.data() + offset, sizeof target);
        std::memset(target.u.user.name, 0, sizeof target.u.user.name);
        std::memcpy(bytes.data() + offset, &target, sizeof target);
    }
    return bytes;
}

std::vector<Rule> kubelets_rules(Family family)
{
    std::vector<Rule> rules{marked_rule(),      mark_drop_rule(),       mark_masq_rule(),  firewall_jump(),
                            postrouting_jump(), unmarked_return_rule(), clear_mark_rule(), masquerade_rule()};
    if (family == Family::ipv4)
        rules.push_back(localnet_rule());
    return rules;
}

}  // namespace

TEST_CASE("legacy entry: every rule of kubelet's is read as it was written")
{
    for (const auto family : all_families)
        for (const auto& rule : kubelets_rules(family)) {
            CAPTURE(to_string(family, rule));
            const auto bytes = as_read(family, rule);
            CHECK(legacy::size_of_entry(family, bytes.data()) == bytes.size());
            const auto observed = decode_entry(family, bytes, target_name(rule));
            CHECK(observed.dialect == Dialect::iptables);
            CHECK(observed.rule == rule);
        }
}

TEST_CASE("legacy entry: the localnet rule has the bytes that iptables-legacy writes")
{
    const auto bytes = encode_entry(Family::ipv4, localnet_rule());
    ipt_entry entry{};
    std::memcpy(&entry, bytes.data(), sizeof entry);
    CHECK(entry.ip.src.s_addr == htonl(0x7f000000));
    CHECK(entry.ip.smsk.s_addr == htonl(0xff000000));
    CHECK(entry.ip.invflags == IPT_INV_SRCIP);
    CHECK(entry.ip.dst.s_addr == htonl(0x7f000000));
    CHECK(entry.ip.dmsk.s_addr == htonl(0xff000000));
    CHECK(entry.target_offset == sizeof entry + 32 + 256 + 32 + 168);
    CHECK(entry.next_offset == entry.target_offset + 40);
}

TEST_CASE("legacy entry: what no rule of kubelet's has makes a rule without words of ours")
{
    const auto plain = as_read(Family::ipv4, localnet_rule());
    const auto changed = [&](const auto& change) {
        auto bytes = plain;
        ipt_entry entry{};
        std::memcpy(&entry, bytes.data(), sizeof entry);
        change(entry);
        std::memcpy(bytes.data(), &entry, sizeof entry);
        return decode_entry(Family::ipv4, bytes, "DROP");
    };
    CHECK(changed([](ipt_entry&) {}).rule == localnet_rule());
    CHECK_FALSE(changed([](ipt_entry& entry) { entry.ip.iniface[0] = 'l'; }).rule);
    CHECK_FALSE(changed([](ipt_entry& entry) { entry.ip.outiface[0] = 'l'; }).rule);
    CHECK_FALSE(changed([](ipt_entry& entry) { entry.ip.proto = 6; }).rule);
    CHECK_FALSE(changed([](ipt_entry& entry) { entry.ip.flags = IPT_F_GOTO; }).rule);
    CHECK_FALSE(changed([](ipt_entry& entry) { entry.ip.smsk.s_addr = htonl(0xfff00000); }).rule);
    CHECK_FALSE(changed([](ipt_entry& entry) { entry.ip.smsk.s_addr = 0; }).rule);
    CHECK(changed([](ipt_entry& entry) { entry.ip.proto = 6; }).expressions ==
          "match:comment match:conntrack target:DROP");
}

TEST_CASE("legacy entry: cut short or garbled it is no rule, and nothing else happens")
{
    std::mt19937 engine{20261127};
    for (const auto family : all_families) {
        const auto whole = as_read(family, marked_rule());
        for (std::size_t size = 0; size < whole.size(); ++size)
            CHECK_FALSE(decode_entry(family, std::span{whole}.first(size), "DROP").rule);
        for (int round = 0; round < 20'000; ++round) {
            auto bytes = whole;
            for (int byte = 0; byte < 3; ++byte)
                bytes[engine() % bytes.size()] = static_cast<std::uint8_t>(engine());
            const auto observed = decode_entry(family, bytes, "DROP");
            CHECK(observed.expressions.find("target:DROP") != std::string::npos);
            (void)fingerprint_of(family, bytes, "DROP");
        }
    }
}

TEST_CASE("legacy entry: its number is that of its words, whatever its counters are")
{
    auto bytes = as_read(Family::ipv4, localnet_rule());
    const auto number = fingerprint_of(Family::ipv4, bytes, "DROP");
    ipt_entry entry{};
    std::memcpy(&entry, bytes.data(), sizeof entry);
    entry.counters = {.pcnt = 5, .bcnt = 300};
    std::memcpy(bytes.data(), &entry, sizeof entry);
    CHECK(fingerprint_of(Family::ipv4, bytes, "DROP") == number);
    CHECK(fingerprint_of(Family::ipv4, bytes, "ACCEPT") != number);
    const auto other = as_read(Family::ipv4, marked_rule());
    CHECK(fingerprint_of(Family::ipv4, other, "DROP") != number);
}

}  // namespace chainkeeper::tests
