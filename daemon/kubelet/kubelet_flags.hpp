// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace chainkeeper::daemon {

// What a command line says about kubelet's chains. The last of several equal flags counts; empty: not said.
struct KubeletFlags {
    std::string make_chains;  // the word of --make-iptables-util-chains; "true" where the flag has none
    std::string config;       // the file of --config
    std::string config_dir;   // the directory of --config-dir
    bool hidden = false;      // kubelet's flags stand elsewhere
    bool operator==(const KubeletFlags&) const = default;
};

// `arguments` with the program's name first. kubelet's flags are pflag's: two dashes, and an underscore is a dash. Of
// k3s and rke2 only what --kubelet-arg hands on to kubelet counts: their own --config is another file. Once they run
// they put a title in the place of their arguments; k0s has a child for kubelet, and microk8s' kubelite a file for its
// flags: all of those are hidden.
KubeletFlags kubelet_flags(const std::vector<std::string>& arguments);

// The program's name without its folders, and without the words that a title adds.
std::string_view program_of(std::string_view argument_0);

// The text of a /proc/PID/cmdline file.
std::vector<std::string> arguments_of(std::string_view cmdline);

// What strconv.ParseBool takes: 1, t, T, true, TRUE, True, and the same for false.
std::optional<bool> go_bool(std::string_view word);

}  // namespace chainkeeper::daemon
