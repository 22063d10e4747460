// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/doctor/proxy_metrics.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <iterator>
#include <limits>
#include <utility>

namespace chainkeeper::daemon::doctor {

namespace {

constexpr std::size_t most_families = 4;
constexpr std::size_t most_buckets = 64;
constexpr std::string_view prefix = "kubeproxy_sync_proxy_rules_";

bool is_name_character(char character)
{
    return (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z') ||
           (character >= '0' && character <= '9') || character == '_' || character == ':';
}

void skip_spaces(std::string_view& text)
{
    text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
}

bool take(std::string_view& text, char character)
{
    if (!text.starts_with(character))
        return false;
    text.remove_prefix(1);
    return true;
}

std::string_view take_name(std::string_view& text)
{
    const auto end = std::ranges::find_if_not(text, is_name_character);
    const auto name = text.substr(0, static_cast<std::size_t>(end - text.begin()));
    text.remove_prefix(name.size());
    return name;
}

// What stands in quotes, with \\, \" and \n in it.
std::optional<std::string> take_quoted(std::string_view& text)
{
    if (!take(text, '"'))
        return std::nullopt;
    std::string value;
    while (!text.empty() && !text.starts_with('"')) {
        const bool is_escaped = take(text, '\\');
        if (text.empty())
            return std::nullopt;
        value += is_escaped && text.front() == 'n' ? '\n' : text.front();
        text.remove_prefix(1);
    }
    return take(text, '"') ? std::optional{std::move(value)} : std::nullopt;
}

// False where it is malformed.
bool take_labels(std::string_view& text, std::map<std::string, std::string>& labels)
{
    if (!take(text, '{'))
        return true;
    for (skip_spaces(text); !take(text, '}'); skip_spaces(text)) {
        const std::string name{take_name(text)};
        if (name.empty() || !take(text, '='))
            return false;
        auto value = take_quoted(text);
        if (!value || !labels.emplace(name, *std::move(value)).second)
            return false;
        if (!take(text, ',') && !text.starts_with('}'))
            return false;
    }
    return true;
}

std::optional<double> number_in(std::string_view text)
{
    if (text == "+Inf")
        return std::numeric_limits<double>::infinity();
    double number = 0;
    const auto* const end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, number);
    return error == std::errc{} && rest == end && !text.empty() ? std::optional{number} : std::nullopt;
}

std::string_view take_word(std::string_view& text)
{
    skip_spaces(text);
    const auto word = text.substr(0, text.find_first_of(" \t\r"));
    text.remove_prefix(word.size());
    return word;
}

struct KnownGauge {
    std::string_view name;
    std::optional<double> FamilySyncs::*member;
};
constexpr std::array gauges{
    KnownGauge{"last_timestamp_seconds", &FamilySyncs::last_synced},
    KnownGauge{"last_queued_timestamp_seconds", &FamilySyncs::last_queued},
    KnownGauge{"endpoint_changes_pending", &FamilySyncs::endpoint_changes_pending},
    KnownGauge{"service_changes_pending", &FamilySyncs::service_changes_pending},
};

struct KnownCounter {
    std::string_view name;
    double FamilySyncs::*member;
};
constexpr std::array counters{
    KnownCounter{"iptables_restore_failures_total", &FamilySyncs::restore_failures},
    KnownCounter{"iptables_partial_restore_failures_total", &FamilySyncs::partial_restore_failures},
    KnownCounter{"nftables_sync_failures_total", &FamilySyncs::nftables_failures},
};

bool is_known(std::string_view name)
{
    const auto has_name = [&](const auto& known) { return known.name == name; };
    return name == "duration_seconds_bucket" || std::ranges::any_of(gauges, has_name) ||
           std::ranges::any_of(counters, has_name);
}

void add_bucket(FamilySyncs& family, const MetricSample& sample)
{
    const auto limit = sample.labels.find("le");
    const auto seconds = limit == sample.labels.end() ? std::nullopt : number_in(limit->second);
    if (seconds && *seconds >= 0 && family.buckets.size() < most_buckets)
        family.buckets[*seconds] = sample.value;
}

void add(FamilySyncs& family, std::string_view name, const MetricSample& sample)
{
    if (name == "duration_seconds_bucket")
        return add_bucket(family, sample);
    for (const auto& gauge : gauges)
        // 0: never.
        if (gauge.name == name && (sample.value > 0 || !name.ends_with("timestamp_seconds")))
            family.*gauge.member = sample.value;
    for (const auto& counter : counters)
        if (counter.name == name)
            family.*counter.member = sample.value;
}

void add(ProxyMetrics& metrics, const MetricSample& sample)
{
    const auto name = std::string_view{sample.name}.substr(prefix.size());
    if (!is_known(name) || !std::isfinite(sample.value) || sample.value < 0)
        return;
    const auto label = sample.labels.find("ip_family");
    const auto family = label == sample.labels.end() ? std::string{} : label->second;
    if (metrics.families.size() < most_families || metrics.families.contains(family))
        add(metrics.families[family], name, sample);
}

}  // namespace

std::optional<MetricSample> metric_sample(std::string_view line)
{
    MetricSample sample;
    sample.name = take_name(line);
    skip_spaces(line);
    if (sample.name.empty() || !take_labels(line, sample.labels))
        return std::nullopt;
    const auto value = number_in(take_word(line));
    const auto timestamp = take_word(line);
    if (!value || (!timestamp.empty() && !number_in(timestamp)) ||
        line.find_first_not_of(" \t\r") != std::string_view::npos)
        return std::nullopt;
    sample.value = *value;
    return sample;
}

ProxyMetrics proxy_metrics(std::string_view text)
{
    ProxyMetrics metrics;
    while (!text.empty()) {
        const auto line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(line.size() + 1, text.size()));
        if (line.starts_with(prefix))
            if (const auto sample = metric_sample(line))
                add(metrics, *sample);
    }
    return metrics;
}

std::optional<double> quantile(const std::map<double, double>& buckets, double share)
{
    if (buckets.empty() || !(buckets.rbegin()->second > 0))
        return std::nullopt;
    const auto rank = share * buckets.rbegin()->second;
    const auto bucket = std::ranges::find_if(buckets, [&](const auto& each) { return each.second >= rank; });
    const bool is_first = bucket == buckets.begin();
    const auto below = is_first ? 0.0 : std::prev(bucket)->first;
    const auto count_below = is_first ? 0.0 : std::prev(bucket)->second;
    // Beyond the last limit nothing is told apart.
    if (std::isinf(bucket->first) || bucket->second <= count_below)
        return below;
    return below + (bucket->first - below) * ((rank - count_below) / (bucket->second - count_below));
}

}  // namespace chainkeeper::daemon::doctor
