// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/kubelet/kubelet_flags.hpp"

#include <algorithm>
#include <array>

namespace chainkeeper::daemon {

namespace {

constexpr std::string_view make_chains_flag = "make-iptables-util-chains";

struct Flag {
    std::string name;                       // without dashes in front
    std::optional<std::string_view> value;  // what follows the '='
};

// "name=value" or "name".
Flag flag_of(std::string_view text)
{
    const auto equals = text.find('=');
    Flag flag{.name = std::string{text.substr(0, equals)}, .value = std::nullopt};
    std::ranges::replace(flag.name, '_', '-');
    if (equals != std::string_view::npos)
        flag.value = text.substr(equals + 1);
    return flag;
}

std::string_view without_dashes(std::string_view text)
{
    return text.substr(std::min(text.find_first_not_of('-'), text.size()));
}

bool is_distribution(std::string_view program)
{
    return program.starts_with("k3s") || program.starts_with("rke2");
}

bool is_without_flags(std::string_view program)
{
    return program.starts_with("k0s") || program == "kubelite";
}

// True where `next` was taken as the value.
bool take_flag(KubeletFlags& flags, const Flag& flag, const std::string* next)
{
    if (flag.name == make_chains_flag) {
        flags.make_chains = flag.value.value_or("true");
        return false;
    }
    std::string* const text = flag.name == "config"       ? &flags.config
                              : flag.name == "config-dir" ? &flags.config_dir
                                                          : nullptr;
    if (text == nullptr)
        return false;
    const bool takes_next = !flag.value && next != nullptr;
    *text = takes_next ? *next : std::string{flag.value.value_or("")};
    return takes_next;
}

// kubelet's own command line: what stands behind a lone "--" is no flag.
KubeletFlags flags_of_kubelet(const std::vector<std::string>& arguments)
{
    KubeletFlags flags;
    for (std::size_t i = 1; i < arguments.size() && arguments[i] != "--"; ++i) {
        if (!arguments[i].starts_with("--"))
            continue;
        const auto* const next = i + 1 < arguments.size() ? &arguments[i + 1] : nullptr;
        if (take_flag(flags, flag_of(std::string_view{arguments[i]}.substr(2)), next))
            ++i;
    }
    return flags;
}

// --kubelet-arg=NAME=VALUE or --kubelet-arg NAME=VALUE, with one dash or two: the flags of k3s and rke2 are Go's.
KubeletFlags flags_of_distribution(const std::vector<std::string>& arguments)
{
    KubeletFlags flags{.make_chains = {}, .config = {}, .config_dir = {}, .hidden = arguments.size() < 2};
    for (std::size_t i = 1; i < arguments.size(); ++i) {
        const auto flag = flag_of(without_dashes(arguments[i]));
        if (!arguments[i].starts_with('-') || flag.name != "kubelet-arg")
            continue;
        if (!flag.value && i + 1 == arguments.size())
            break;
        const std::string_view handed_on = flag.value ? *flag.value : std::string_view{arguments[++i]};
        take_flag(flags, flag_of(without_dashes(handed_on)), nullptr);
    }
    return flags;
}

}  // namespace

KubeletFlags kubelet_flags(const std::vector<std::string>& arguments)
{
    if (arguments.empty())
        return {};
    const auto program = program_of(arguments.front());
    if (is_without_flags(program))
        return {.make_chains = {}, .config = {}, .config_dir = {}, .hidden = true};
    return is_distribution(program) ? flags_of_distribution(arguments) : flags_of_kubelet(arguments);
}

std::string_view program_of(std::string_view argument_0)
{
    const auto word = argument_0.substr(0, argument_0.find(' '));
    return word.substr(word.rfind('/') + 1);
}

std::vector<std::string> arguments_of(std::string_view cmdline)
{
    std::vector<std::string> arguments;
    // A title that is shorter than the arguments that it replaced leaves zero bytes behind.
    cmdline = cmdline.substr(0, cmdline.find_last_not_of('\0') + 1);
    while (!cmdline.empty()) {
        const auto end = std::min(cmdline.find('\0'), cmdline.size());
        arguments.emplace_back(cmdline.substr(0, end));
        cmdline.remove_prefix(std::min(end + 1, cmdline.size()));
    }
    return arguments;
}

std::optional<bool> go_bool(std::string_view word)
{
    static constexpr std::array<std::string_view, 6> yes{"1", "t", "T", "true", "TRUE", "True"};
    static constexpr std::array<std::string_view, 6> no{"0", "f", "F", "false", "FALSE", "False"};
    if (std::ranges::find(yes, word) != yes.end())
        return true;
    return std::ranges::find(no, word) != no.end() ? std::optional{false} : std::nullopt;
}

}  // namespace chainkeeper::daemon
