// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/policy.hpp"

namespace chainkeeper::policies {

std::string_view to_string(Mode mode)
{
    switch (mode) {
    case Mode::repair: return "repair";
    case Mode::dry_run: return "dry-run";
    case Mode::off: return "off";
    }
    return "unknown";
}

std::string_view to_string(Strategy strategy)
{
    return strategy == Strategy::rebuild ? "rebuild" : "nudge";
}

std::string_view to_string(BackendChoice choice)
{
    switch (choice) {
    case BackendChoice::automatic: return "auto";
    case BackendChoice::nft: return "nft";
    case BackendChoice::legacy: return "legacy";
    }
    return "unknown";
}

std::string_view to_string(OnDamage on_damage)
{
    return on_damage == OnDamage::report ? "report" : "rewrite";
}

std::string_view to_string(Transport transport)
{
    return transport == Transport::direct ? "direct" : "iptables-restore";
}

}  // namespace chainkeeper::policies
