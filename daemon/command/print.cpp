// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/command/command.hpp"
#include "repair/printable.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace chainkeeper::daemon {

void print_json(const nlohmann::json& json)
{
    fmt::print("{}\n", json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
}

int give_up(const CommandOptions& options, const std::string& reason)
{
    if (options.json)
        print_json(nlohmann::json{{"error", reason}});
    else
        fmt::print(stderr, "chainkeeper: {}\n", repair::printable(reason));
    return exit_unknown;
}

}  // namespace chainkeeper::daemon
