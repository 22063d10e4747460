// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/history/history.hpp"
#include "tests/unit/keeper_node.hpp"
#include "tests/unit/sample_reports.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>
#include <sstream>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using namespace chainkeeper;
using namespace chainkeeper::daemon;
using namespace chainkeeper::tests;

namespace {

using Lines = std::vector<std::string>;

constexpr std::size_t limit = std::size_t{64} * 1024;

class Folder {
public:
    Folder()
    {
        std::string name = (std::filesystem::temp_directory_path() / "history-XXXXXX").string();
        REQUIRE(mkdtemp(name.data()) != nullptr);
        path_ = name;
    }
    ~Folder() { std::filesystem::remove_all(path_); }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    Folder(Folder&&) = delete;
    Folder& operator=(Folder&&) = delete;

    [[nodiscard]] const std::filesystem::path& path() const { return path_; }
    [[nodiscard]] std::filesystem::path file() const { return path_ / "history.jsonl"; }
    [[nodiscard]] std::string text() const
    {
        std::ostringstream text;
        text << std::ifstream{file()}.rdbuf();
        return text.str();
    }
    void write(std::string_view text) const { std::ofstream{file()} << text; }
    [[nodiscard]] std::ptrdiff_t entries() const
    {
        return std::distance(std::filesystem::directory_iterator{path_}, {});
    }

private:
    std::filesystem::path path_;
};

// Long enough to be written in several pages.
std::string numbered(unsigned long number, std::size_t padding = 0)
{
    return fmt::format(R"({{"n":{},"padding":"{}"}})", number, std::string(padding, 'x'));
}

unsigned long number_of(std::string_view line)
{
    return nlohmann::json::parse(line)["n"].get<unsigned long>();
}

Lines newest(const HistoryFile& file, std::size_t most = 1'000'000)
{
    auto lines = file.newest(most);
    REQUIRE(lines);
    return *std::move(lines);
}

void append(const HistoryFile& file, std::string_view line)
{
    const auto appended = file.append(line);
    CAPTURE((appended ? "" : appended.error().what));
    REQUIRE(appended);
}

// While it is there, no file of this process grows beyond so many bytes: what a full disk looks like.
class SmallDisk {
public:
    explicit SmallDisk(std::size_t size)
    {
        handler_ = std::signal(SIGXFSZ, SIG_IGN);
        getrlimit(RLIMIT_FSIZE, &before_);
        const rlimit small{.rlim_cur = size, .rlim_max = before_.rlim_max};
        REQUIRE(setrlimit(RLIMIT_FSIZE, &small) == 0);
    }
    ~SmallDisk()
    {
        setrlimit(RLIMIT_FSIZE, &before_);
        std::signal(SIGXFSZ, handler_);
    }
    SmallDisk(const SmallDisk&) = delete;
    SmallDisk& operator=(const SmallDisk&) = delete;
    SmallDisk(SmallDisk&&) = delete;
    SmallDisk& operator=(SmallDisk&&) = delete;

private:
    rlimit before_{};
    void (*handler_)(int);
};

}  // namespace

TEST_CASE("history file: what was appended is read, oldest first")
{
    const Folder folder;
    const HistoryFile file{folder.path(), limit};
    CHECK(newest(file).empty());
    for (unsigned number = 1; number <= 3; ++number)
        append(file, numbered(number));
    CHECK(newest(file) == Lines{numbered(1), numbered(2), numbered(3)});
    CHECK(newest(file, 2) == Lines{numbered(2), numbered(3)});
    CHECK(newest(file, 0).empty());
    CHECK(folder.text().ends_with("\n"));
}

TEST_CASE("history file: is not for everybody to read, whatever the umask")
{
    const Folder folder;
    const auto mask = umask(0077);
    append(HistoryFile{folder.path(), limit}, numbered(1));
    umask(mask);
    CHECK(std::filesystem::status(folder.file()).permissions() == std::filesystem::perms{0640});
}

TEST_CASE("history file: a torn last line is left out, and ended before the next")
{
    const Folder folder;
    const HistoryFile file{folder.path(), limit};
    append(file, numbered(1));
    folder.write(folder.text() + R"({"n":2,"pad)");
    CHECK(newest(file) == Lines{numbered(1)});
    append(file, numbered(3));
    CHECK(newest(file) == Lines{numbered(1), numbered(3)});
    CHECK(folder.text() == numbered(1) + "\n" + R"({"n":2,"pad)" + "\n" + numbered(3) + "\n");
}

TEST_CASE("history file: a last line that lacks nothing but its newline is torn too")
{
    const Folder folder;
    const HistoryFile file{folder.path(), limit};
    folder.write(numbered(1));
    CHECK(newest(file).empty());
    append(file, numbered(2));
    CHECK(newest(file) == Lines{numbered(1), numbered(2)});
}

TEST_CASE("history file: garbage is read past, however long")
{
    const Folder folder;
    const HistoryFile file{folder.path(), std::size_t{8} << 20U};
    std::string garbage(300'000, '\x80');
    folder.write(numbered(1) + "\n" + garbage + "\n\n[]\n7\n{\n" + std::string(200'000, '[') + "\n" + numbered(2) +
                 "\n" + std::string(100'000, '{'));
    CHECK(newest(file) == Lines{numbered(1), numbered(2)});
    CHECK(newest(file, 1) == Lines{numbered(2)});
}

TEST_CASE("history file: never grows beyond its limit, and keeps the newest half")
{
    const Folder folder;
    const HistoryFile file{folder.path(), limit};
    std::size_t before = 0;
    unsigned rotations = 0;
    for (unsigned number = 1; number <= 500; ++number) {
        append(file, numbered(number, 1000));
        const auto size = std::filesystem::file_size(folder.file());
        REQUIRE(size <= limit);
        if (size < before) {
            ++rotations;
            CHECK(size > limit / 2 - 1100);
        }
        before = size;
        const auto lines = newest(file);
        REQUIRE(number_of(lines.back()) == number);
        REQUIRE(number_of(lines.front()) == number + 1 - lines.size());
    }
    CHECK(rotations > 10);
    CHECK(folder.entries() == 1);
    CHECK(std::filesystem::status(folder.file()).permissions() == std::filesystem::perms{0640});
}

TEST_CASE("history file: a rotation ends a torn line too, and a smaller limit shortens the file")
{
    const Folder folder;
    HistoryFile file{folder.path(), std::size_t{1} << 20U};
    for (unsigned number = 1; number <= 500; ++number)
        append(file, numbered(number, 1000));
    folder.write(folder.text() + R"({"n":)");
    file.set_limit(limit);
    CHECK(newest(file).size() <= 64);
    append(file, numbered(501, 1000));
    CHECK(std::filesystem::file_size(folder.file()) <= limit);
    const auto lines = newest(file);
    CHECK(number_of(lines.back()) == 501);
    CHECK(number_of(lines[lines.size() - 2]) == 500);
    CHECK(lines.size() > 25);
}

TEST_CASE("history file: one line without an end is no reason to keep it")
{
    const Folder folder;
    const HistoryFile file{folder.path(), limit};
    folder.write(std::string(limit, 'x'));
    append(file, numbered(1));
    CHECK(folder.text() == numbered(1) + "\n");
}

TEST_CASE("history file: takes no line that it could not keep")
{
    const Folder folder;
    const HistoryFile file{folder.path(), limit};
    CHECK_FALSE(file.append(numbered(1, limit)));
    CHECK_FALSE(file.append("{}\n{}"));
    CHECK_FALSE(std::filesystem::exists(folder.file()));
}

TEST_CASE("history file: follows no symbolic link, and takes nothing but a file")
{
    const Folder folder;
    const HistoryFile file{folder.path(), limit};
    const auto elsewhere = folder.path() / "elsewhere";
    std::ofstream{elsewhere} << "keep me";
    std::filesystem::create_symlink(elsewhere, folder.file());
    const auto linked = file.append(numbered(1));
    REQUIRE_FALSE(linked);
    CHECK(linked.error().what.find(folder.file().string()) != std::string::npos);
    CHECK_FALSE(file.newest(1));
    CHECK(std::filesystem::file_size(elsewhere) == 7);
    std::filesystem::remove(folder.file());
    REQUIRE(mkfifo(folder.file().c_str(), 0600) == 0);
    CHECK_FALSE(file.append(numbered(1)));
    const auto pipe = file.newest(1);
    REQUIRE_FALSE(pipe);
    CHECK(pipe.error().what == folder.file().string() + " is not a regular file");
}

TEST_CASE("history file: a symbolic link in the place of what its rotation writes to is not followed")
{
    const Folder folder;
    const HistoryFile file{folder.path(), limit};
    std::ofstream{folder.path() / "elsewhere"} << "keep me";
    std::filesystem::create_symlink(folder.path() / "elsewhere", folder.path() / "history.jsonl.new");
    folder.write(std::string(limit, 'x'));
    CHECK(file.append(numbered(1)));
    CHECK(std::filesystem::file_size(folder.path() / "elsewhere") == 7);
    CHECK(std::filesystem::is_regular_file(std::filesystem::symlink_status(folder.file())));
}

TEST_CASE("history file: on a full disk the error is told, and the file is as it was")
{
    const Folder folder;
    const HistoryFile file{folder.path(), limit};
    append(file, numbered(1, 3000));
    const auto before = folder.text();
    {
        const SmallDisk disk{before.size() + 1000};
        const auto appended = file.append(numbered(2, 3000));
        REQUIRE_FALSE(appended);
        CHECK(appended.error().what.find("writing " + folder.file().string()) != std::string::npos);
    }
    CHECK(folder.text() == before);
    append(file, numbered(2, 3000));
    CHECK(newest(file).size() == 2);
}

TEST_CASE("history file: a rotation on a full disk leaves the old file, and nothing beside it")
{
    const Folder folder;
    const HistoryFile file{folder.path(), limit};
    for (unsigned number = 1; number <= 63; ++number)
        append(file, numbered(number, 1000));
    const auto before = folder.text();
    {
        const SmallDisk disk{20'000};
        CHECK_FALSE(file.append(numbered(64, 1000)));
    }
    CHECK(folder.text() == before);
    CHECK(folder.entries() == 1);
}

TEST_CASE("history file: a missing directory is an error, not a fault")
{
    const HistoryFile file{"/nonexistent/directory", limit};
    const auto appended = file.append(numbered(1));
    REQUIRE_FALSE(appended);
    CHECK(appended.error().what.find("No such file or directory") != std::string::npos);
    CHECK(newest(file).empty());
}

namespace {

// Shared with the writer that is killed: the last line whose append had returned.
struct Acknowledged {
    std::atomic<unsigned long> number;
};

class SharedNumber {
public:
    SharedNumber()
        : shared_{static_cast<Acknowledged*>(
              mmap(nullptr, sizeof(Acknowledged), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0))}
    {
        REQUIRE(static_cast<void*>(shared_) != MAP_FAILED);
    }
    ~SharedNumber() { munmap(shared_, sizeof(Acknowledged)); }
    SharedNumber(const SharedNumber&) = delete;
    SharedNumber& operator=(const SharedNumber&) = delete;
    SharedNumber(SharedNumber&&) = delete;
    SharedNumber& operator=(SharedNumber&&) = delete;

    [[nodiscard]] std::atomic<unsigned long>& number() const { return shared_->number; }

private:
    Acknowledged* shared_;
};

// Appends until it is killed. Every seventh line is of several pages.
[[noreturn]] void append_for_ever(const HistoryFile& file, std::atomic<unsigned long>& acknowledged)
{
    for (auto number = acknowledged + 1;; ++number) {
        if (!file.append(numbered(number, number % 7 == 0 ? 15'000 : 500)))
            _exit(1);
        acknowledged = number;
    }
}

std::size_t broken_lines(const std::string& text)
{
    std::size_t broken = 0;
    std::istringstream lines{text};
    for (std::string line; std::getline(lines, line);)
        broken += nlohmann::json::accept(line) ? 0U : 1U;
    return broken;
}

}  // namespace

TEST_CASE("history file: a writer that is killed at any moment loses nothing that it had written")
{
    const Folder folder;
    const HistoryFile file{folder.path(), limit};
    const SharedNumber shared;
    std::mt19937 random{20261121};  // NOLINT: the same moments each time
    std::uniform_int_distribution<int> microseconds{0, 6000};
    std::size_t broken = 0;
    bool rotated = false;
    for (int kill_number = 0; kill_number < 200; ++kill_number) {
        const auto writer = fork();
        REQUIRE(writer >= 0);
        if (writer == 0)
            append_for_ever(file, shared.number());
        std::this_thread::sleep_for(std::chrono::microseconds{microseconds(random)});
        kill(writer, SIGKILL);
        int status = 0;
        REQUIRE(waitpid(writer, &status, 0) == writer);
        REQUIRE(WIFSIGNALED(status));

        // At most one line more is broken than before, and none of those that readers get.
        const auto text = folder.text();
        REQUIRE(text.size() <= limit);
        const auto broken_now = broken_lines(text);
        REQUIRE(broken_now <= broken + 1);
        broken = broken_now;
        const auto lines = newest(file);
        if (lines.empty())
            continue;
        std::vector<unsigned long> numbers;
        std::ranges::transform(lines, std::back_inserter(numbers), number_of);
        // The last may have been written without word of it; of those before none is missing.
        REQUIRE(numbers.back() >= shared.number());
        REQUIRE(numbers.back() <= shared.number() + 1);
        for (std::size_t index = 1; index < numbers.size(); ++index)
            REQUIRE(numbers[index] == numbers[index - 1] + 1);
        if (numbers.front() > 1) {
            rotated = true;
            REQUIRE(text.size() > limit / 2 - 16'000);
        }
        shared.number() = numbers.back();
    }
    CHECK(rotated);
    CHECK(shared.number() > 100);
}

TEST_CASE("history: each incident is a line, and the newest is known after a restart")
{
    const Folder folder;
    const FakeClock clock;
    const HistoryFile file{folder.path(), limit};
    {
        History history{file, clock, "boot-1"};
        CHECK(history.last().empty());
        history.report(sample_decision(policies::Row::damaged, policies::Action::report));
        CHECK(history.end_of_look());
        CHECK(history.end_of_look());
        history.report(sample_decision(policies::Row::standoff, policies::Action::refuse));
        CHECK(history.end_of_look());
        CHECK(history.end());
        CHECK(history.newest(9)->size() == 2);
    }
    const History again{file, clock, "boot-2"};
    CHECK(nlohmann::json::parse(again.last())["families"][0]["decision"] == "refuse: standoff");
    CHECK(nlohmann::json::parse(again.last())["boot"] == "boot-1");
}

TEST_CASE("history: an incident that cannot be written is told once, and is still the newest")
{
    const FakeClock clock;
    History history{HistoryFile{"/nonexistent/directory", limit}, clock, "boot-1"};
    history.report(sample_decision(policies::Row::damaged, policies::Action::report));
    CHECK_FALSE(history.end_of_look());
    CHECK(history.end_of_look());
    CHECK_FALSE(history.last().empty());
}

TEST_CASE("history: a boot has an id")
{
    CHECK(boot_id().size() == 36);
}
