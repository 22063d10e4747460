// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <tl/expected.hpp>
#include <vector>

namespace chainkeeper::daemon {

// Was kubelet told not to make its chains?
enum class OptOut : std::uint8_t { no, yes, unknown };
std::string_view to_string(OptOut opt_out);

struct KubeletOptOut {
    OptOut answer = OptOut::no;
    std::string why;  // "makeIPTablesUtilChains: false in /var/lib/kubelet/config.yaml"
    bool operator==(const KubeletOptOut&) const = default;
};

// What one file of kubelet's configuration says of makeIPTablesUtilChains.
enum class ChainsKey : std::uint8_t {
    absent,
    null,  // which takes back what a file before it said
    on,
    off,
};

// YAML, or JSON, which is YAML. The error is what is wrong with it, in words that follow the file's name.
tl::expected<ChainsKey, std::string> chains_key_in(const std::string& text);

// Asks the command line and the configuration files of the process that is kubelet (`proc` is "/proc" but in tests).
// kubelet reads them once, when it starts; a file that was changed since then answers for the next kubelet.
KubeletOptOut read_opt_out(const std::filesystem::path& proc, pid_t kubelet);

// The order in which kubelet reads: the file first, then what in the directory and below ends in ".conf", by name.
tl::expected<std::vector<std::filesystem::path>, std::string>
config_files(const std::filesystem::path& config, const std::filesystem::path& config_directory);

}  // namespace chainkeeper::daemon
