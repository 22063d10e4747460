// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/api/login.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <fstream>
#include <unistd.h>

using namespace chainkeeper::daemon;

namespace {

class Machine {
public:
    Machine()
    {
        std::filesystem::create_directories(folder_ / "42");
        std::ofstream{files.passwd} << passwd;
    }
    Machine(const Machine&) = delete;
    Machine& operator=(const Machine&) = delete;
    Machine(Machine&&) = delete;
    Machine& operator=(Machine&&) = delete;
    ~Machine() { std::filesystem::remove_all(folder_); }

    void log_in(std::string_view loginuid) const { std::ofstream{folder_ / "42" / "loginuid"} << loginuid; }

    static constexpr std::string_view passwd = "root:x:0:0:root:/root:/bin/bash\n"
                                               "# nobody of that name\n"
                                               "broken\n"
                                               "alice:x:1000:1000:Alice,,,:/home/alice:/bin/bash\n"
                                               "ev\x1bil:x:1001:1001::/:/bin/sh\n"
                                               "second-root:x:0:0::/:/bin/sh\n";

private:
    std::filesystem::path folder_ = std::filesystem::temp_directory_path() / fmt::format("api-login-{}", getpid());

public:
    LoginFiles files{.proc = folder_, .passwd = folder_ / "passwd"};
};

}  // namespace

TEST_CASE("login: a user's name is the first of the file, and a number where it has none that can be shown")
{
    const Machine machine;
    CHECK(user_name(0, machine.files) == "root");
    CHECK(user_name(1000, machine.files) == "alice");
    CHECK(user_name(1001, machine.files) == "uid 1001");
    CHECK(user_name(7, machine.files) == "uid 7");
    CHECK(user_name(0, {.proc = "/proc", .passwd = "/nonexistent"}) == "uid 0");
}

TEST_CASE("login: a file that is too long, or is none, comes to an end")
{
    const Machine machine;
    std::ofstream{machine.files.passwd} << std::string(100000, 'x') << "\n" << Machine::passwd;
    CHECK(user_name(1000, machine.files) == "uid 1000");
    CHECK(user_name(0, {.proc = "/proc", .passwd = "/dev/null"}) == "uid 0");
}

TEST_CASE("login: behind root is who logged in")
{
    const Machine machine;
    machine.log_in("1000");
    CHECK(login_of(0, 42, machine.files) == "alice");
    machine.log_in("4294967295");
    CHECK(login_of(0, 42, machine.files) == "root");
    machine.log_in("garbage");
    CHECK(login_of(0, 42, machine.files) == "root");
    CHECK(login_of(0, 43, machine.files) == "root");
    CHECK(login_of(0, 0, machine.files) == "root");
}

TEST_CASE("login: a user cannot pass for another")
{
    const Machine machine;
    machine.log_in("0");
    CHECK(login_of(1000, 42, machine.files) == "alice");
}
