// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/kubelet/kubelet_init.hpp"

#include "daemon/event_loop.hpp"
#include "daemon/kubelet/kubelet_journal.hpp"
#include "daemon/short_text.hpp"

#include <cstdlib>
#include <utility>

namespace chainkeeper::daemon {

namespace {

// iptables' own words are at the end of what kubelet says of it.
constexpr std::size_t longest_error = 600;

// A line may be delivered twice: the first report of a family counts.
class InitReader {
public:
    void hear(const KubeletLine& line)
    {
        if (line.kind == KubeletLine::Kind::no_iptables)
            init_.found_no_iptables = true;
        const bool succeeded = line.kind == KubeletLine::Kind::initialised;
        if (!line.family || (!succeeded && line.kind != KubeletLine::Kind::init_failed))
            return;
        auto error = std::exchange(last_error_, {});
        init_.reports.try_emplace(*line.family,
                                  KubeletInit::Report{.succeeded = succeeded, .error = succeeded ? "" : error});
    }
    void hear_other(std::string_view message)
    {
        if (const auto error = kubelet_error_from_message(message))
            last_error_ = short_text(*error, longest_error);
    }
    [[nodiscard]] bool is_complete() const { return init_.reports.size() == repair::all_families.size(); }
    [[nodiscard]] const KubeletInit& init() const { return init_; }

private:
    KubeletInit init_;
    std::string last_error_;
};

}  // namespace

repair::Result<KubeletInit> read_kubelet_init(const std::string& invocation, Instant active_since,
                                              const std::filesystem::path& directory)
{
    auto loop = EventLoop::create();
    if (!loop)
        return tl::unexpected(loop.error());
    const SystemClock clock;
    InitReader reader;
    std::string trouble;
    const auto stop = [&] { loop->stop(EXIT_SUCCESS); };
    auto journal = KubeletJournal::create(*loop, clock,
                                          {.line =
                                               [&](const KubeletLine& line) {
                                                   reader.hear(line);
                                                   if (reader.is_complete())
                                                       stop();
                                               },
                                           .trouble =
                                               [&](const std::string& what) {
                                                   trouble = what;
                                                   stop();
                                               },
                                           .gave_up = stop,
                                           .other = [&](std::string_view message) { reader.hear_other(message); },
                                           .caught_up = stop},
                                          {.directory = directory});
    if (!journal)
        return tl::unexpected(journal.error());
    if (const auto followed = (*journal)->follow(invocation, active_since); !followed)
        return tl::unexpected(followed.error());
    if (const auto ended = loop->run(); !ended)
        return tl::unexpected(ended.error());
    if (!trouble.empty() && !reader.is_complete())
        return tl::unexpected(repair::Error{repair::ErrorCode::failed, trouble});
    return reader.init();
}

}  // namespace chainkeeper::daemon
