// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/doctor/root.hpp"

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace chainkeeper::daemon::doctor {

enum class ModuleState : std::uint8_t {
    loaded,  // or built in, where it has parameters: the kernel that runs has it
    built_in,
    loadable,  // by modprobe
    disabled,  // "install NAME /bin/false" in a modprobe.d: modprobe does not load it
    missing,   // there is no such module for this kernel, or its file is gone
};

// The modules of one kernel, by what lies below /lib/modules and by /sys/module. Text files are read, and no index that
// has to be trusted: the root may be an image of anybody's.
class KernelModules {
public:
    // `release`: "6.1.0-13-amd64". `runs`: it is the kernel that runs now. The error is a sentence.
    static tl::expected<KernelModules, std::string> read(const Root& root, const std::string& release, bool runs);

    // Nothing where it is not known: there is no list of the modules of this kernel, and it has not loaded it.
    [[nodiscard]] Found<ModuleState> state_of(const std::string& name) const;
    // The file that says so; empty where none does.
    [[nodiscard]] std::string disabled_by(const std::string& name) const;
    [[nodiscard]] bool is_built_in(const std::string& name) const { return built_in_.contains(name); }

private:
    KernelModules(const Root& root, std::string folder, bool runs);
    tl::expected<void, std::string> read_lists();
    tl::expected<void, std::string> read_disabled();

    const Root* root_;
    std::string folder_;
    bool runs_;
    bool has_list_ = false;
    std::map<std::string, std::string> files_;  // by name; relative to the folder
    std::set<std::string> built_in_;
    std::map<std::string, std::string> disabled_;  // the file that does, by name
};

// "nf_tables" of "kernel/net/netfilter/nf-tables.ko.xz"; empty where that is no module.
std::string module_name(std::string_view file);
// "dccp" of "install dccp /bin/false"; empty where the line disables nothing.
std::string disabled_module(std::string_view line);

}  // namespace chainkeeper::daemon::doctor
