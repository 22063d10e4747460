// SPDX-License-Identifier: GPL-2.0-or-later
#include "repair/rule.hpp"

#include "repair/printable.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <charconv>
#include <fmt/format.h>
#include <linux/netfilter/xt_conntrack.h>

namespace chainkeeper::repair {

namespace {

struct StateName {
    std::string_view name;
    std::uint16_t bit;
};

// In the order in which iptables-save prints them (extensions/libxt_conntrack.c of iptables).
constexpr std::array state_names{
    StateName{"INVALID", XT_CONNTRACK_STATE_INVALID},
    StateName{"NEW", XT_CONNTRACK_STATE_BIT(IP_CT_NEW)},
    StateName{"RELATED", XT_CONNTRACK_STATE_BIT(IP_CT_RELATED)},
    StateName{"ESTABLISHED", XT_CONNTRACK_STATE_BIT(IP_CT_ESTABLISHED)},
    StateName{"UNTRACKED", XT_CONNTRACK_STATE_UNTRACKED},
    StateName{"SNAT", XT_CONNTRACK_STATE_SNAT},
    StateName{"DNAT", XT_CONNTRACK_STATE_DNAT},
};

int address_family(Family family)
{
    return family == Family::ipv4 ? AF_INET : AF_INET6;
}

unsigned address_bits(Family family)
{
    return family == Family::ipv4 ? 32 : 128;
}

std::string state_list(std::uint16_t states)
{
    std::string list;
    for (const auto& [name, bit] : state_names)
        if ((states & bit) != 0)
            list += fmt::format("{}{}", list.empty() ? "" : ",", name);
    return list;
}

// As iptables-save does: quoted when it is more than a word.
std::string quoted(std::string_view argument)
{
    if (argument.find_first_of(" \t\n\"'\\") == std::string_view::npos && !argument.empty())
        return std::string{argument};
    std::string quoted = "\"";
    for (const char character : argument) {
        if (character == '"' || character == '\\' || character == '\'')
            quoted += '\\';
        quoted += character;
    }
    return quoted + '"';
}

class ArgumentWriter {
public:
    explicit ArgumentWriter(Family family) : family_{family} {}

    void add_address(std::string_view option, const std::optional<AddressMatch>& match)
    {
        if (match)
            add_option(match->inverted, option, to_string(family_, match->prefix));
    }

    void operator()(const CommentMatch& match)
    {
        add({"-m", "comment"});
        add_option(false, "--comment", match.text);
    }
    void operator()(const ConntrackMatch& match)
    {
        add({"-m", "conntrack"});
        add_option(match.inverted, "--ctstate", state_list(match.states));
    }
    void operator()(const MarkMatch& match)
    {
        const auto mask = match.mask == 0xffffffff ? "" : fmt::format("/0x{:x}", match.mask);
        add({"-m", "mark"});
        add_option(match.inverted, "--mark", fmt::format("0x{:x}{}", match.value, mask));
    }

    void operator()(Verdict verdict)
    {
        switch (verdict) {
        case Verdict::accept: return add({"-j", "ACCEPT"});
        case Verdict::drop: return add({"-j", "DROP"});
        case Verdict::return_: return add({"-j", "RETURN"});
        }
    }
    void operator()(const Jump& jump) { add({"-j", jump.chain}); }
    void operator()(const SetMark& mark)
    {
        add({"-j", "MARK", "--set-xmark", fmt::format("0x{:x}/0x{:x}", mark.value, mark.mask)});
    }
    void operator()(const Masquerade& masquerade)
    {
        add({"-j", "MASQUERADE"});
        if (masquerade.random_fully)
            add({"--random-fully"});
    }

    std::vector<std::string> arguments() && { return std::move(arguments_); }

private:
    void add(std::initializer_list<std::string> words) { arguments_.insert(arguments_.end(), words); }
    void add_option(bool inverted, std::string_view option, const std::string& value)
    {
        if (inverted)
            add({"!"});
        add({std::string{option}, value});
    }

    Family family_;
    std::vector<std::string> arguments_;
};

}  // namespace

std::optional<Prefix> prefix_from_string(Family family, std::string_view text)
{
    const auto slash = text.find('/');
    if (slash == std::string_view::npos)
        return std::nullopt;
    Prefix prefix;
    const std::string address{text.substr(0, slash)};
    const auto length = text.substr(slash + 1);
    const auto [end, error] = std::from_chars(length.data(), length.data() + length.size(), prefix.length);
    if (error != std::errc{} || end != length.data() + length.size())
        return std::nullopt;
    if (prefix.length == 0 || prefix.length > address_bits(family) || prefix.length % 8 != 0)
        return std::nullopt;
    if (inet_pton(address_family(family), address.c_str(), prefix.address.data()) != 1)
        return std::nullopt;
    return prefix;
}

std::string to_string(Family family, const Prefix& prefix)
{
    std::array<char, INET6_ADDRSTRLEN> text{};
    inet_ntop(address_family(family), prefix.address.data(), text.data(), text.size());
    return fmt::format("{}/{}", text.data(), prefix.length);
}

std::optional<std::uint16_t> conntrack_state_from_string(std::string_view name)
{
    const auto* const found = std::ranges::find(state_names, name, &StateName::name);
    if (found == state_names.end())
        return std::nullopt;
    return found->bit;
}

bool matches_everything(const Rule& rule)
{
    const auto is_comment = [](const Match& match) { return std::holds_alternative<CommentMatch>(match); };
    return !rule.source && !rule.destination && std::ranges::all_of(rule.matches, is_comment);
}

bool same_effect(const Rule& left, const Rule& right)
{
    const auto has_kind = [&](const Match& wanted) {
        return std::holds_alternative<CommentMatch>(wanted) ||
               std::ranges::any_of(right.matches, [&](const Match& match) { return match.index() == wanted.index(); });
    };
    return left.source == right.source && left.destination == right.destination && left.target == right.target &&
           std::ranges::all_of(left.matches, has_kind);
}

std::vector<std::string> arguments_of(Family family, const Rule& rule)
{
    ArgumentWriter writer{family};
    writer.add_address("-s", rule.source);
    writer.add_address("-d", rule.destination);
    for (const auto& match : rule.matches)
        std::visit(writer, match);
    std::visit(writer, rule.target);
    return std::move(writer).arguments();
}

std::string to_string(Family family, const Rule& rule)
{
    std::string line;
    for (const auto& argument : arguments_of(family, rule))
        line += fmt::format("{}{}", line.empty() ? "" : " ", quoted(argument));
    return printable(line);
}

}  // namespace chainkeeper::repair
