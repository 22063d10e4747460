// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/netns/doctor_answer.hpp"

#include "tests/netns/daemon_process.hpp"
#include "tests/support/command.hpp"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

namespace chainkeeper::tests {

DoctorAnswer ask_doctor(const Node& node, const std::string& check, const std::string& root)
{
    const auto result = chainkeeper(node, {"doctor", "--json", "--check", check, "--root", root});
    CAPTURE(result.errors);
    const auto json = nlohmann::json::parse(result.output);
    REQUIRE(json.at("checks").size() == 1);
    return {.status = result.status, .verdict = json.at("verdict"), .text = json.at("checks").at(0).dump()};
}

}  // namespace chainkeeper::tests
