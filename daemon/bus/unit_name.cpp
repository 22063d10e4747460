// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/bus/unit_name.hpp"

#include "repair/printable.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fmt/format.h>
#include <memory>
#include <systemd/sd-bus.h>

namespace chainkeeper::daemon {

namespace {

constexpr std::size_t most_characters = 255;

bool says_its_type(std::string_view name)
{
    constexpr std::array<std::string_view, 11> types{".service", ".socket",    ".target", ".device",
                                                     ".mount",   ".automount", ".swap",   ".timer",
                                                     ".path",    ".slice",     ".scope"};
    return std::ranges::any_of(types,
                               [&](const auto type) { return name.ends_with(type) && name.size() > type.size(); });
}

bool is_allowed(char character)
{
    constexpr std::string_view besides = R"(:-_.\@)";
    return (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z') ||
           (character >= '0' && character <= '9') || besides.find(character) != std::string_view::npos;
}

struct Free {
    void operator()(char* text) const noexcept { std::free(text); }
};

}  // namespace

repair::Result<std::string> unit_name_from(std::string_view configured)
{
    auto name = says_its_type(configured) ? std::string{configured} : fmt::format("{}.service", configured);
    if (configured.empty() || name.size() > most_characters || !std::ranges::all_of(name, is_allowed))
        return tl::unexpected(repair::Error{repair::ErrorCode::failed, fmt::format("no systemd unit can be called '{}'",
                                                                                   repair::printable(configured))});
    return name;
}

std::string unit_object_path(const std::string& unit)
{
    char* encoded = nullptr;
    if (sd_bus_path_encode("/org/freedesktop/systemd1/unit", unit.c_str(), &encoded) < 0)
        return {};  // out of memory
    return std::unique_ptr<char, Free>{encoded}.get();
}

}  // namespace chainkeeper::daemon
