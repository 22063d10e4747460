// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "tests/netns/node.hpp"
#include "tests/support/command.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace chainkeeper::tests {

// What `chainkeeper doctor` says of one check.
struct DoctorAnswer {
    int status = 0;
    std::string verdict;
    std::string text;          // of the only check
    std::string policy_error;  // why the defaults count

    [[nodiscard]] bool says(std::string_view part) const { return text.find(part) != std::string::npos; }
};

DoctorAnswer ask_doctor(const Node& node, const std::string& check, const std::vector<std::string>& options = {});
DoctorAnswer ask_doctor(const Node& node, const std::string& check, const std::string& root);
DoctorAnswer doctor_answer(const CommandResult& result);

}  // namespace chainkeeper::tests
