// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/clock_jump.hpp"
#include "daemon/event_loop.hpp"
#include "daemon/instance_lock.hpp"
#include "daemon/log.hpp"
#include "daemon/memory.hpp"
#include "daemon/options.hpp"
#include "daemon/policy_source.hpp"
#include "daemon/service.hpp"
#include "daemon/state_file.hpp"
#include "daemon/version.hpp"

#include <CLI/CLI.hpp>
#include <csignal>
#include <fmt/format.h>
#include <systemd/sd-daemon.h>

namespace {

using namespace chainkeeper;
using namespace chainkeeper::daemon;

struct Options {
    PolicyOptions policy;
    bool dry_run = false;
    std::string log_level = "info";
};

// A policy that cannot be read must not leave the node unwatched, nor let the daemon write what nobody asked for.
policies::Policy policy_or_dry_run(const Options& options, ReportSink& sink)
{
    auto policy = load_effective_policy(options.policy.policy);
    if (policy)
        return *std::move(policy);
    sink.report(Trouble{.at = SystemClock{}.now(),
                        .what = fmt::format("{}; running dry with the shipped defaults", policy.error().what)});
    policies::Policy defaults;
    defaults.repair.mode = policies::Mode::dry_run;
    return defaults;
}

repair::Result<void> watch_signals(EventLoop& loop)
{
    for (const int signal : {SIGTERM, SIGINT})
        if (auto added = loop.add_signal(signal, [&loop] { loop.stop(EXIT_SUCCESS); }); !added)
            return added;
    return {};
}

repair::Result<void> watch_clock(EventLoop& loop, const ClockJump& jump, Service& service)
{
    return loop.add_readable(jump.descriptor(), [&] {
        if (const auto armed = jump.rearm(); !armed)
            service.recheck(armed.error().what);
        service.recheck("the clock was set, or the machine slept");
    });
}

// After each look: what is known now is kept, and the first one makes the service ready.
void remember_looks(Service& service, Memory& memory, ReportSink& sink)
{
    service.on_look([&, ready = false]() mutable {
        memory.keep(service.keeper(), sink, SystemClock{}.now());
        if (!std::exchange(ready, true))
            sd_notify(0, "READY=1");
    });
}

repair::Result<int> serve(const Options& options, ReportSink& sink)
{
    const auto runtime = runtime_directory();
    const auto state = state_directory();
    const auto lock = make_directory(runtime).and_then([&] { return lock_instance(runtime); });
    if (!lock)
        return tl::unexpected(lock.error());
    if (const auto made = make_directory(state); !made)
        sink.report(Trouble{.at = SystemClock{}.now(), .what = made.error().what});
    auto settings = make_settings(policy_or_dry_run(options, sink));
    if (!settings)
        return tl::unexpected(repair::Error{repair::ErrorCode::failed, settings.error()});
    settings->dry_run = settings->dry_run || options.dry_run;
    settings->assumed_monitor = options.policy.assumed_monitor;

    auto loop = EventLoop::create();
    if (!loop)
        return tl::unexpected(loop.error());
    auto service = Service::start(*loop, sink, *std::move(settings));
    if (!service)
        return tl::unexpected(service.error());
    Memory memory{runtime, state};
    if (!options.policy.assumed_monitor)
        memory.recall((*service)->keeper(), sink, SystemClock{}.now());
    remember_looks(**service, memory, sink);
    const auto jump = ClockJump::watch();
    if (!jump)
        return tl::unexpected(jump.error());
    return watch_signals(*loop).and_then([&] { return watch_clock(*loop, *jump, **service); }).and_then([&] {
        return loop->run();
    });
}

}  // namespace

int main(int argc, char** argv)
{
    fill_standard_streams();
    for (const int ignored : {SIGPIPE, SIGHUP})
        std::signal(ignored, SIG_IGN);
    Options options;
    CLI::App app{"Keeps kubelet's netfilter chains alive in this network namespace.", "chainkeeperd"};
    add_policy_option(app, options.policy);
    add_assume_monitor_option(app, options.policy);
    app.add_flag("--dry-run", options.dry_run, "Report what would be repaired, and write nothing");
    app.add_option("--log-level", options.log_level, "debug, info, warning or error")
        ->check(CLI::IsMember({"debug", "info", "warning", "error"}))
        ->type_name("LEVEL")
        ->capture_default_str();
    app.set_version_flag("--version", std::string{version_line("chainkeeperd")});
    if (const auto exit_code = parse_options(app, argc, argv))
        return *exit_code;

    LogSink sink{options.log_level};
    const auto exit_code = serve(options, sink);
    sd_notify(0, "STOPPING=1");
    if (exit_code)
        return *exit_code;
    sink.report(Trouble{.at = SystemClock{}.now(), .what = exit_code.error().what});
    return 2;
}
