// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/api/bus_object.hpp"
#include "daemon/api/bus_reports.hpp"
#include "daemon/bus/system_bus.hpp"
#include "daemon/bus/systemd_units.hpp"
#include "daemon/clock_jump.hpp"
#include "daemon/history/history.hpp"
#include "daemon/iptables_watch.hpp"
#include "daemon/kubelet/kubelet_watch.hpp"
#include "daemon/looked.hpp"
#include "daemon/memory.hpp"
#include "daemon/metrics/counters.hpp"
#include "daemon/metrics/gauges.hpp"
#include "daemon/metrics/textfile.hpp"
#include "daemon/options.hpp"
#include "daemon/repair_record.hpp"
#include "daemon/report_fan.hpp"
#include "daemon/restraints.hpp"
#include "daemon/service.hpp"
#include "daemon/status.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace chainkeeper::daemon {

// The daemon on a node: the service that keeps the chains, and all that it knows beside the ruleset. It wires, and
// decides nothing.
class Node {
public:
    struct Options {
        PolicyOptions policy;
        bool dry_run = false;
    };
    // The error is one without which nothing can be kept: no nf_tables, no rights.
    static repair::Result<std::unique_ptr<Node>> start(EventLoop& loop, ReportSink& log, Options options);
    Node(const Node&) = delete;
    Node& operator=(const Node&) = delete;
    Node(Node&&) = delete;
    Node& operator=(Node&&) = delete;
    ~Node();

    // Something happened that events cannot tell of.
    void recheck(const std::string& reason);
    // Reads the policy again. All or nothing: on an error the old one stays in force.
    repair::Result<void> reload();

private:
    Node(EventLoop& loop, ReportSink& log, Options options);

    policies::Policy first_policy();
    [[nodiscard]] tl::expected<Keeper::Settings, std::string> settings_of(const policies::Policy& policy) const;
    repair::Result<void> start_service(const policies::Policy& policy);
    repair::Result<void> start_restraints();
    repair::Result<void> start_textfile();
    repair::Result<void> connect_bus();
    void attach_to(sd_bus& connection);
    void watch_iptables();
    repair::Result<void> watch_units();
    [[nodiscard]] SystemdUnits::Names unit_names() const;
    tl::expected<void, std::string> take_policy(const policies::Policy& policy);
    bool adopt_kubelet_version(const std::string& version);
    void after_look();
    void restrain();
    void update_restraints();
    void tell_systemd(const std::string& state) const;
    void report_trouble(const std::string& what);
    void note(const repair::Result<void>& done);

    [[nodiscard]] Requests requests();
    [[nodiscard]] Status status() const;
    [[nodiscard]] std::string metrics_text() const;
    Status check();
    nlohmann::json plan();
    nlohmann::json repair_now(bool dry_run);
    Looked looked_dry();
    repair::Result<void> examine();

    EventLoop& loop_;
    Options options_;
    SystemClock clock_;
    ReportFan sink_;
    policies::Policy policy_;
    std::string policy_error_;
    std::unique_ptr<Service> service_;
    Memory memory_;
    Restraints restraints_;
    History history_;
    RepairRecord repairs_;
    metrics::Counters counters_;
    std::optional<metrics::Textfile> textfile_;
    std::optional<EventLoop::Timer> restraint_timer_;
    std::unique_ptr<KubeletWatch> kubelet_;
    std::unique_ptr<IptablesWatch> iptables_;
    std::unique_ptr<SystemBus> bus_;
    std::unique_ptr<SystemdUnits> units_;
    std::unique_ptr<BusObject> object_;
    std::unique_ptr<BusReports> bus_reports_;
    std::vector<Keeper::Examined> examined_;  // at the last look, or the last time somebody asked
    bool ready_ = false;
};

}  // namespace chainkeeper::daemon
