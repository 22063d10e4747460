// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/clock.hpp"
#include "repair/error.hpp"
#include "repair/family.hpp"

#include <filesystem>
#include <map>
#include <string>

namespace chainkeeper::daemon {

// What kubelet has logged of the chains that it makes once, when it starts.
struct KubeletInit {
    struct Report {
        bool succeeded = false;
        std::string error;  // the last error about chains before the failure, printable and short; empty: none is there
        bool operator==(const Report&) const = default;
    };
    std::map<repair::Family, Report> reports;  // a family that is not here was not reported on
    bool found_no_iptables = false;
};

// Reads it from the journal, of one invocation, for a program that has no loop of its own. Waits for nothing that is
// not written yet. `directory` of journal files; empty: this machine's own. An error: the journal cannot be read.
repair::Result<KubeletInit> read_kubelet_init(const std::string& invocation, Instant active_since,
                                              const std::filesystem::path& directory = {});

}  // namespace chainkeeper::daemon
