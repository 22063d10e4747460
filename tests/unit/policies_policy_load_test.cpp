// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/policy_file.hpp"

#include "policies/text_file.hpp"

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <doctest/doctest.h>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <system_error>

namespace chainkeeper::policies {

namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

// A directory that goes with everything in it.
class Directory {
public:
    Directory()
    {
        auto name = (fs::temp_directory_path() / "policy-XXXXXX").string();
        REQUIRE(mkdtemp(name.data()) != nullptr);
        path_ = name;
    }
    Directory(const Directory&) = delete;
    Directory& operator=(const Directory&) = delete;
    Directory(Directory&&) = delete;
    Directory& operator=(Directory&&) = delete;
    ~Directory()
    {
        std::error_code ignored;
        fs::remove_all(path_, ignored);
    }

    [[nodiscard]] fs::path at(std::string_view name) const { return path_ / name; }
    [[nodiscard]] fs::path policy() const { return at("p.toml"); }
    [[nodiscard]] fs::path write(std::string_view name, std::string_view text) const
    {
        fs::create_directories(at(name).parent_path());
        std::ofstream{at(name)} << text;
        return at(name);
    }

private:
    fs::path path_;
};

std::string load_refusal(const fs::path& path)
{
    const auto policy = load_policy(path);
    return policy ? "" : policy.error().what;
}

Policy loaded(const fs::path& path)
{
    const auto policy = load_policy(path);
    REQUIRE_MESSAGE(policy.has_value(), policy.error().what);
    return *policy;
}

}  // namespace

TEST_CASE("a policy file is read from its path")
{
    const Directory directory;
    const auto path = directory.write("p.toml", "[repair]\nmode = \"off\"\n");
    CHECK(loaded(path).repair.mode == Mode::off);
    static_cast<void>(directory.write("p.toml", "[repair]\nmoode = \"off\"\n"));
    CHECK(load_refusal(path) == path.string() + ":2:1: unknown key 'moode' in [repair]; did you mean 'mode'?");
}

TEST_CASE("a policy file that is not there is an error, a drop-in directory that is not there is none")
{
    const Directory directory;
    CHECK(load_refusal(directory.policy()) ==
          directory.policy().string() + ": cannot be read: No such file or directory");
    static_cast<void>(directory.write("p.toml", ""));
    CHECK(loaded(directory.policy()) == Policy{});
    CHECK_FALSE(load_refusal("").empty());
}

TEST_CASE("what is not a regular file of a sane size is refused at once")
{
    const Directory directory;
    const auto fifo = directory.at("fifo");
    REQUIRE(mkfifo(fifo.c_str(), 0600) == 0);
    CHECK(load_refusal(fifo) == fifo.string() + ": cannot be read: it is not a regular file");
    CHECK(load_refusal(directory.at(".")) == directory.at(".").string() + ": cannot be read: it is a directory");
    CHECK(load_refusal("/dev/zero") == "/dev/zero: cannot be read: it is not a regular file");
    const auto huge = directory.write("huge", "");
    fs::resize_file(huge, std::uintmax_t{1} << 30U);
    CHECK(load_refusal(huge) == huge.string() + ": cannot be read: it is larger than 1024 KiB");
    fs::create_symlink("nowhere", directory.at("dangling"));
    CHECK(load_refusal(directory.at("dangling")) ==
          directory.at("dangling").string() + ": cannot be read: No such file or directory");
}

TEST_CASE("a file may be as large as the limit, and a byte more is too much")
{
    const Directory directory;
    const auto path = directory.write("p.toml", std::string(largest_text_file, '#'));
    CHECK(loaded(path) == Policy{});
    static_cast<void>(directory.write("p.toml", std::string(largest_text_file + 1, '#')));
    CHECK(load_refusal(path) == path.string() + ": cannot be read: it is larger than 1024 KiB");
}

TEST_CASE("a file that says that it is empty is read all the same")
{
    const auto text = read_text_file("/proc/self/status");
    REQUIRE(text.has_value());
    CHECK(text->starts_with("Name:"));
}

TEST_CASE("of drop-ins the later one wins, key by key")
{
    const Directory directory;
    static_cast<void>(
        directory.write("p.toml", "[repair]\nmode = \"off\"\nsettle = \"1s\"\non_damage = \"rewrite\"\n"));
    static_cast<void>(directory.write("p.toml.d/20-b.toml", "[repair]\nmode = \"repair\"\n"));
    static_cast<void>(directory.write("p.toml.d/10-a.toml", "[repair]\nmode = \"dry-run\"\nsettle = \"2s\"\n"));

    Policy expected;
    expected.repair.mode = Mode::repair;
    expected.repair.settle = 2s;
    expected.repair.on_damage = OnDamage::rewrite;
    CHECK(loaded(directory.policy()) == expected);
}

TEST_CASE("drop-ins are read in the order of their names, not of the directory")
{
    const std::string letters = "kcmhaeojbnpdglif";
    const Directory directory;
    static_cast<void>(directory.write("p.toml", ""));
    for (const auto& order : {letters, std::string{letters.rbegin(), letters.rend()}}) {
        fs::remove_all(directory.at("p.toml.d"));
        for (const char letter : order)
            static_cast<void>(directory.write(fmt::format("p.toml.d/{}.toml", letter),
                                              fmt::format("[repair]\nsettle = \"{}ms\"\n", static_cast<int>(letter))));
        CHECK(loaded(directory.policy()).repair.settle == std::chrono::milliseconds{'p'});
    }
}

TEST_CASE("of the drop-in directory only what ends in .toml and is not hidden is read")
{
    const Directory directory;
    static_cast<void>(directory.write("p.toml", ""));
    for (const auto* name : {"p.toml.d/README", "p.toml.d/10-a.toml.bak", "p.toml.d/.10-a.toml", "p.toml.d/.toml",
                             "p.toml.d/toml", "p.toml.d/10-a.toml~"})
        static_cast<void>(directory.write(name, "not TOML"));
    fs::create_directory(directory.at("p.toml.d/a"));
    CHECK(loaded(directory.policy()) == Policy{});
    const auto read = directory.write("p.toml.d/10-a.toml", "not TOML");
    CHECK(load_refusal(directory.policy()).starts_with(read.string() + ":1:"));
}

TEST_CASE("a drop-in that cannot be read spoils the whole policy")
{
    const Directory directory;
    static_cast<void>(directory.write("p.toml", ""));
    fs::create_directory(directory.at("p.toml.d"));
    const auto fifo = directory.at("p.toml.d/10-a.toml");
    REQUIRE(mkfifo(fifo.c_str(), 0600) == 0);
    CHECK(load_refusal(directory.policy()) == fifo.string() + ": cannot be read: it is not a regular file");
}

TEST_CASE("a drop-in directory that is a file is an error")
{
    const Directory directory;
    static_cast<void>(directory.write("p.toml", ""));
    const auto file = directory.write("p.toml.d", "");
    CHECK(load_refusal(directory.policy()) == file.string() + ": cannot be read: Not a directory");
}

TEST_CASE("change windows of a later file take the place of all before them")
{
    const auto window = [](std::string_view start) {
        return fmt::format("[[change_window]]\nweekdays = [\"Mon\"]\nstart = \"{}\"\nduration = \"1h\"\n", start);
    };
    const Directory directory;
    static_cast<void>(directory.write("p.toml", window("01:00") + window("02:00")));
    CHECK(loaded(directory.policy()).change_windows.size() == 2);
    static_cast<void>(directory.write("p.toml.d/10-a.toml", "[repair]\nmode = \"off\"\n"));
    CHECK(loaded(directory.policy()).change_windows.size() == 2);
    static_cast<void>(directory.write("p.toml.d/20-b.toml", window("03:00")));
    REQUIRE(loaded(directory.policy()).change_windows.size() == 1);
    CHECK(loaded(directory.policy()).change_windows[0].start == 3h);
    static_cast<void>(directory.write("p.toml.d/30-c.toml", "change_window = []\n"));
    CHECK(loaded(directory.policy()).change_windows.empty());
}

TEST_CASE("of every key it is known where it was written last")
{
    const Directory directory;
    const auto main_file = directory.write("p.toml", "[repair]\nmode = \"off\"\nsettle = \"1s\"\n");
    const auto drop_in = directory.write("p.toml.d/10-a.toml", "\n[repair]\n  mode = \"repair\"\n[[change_window]]\n"
                                                               "weekdays = [\"Mon\"]\nstart = \"01:00\"\n"
                                                               "duration = \"1h\"\n");
    const auto policy = load_sourced_policy(directory.policy());
    REQUIRE(policy);
    const auto place = [&](std::string_view section, std::string_view key) {
        const auto* const written = policy->find(section, key);
        return written == nullptr ? "default" : to_string(written->file, written->place);
    };
    CHECK(policy->policy == loaded(directory.policy()));
    CHECK(place("repair", "mode") == drop_in.string() + ":3:3");
    CHECK(place("repair", "settle") == main_file.string() + ":3:1");
    CHECK(place("repair", "settle_deadline") == "default");
    CHECK(place("kubelet", "mode") == "default");
    CHECK(place("change_window", "") == drop_in.string() + ":4:1");
}

TEST_CASE("two files that contradict each other: the later one is named")
{
    const Directory directory;
    static_cast<void>(directory.write("p.toml", "[repair]\nsettle_deadline = \"1s\"\n"));
    const auto drop_in = directory.write("p.toml.d/10-a.toml", "[repair]\n\nsettle = \"5s\"\n");
    CHECK(load_refusal(directory.policy()) ==
          drop_in.string() + ":3:1: 'settle_deadline' (1s) must not be shorter than 'settle' (5s)");
}

TEST_CASE("a mistake in the main file is refused though a drop-in overrides it")
{
    const Directory directory;
    static_cast<void>(directory.write("p.toml", "[repair]\nmode = \"on\"\n"));
    static_cast<void>(directory.write("p.toml.d/10-a.toml", "[repair]\nmode = \"off\"\n"));
    CHECK(load_refusal(directory.policy()).starts_with(directory.policy().string() + ":2:8: "));
}

}  // namespace chainkeeper::policies
