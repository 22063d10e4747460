// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "repair/family.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace chainkeeper::daemon {

// A line of kubelet's log that says something about its chains.
struct KubeletLine {
    enum class Kind : std::uint8_t {
        initialised,  // "Initialized iptables rules."
        init_failed,  // "Failed to initialize iptables rules; some functionality may be missing."
        no_iptables,  // "No iptables support on this system; not creating the KUBE-IPTABLES-HINT chain"
        version,      // "Kubelet version"
    };
    Kind kind = Kind::initialised;
    std::optional<repair::Family> family;  // of the first two
    std::string version;                   // of the last: "v1.34.2"
    bool operator==(const KubeletLine&) const = default;
};

// The MESSAGE of a journal entry, as klog writes it in text or in JSON. Nothing for any other line.
std::optional<KubeletLine> kubelet_line_from_message(std::string_view message);

// What a line of kubelet's log says that is an error about iptables, a chain or a rule: without klog's header, or the
// message and the error of a line in JSON. Nothing for any other line. Not printable yet.
std::optional<std::string> kubelet_error_from_message(std::string_view message);

}  // namespace chainkeeper::daemon
