// SPDX-License-Identifier: GPL-2.0-or-later
#include "repair/iptables_variant.hpp"

namespace chainkeeper::repair {

std::string_view to_string(IptablesVariant variant)
{
    return variant == IptablesVariant::nft ? "nft" : "legacy";
}

std::optional<IptablesVariant> variant_in(std::string_view version)
{
    const auto line = version.substr(0, version.find('\n'));
    const auto number = line.find(" v1.");
    if (number == std::string_view::npos || !(line.starts_with("iptables") || line.starts_with("ip6tables")))
        return std::nullopt;
    if (line.ends_with("(nf_tables)"))
        return IptablesVariant::nft;
    if (line.ends_with("(legacy)") || line.find('(') == std::string_view::npos)
        return IptablesVariant::legacy;
    return std::nullopt;
}

}  // namespace chainkeeper::repair
