// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/iptables_watch.hpp"

#include "repair/process/child_process.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fmt/format.h>
#include <sstream>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <unistd.h>

namespace chainkeeper::daemon {

namespace {

constexpr Duration answer_deadline = std::chrono::seconds{2};
constexpr std::uint32_t changes = IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_MOVED_FROM | IN_ONLYDIR;

repair::Error failed(std::string_view doing, int error_number)
{
    return {repair::ErrorCode::failed,
            fmt::format("{} failed: {}", doing, std::generic_category().message(error_number))};
}

// Where start_command() looks.
std::string search_path()
{
    const char* const path = std::getenv("PATH");
    return fmt::format("{}:/usr/sbin:/sbin", path == nullptr ? "/usr/bin:/bin" : path);
}

// The first line of what it printed.
std::string text_in(const FileDescriptor& file)
{
    std::array<char, 256> buffer{};
    const auto size = pread(file.number(), buffer.data(), buffer.size(), 0);
    return std::string{buffer.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0))};
}

}  // namespace

std::vector<std::filesystem::path> way_to(const std::string& program, const std::string& path)
{
    std::vector<std::filesystem::path> way;
    std::istringstream folders{path};
    std::error_code error;
    for (std::string folder; way.empty() && std::getline(folders, folder, ':');)
        if (const auto file = std::filesystem::path{folder} / program; std::filesystem::exists(file, error))
            way.push_back(file);
    // The kernel follows no more links than that (MAXSYMLINKS).
    constexpr std::size_t most_links = 40;
    while (!way.empty() && way.size() < most_links && std::filesystem::is_symlink(way.back(), error)) {
        const auto target = std::filesystem::read_symlink(way.back(), error);
        if (error)
            break;
        way.push_back((way.back().parent_path() / target).lexically_normal());
    }
    return way;
}

repair::Result<std::unique_ptr<IptablesWatch>> IptablesWatch::start(EventLoop& loop, const Clock& clock, Answer answer)
{
    FileDescriptor inotify{inotify_init1(IN_NONBLOCK | IN_CLOEXEC)};
    if (!inotify)
        return tl::unexpected(failed("watching iptables", errno));
    std::unique_ptr<IptablesWatch> watch{new IptablesWatch{loop, clock, std::move(answer), std::move(inotify)}};
    auto* const self = watch.get();
    auto heard = loop.watch_readable(self->inotify_.number(), [self] { self->hear(); });
    if (!heard)
        return tl::unexpected(heard.error());
    self->heard_ = *std::move(heard);
    // What does not answer is asked again when something changes, and is what it was until then.
    auto deadline = loop.add_timer([self] { self->running_.reset(); });
    if (!deadline)
        return tl::unexpected(deadline.error());
    self->deadline_ = *deadline;
    self->watch_way();
    return watch;
}

IptablesWatch::~IptablesWatch()
{
    if (deadline_)
        deadline_->set(std::nullopt);
}

// A folder that cannot be watched does not change without one of the others, or it does and is asked about no more.
void IptablesWatch::watch_way()
{
    names_ = {"iptables"};
    for (const auto& file : way_to("iptables", search_path())) {
        names_.insert(file.filename());
        inotify_add_watch(inotify_.number(), file.parent_path().c_str(), changes);
    }
    // One may come to where there is none, or to a folder that is searched before.
    std::istringstream folders{search_path()};
    for (std::string folder; std::getline(folders, folder, ':');)
        inotify_add_watch(inotify_.number(), folder.c_str(), changes);
}

void IptablesWatch::hear()
{
    alignas(inotify_event) std::array<char, 4096> buffer{};
    const auto size = read(inotify_.number(), buffer.data(), buffer.size());
    bool is_ours = false;
    for (std::size_t at = 0; size > 0 && at < static_cast<std::size_t>(size);) {
        inotify_event event{};
        std::memcpy(&event, buffer.data() + at, sizeof event);
        const bool is_named = event.len != 0 && names_.contains(buffer.data() + at + sizeof event);
        is_ours = is_ours || is_named || (event.mask & IN_Q_OVERFLOW) != 0;
        at += sizeof event + event.len;
    }
    if (is_ours)
        ask();
}

void IptablesWatch::ask()
{
    watch_way();
    output_ = FileDescriptor{memfd_create("iptables", MFD_CLOEXEC)};
    const auto child = repair::start_command({"iptables", "-V"}, {.output = output_.number()});
    if (!child)
        return give(std::nullopt);
    running_.reset();  // one that was asked before
    auto running = loop_.watch_child(*child, [this](int wait_status) {
        give(repair::exit_code_of(wait_status) == 0 ? repair::variant_in(text_in(output_)) : std::nullopt);
    });
    if (!running)
        return give(std::nullopt);
    running_ = *std::move(running);
    deadline_->set(clock_.now() + answer_deadline);
}

void IptablesWatch::give(std::optional<KnownBackend> says)
{
    deadline_->set(std::nullopt);
    running_.reset();
    answer_(says);
}

}  // namespace chainkeeper::daemon
