// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "repair/desired.hpp"

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

namespace chainkeeper::policies {

// What kubelet makes from version `since` on. The profiles are the files in policies/profiles/, built into the program.
struct Profile {
    struct Version {
        unsigned major = 0;
        unsigned minor = 0;
        // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 takes the 0 of a defaulted comparison for a pointer
        auto operator<=>(const Version&) const = default;
    };
    Version since;
    Version tested_to;  // the newest that was seen to make just this
    repair::DesiredState ipv4{repair::Family::ipv4, {}, {}};
    repair::DesiredState ipv6{repair::Family::ipv6, {}, {}};

    [[nodiscard]] const repair::DesiredState& of(repair::Family family) const
    {
        return family == repair::Family::ipv4 ? ipv4 : ipv6;
    }
};

// "1.27", "v1.34.2", "1.29.4-gke.100": the major and minor number.
tl::expected<Profile::Version, std::string> parse_version(std::string_view text);

// Every profile, oldest first.
const std::vector<Profile>& profiles();

// The newest profile that is not newer than `version`; an error for a kubelet older than the oldest one.
tl::expected<Profile, std::string> profile_for(Profile::Version version);

// No profile was tested with so new a kubelet: it may make something else.
bool is_newer_than_known(Profile::Version version);

// The profile of a version as text, or the newest for "auto".
tl::expected<Profile, std::string> profile_named(std::string_view version);

// One profile file. Refuses, with file, line and column, what is unknown, and every chain that is not kubelet's.
tl::expected<Profile, std::string> parse_profile(std::string_view text, std::string_view name);

}  // namespace chainkeeper::policies
