// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/api/bus_object.hpp"
#include "daemon/event_loop.hpp"

#include <functional>
#include <future>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

namespace chainkeeper::tests {

// What the fake polkit says to a question.
enum class PolkitSays {
    nothing_it_is_not_there,
    yes,
    no,
    password_needed,  // "no", and that somebody could be asked for one
    garbage,
    error,
    nothing,  // it is there, and does not answer
};

// The daemon's side of the bus with a fake daemon behind it, and a fake polkit, in a thread with a loop of its own.
class BusDaemon {
public:
    explicit BusDaemon(PolkitSays polkit = PolkitSays::nothing_it_is_not_there,
                       daemon::Authorisation::Limits limits = {});
    ~BusDaemon();
    BusDaemon(const BusDaemon&) = delete;
    BusDaemon& operator=(const BusDaemon&) = delete;
    BusDaemon(BusDaemon&&) = delete;
    BusDaemon& operator=(BusDaemon&&) = delete;

    // Runs it in the loop's thread, and returns when it has been run.
    void on_loop(std::function<void()> function);
    // The methods of the daemon that were called, in words: "hold 7200 CHG-1 stop uid=0".
    std::vector<std::string> calls();
    // The questions that polkit was asked: "org.chainkeeper1.hold system-bus-name :1.7 flags=1".
    std::vector<std::string> questions();
    std::vector<std::string> troubles();

    // To be changed on the loop only.
    daemon::Status status;
    std::string failure;  // of everything that can fail; empty: it succeeds
    std::vector<std::string> history{"{}"};
    nlohmann::json plan;
    [[nodiscard]] daemon::BusObject& object() { return *object_; }
    void attach();
    // Detached, and without the name, as a daemon that has ended.
    void give_name_up();

private:
    void run(std::promise<void>& ready);
    void note(std::vector<std::string>& list, std::string text);
    std::vector<std::string> copy(const std::vector<std::string>& list);
    daemon::Requests requests();
    repair::Result<void> outcome() const;

    PolkitSays polkit_;
    daemon::Authorisation::Limits limits_;
    std::mutex mutex_;
    std::vector<std::string> calls_;
    std::vector<std::string> questions_;
    std::vector<std::string> troubles_;
    std::vector<std::function<void()>> functions_;
    std::unique_ptr<daemon::BusObject> object_;
    daemon::BusConnection bus_;
    int wake_;
    std::thread thread_;
};

}  // namespace chainkeeper::tests
