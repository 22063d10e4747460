// SPDX-License-Identifier: GPL-2.0-or-later
#include "repair/nft/survey.hpp"

#include "repair/nft/label.hpp"
#include "repair/nft/look.hpp"
#include "repair/nft/message.hpp"
#include "repair/nft/protocol.hpp"
#include "repair/nft/requests.hpp"
#include "repair/nft/socket.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <initializer_list>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netlink.h>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace chainkeeper::repair::nft {

namespace {

// What makes a rule be for some packets and not for others. The others load something, count, note, or act.
constexpr std::array<std::string_view, 8> narrowing{"cmp",   "range", "lookup",    "match",
                                                    "limit", "quota", "connlimit", "dynset"};

std::string_view as_text(ByteView bytes)
{
    return {static_cast<const char*>(static_cast<const void*>(bytes.data())), bytes.size()};
}

bool narrows(std::string_view expression, ByteView data)
{
    if (expression == "match")
        return find_string(data, NFTA_MATCH_NAME) != "comment";
    // So does a named quota or limit, and a map of such; other objects count, or note something.
    if (expression == "objref") {
        const auto type = find_u32(data, NFTA_OBJREF_IMM_TYPE);
        return !type || *type == NFT_OBJECT_QUOTA || *type == NFT_OBJECT_LIMIT || *type == NFT_OBJECT_CONNLIMIT;
    }
    // A verdict map says for each packet where it goes.
    return std::ranges::find(narrowing, expression) != narrowing.end();
}

std::optional<Verdict> policy_of(ByteView chain)
{
    if (!find_attribute(chain, NFTA_CHAIN_HOOK))
        return std::nullopt;
    return find_u32(chain, NFTA_CHAIN_POLICY) == NF_DROP ? Verdict::drop : Verdict::accept;
}

// False where it is no verdict that is loaded.
bool read_verdict(SurveyedRule& rule, ByteView data)
{
    const auto operand = find_attribute(data, NFTA_IMMEDIATE_DATA).value_or(ByteView{});
    const auto verdict = find_attribute(operand, NFTA_DATA_VERDICT).value_or(ByteView{});
    const auto code = find_u32(verdict, NFTA_VERDICT_CODE);
    if (!code)
        return false;
    switch (static_cast<int>(*code)) {
    case NF_ACCEPT: rule.end = SurveyedRule::End::accept; break;
    case NF_DROP: rule.end = SurveyedRule::End::drop; break;
    case NFT_RETURN: rule.end = SurveyedRule::End::return_; break;
    case NFT_JUMP:
    case NFT_GOTO:
        rule.end = SurveyedRule::End::jump;
        rule.comes_back = static_cast<int>(*code) == NFT_JUMP;
        rule.jump_to = find_string(verdict, NFTA_VERDICT_CHAIN).value_or(std::string_view{});
        break;
    default: break;
    }
    return true;
}

// One after the other, for whole rulesets.
class RuleReader {
public:
    SurveyedRule read(ByteView rule)
    {
        words_.clear();
        labels_.clear();
        SurveyedRule surveyed{.table = find_string(rule, NFTA_RULE_TABLE).value_or(std::string_view{}),
                              .chain = find_string(rule, NFTA_RULE_CHAIN).value_or(std::string_view{})};
        auto expressions = find_attribute(rule, NFTA_RULE_EXPRESSIONS).value_or(ByteView{});
        while (const auto expression = take_attribute(expressions))
            read_expression(surveyed, expression->value);
        // The comment that nft keeps beside a rule.
        words_ += as_text(find_attribute(rule, NFTA_RULE_USERDATA).value_or(ByteView{}));
        surveyed.words = labels_;
        surveyed.fingerprint = std::hash<std::string>{}(words_);
        return surveyed;
    }

private:
    void read_expression(SurveyedRule& rule, ByteView expression)
    {
        const auto name = find_string(expression, NFTA_EXPR_NAME).value_or(std::string_view{});
        const auto data = find_attribute(expression, NFTA_EXPR_DATA).value_or(ByteView{});
        words_ += name;
        if (name == "counter")
            return;
        words_ += as_text(data);
        rule.narrows = rule.narrows || narrows(name, data);
        const bool is_verdict_map = name == "lookup" && find_u32(data, NFTA_LOOKUP_DREG) == NFT_REG_VERDICT;
        rule.comes_back = rule.comes_back && !is_verdict_map;
        if (name != "immediate" || !read_verdict(rule, data))
            add_label(labels_, name, data);
    }

    std::string words_;
    std::string labels_;
};

class Dump {
public:
    Dump(Socket& socket, Family family, RulesetSink& sink)
        : socket_{socket}, protocol_{protocol_of(family)}, sink_{sink}
    {
    }

    // False where the ruleset changed meanwhile.
    Result<bool> take() &&
    {
        return while_it_rests([&] { return take_chains().and_then([&] { return take_rules(chains_); }); });
    }

    // The same of a base chain alone, and of those that rules for every packet lead to from there. `surveyor` is the
    // sink.
    Result<bool> take_way(std::string_view table, std::string_view base, const Surveyor& surveyor) &&
    {
        const Names of_base{{std::string{table}, std::string{base}}};
        return while_it_rests([&] {
            return take_chains().and_then([&] { return take_rules(of_base); }).and_then([&] {
                return take_rules(led_to(table, base, surveyor.so_far()));
            });
        });
    }

private:
    using Names = std::vector<std::pair<std::string, std::string>>;  // table and name

    static Names led_to(std::string_view table, std::string_view base, const Survey& survey)
    {
        Names names;
        if (const auto* const chain = survey.find(table, base))
            for (const auto& jump : chain->jumps)
                names.emplace_back(table, jump);
        return names;
    }

    Result<bool> while_it_rests(const std::function<Result<void>()>& take)
    {
        const auto before = read_generation(socket_);
        if (!before)
            return tl::unexpected(before.error());
        if (auto taken = take(); !taken)
            return tl::unexpected(taken.error());
        const auto after = read_generation(socket_);
        if (!after)
            return tl::unexpected(after.error());
        return !was_interrupted_ && *after == *before;
    }

    Result<void> take_chains()
    {
        return dump(NFT_MSG_GETCHAIN, {}, [&](ByteView chain) { add_chain(chain); });
    }

    // Chain by chain. A dump of all rules begins anew for every 32 KiB of it, and walks past all that it has told
    // (net/netfilter/nf_tables_api.c, nf_tables_dump_rules): 150,000 rules take it 5 s.
    Result<void> take_rules(const Names& chains)
    {
        for (const auto& [table, chain] : chains)
            if (auto read = dump(NFT_MSG_GETRULE, {{NFTA_RULE_TABLE, table}, {NFTA_RULE_CHAIN, chain}},
                                 [&](ByteView rule) { sink_.add_rule(reader_.read(rule)); });
                !read)
                return tl::unexpected(read.error());
        return {};
    }

    Result<void> dump(std::uint16_t what, std::initializer_list<NamedAttribute> of,
                      const std::function<void(ByteView)>& take)
    {
        Requests request{socket_};
        const auto sequence = request.add(what, protocol_, NLM_F_DUMP, of);
        return request.send().and_then([&] {
            return receive_until(socket_, [&](const Message& message) -> Result<bool> {
                if (message.sequence != sequence)
                    return false;
                return keep(message, take);
            });
        });
    }

    // True at the end of the dump.
    Result<bool> keep(const Message& message, const std::function<void(ByteView)>& take)
    {
        was_interrupted_ = was_interrupted_ || (message.flags & NLM_F_DUMP_INTR) != 0;
        if (message.type == NLMSG_DONE)
            return dump_ended(message).map([] { return true; });
        if (const auto answer = acknowledgement(message))
            return tl::unexpected(system_error("reading the ruleset of nf_tables", answer->error_number));
        const auto payload = netfilter_payload(message);
        if (!payload)
            return tl::unexpected(Error{ErrorCode::protocol, "nf_tables gave an answer that is cut short"});
        take(payload->attributes);
        return false;
    }

    void add_chain(ByteView chain)
    {
        const auto table = find_string(chain, NFTA_CHAIN_TABLE).value_or(std::string_view{});
        const auto name = find_string(chain, NFTA_CHAIN_NAME).value_or(std::string_view{});
        const auto uses = find_u32(chain, NFTA_CHAIN_USE).value_or(0);
        sink_.add_chain({.table = table, .chain = name, .policy = policy_of(chain), .uses = uses});
        if (uses > 0)
            chains_.emplace_back(table, name);
    }

    Socket& socket_;
    std::uint8_t protocol_;
    RulesetSink& sink_;
    RuleReader reader_;
    Names chains_;  // with something in them
    bool was_interrupted_ = false;
};

// Takes it until nothing has changed meanwhile, or it is the same twice; from the third time on only until the
// deadline.
Result<void> take_until_settled(std::chrono::nanoseconds patience, RulesetSink& sink,
                                const std::function<Result<bool>(Socket&)>& take)
{
    const auto deadline = std::chrono::steady_clock::now() + patience;
    auto socket = Socket::open();
    if (!socket)
        return tl::unexpected(socket.error());
    unsigned times = 0;
    do {
        sink.begin_again();
        const auto taken = take(*socket);
        if (!taken && taken.error().code == ErrorCode::unsupported)
            return {};
        if (!taken)
            return tl::unexpected(taken.error());
        // A generation is the network namespace's: a set of somebody's in another family makes one, too.
        if (*taken || sink.is_as_before())
            return {};
    } while (++times < 2 || std::chrono::steady_clock::now() < deadline);
    return tl::unexpected(Error{ErrorCode::unsettled, "the ruleset changed every time that it was read"});
}

}  // namespace

Result<void> survey(Family family, std::chrono::nanoseconds patience, RulesetSink& sink)
{
    return take_until_settled(patience, sink, [&](Socket& socket) { return Dump{socket, family, sink}.take(); });
}

Result<Survey> survey(Family family, std::chrono::nanoseconds patience)
{
    Surveyor surveyor;
    return survey(family, patience, surveyor).map([&] { return std::move(surveyor).finish(); });
}

Result<Survey> survey_way(Family family, std::string_view table, std::string_view base,
                          std::chrono::nanoseconds patience)
{
    Surveyor surveyor;
    return take_until_settled(patience, surveyor,
                              [&](Socket& socket) {
                                  return Dump{socket, family, surveyor}.take_way(table, base, surveyor);
                              })
        .map([&] { return std::move(surveyor).finish(); });
}

}  // namespace chainkeeper::repair::nft
