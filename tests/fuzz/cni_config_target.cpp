// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/doctor/cni_config.hpp"
#include "daemon/doctor/cni_folders.hpp"
#include "tests/fuzz/property.hpp"

#include <algorithm>

using namespace chainkeeper;
using namespace chainkeeper::daemon;
using tests::must_hold;

namespace {

void read_network(std::string_view name, std::string_view text)
{
    const auto plugins = doctor::cni_plugins(name, text);
    if (!plugins)
        return tests::must_be_printable(plugins.error());
    must_hold(!plugins->empty() && plugins->size() <= 64, "a network has a few plugins");
    must_hold(std::ranges::none_of(*plugins, [](const auto& plugin) { return plugin.empty(); }), "a plugin has a name");
}

void read_runtime(std::string_view text)
{
    doctor::CniFolders folders;
    if (const auto added = doctor::add_cni_folders(folders, text); !added)
        tests::must_be_printable(added.error());
    for (const auto* const found : {&folders.configs, &folders.plugins}) {
        must_hold(found->size() <= 16, "there are a few folders");
        must_hold(std::ranges::all_of(*found, [](const auto& folder) { return folder.starts_with('/'); }),
                  "a folder has a whole path");
    }
}

}  // namespace

// A network's configuration, a list of networks, and a container runtime's configuration.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const auto text = tests::text_of(data, size);
    read_network("10-net.conf", text);
    read_network("10-net.conflist", text);
    read_runtime(text);
    return 0;
}
