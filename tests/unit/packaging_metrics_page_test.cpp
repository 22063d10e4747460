// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/metrics/metric.hpp"
#include "tests/unit/man_page.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

// chainkeeper-metrics(7) has what the daemon writes.

using namespace chainkeeper::daemon::metrics;
using namespace chainkeeper::tests;

TEST_CASE("chainkeeper-metrics(7) has every metric, in the order of the file, and no other")
{
    std::vector<std::string> names;
    for (const auto& metric : all_metrics())
        names.emplace_back(metric.name);
    CHECK(difference(ManPage{"chainkeeper-metrics.7"}.terms("METRICS"), names) == "");
}

TEST_CASE("chainkeeper-metrics(7) gives the type of every metric")
{
    const ManPage page{"chainkeeper-metrics.7"};
    for (const auto& definition : page.definitions("METRICS"))
        for (const auto& metric : all_metrics())
            if (metric.name == definition.term) {
                auto type = std::string{to_string(metric.type)};
                type.front() = static_cast<char>(type.front() - 'a' + 'A');
                CHECK_MESSAGE(definition.text.starts_with(type), definition.term);
            }
}
