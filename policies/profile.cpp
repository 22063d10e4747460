// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/profile.hpp"

#include "policies/profile_texts.hpp"
#include "policies/words.hpp"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>
#include <optional>

namespace chainkeeper::policies {

namespace {

// Takes a number from the front of `text`.
std::optional<unsigned> take_number(std::string_view& text)
{
    unsigned number = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
    if (parsed.ec != std::errc{})
        return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(parsed.ptr - text.data()));
    return number;
}

bool take(std::string_view& text, char character)
{
    if (!text.starts_with(character))
        return false;
    text.remove_prefix(1);
    return true;
}

// What may follow a patch number: "-gke.100", "+k3s1".
bool is_suffix(std::string_view text)
{
    const auto belongs = [](char character) {
        return (character >= '0' && character <= '9') || (character >= 'a' && character <= 'z') ||
               (character >= 'A' && character <= 'Z') ||
               std::string_view{".-+"}.find(character) != std::string_view::npos;
    };
    return text.empty() ||
           (text.size() > 1 && (text[0] == '-' || text[0] == '+') && std::ranges::all_of(text, belongs));
}

std::optional<Profile::Version> version_in(std::string_view text)
{
    take(text, 'v');
    const auto major = take_number(text);
    if (!major || !take(text, '.'))
        return std::nullopt;
    const auto minor = take_number(text);
    if (!minor || (take(text, '.') && !take_number(text)) || !is_suffix(text))
        return std::nullopt;
    return Profile::Version{*major, *minor};
}

// A text that was built in and does not parse is a defect that no caller could mend: the exception ends the program,
// and every test with it.
std::vector<Profile> built_in_profiles()
{
    std::vector<Profile> profiles;
    profiles.reserve(profile_texts.size());
    for (const auto& [name, text] : profile_texts)
        profiles.push_back(parse_profile(text, name).value());
    return profiles;
}

}  // namespace

tl::expected<Profile::Version, std::string> parse_version(std::string_view text)
{
    if (const auto version = version_in(text))
        return *version;
    return tl::unexpected(
        fmt::format(R"({} is not a version of Kubernetes: write it as "1.27" or "v1.27.3")", quote(text)));
}

const std::vector<Profile>& profiles()
{
    static const std::vector<Profile> built_in = built_in_profiles();
    return built_in;
}

tl::expected<Profile, std::string> profile_for(Profile::Version version)
{
    const auto& known = profiles();
    const auto newer = std::ranges::upper_bound(known, version, {}, &Profile::since);
    if (newer == known.begin())
        return tl::unexpected(fmt::format("kubelet {}.{} is older than the oldest that is known, {}.{}", version.major,
                                          version.minor, known.front().since.major, known.front().since.minor));
    return *std::prev(newer);
}

bool is_newer_than_known(Profile::Version version)
{
    return version > profiles().back().tested_to;
}

tl::expected<Profile, std::string> profile_named(std::string_view version)
{
    if (version == "auto")
        return profiles().back();
    return parse_version(version).and_then(profile_for);
}

}  // namespace chainkeeper::policies
