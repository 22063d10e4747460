// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/doctor/cni_check.hpp"

#include "daemon/doctor/cni_config.hpp"
#include "daemon/doctor/short_list.hpp"
#include "daemon/short_text.hpp"

#include <algorithm>
#include <array>
#include <climits>
#include <fmt/format.h>
#include <utility>

namespace chainkeeper::daemon::doctor {

namespace {

const std::string config_folder = "/etc/cni/net.d";
// Runtimes look in the first of them unless they are told otherwise; CRI-O and packages of distributions have the rest.
constexpr std::array plugin_folders{"/opt/cni/bin", "/usr/libexec/cni", "/usr/lib/cni"};
constexpr std::size_t most_configs = 32;
constexpr std::size_t longest_shown = 40;

constexpr std::string_view mend_step = "Have the network plugin write its configuration again: restart its pod";

struct Plugin {
    std::string path;     // of one that can be run
    std::string wrong;    // what is wrong with it
    std::string trouble;  // why it could not be looked for
};

// It may hold anything: a configuration is whatever somebody wrote.
bool is_file_name(const std::string& type)
{
    constexpr std::string_view never{"/\0", 2};
    return type.size() <= NAME_MAX && type.find_first_of(never) == std::string::npos;
}

Plugin look_for(const Root& root, const std::string& type)
{
    if (!is_file_name(type))
        return {.wrong = fmt::format("\"{}\" is no name of a plugin", short_text(type, longest_shown))};
    Plugin plugin{.wrong = fmt::format("the plugin {} is not in {}", type, plugin_folders.front())};
    for (const auto* const folder : plugin_folders) {
        const auto path = fmt::format("{}/{}", folder, type);
        const auto executable = root.executable(path);
        if (!executable)
            return {.trouble = executable.error()};
        if (*executable && **executable)
            return {.path = path};
        if (*executable)
            plugin.wrong = fmt::format("the plugin {} cannot be executed", path);
    }
    return plugin;
}

void judge_plugins(Judgement& judgement, const Root& root, const std::string& file, Verdict when_wrong,
                   const std::vector<std::string>& types)
{
    std::vector<std::string> present;
    std::vector<std::string> wrong;
    std::vector<std::string> troubles;
    for (const auto& type : types) {
        auto plugin = look_for(root, type);
        if (!plugin.trouble.empty())
            troubles.push_back(std::move(plugin.trouble));
        else if (!plugin.wrong.empty())
            wrong.push_back(std::move(plugin.wrong));
        else
            present.push_back(std::move(plugin.path));
    }
    if (!wrong.empty())
        judgement.add(when_wrong, fmt::format("{}: {}", file, short_list(wrong)),
                      "Have the network plugin install its programs again: restart its pod; host-local, loopback, "
                      "portmap and such are of containernetworking-plugins");
    if (!troubles.empty())
        judgement.add_unknown(short_list(troubles));
    if (!present.empty())
        judgement.add(Verdict::ok, fmt::format("{}: {}", file, short_list(present)));
}

void judge_config(Judgement& judgement, const Root& root, const std::string& name, Verdict when_wrong)
{
    const auto file = fmt::format("{}/{}", config_folder, name);
    const auto text = root.text(file);
    if (!text)
        return judgement.add_unknown(text.error());
    if (!*text)
        return judgement.add(when_wrong, fmt::format("{}: leads nowhere", file), mend_step);
    const auto types = cni_plugins(name, **text);
    if (!types)
        return judgement.add(when_wrong, fmt::format("{}: {}", file, types.error()), mend_step);
    judge_plugins(judgement, root, file, when_wrong, *types);
}

}  // namespace

Judgement CniCheck::examine(const Node& node) const
{
    Judgement judgement;
    auto names = node.root.names(config_folder);
    if (!names) {
        judgement.add_unknown(names.error());
        return judgement;
    }
    auto configs = names->value_or(std::vector<std::string>{});
    std::erase_if(configs, [](const std::string& name) { return !is_cni_config(name); });
    if (configs.empty())
        judgement.add(
            Verdict::warning,
            fmt::format("{}: no configuration: pods get no network, and the node is not ready", config_folder),
            "See why the network plugin has written none; an image of a node may not have one yet");
    for (std::size_t index = 0; index < std::min(configs.size(), most_configs); ++index)
        judge_config(judgement, node.root, configs[index], index == 0 ? Verdict::critical : Verdict::warning);
    if (configs.size() > most_configs)
        judgement.add(
            Verdict::warning,
            fmt::format("{}: only {} files of {} were looked at", config_folder, most_configs, configs.size()),
            "Leave only the files of the network plugin in use there");
    return judgement;
}

}  // namespace chainkeeper::daemon::doctor
