// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/api/daemon_in_charge.hpp"
#include "daemon/command/command.hpp"
#include "daemon/json_read.hpp"
#include "daemon/one_look.hpp"
#include "repair/printable.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace chainkeeper::daemon {

namespace {

using nlohmann::json;

std::string_view restore_command(std::string_view family)
{
    return family == "ipv4" ? "iptables-restore --noflush" : "ip6tables-restore --noflush";
}

bool writes(const json& family)
{
    return !array_member(member(family, "plan"), "steps").empty();
}

// Its lines are iptables-restore's, which has no control characters but the ends of lines.
void print_lines(const std::string& text)
{
    for (std::string_view rest = text; !rest.empty();) {
        const auto line = rest.substr(0, rest.find('\n'));
        fmt::print("{}\n", repair::printable(line));
        rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    }
}

// Comments are for iptables-restore's parser too, so the text can be fed to it as it is, a family at a time.
void print_text(const json& planned)
{
    for (const auto& family : array_member(planned, "families")) {
        for (const auto& line : array_member(family, "lines"))
            if (line.is_string())
                fmt::print("# {}\n", repair::printable(line.get<std::string>()));
        if (!writes(family))
            continue;
        fmt::print("# from generation {}, for {}\n", count_member(member(family, "plan"), "generation"),
                   restore_command(text_member(family, "family")));
        print_lines(text_member(family, "restore"));
    }
}

// What would be written cannot be told while the backend is in doubt.
bool is_undecided(const json& family)
{
    return text_member(family, "decision").starts_with("refuse");
}

Answer<json> look_here(const CommandOptions& options)
{
    constexpr bool dry_run = true;
    return look_once(options.policy, dry_run).map(plan_json);
}

}  // namespace

int run_plan(const CommandOptions& options)
{
    const auto daemon = daemon_in_charge(options.policy);
    const auto planned = daemon ? daemon->plan() : look_here(options);
    if (!planned)
        return give_up(options, planned.error());
    if (const auto& errors = array_member(*planned, "errors"); !errors.empty())
        return give_up(options, errors[0].is_string() ? errors[0].get<std::string>() : errors.dump());
    if (options.json)
        print_json(*planned);
    else
        print_text(*planned);
    const auto& families = array_member(*planned, "families");
    if (std::ranges::any_of(families, is_undecided))
        return exit_unknown;
    return std::ranges::any_of(families, writes) ? exit_findings : exit_healthy;
}

}  // namespace chainkeeper::daemon
