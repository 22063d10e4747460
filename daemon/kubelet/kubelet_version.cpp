// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/kubelet/kubelet_version.hpp"

#include "daemon/kubelet/kubelet_flags.hpp"
#include "daemon/kubelet/printable.hpp"
#include "policies/profile.hpp"
#include "policies/text_file.hpp"
#include "repair/process/child_process.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace chainkeeper::daemon {

namespace {

// A version is a line; warnings may come with it.
constexpr std::size_t most_output = 16384;
constexpr std::size_t longest_version = 64;
constexpr std::size_t longest_quote = 128;

tl::unexpected<repair::Error> failed(std::string what)
{
    return tl::unexpected(repair::Error{repair::ErrorCode::failed, std::move(what)});
}

std::string_view first_line(std::string_view text)
{
    return text.substr(0, text.find('\n'));
}

std::optional<std::string> version_in_line(std::string_view line)
{
    static constexpr std::array<std::string_view, 3> beginnings{"Kubernetes ", "k3s version ", "rke2 version "};
    const auto* const beginning =
        std::ranges::find_if(beginnings, [&](std::string_view words) { return line.starts_with(words); });
    if (beginning == beginnings.end())
        return std::nullopt;
    line.remove_prefix(beginning->size());
    const auto version = line.substr(0, line.find_first_of(" \r"));
    if (version.size() > longest_version || !policies::parse_version(version))
        return std::nullopt;
    return std::string{version};
}

// What the process calls itself, without the words that a process title adds: k3s and its like go by it.
std::string name_of(const std::filesystem::path& process)
{
    const auto arguments = arguments_of(policies::read_text_file(process / "cmdline").value_or(""));
    const auto name = arguments.empty() ? std::string{} : arguments.front().substr(0, arguments.front().find(' '));
    return name.empty() ? "kubelet" : name;
}

struct Pipe {
    FileDescriptor reading;  // never waits
    FileDescriptor writing;
};

repair::Result<Pipe> make_pipe()
{
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0)
        return tl::unexpected(repair::system_error("making a pipe", errno));
    Pipe made{FileDescriptor{ends[0]}, FileDescriptor{ends[1]}};
    if (fcntl(made.reading.number(), F_SETFL, O_NONBLOCK) != 0)
        return tl::unexpected(repair::system_error("setting up a pipe", errno));
    return made;
}

repair::Result<std::string> version_of(const std::string& output, int exit_code)
{
    auto version = exit_code == 0 ? version_in_output(output) : std::nullopt;
    if (version)
        return *std::move(version);
    const auto said = printable(std::string{first_line(output)}, longest_quote);
    return failed(fmt::format("kubelet's program says no version: it ended with {} and '{}'", exit_code, said));
}

}  // namespace

std::optional<std::string> version_in_output(std::string_view output)
{
    while (!output.empty()) {
        const auto line = first_line(output);
        if (auto version = version_in_line(line))
            return version;
        output.remove_prefix(std::min(line.size() + 1, output.size()));
    }
    return std::nullopt;
}

KubeletVersion::KubeletVersion(EventLoop& loop, const Clock& clock, Settings settings)
    : loop_{loop}, clock_{clock}, settings_{std::move(settings)}
{
}

repair::Result<std::unique_ptr<KubeletVersion>> KubeletVersion::create(EventLoop& loop, const Clock& clock,
                                                                       Settings settings)
{
    std::unique_ptr<KubeletVersion> version{new KubeletVersion{loop, clock, std::move(settings)}};
    const auto timer = loop.add_timer([self = version.get()] { self->on_time(); });
    if (!timer)
        return tl::unexpected(timer.error());
    version->timer_ = *timer;
    return version;
}

KubeletVersion::~KubeletVersion()
{
    if (timer_)
        timer_->set(std::nullopt);
}

// A program that still runs is killed, and the next one started when it is dead; the deadline holds for both.
void KubeletVersion::ask(pid_t process, Answer answer)
{
    question_ = Question{.process = process, .answer = std::move(answer)};
    if (running_)
        kill_child();
    timer_->set(running_ ? clock_.now() + settings_.deadline : clock_.now());
}

void KubeletVersion::on_time()
{
    if (!running_)
        return start();
    kill_child();
    give(failed("kubelet's program says no version: it did not end in time"));
}

void KubeletVersion::start()
{
    if (!question_)
        return;
    if (const auto started = start_program_of(question_->process); !started)
        return give(tl::unexpected(started.error()));
    timer_->set(clock_.now() + settings_.deadline);
}

repair::Result<void> KubeletVersion::start_program_of(pid_t process)
{
    const auto folder = settings_.proc / fmt::to_string(process);
    // Of a process with more capabilities than ours this takes CAP_SYS_PTRACE, and so does running it.
    std::error_code error;
    static_cast<void>(std::filesystem::read_symlink(folder / "exe", error));
    if (error)
        return failed(fmt::format("kubelet's program cannot be asked for its version: {}: {}",
                                  (folder / "exe").string(), error.message()));
    auto pipe = make_pipe();
    if (!pipe)
        return tl::unexpected(pipe.error());
    const auto child = repair::start_program((folder / "exe").string(), {name_of(folder), "--version"},
                                             {.output = pipe->writing.number()});
    if (!child)
        return tl::unexpected(child.error());
    running_ = Running{};
    running_->child = *child;
    running_->output = std::move(pipe->reading);
    return watch(*running_);
}

repair::Result<void> KubeletVersion::watch(Running& running)
{
    auto exit = loop_.watch_child(running.child, [this](int wait_status) { on_exit(wait_status); });
    if (!exit) {
        // Nobody would tell of its end. It has hardly begun, so that it dies at once.
        kill(running.child, SIGKILL);
        waitpid(running.child, nullptr, 0);
        running_.reset();
        return tl::unexpected(exit.error());
    }
    running.exit = *std::move(exit);
    auto readable = loop_.watch_readable(running.output.number(), [this] { read_output(); });
    if (!readable) {
        kill_child();
        return tl::unexpected(readable.error());
    }
    running.readable = *std::move(readable);
    return {};
}

void KubeletVersion::read_output()
{
    std::array<char, 4096> buffer{};
    const auto size = read(running_->output.number(), buffer.data(), buffer.size());
    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (size <= 0) {
        running_->readable = EventLoop::Watch{};
        return;
    }
    running_->text.append(buffer.data(), static_cast<std::size_t>(size));
    if (running_->text.size() <= most_output)
        return;
    kill_child();
    give(failed("kubelet's program says no version, but much else"));
}

void KubeletVersion::on_exit(int wait_status)
{
    // What it wrote last; no more than a pipe holds.
    std::array<char, most_output> buffer{};
    const auto size = read(running_->output.number(), buffer.data(), buffer.size());
    if (size > 0)
        running_->text.append(buffer.data(), static_cast<std::size_t>(size));
    const auto ended = std::exchange(running_, std::nullopt);
    if (ended->killed)
        return start();
    give(version_of(ended->text, repair::exit_code_of(wait_status)));
}

void KubeletVersion::kill_child()
{
    running_->killed = true;
    running_->readable = EventLoop::Watch{};
    kill(running_->child, SIGKILL);
}

void KubeletVersion::give(const repair::Result<std::string>& version)
{
    timer_->set(std::nullopt);
    const auto question = std::exchange(question_, std::nullopt);
    if (question)
        question->answer(version);
}

}  // namespace chainkeeper::daemon
