// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/api/place.hpp"

#include "daemon/state_file.hpp"
#include "repair/printable.hpp"

#include <filesystem>
#include <system_error>

namespace chainkeeper::daemon {

Place place_of_this_process()
{
    std::error_code error;
    const auto network = std::filesystem::read_symlink("/proc/self/ns/net", error);
    return {.network_namespace = network.string(),
            .runtime_directory = repair::printable(runtime_directory().string())};
}

}  // namespace chainkeeper::daemon
