// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/metrics/gauges.hpp"

#include "daemon/version.hpp"
#include "policies/text_file.hpp"

#include <algorithm>
#include <charconv>

namespace chainkeeper::daemon::metrics {

namespace {

using repair::FindingKind;

constexpr auto last_kind = FindingKind::hint_in_wrong_backend;

double seconds(WallTime time)
{
    return std::chrono::duration<double>{time.time_since_epoch()}.count();
}

Labels labels_of(repair::Family family)
{
    return {{"family", std::string{to_string(family)}}};
}

Labels with(Labels labels, std::string_view name, std::string_view value)
{
    labels.emplace_back(name, value);
    return labels;
}

void add_findings(Exposition& exposition, const repair::Diagnosis& diagnosis)
{
    for (std::uint8_t number = 0; number <= static_cast<std::uint8_t>(last_kind); ++number) {
        const auto kind = static_cast<FindingKind>(number);
        const auto count = std::ranges::count(diagnosis.findings, kind, &repair::Finding::kind);
        exposition.add("chainkeeper_findings", with(labels_of(diagnosis.family), "kind", to_string(kind)),
                       static_cast<double>(count));
    }
}

void add_family(Exposition& exposition, const Status::Family& family)
{
    const auto labels = labels_of(family.diagnosis.family);
    exposition.add("chainkeeper_family_guarded", labels, family.guarded ? 1 : 0);
    add_findings(exposition, family.diagnosis);
    exposition.add("chainkeeper_decision", with(labels, "decision", to_string(family.decision)), 1);
    exposition.add_states("chainkeeper_kubelet_monitor", labels, "state", {"alive", "dead", "unknown"},
                          to_string(family.monitor));
    exposition.add("chainkeeper_standoff", labels, family.standoff_until ? 1 : 0);
}

void add_objects(Exposition& exposition, const NodeNow::Family& family)
{
    for (const auto& object : family.objects)
        exposition.add(
            "chainkeeper_guarded_object_present",
            with(with(with(labels_of(family.family), "table", to_string(object.table)), "chain", object.chain), "rule",
                 object.rule),
            object.present ? 1 : 0);
}

bool is_known(const Status& status, repair::Family family)
{
    return std::ranges::any_of(status.families,
                               [family](const auto& known) { return known.diagnosis.family == family; });
}

void add_number(Exposition& exposition, std::string_view metric, const std::filesystem::path& file)
{
    const auto text = policies::read_text_file(file);
    std::uint64_t number = 0;
    if (text && std::from_chars(text->data(), text->data() + text->size(), number).ec == std::errc{})
        exposition.add(metric, {}, static_cast<double>(number));
}

}  // namespace

void add_gauges(Exposition& exposition, const NodeNow& now)
{
    const auto& status = now.status;
    exposition.add("chainkeeper_build_info", {{"version", std::string{version}}}, 1);
    exposition.add("chainkeeper_last_write_timestamp_seconds", {}, seconds(now.at));
    for (const auto& family : now.families) {
        const auto labels = labels_of(family.family);
        if (family.looked)
            exposition.add("chainkeeper_last_look_timestamp_seconds", labels, seconds(*family.looked));
        exposition.add("chainkeeper_family_known", labels, is_known(status, family.family) ? 1 : 0);
        add_objects(exposition, family);
    }
    for (const auto& family : status.families)
        add_family(exposition, family);
    exposition.add_states("chainkeeper_mode", {}, "mode", {"repair", "dry-run", "off", "stopped"}, status.mode);
    exposition.add_states("chainkeeper_backend", {}, "backend", {"nft", "legacy", "unknown"},
                          status.backend.empty() ? "unknown" : std::string_view{status.backend});
    exposition.add("chainkeeper_hold", {}, status.hold ? 1 : 0);
    exposition.add("chainkeeper_change_window_open", {}, status.window_open_until ? 1 : 0);
    exposition.add("chainkeeper_policy_refused", {}, status.policy_error.empty() ? 0 : 1);
}

void add_conntrack(Exposition& exposition, const std::filesystem::path& proc)
{
    const auto folder = proc / "sys/net/netfilter";
    add_number(exposition, "chainkeeper_conntrack_entries", folder / "nf_conntrack_count");
    add_number(exposition, "chainkeeper_conntrack_entries_limit", folder / "nf_conntrack_max");
}

}  // namespace chainkeeper::daemon::metrics
