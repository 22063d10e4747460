// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/bus/bus_object.hpp"
#include "daemon/clock.hpp"

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <tl/expected.hpp>
#include <vector>

namespace chainkeeper::daemon {

// An answer, or a sentence that says why there is none and what to do next.
template <typename T>
using Answer = tl::expected<T, std::string>;

// The daemon of this machine, asked over the system bus. Calls wait for their answer: for `patience`, and for as long
// as somebody may take to give a password where the daemon may ask polkit.
class DaemonClient {
public:
    // The daemon that keeps this network namespace and this runtime directory. The error is why there is none to be
    // asked: no bus, nobody on it, or one that works elsewhere.
    static Answer<DaemonClient> find(Duration patience = std::chrono::seconds{10});

    // JSON of daemon/status.hpp and daemon/looked.hpp.
    [[nodiscard]] Answer<nlohmann::json> check() const;
    [[nodiscard]] Answer<nlohmann::json> plan() const;
    [[nodiscard]] Answer<nlohmann::json> repair(bool dry_run) const;
    [[nodiscard]] Answer<void> recheck(const std::string& reason) const;
    [[nodiscard]] Answer<nlohmann::json> hold(std::chrono::seconds length, const std::string& reason, bool stop) const;
    // False: there was none.
    [[nodiscard]] Answer<bool> release() const;
    [[nodiscard]] Answer<void> reload() const;
    // The newest, oldest first.
    [[nodiscard]] Answer<std::vector<std::string>> history(std::uint32_t most) const;

    [[nodiscard]] sd_bus& bus() const { return *bus_; }

private:
    DaemonClient(BusConnection bus, Duration patience) : bus_{std::move(bus)}, patience_{patience} {}

    enum class Leave : std::uint8_t { none, may_need_password };
    template <typename... Arguments>
    [[nodiscard]] Answer<BusMessage> call(const char* method, Leave leave, const char* types,
                                          Arguments... arguments) const;
    [[nodiscard]] Answer<BusMessage> send(BusMessage message, Leave leave) const;
    [[nodiscard]] Answer<void> check_place() const;

    BusConnection bus_;
    Duration patience_;
};

}  // namespace chainkeeper::daemon
