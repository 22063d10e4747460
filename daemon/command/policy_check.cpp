// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/command/command.hpp"
#include "policies/policy_file.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace chainkeeper::daemon {

int run_policy_check(const std::filesystem::path& file, bool json)
{
    const auto policy = policies::load_policy(file);
    if (!policy)
        return give_up({.policy = {}, .json = json}, policy.error().what);
    if (json)
        print_json(nlohmann::json{{"file", file.string()}, {"valid", true}});
    else
        fmt::print("{}: a valid policy\n", file.string());
    return exit_healthy;
}

}  // namespace chainkeeper::daemon
