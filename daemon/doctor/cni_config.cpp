// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/doctor/cni_config.hpp"

#include "daemon/json_read.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace chainkeeper::daemon::doctor {

namespace {

using nlohmann::json;
using Plugins = std::vector<std::string>;

// More than any network has; what comes after is not looked at.
constexpr std::size_t most_plugins = 64;

void add_plugin(Plugins& plugins, const std::string& type)
{
    if (!type.empty() && plugins.size() < most_plugins && std::ranges::find(plugins, type) == plugins.end())
        plugins.push_back(type);
}

// Whether it names one.
bool add_plugins_of(Plugins& plugins, const json& network)
{
    const auto type = text_member(network, "type");
    add_plugin(plugins, type);
    add_plugin(plugins, text_member(member(network, "ipam"), "type"));
    return !type.empty();
}

tl::expected<json, std::string> object_in(std::string_view text)
{
    if (text.find_first_not_of(" \t\r\n") == std::string_view::npos)
        return tl::unexpected(std::string{"it is empty"});
    auto parsed = json::parse(text, nullptr, false);
    if (parsed.is_discarded())
        return tl::unexpected(std::string{"it is no valid JSON, or only the beginning of it"});
    if (!parsed.is_object())
        return tl::unexpected(std::string{"it is JSON, but no object"});
    return parsed;
}

}  // namespace

bool is_cni_config(std::string_view name)
{
    return name.ends_with(".conf") || name.ends_with(".conflist") || name.ends_with(".json");
}

tl::expected<std::vector<std::string>, std::string> cni_plugins(std::string_view name, std::string_view text)
{
    const auto config = object_in(text);
    if (!config)
        return tl::unexpected(config.error());
    Plugins plugins;
    if (!name.ends_with(".conflist")) {
        if (!add_plugins_of(plugins, *config))
            return tl::unexpected(std::string{R"(it has no "type")"});
        return plugins;
    }
    const auto& networks = array_member(*config, "plugins");
    if (networks.empty())
        return tl::unexpected(std::string{R"(it has no "plugins")"});
    for (const auto& network : networks)
        if (!add_plugins_of(plugins, network))
            return tl::unexpected(std::string{R"(one of its plugins has no "type")"});
    // libcni/api.go takes a list without one, or with one that is no text, for none (conf.go: ConfListFromBytes).
    if (text_member(*config, "name").empty())
        return tl::unexpected(std::string{R"(it has no "name")"});
    return plugins;
}

}  // namespace chainkeeper::daemon::doctor
