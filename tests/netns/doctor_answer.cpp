// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/netns/doctor_answer.hpp"

#include "tests/netns/daemon_process.hpp"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

namespace chainkeeper::tests {

DoctorAnswer ask_doctor(const Node& node, const std::string& check, const std::vector<std::string>& options)
{
    std::vector<std::string> arguments{"doctor", "--json", "--check", check};
    arguments.insert(arguments.end(), options.begin(), options.end());
    return doctor_answer(chainkeeper(node, arguments));
}

DoctorAnswer ask_doctor(const Node& node, const std::string& check, const std::string& root)
{
    return ask_doctor(node, check, std::vector<std::string>{"--root", root});
}

DoctorAnswer doctor_answer(const CommandResult& result)
{
    CAPTURE(result.errors);
    const auto json = nlohmann::json::parse(result.output);
    REQUIRE(json.at("checks").size() == 1);
    return {.status = result.status,
            .verdict = json.at("verdict"),
            .text = json.at("checks").at(0).dump(),
            .policy_error = json.at("policy_error")};
}

}  // namespace chainkeeper::tests
