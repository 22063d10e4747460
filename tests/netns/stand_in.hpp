// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "tests/netns/node.hpp"
#include "tests/netns/process.hpp"

#include <string>

namespace chainkeeper::tests {

// kubelet's stand-in at work. The constructor returns when it has made its chains.
class StandIn {
public:
    struct Options {
        std::string monitor_interval = "60";  // seconds
        std::string flush_wait = "0.5";       // seconds
        std::string fail_init{};              // a family
    };
    StandIn(const Node& node, const Options& options);

    // kubelet's own log.
    [[nodiscard]] std::string log() const { return text_of(log_); }

private:
    std::filesystem::path log_;
    Process process_;
};

// kubelet makes its chains, and then is gone: no Monitor.
void make_once(const Node& node);

}  // namespace chainkeeper::tests
