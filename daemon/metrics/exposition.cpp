// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/metrics/exposition.hpp"

#include "repair/printable.hpp"

#include <fmt/format.h>

namespace chainkeeper::daemon::metrics {

namespace {

std::string escaped(std::string_view text)
{
    std::string escaped;
    for (const char character : repair::printable(text)) {
        if (character == '\\' || character == '"')
            escaped += '\\';
        escaped += character;
    }
    return escaped;
}

std::string labels_text(const Labels& labels)
{
    std::string text;
    for (const auto& [name, value] : labels)
        text += fmt::format("{}{}=\"{}\"", text.empty() ? "" : ",", name, escaped(value));
    return text.empty() ? text : fmt::format("{{{}}}", text);
}

std::string sample(std::string_view name, std::string_view suffix, const Labels& labels, double value)
{
    return fmt::format("{}{}{} {}\n", name, suffix, labels_text(labels), value);
}

}  // namespace

void Exposition::add(std::string_view metric, const Labels& labels, double value)
{
    samples_[metric] += sample(metric, "", labels, value);
}

void Exposition::add(std::string_view metric, const Labels& labels, const Histogram& histogram)
{
    auto& text = samples_[metric];
    const auto add_bucket = [&](std::string bound, std::uint64_t count) {
        auto with_bound = labels;
        with_bound.emplace_back("le", std::move(bound));
        text += sample(metric, "_bucket", with_bound, static_cast<double>(count));
    };
    for (std::size_t bound = 0; bound < Histogram::bounds.size(); ++bound)
        add_bucket(fmt::to_string(Histogram::bounds.at(bound)), histogram.count_up_to(bound));
    add_bucket("+Inf", histogram.count());
    text += sample(metric, "_sum", labels, histogram.sum());
    text += sample(metric, "_count", labels, static_cast<double>(histogram.count()));
}

void Exposition::add_states(std::string_view metric, const Labels& labels, std::string_view label,
                            const std::vector<std::string_view>& states, std::string_view state)
{
    for (const auto each : states) {
        auto with_state = labels;
        with_state.emplace_back(label, each);
        add(metric, with_state, each == state ? 1 : 0);
    }
}

std::string Exposition::text() const
{
    std::string text;
    for (const auto& metric : metrics_)
        if (const auto samples = samples_.find(metric.name); samples != samples_.end())
            text += fmt::format("# HELP {0} {1}\n# TYPE {0} {2}\n{3}", metric.name, metric.help, to_string(metric.type),
                                samples->second);
    return text;
}

}  // namespace chainkeeper::daemon::metrics
