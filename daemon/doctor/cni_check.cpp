// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/doctor/cni_check.hpp"

#include "daemon/doctor/cni_config.hpp"
#include "daemon/doctor/cni_folders.hpp"
#include "daemon/doctor/short_list.hpp"
#include "daemon/short_text.hpp"

#include <algorithm>
#include <climits>
#include <fmt/format.h>
#include <utility>

namespace chainkeeper::daemon::doctor {

namespace {

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

Plugin look_for(const Root& root, const std::vector<std::string>& folders, const std::string& type)
{
    if (!is_file_name(type))
        return {.wrong = fmt::format("\"{}\" is no name of a plugin", short_text(type, longest_shown))};
    Plugin plugin{.wrong = fmt::format("the plugin {} is not in {}", type, folders.front())};
    for (const auto& folder : folders) {
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

struct Looking {
    Judgement& judgement;
    const Root& root;
    const CniFolders& folders;
};

void judge_plugins(const Looking& looking, const std::string& file, Verdict when_wrong,
                   const std::vector<std::string>& types)
{
    std::vector<std::string> present;
    std::vector<std::string> wrong;
    std::vector<std::string> troubles;
    for (const auto& type : types) {
        auto plugin = look_for(looking.root, looking.folders.plugins, type);
        if (!plugin.trouble.empty())
            troubles.push_back(std::move(plugin.trouble));
        else if (!plugin.wrong.empty())
            wrong.push_back(std::move(plugin.wrong));
        else
            present.push_back(std::move(plugin.path));
    }
    if (!wrong.empty())
        looking.judgement.add(
            when_wrong, fmt::format("{}: {}", file, short_list(wrong)),
            "Have the network plugin install its programs again: restart its pod; host-local, loopback, "
            "portmap and such are of containernetworking-plugins");
    if (!troubles.empty())
        looking.judgement.add_unknown(short_list(troubles));
    if (!present.empty())
        looking.judgement.add(Verdict::ok, fmt::format("{}: {}", file, short_list(present)));
}

void judge_config(const Looking& looking, const std::string& folder, const std::string& name, Verdict when_wrong)
{
    auto& judgement = looking.judgement;
    const auto file = fmt::format("{}/{}", folder, name);
    const auto text = looking.root.text(file);
    if (!text)
        return judgement.add_unknown(text.error());
    if (!*text)
        return judgement.add(when_wrong, fmt::format("{}: leads nowhere", file), mend_step);
    const auto types = cni_plugins(name, **text);
    if (!types)
        return judgement.add(when_wrong, fmt::format("{}: {}", file, types.error()), mend_step);
    judge_plugins(looking, file, when_wrong, *types);
}

// The first that has a configuration, and those in it; else the first.
struct Configs {
    std::string folder;
    std::vector<std::string> names;
};

tl::expected<Configs, std::string> configs_in(const Root& root, const std::vector<std::string>& folders)
{
    for (const auto& folder : folders) {
        const auto names = root.names(folder);
        if (!names)
            return tl::unexpected(names.error());
        auto configs = names->value_or(std::vector<std::string>{});
        std::erase_if(configs, [](const std::string& name) { return !is_cni_config(name); });
        if (!configs.empty())
            return Configs{.folder = folder, .names = std::move(configs)};
    }
    return Configs{.folder = folders.front(), .names = {}};
}

}  // namespace

Judgement CniCheck::examine(const Node& node) const
{
    Judgement judgement;
    const auto folders = cni_folders(node.root);
    for (const auto& trouble : folders.troubles)
        judgement.add(Verdict::ok, fmt::format("{}; what it says of CNI is not known", trouble));
    const auto configs = configs_in(node.root, folders.configs);
    if (!configs) {
        judgement.add_unknown(configs.error());
        return judgement;
    }
    const auto& [folder, names] = *configs;
    if (names.empty())
        judgement.add(Verdict::warning,
                      fmt::format("{}: no configuration: pods get no network, and the node is not ready", folder),
                      "See why the network plugin has written none; an image of a node may not have one yet");
    const Looking looking{.judgement = judgement, .root = node.root, .folders = folders};
    for (std::size_t index = 0; index < std::min(names.size(), most_configs); ++index)
        judge_config(looking, folder, names[index], index == 0 ? Verdict::critical : Verdict::warning);
    if (names.size() > most_configs)
        judgement.add(Verdict::warning,
                      fmt::format("{}: only {} files of {} were looked at", folder, most_configs, names.size()),
                      "Leave only the files of the network plugin in use there");
    return judgement;
}

}  // namespace chainkeeper::daemon::doctor
