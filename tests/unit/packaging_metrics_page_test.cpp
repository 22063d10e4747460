// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/doctor/doctor_metrics.hpp"
#include "daemon/metrics/metric.hpp"
#include "tests/unit/man_page.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <span>
#include <string>

// chainkeeper-metrics(7) has what the daemon and doctor write.

using namespace chainkeeper::daemon;
using namespace chainkeeper::tests;

namespace {

void check_page(const std::string& subsection, std::span<const metrics::Metric> all)
{
    const ManPage page{"chainkeeper-metrics.7"};
    std::vector<std::string> names;
    for (const auto& metric : all)
        names.emplace_back(metric.name);
    const auto definitions = page.definitions("METRICS", subsection);
    CHECK(difference(page.terms("METRICS", subsection), names) == "");
    for (const auto& definition : definitions)
        for (const auto& metric : all)
            if (metric.name == definition.term) {
                auto type = std::string{to_string(metric.type)};
                type.front() = static_cast<char>(type.front() - 'a' + 'A');
                CHECK_MESSAGE(definition.text.starts_with(type), definition.term);
            }
}

}  // namespace

TEST_CASE("chainkeeper-metrics(7) has every metric with its type, in the order of the files, and no other")
{
    check_page("Of the daemon", metrics::daemon_metrics());
    check_page("Of doctor", doctor::doctor_metrics());
    CHECK(ManPage{"chainkeeper-metrics.7"}.subsections("METRICS") ==
          std::vector<std::string>{"Of the daemon", "Of doctor"});
}
