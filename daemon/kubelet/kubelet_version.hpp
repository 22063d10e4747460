// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/clock.hpp"
#include "daemon/event_loop.hpp"
#include "daemon/file_descriptor.hpp"
#include "repair/error.hpp"

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>

namespace chainkeeper::daemon {

// Asks the program that runs as kubelet for its version, for when its journal does not tell: /proc/PID/exe --version,
// under the name that the process has itself. Nothing else is ever passed, and the answer is awaited by the loop, which
// needs block_child_signals() for it.
class KubeletVersion {
public:
    // "v1.34.2", or why it cannot be told.
    using Answer = std::function<void(const repair::Result<std::string>& version)>;
    struct Settings {
        std::filesystem::path proc = "/proc";
        Duration deadline = std::chrono::seconds{5};  // the program is killed then
    };

    // The loop and the clock have to outlive it.
    static repair::Result<std::unique_ptr<KubeletVersion>> create(EventLoop& loop, const Clock& clock,
                                                                  Settings settings);
    KubeletVersion(const KubeletVersion&) = delete;
    KubeletVersion& operator=(const KubeletVersion&) = delete;
    KubeletVersion(KubeletVersion&&) = delete;
    KubeletVersion& operator=(KubeletVersion&&) = delete;
    ~KubeletVersion();

    // Calls back once, from the loop, never from within this call. A question before it that has no answer yet gets
    // none. The callback may ask again, and must not destroy this.
    void ask(pid_t process, Answer answer);

private:
    struct Question {
        pid_t process = 0;
        Answer answer;
    };
    struct Running {
        pid_t child = 0;
        FileDescriptor output;
        EventLoop::Watch readable;
        EventLoop::Watch exit;
        std::string text;
        bool killed = false;  // nobody waits for what it says
    };

    KubeletVersion(EventLoop& loop, const Clock& clock, Settings settings);

    void on_time();
    void start();
    repair::Result<void> start_program_of(pid_t process);
    repair::Result<void> watch(Running& running);
    void read_output();
    void on_exit(int wait_status);
    void kill_child();
    void give(const repair::Result<std::string>& version);

    EventLoop& loop_;
    const Clock& clock_;
    Settings settings_;
    std::optional<EventLoop::Timer> timer_;
    std::optional<Question> question_;  // has no answer yet
    std::optional<Running> running_;    // until it is reaped
};

// From what kubelet, k3s or rke2 print: "Kubernetes v1.34.2", "k3s version v1.30.1+k3s1 (80978b5b)".
std::optional<std::string> version_in_output(std::string_view output);

}  // namespace chainkeeper::daemon
