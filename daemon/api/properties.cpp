// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/api/properties.hpp"

#include "repair/printable.hpp"

#include <algorithm>

namespace chainkeeper::daemon {

namespace {

using policies::Action;

State state_of_family(const Status::Family& family)
{
    if (family.diagnosis.healthy())
        return State::healthy;
    switch (family.decision.action) {
    case Action::refuse: return State::refused;
    case Action::wait: return State::waiting;
    case Action::none:
    case Action::report:
    case Action::repair:
    case Action::would_repair: return State::findings;
    }
    return State::findings;
}

std::uint64_t microseconds(policies::WallTime time)
{
    const auto since = std::chrono::floor<std::chrono::microseconds>(time.time_since_epoch()).count();
    return static_cast<std::uint64_t>(std::max<std::int64_t>(since, 0));
}

}  // namespace

std::string_view to_string(State state)
{
    switch (state) {
    case State::unknown: return "unknown";
    case State::refused: return "refused";
    case State::findings: return "findings";
    case State::waiting: return "waiting";
    case State::healthy: return "healthy";
    }
    return "unknown";
}

State state_of(const Status& status)
{
    if (status.families.empty())
        return State::unknown;
    // The states are in the order in which they count.
    auto state = State::healthy;
    for (const auto& family : status.families)
        state = std::min(state, state_of_family(family));
    return state;
}

Properties properties_of(const Status& status)
{
    Properties properties{.state = state_of(status), .decision = {}, .backend = status.backend, .mode = status.mode};
    for (const auto& family : status.families) {
        const std::string name{to_string(family.diagnosis.family)};
        properties.decision[name] = to_string(family.decision);
        properties.kubelet_monitor[name] = to_string(family.monitor);
    }
    if (const auto& repair = status.last_repair)
        properties.last_repair = {.at = microseconds(repair->at),
                                  .family = std::string{to_string(repair->family)},
                                  .decision = repair->decision};
    if (const auto& hold = status.hold)
        properties.hold = {.until = microseconds(hold->until),
                           .reason = repair::printable(hold->reason),
                           .stop = hold->stop,
                           .login = repair::printable(hold->login)};
    return properties;
}

std::vector<std::string> changed_names(const Properties& before, const Properties& after)
{
    std::vector<std::string> names;
    const auto compare = [&](const char* name, auto member) {
        if (before.*member != after.*member)
            names.emplace_back(name);
    };
    compare("State", &Properties::state);
    compare("Decision", &Properties::decision);
    compare("Backend", &Properties::backend);
    compare("Mode", &Properties::mode);
    compare("KubeletMonitor", &Properties::kubelet_monitor);
    compare("LastRepair", &Properties::last_repair);
    compare("Hold", &Properties::hold);
    return names;
}

}  // namespace chainkeeper::daemon
