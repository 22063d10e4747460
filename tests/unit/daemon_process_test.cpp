// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/instance_lock.hpp"
#include "daemon/state_file.hpp"
#include "policies/text_file.hpp"

#include <cstdlib>
#include <doctest/doctest.h>
#include <fmt/format.h>

using namespace chainkeeper;
using namespace chainkeeper::daemon;

namespace {

class TemporaryDirectory {
public:
    TemporaryDirectory() { std::filesystem::create_directories(path); }
    TemporaryDirectory(const TemporaryDirectory&) = delete;
    TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
    TemporaryDirectory(TemporaryDirectory&&) = delete;
    TemporaryDirectory& operator=(TemporaryDirectory&&) = delete;
    ~TemporaryDirectory() { std::filesystem::remove_all(path); }

    std::filesystem::path path = std::filesystem::temp_directory_path() / fmt::format("daemon-process-{}", getpid());
};

}  // namespace

TEST_CASE("state file: is replaced whole, and says why it cannot be")
{
    const TemporaryDirectory directory;
    const auto file = directory.path / "state";
    CHECK(write_state_file(file, "one"));
    CHECK(write_state_file(file, "two"));
    CHECK(policies::read_text_file(file) == "two");
    CHECK(std::distance(std::filesystem::directory_iterator{directory.path}, {}) == 1);
    const auto failed = write_state_file(directory.path / "absent" / "state", "x");
    REQUIRE_FALSE(failed);
    CHECK(failed.error().what.find("No such file or directory") != std::string::npos);
}

TEST_CASE("state file: directories come from systemd's variables, the first of several")
{
    const char* const before = std::getenv("STATE_DIRECTORY");
    const std::string kept = before == nullptr ? "" : before;
    setenv("STATE_DIRECTORY", "/var/lib/one:/var/lib/two", 1);
    CHECK(state_directory() == "/var/lib/one");
    unsetenv("STATE_DIRECTORY");
    CHECK(state_directory() == "/var/lib/chainkeeper");
    if (before != nullptr)
        setenv("STATE_DIRECTORY", kept.c_str(), 1);
}

TEST_CASE("instance lock: is held by one, who is named, and freed when that one goes")
{
    const TemporaryDirectory directory;
    {
        const auto first = lock_instance(directory.path);
        REQUIRE(first);
        const auto second = lock_instance(directory.path);
        REQUIRE_FALSE(second);
        CHECK(second.error().what.find(fmt::format("(pid {})", getpid())) != std::string::npos);
    }
    CHECK(lock_instance(directory.path));
}

TEST_CASE("instance lock: needs its directory")
{
    const auto lock = lock_instance("/nonexistent/directory");
    REQUIRE_FALSE(lock);
    CHECK(lock.error().what.find("/nonexistent/directory/lock") != std::string::npos);
}
