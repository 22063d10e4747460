// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/clock_jump.hpp"
#include "daemon/event_loop.hpp"
#include "daemon/instance_lock.hpp"
#include "daemon/log.hpp"
#include "daemon/node.hpp"
#include "daemon/options.hpp"
#include "daemon/process_network.hpp"
#include "daemon/state_file.hpp"
#include "daemon/version.hpp"

#include <CLI/CLI.hpp>
#include <csignal>
#include <systemd/sd-daemon.h>

namespace {

using namespace chainkeeper;
using namespace chainkeeper::daemon;

repair::Result<void> watch_signals(EventLoop& loop, Node& node)
{
    for (const int signal : {SIGTERM, SIGINT})
        if (auto added = loop.add_signal(signal, [&loop] { loop.stop(EXIT_SUCCESS); }); !added)
            return added;
    // What went wrong was reported.
    return loop.add_signal(SIGHUP, [&node] { static_cast<void>(node.reload()); });
}

repair::Result<void> watch_clock(EventLoop& loop, const ClockJump& jump, Node& node)
{
    return loop.add_readable(jump.descriptor(), [&] {
        if (const auto armed = jump.rearm(); !armed)
            node.recheck(armed.error().what);
        node.recheck("the clock was set, or the machine slept");
    });
}

constexpr int exit_cannot_go_on = 2;
// What a restart does not mend: RestartPreventExitStatus= of the unit.
constexpr int exit_not_the_nodes_network = 3;

// kubelet's chains are in the node's network namespace, which is that of process 1. In another they would be made where
// nobody misses them.
bool is_to_be_kept(const DaemonOptions& options, ReportSink& sink)
{
    const auto network = options.any_network ? ProcessNetwork::ours : network_of_process("/proc", 1);
    if (network == ProcessNetwork::other)
        sink.report(Trouble{.at = SystemClock{}.now(),
                            .what = "this is not the network namespace of process 1, so it is not the node's, and "
                                    "nothing is kept here; --any-network-namespace keeps it all the same"});
    if (network == ProcessNetwork::unknown)
        sink.report(Notice{.at = SystemClock{}.now(),
                           .what =
                               "process 1 cannot be seen in /proc (hidepid=?), so whether this is the node's network "
                               "namespace is not known; going on as if it were"});
    return network != ProcessNetwork::other;
}

repair::Result<int> serve(const DaemonOptions& options, ReportSink& sink)
{
    const auto runtime = runtime_directory();
    const auto lock = make_directory(runtime).and_then([&] { return lock_instance(runtime); });
    if (!lock)
        return tl::unexpected(lock.error());
    auto loop = EventLoop::create();
    if (!loop)
        return tl::unexpected(loop.error());
    block_child_signals();
    const auto jump = ClockJump::watch();
    if (!jump)
        return tl::unexpected(jump.error());
    const auto node = Node::start(*loop, sink, {.policy = options.policy, .dry_run = options.dry_run});
    if (!node)
        return tl::unexpected(node.error());
    return watch_signals(*loop, **node)
        .and_then([&] { return watch_clock(*loop, *jump, **node); })
        .and_then([&] { return loop->watch_watchdog(); })
        .and_then([&] { return loop->run(); });
}

}  // namespace

int main(int argc, char** argv)
{
    fill_standard_streams();
    std::signal(SIGPIPE, SIG_IGN);
    std::signal(SIGHUP, SIG_IGN);  // until there is a policy to read again
    DaemonOptions options;
    CLI::App app;
    add_daemon_options(app, options);
    if (const auto exit_code = parse_options(app, argc, argv))
        return *exit_code;

    LogSink sink{options.log_level};
    if (!is_to_be_kept(options, sink))
        return exit_not_the_nodes_network;
    const auto exit_code = serve(options, sink);
    sd_notify(0, "STOPPING=1");
    if (exit_code) {
        sink.report(Notice{.at = SystemClock{}.now(), .what = "ending", .kind = Notice::Kind::stopping});
        return *exit_code;
    }
    sink.report(Trouble{.at = SystemClock{}.now(), .what = exit_code.error().what});
    return exit_cannot_go_on;
}
