// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/node.hpp"

#include "daemon/looked.hpp"
#include "daemon/policy_source.hpp"
#include "daemon/state_file.hpp"
#include "policies/profile.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <systemd/sd-daemon.h>
#include <utility>

namespace chainkeeper::daemon {

namespace {

// What `systemctl status` shows: "repair; ipv4: healthy, kubelet's Monitor is alive; ipv6: …"
std::string status_line(const Status& status)
{
    auto line = status.mode;
    for (const auto& family : status.families) {
        const auto decision = family.guarded ? to_string(family.decision) : std::string{"nothing to guard"};
        line += fmt::format("; {}: {}, kubelet's Monitor is {}", to_string(family.diagnosis.family), decision,
                            to_string(family.monitor));
    }
    return line;
}

}  // namespace

Node::Node(EventLoop& loop, ReportSink& log, Options options)
    : loop_{loop}, options_{std::move(options)}, memory_{runtime_directory(), state_directory()},
      restraints_{clock_, sink_, state_directory(), {}},
      history_{HistoryFile{state_directory(), policies::Policy{}.report.history_size}, clock_, boot_id()}, repairs_{
                                                                                                               clock_}
{
    sink_.add(log);
    sink_.add(history_);
    sink_.add(repairs_);
    sink_.add(counters_);
}

Node::~Node()
{
    note(history_.end());
}

repair::Result<std::unique_ptr<Node>> Node::start(EventLoop& loop, ReportSink& log, Options options)
{
    std::unique_ptr<Node> node{new Node{loop, log, std::move(options)}};
    node->note(make_directory(state_directory()));
    return node->start_textfile()
        .and_then([&] { return node->start_service(node->first_policy()); })
        .and_then([&] { return node->start_restraints(); })
        .and_then([&] { return node->connect_bus(); })
        .map([&] { return std::move(node); });
}

// A policy that cannot be read must not leave the node unwatched, nor let the daemon write what nobody asked for.
policies::Policy Node::first_policy()
{
    auto policy = load_effective_policy(options_.policy.policy);
    if (policy)
        return *std::move(policy);
    policy_error_ = policy.error().what;
    report_trouble(fmt::format("{}; running dry with the shipped defaults", policy_error_));
    policies::Policy defaults;
    defaults.repair.mode = policies::Mode::dry_run;
    return defaults;
}

tl::expected<Keeper::Settings, std::string> Node::settings_of(const policies::Policy& policy) const
{
    const auto backend = service_ ? service_->keeper().backend_evidence() : gather_backend_evidence();
    return make_settings(policy, backend, kubelet_ ? kubelet_->version() : "").map([&](Keeper::Settings settings) {
        settings.dry_run = settings.dry_run || options_.dry_run;
        settings.assumed_monitor = options_.policy.assumed_monitor;
        return settings;
    });
}

repair::Result<void> Node::start_service(const policies::Policy& policy)
{
    auto settings = settings_of(policy);
    if (!settings)
        return tl::unexpected(repair::Error{repair::ErrorCode::failed, settings.error()});
    policy_ = policy;
    history_.set_limit(policy_.report.history_size);
    textfile_->move_to(policy_.report.textfile);
    auto service = Service::start(loop_, sink_, *std::move(settings));
    if (!service)
        return tl::unexpected(service.error());
    service_ = *std::move(service);
    if (!options_.policy.assumed_monitor)
        memory_.recall(service_->keeper(), sink_, clock_.now());
    service_->on_look([this] { after_look(); });
    return KubeletWatch::start({.loop = loop_,
                                .clock = clock_,
                                .sink = sink_,
                                .keeper = service_->keeper(),
                                .told = [this] { service_->look_when_due(); }},
                               [this](const std::string& version) { return adopt_kubelet_version(version); })
        .map([this](auto watch) {
            kubelet_ = std::move(watch);
            watch_iptables();
        });
}

void Node::watch_iptables()
{
    const auto answer = [this](std::optional<KnownBackend> says) {
        service_->keeper().hear_iptables(says);
        service_->look_when_due();
    };
    auto watch = IptablesWatch::start(loop_, clock_, answer);
    if (watch)
        iptables_ = *std::move(watch);
    else
        report_trouble(fmt::format("{}: another iptables is noticed at the next start", watch.error().what));
}

repair::Result<void> Node::start_restraints()
{
    auto timer = loop_.add_timer([this] { update_restraints(); });
    if (!timer)
        return tl::unexpected(timer.error());
    restraint_timer_ = *timer;
    restraints_.adopt(policy_.change_windows);
    restraints_.recall();
    restrain();
    return {};
}

repair::Result<void> Node::start_textfile()
{
    return metrics::Textfile::create(loop_, {.clock = clock_,
                                             .text = [this] { return metrics_text(); },
                                             .trouble = [this](const std::string& what) { report_trouble(what); }})
        .map([this](metrics::Textfile textfile) {
            textfile_.emplace(std::move(textfile));
            loop_.after_each_turn([this] { textfile_->after_turn(); });
        });
}

repair::Result<void> Node::connect_bus()
{
    auto bus = SystemBus::start(loop_, clock_, {.address = system_bus_address()});
    if (!bus)
        return tl::unexpected(bus.error());
    bus_ = *std::move(bus);
    if (!bus_->available()) {
        sink_.report(Notice{
            .at = clock_.now(),
            .what = "there is no systemd to ask: whether kubelet runs, and who restarts the firewall, is not known"});
        return {};
    }
    object_ = std::make_unique<BusObject>(BusObject::Parts{
        .requests = requests(),
        .clock = clock_,
        .trouble = [this](const std::string& what) { report_trouble(what); },
        .notice = [this](const std::string& what) { sink_.report(Notice{.at = clock_.now(), .what = what}); }});
    bus_reports_ = std::make_unique<BusReports>(*object_);
    sink_.add(*bus_reports_);
    bus_->subscribe({.connected = [this](sd_bus& connection) { attach_to(connection); },
                     .disconnected = [this](const std::string& /*reason*/) { object_->detach(); }});
    return watch_units();
}

void Node::attach_to(sd_bus& connection)
{
    note(object_->attach(connection));
    object_->emit_properties_changed();
}

SystemdUnits::Names Node::unit_names() const
{
    return {.kubelets = policy_.kubelet.units, .disruptors = policy_.repair.disruptors};
}

repair::Result<void> Node::watch_units()
{
    service_->keeper().await_units();
    auto units = SystemdUnits::start({.loop = loop_,
                                      .bus = *bus_,
                                      .clock = clock_,
                                      .trouble = [this](const std::string& what) { report_trouble(what); }},
                                     unit_names(), {});
    if (!units)
        return tl::unexpected(units.error());
    units_ = *std::move(units);
    units_->watch([this](const std::optional<UnitsSeen>& seen) {
        kubelet_->hear_units(seen);
        service_->look_when_due();
    });
    return {};
}

void Node::recheck(const std::string& reason)
{
    update_restraints();
    service_->recheck(reason);
}

repair::Result<void> Node::reload()
{
    using std::chrono::microseconds;
    const auto now = std::chrono::duration_cast<microseconds>(clock_.now().time_since_epoch());
    tell_systemd(fmt::format("RELOADING=1\nMONOTONIC_USEC={}", now.count()));
    const auto policy = load_effective_policy(options_.policy.policy);
    const auto taken = policy ? take_policy(*policy) : tl::unexpected(policy.error().what);
    policy_error_ = taken ? "" : taken.error();
    sink_.report(PolicyLoaded{.at = clock_.now(), .accepted = taken.has_value(), .what = policy_error_});
    tell_systemd("READY=1");
    textfile_->changed();
    if (!taken)
        return tl::unexpected(repair::Error{repair::ErrorCode::failed, policy_error_});
    return {};
}

tl::expected<void, std::string> Node::take_policy(const policies::Policy& policy)
{
    auto settings = settings_of(policy);
    if (!settings)
        return tl::unexpected(settings.error());
    const auto before = std::exchange(policy_, policy);
    if (units_)
        if (const auto renamed = units_->rename(unit_names()); !renamed) {
            policy_ = before;
            return tl::unexpected(renamed.error().what);
        }
    history_.set_limit(policy_.report.history_size);
    restraints_.adopt(policy_.change_windows);
    restrain();
    textfile_->move_to(policy_.report.textfile);
    service_->adopt(*std::move(settings), "another policy is in force");
    update_restraints();
    return {};
}

bool Node::adopt_kubelet_version(const std::string& version)
{
    if (policy_.kubelet.version != "auto")
        return true;
    if (const auto profile = policies::profile_named(version); !profile) {
        report_trouble(fmt::format("{}: nothing is guarded for it", profile.error()));
        return false;
    }
    if (auto settings = settings_of(policy_))
        service_->adopt(*std::move(settings), fmt::format("kubelet is {}", version));
    return true;
}

void Node::restrain()
{
    service_->keeper().restrain(restraints_.update());
    restraint_timer_->set(restraints_.next_change());
}

void Node::update_restraints()
{
    restrain();
    service_->look_when_due();
    textfile_->changed();
    if (object_)
        object_->emit_properties_changed();
}

void Node::after_look()
{
    memory_.keep(service_->keeper(), sink_, clock_.now());
    note(history_.end_of_look());
    counters_.end_of_look();
    textfile_->changed();
    examined_ = service_->keeper().examined_at_look();
    if (object_)
        object_->emit_properties_changed();
    const auto line = status_line(status());
    if (!std::exchange(ready_, true)) {
        sink_.report(
            Notice{.at = clock_.now(), .what = fmt::format("at work: {}", line), .kind = Notice::Kind::started});
        tell_systemd("READY=1");
    }
    tell_systemd(fmt::format("STATUS={}", line));
}

void Node::tell_systemd(const std::string& state) const
{
    sd_notify(0, state.c_str());
}

void Node::note(const repair::Result<void>& done)
{
    if (!done)
        report_trouble(done.error().what);
}

void Node::report_trouble(const std::string& what)
{
    sink_.report(Trouble{.at = clock_.now(), .what = what});
}

}  // namespace chainkeeper::daemon
