// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>

namespace chainkeeper::daemon {

// What a program of ours works on: a daemon answers for a command only where both have the same.
struct Place {
    std::string network_namespace;  // "net:[4026531840]": the same name is the same ruleset, on one machine
    std::string runtime_directory;
    bool operator==(const Place&) const = default;
};

Place place_of_this_process();

}  // namespace chainkeeper::daemon
