// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/bus/bus_match.hpp"
#include "daemon/bus/repeated_call.hpp"
#include "daemon/bus/system_bus.hpp"
#include "daemon/bus/unit_jobs.hpp"
#include "daemon/bus/unit_properties.hpp"
#include "daemon/unit_state.hpp"

#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace chainkeeper::daemon {

// Units as systemd tells of them on the system bus: a signal says that something has changed, and then it is read. A
// job of a disruptor is believed at once. Whatever goes wrong makes all of it unknown, and it is read again, ever more
// rarely.
class SystemdUnits final : public UnitState {
public:
    struct Parts {
        EventLoop& loop;
        SystemBus& bus;  // one that is available()
        const Clock& clock;
        // Why systemd cannot be asked: one sentence an outage, and none within a minute of the last.
        std::function<void(const std::string& what)> trouble;
    };
    // As the policy has them: unit_name_from().
    struct Names {
        std::vector<std::string> kubelets;  // the first that runs is kubelet
        std::vector<std::string> disruptors;
    };
    struct Timing {
        Duration timeout = std::chrono::seconds{5};  // for the first answer, and for each of systemd's
        Backoff::Waits waits = {};
    };

    // To be called before the loop runs; the loop and the bus have to outlive it. An error for a name that no unit can
    // have.
    static repair::Result<std::unique_ptr<SystemdUnits>> start(Parts parts, const Names& names, Timing timing);
    SystemdUnits(const SystemdUnits&) = delete;
    SystemdUnits& operator=(const SystemdUnits&) = delete;
    SystemdUnits(SystemdUnits&&) = delete;
    SystemdUnits& operator=(SystemdUnits&&) = delete;
    ~SystemdUnits() override;

    void watch(Changed changed) override;
    // Other units from now on. Where a name is refused nothing changes. Not from within the callback of watch().
    repair::Result<void> rename(const Names& names);

private:
    struct Kubelet {
        Kubelet(SystemdUnits& units, std::string unit);
        std::string name;
        std::string path;
        RepeatedCall reading;
        bool read = false;  // in this session
        std::optional<KubeletUnit> running;
    };

    SystemdUnits(Parts parts, Timing timing);
    repair::Result<void> make_timers();

    // A session lasts until something goes wrong.
    void connect(sd_bus& bus);
    void disconnect(const std::string& reason);
    void begin();
    repair::Result<void> match_systemd();
    repair::Result<void> match_jobs();
    repair::Result<void> match_kubelets();
    using Heard = std::function<void(sd_bus_message* message)>;
    repair::Result<void> match(const std::string& rule, Heard heard);
    BusMatch& add_match(Heard heard);
    repair::Result<void> read_everything();
    void end();
    void fail(const std::string& reason);  // and begins again later
    void lose(const std::string& reason);
    void complain(const std::string& reason);
    void note(const repair::Result<void>& result);

    void hear_owner(const repair::Result<sd_bus_message*>& reply);
    void hear_owner_changed(sd_bus_message& signal);
    void hear_subscribed(const repair::Result<sd_bus_message*>& reply);
    void hear_job(sd_bus_message& message);
    void hear_reloading(sd_bus_message& signal);
    void hear_kubelet(Kubelet& kubelet, const repair::Result<sd_bus_message*>& reply);
    void hear_jobs(const repair::Result<sd_bus_message*>& reply);

    [[nodiscard]] std::optional<UnitsSeen> seen() const;
    void tell_what_is_known();
    void tell();

    Parts parts_;
    Timing timing_;
    Backoff backoff_;
    std::optional<EventLoop::Timer> retry_;
    std::optional<EventLoop::Timer> first_answer_;

    sd_bus* bus_ = nullptr;  // while there is a connection
    std::string owner_;      // the unique name of systemd on it
    std::list<BusMatch> matches_;
    RepeatedCall asking_owner_;
    RepeatedCall subscribing_;
    RepeatedCall listing_;
    std::list<Kubelet> kubelets_;
    std::vector<std::string> disruptors_;
    UnitJobs jobs_;
    bool subscribed_ = false;
    bool listed_ = false;
    std::optional<Instant> known_since_;

    Changed changed_;
    std::optional<std::optional<UnitsSeen>> told_;
    std::optional<Instant> complained_;
    bool in_outage_ = false;
};

}  // namespace chainkeeper::daemon
