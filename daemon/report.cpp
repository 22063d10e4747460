// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/report.hpp"

namespace chainkeeper::daemon {

namespace {

struct EventOf {
    std::string_view operator()(const Heard& /*report*/) const { return "heard"; }
    std::string_view operator()(const Settled& /*report*/) const { return "settled"; }
    std::string_view operator()(const Decided& /*report*/) const { return "decided"; }
    std::string_view operator()(const Committed& /*report*/) const { return "committed"; }
    std::string_view operator()(const Verified& /*report*/) const { return "verified"; }
    std::string_view operator()(const KubeletNews& /*report*/) const { return "kubelet"; }
    std::string_view operator()(const HoldSet& /*report*/) const { return "held"; }
    std::string_view operator()(const HoldEnded& /*report*/) const { return "released"; }
    std::string_view operator()(const WindowOpened& /*report*/) const { return "window opened"; }
    std::string_view operator()(const WindowClosed& /*report*/) const { return "window closed"; }
    std::string_view operator()(const PolicyLoaded& /*report*/) const { return "policy"; }
    std::string_view operator()(const Trouble& /*report*/) const { return "trouble"; }
    std::string_view operator()(const Notice& /*report*/) const { return "notice"; }
};

}  // namespace

Instant instant_of(const Report& report)
{
    return std::visit([](const auto& each) { return each.at; }, report);
}

std::string_view event_of(const Report& report)
{
    return std::visit(EventOf{}, report);
}

}  // namespace chainkeeper::daemon
