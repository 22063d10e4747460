// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "tests/netns/node.hpp"

#include <string>
#include <string_view>

namespace chainkeeper::tests {

// What `chainkeeper doctor` says of one check.
struct DoctorAnswer {
    int status = 0;
    std::string verdict;
    std::string text;  // all of it, as JSON

    [[nodiscard]] bool says(std::string_view part) const { return text.find(part) != std::string::npos; }
};

DoctorAnswer ask_doctor(const Node& node, const std::string& check, const std::string& root = "/");

}  // namespace chainkeeper::tests
