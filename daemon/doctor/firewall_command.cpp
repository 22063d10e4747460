// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/doctor/firewall_command.hpp"

#include <algorithm>
#include <array>

namespace chainkeeper::daemon::doctor {

namespace {

using Words = std::vector<std::string_view>;

constexpr std::string_view service = ".service";

constexpr std::array<std::string_view, 6> flushes{"-F", "--flush", "-X", "--delete-chain", "-P", "--policy"};
constexpr std::array<std::string_view, 4> nft_rewrites{"-f", "--file", "flush", "delete"};
constexpr std::array<std::string_view, 2> additions{"-n", "--noflush"};
constexpr std::array<std::string_view, 10> unit_verbs{"start",         "stop",        "restart",
                                                      "reload",        "try-restart", "reload-or-restart",
                                                      "force-restart", "condrestart", "try-reload-or-restart",
                                                      "force-reload"};
constexpr std::array<std::string_view, 5> unit_programs{"systemctl", "service", "invoke-rc.d", "rc-service",
                                                        "deb-systemd-invoke"};

struct Program {
    std::string_view name;
    std::array<std::string_view, 6> words;  // with one of which it rewrites the firewall
};
constexpr std::array programs{
    Program{"netfilter-persistent", {"start", "stop", "restart", "reload", "flush"}},
    Program{"ufw", {"enable", "disable", "reload", "reset"}},
    Program{"firewall-cmd", {"--reload", "--complete-reload"}},
    Program{"shorewall", {"start", "stop", "restart", "reload", "clear", "reset"}},
    Program{"shorewall6", {"start", "stop", "restart", "reload", "clear", "reset"}},
};

template <typename List>
bool has_any(const Words& words, const List& list)
{
    return std::ranges::any_of(
        words, [&](auto word) { return !word.empty() && std::ranges::find(list, word) != std::end(list); });
}

std::string_view base_name(std::string_view path)
{
    return path.substr(path.find_last_of('/') + 1);
}

bool is_iptables(std::string_view program)
{
    return program.starts_with("iptables") || program.starts_with("ip6tables");
}

bool is_unit(std::string_view word, const std::vector<std::string>& units)
{
    return std::ranges::any_of(units, [&](std::string_view unit) {
        return word == unit || (unit.ends_with(service) && word == unit.substr(0, unit.size() - service.size()));
    });
}

bool rewrites(std::string_view path, const Words& arguments, const std::vector<std::string>& units)
{
    const auto program = base_name(path);
    if (path.starts_with("/etc/init.d/"))
        return is_unit(program, units) && has_any(arguments, unit_verbs);
    if (is_iptables(program))
        return program.ends_with("-restore") ? !has_any(arguments, additions) : has_any(arguments, flushes);
    if (program == "nft")
        return has_any(arguments, nft_rewrites);
    const bool names_unit = std::ranges::any_of(arguments, [&](auto word) { return is_unit(word, units); });
    if (std::ranges::find(unit_programs, program) != unit_programs.end())
        return names_unit && has_any(arguments, unit_verbs);
    const auto* const found = std::ranges::find(programs, program, &Program::name);
    return found != programs.end() && has_any(arguments, found->words);
}

// "-" and others before the program of an ExecStart=.
std::string_view without_prefix(std::string_view word)
{
    const auto equals = word.starts_with("Exec") ? word.find('=') : std::string_view::npos;
    if (equals != std::string_view::npos)
        word.remove_prefix(equals + 1);
    const auto begin = word.find_first_not_of("-@:+!|");
    // An argument that begins so is one.
    return word.starts_with("--") || begin == std::string_view::npos || word[begin] != '/' ? word : word.substr(begin);
}

std::string_view take_until(std::string_view& text, std::string_view ends)
{
    const auto taken = text.substr(0, text.find_first_of(ends));
    text.remove_prefix(std::min(taken.size() + 1, text.size()));
    return taken;
}

Words words_of(std::string_view command)
{
    Words words;
    while (!command.empty())
        if (const auto word = take_until(command, " \t"); !word.empty())
            words.push_back(without_prefix(word));
    return words;
}

}  // namespace

bool rewrites_firewall(std::string_view line, const std::vector<std::string>& units)
{
    const auto begin = line.find_first_not_of(" \t");
    if (begin == std::string_view::npos || line[begin] == '#')
        return false;
    while (!line.empty()) {
        const auto words = words_of(take_until(line, ";|&()'\"`<>"));
        for (auto word = words.begin(); word != words.end(); ++word)
            if (rewrites(*word, {std::next(word), words.end()}, units))
                return true;
    }
    return false;
}

}  // namespace chainkeeper::daemon::doctor
