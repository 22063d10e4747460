// SPDX-License-Identifier: GPL-2.0-or-later
#include "repair/restore/program.hpp"

#include "repair/printable.hpp"
#include "repair/process/child_process.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace chainkeeper::repair {

namespace {

// A version is a short line; whatever is longer is something else.
constexpr std::size_t longest_version = 100;

std::string first_line(std::string_view text)
{
    return printable(text.substr(0, std::min(text.find('\n'), longest_version)));
}

tl::unexpected<Error> failed(std::string what)
{
    return tl::unexpected(Error{ErrorCode::failed, std::move(what)});
}

}  // namespace

Programs installed_programs(std::chrono::nanoseconds deadline)
{
    return {.exists = [](const std::string& name) { return has_command(name); },
            .version_of = [deadline](const std::string& name) -> std::string {
                const auto answer = run_command({name, "--version"}, deadline);
                return answer && answer->exit_code == 0 ? answer->output : "";
            }};
}

Result<std::string> restore_program(const Programs& programs, Family family, IptablesVariant variant)
{
    const std::string iptables = family == Family::ipv4 ? "iptables" : "ip6tables";
    auto own = fmt::format("{}-{}-restore", iptables, to_string(variant));
    if (programs.exists(own))
        return own;
    auto plain = fmt::format("{}-restore", iptables);
    if (!programs.exists(plain))
        return failed(fmt::format("this machine has neither {} nor {}: install iptables", own, plain));
    const auto version = programs.version_of(plain);
    if (variant_in(version) == variant)
        return plain;
    return failed(fmt::format("this machine has no {}, and its {} is not known to be {}: it says '{}' of itself", own,
                              plain, to_string(variant), first_line(version)));
}

}  // namespace chainkeeper::repair
