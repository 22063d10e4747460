// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/doctor/doctor_metrics.hpp"

#include "daemon/doctor/proxy_metrics.hpp"
#include "daemon/metrics/exposition.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <sstream>
#include <utility>

namespace chainkeeper::daemon::doctor {

namespace {

using metrics::Metric;

constexpr std::string_view last_run_metric = "chainkeeper_doctor_last_run_timestamp_seconds";
// chainkeeper-doctor.service
constexpr auto last_file = "/run/chainkeeper-doctor/chainkeeper-doctor.prom";
constexpr std::string_view verdict_metric = "chainkeeper_doctor_verdict";

constexpr std::array table{
    Metric{last_run_metric, Metric::Type::gauge, "When chainkeeper doctor looked at the node."},
    Metric{verdict_metric, Metric::Type::gauge, "What a check of chainkeeper doctor came to, by a label; always 1."},
    Metric{rules_metric, Metric::Type::gauge, "How many rules there are in a table."},
};

}  // namespace

std::span<const Metric> doctor_metrics()
{
    return table;
}

std::string metrics_text(const std::vector<Examined>& examined, WallTime looked)
{
    metrics::Exposition exposition{doctor_metrics()};
    exposition.add(last_run_metric, {}, std::chrono::duration<double>{looked.time_since_epoch()}.count());
    for (const auto& [check, judgement] : examined) {
        exposition.add(verdict_metric,
                       {{"check", std::string{check->name()}}, {"verdict", std::string{to_string(judgement.verdict)}}},
                       1);
        for (const auto& figure : judgement.figures)
            exposition.add(figure.metric, {figure.labels.begin(), figure.labels.end()},
                           static_cast<double>(figure.value));
    }
    return exposition.text();
}

std::optional<LastRun> last_run(const Root& root)
{
    const auto text = root.text(last_file);
    if (!text || !*text)
        return std::nullopt;
    std::optional<WallTime> looked;
    std::vector<Figure> figures;
    std::istringstream lines{**text};
    for (std::string line; std::getline(lines, line);) {
        const auto sample = metric_sample(line);
        // The end of 2199, up to which there are times (utc_time.hpp), and more than there are rules.
        constexpr double largest = 7'258'118'399;
        if (!sample || !(sample->value >= 0 && sample->value <= largest))
            continue;
        if (sample->name == last_run_metric)
            looked = WallTime{std::chrono::seconds{static_cast<std::int64_t>(sample->value)}};
        else if (sample->name == rules_metric)
            figures.push_back(
                {.metric = sample->name, .labels = sample->labels, .value = static_cast<std::uint64_t>(sample->value)});
    }
    return looked ? std::optional{LastRun{.looked = *looked, .figures = std::move(figures)}} : std::nullopt;
}

}  // namespace chainkeeper::daemon::doctor
