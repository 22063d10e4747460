// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/doctor/root.hpp"
#include "tests/unit/doctor_root.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

using namespace chainkeeper;
using daemon::doctor::Root;
using tests::DoctorRoot;

namespace {

bool has(const std::string& text, std::string_view part)
{
    return text.find(part) != std::string::npos;
}

void make_socket(const std::filesystem::path& path)
{
    const daemon::FileDescriptor socket{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    REQUIRE(path.string().copy(static_cast<char*>(address.sun_path), sizeof address.sun_path - 1) ==
            path.string().size());
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): the way of the sockets' interface
    REQUIRE(bind(socket.number(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
}

std::vector<std::string> lines_of(const Root& root, const std::string& path)
{
    std::vector<std::string> lines;
    const auto count = root.each_line(path, [&](std::string_view line) { lines.emplace_back(line); });
    REQUIRE(count.has_value());
    CHECK(count->value_or(0) == lines.size());
    return lines;
}

}  // namespace

TEST_CASE("doctor root: files are read, links are followed inside, and what is not there is no error")
{
    const DoctorRoot node;
    node.write("etc/real", "text\n");
    node.link("etc/absolute", "/etc/real");
    node.link("etc/relative", "../etc/real");
    node.link("etc/dangling", "nothing");
    const auto root = node.open();
    for (const auto* const path : {"/etc/real", "/etc/absolute", "/etc/relative"})
        CHECK(root.text(path).value() == "text\n");
    for (const auto* const path : {"/etc/dangling", "/etc/absent", "/absent/real", "/etc/real/below"}) {
        CAPTURE(path);
        REQUIRE(root.text(path));
        CHECK_FALSE(root.text(path)->has_value());
        CHECK_FALSE(root.executable(path).value().has_value());
        CHECK_FALSE(root.names(path).value().has_value());
    }
    CHECK(root.names("/etc").value() == std::vector<std::string>{"absolute", "dangling", "real", "relative"});
}

TEST_CASE("doctor root: no link leads out of it")
{
    const DoctorRoot node;
    const auto secret = node.outside("secret");
    node.link("absolute", secret);
    node.link("relative", "../outside");
    node.link("deep/relative", "../../../../../../../../../.." + secret.string());
    node.link("folder", "..");
    const auto root = node.open();
    for (const auto* const path : {"/absolute", "/relative", "/deep/relative", "/folder/outside", "/../outside"}) {
        CAPTURE(path);
        REQUIRE(root.text(path));
        CHECK_FALSE(root.text(path)->has_value());
    }
    CHECK(root.names("/folder").value() == std::vector<std::string>{"absolute", "deep", "folder", "relative"});
}

TEST_CASE("doctor root: links in a circle, and what is no regular file, are refused without waiting")
{
    const DoctorRoot node;
    node.link("circle", "circle");
    node.link("one", "two");
    node.link("two", "one");
    node.write("folder/file", "");
    REQUIRE(mkfifo((node.path() / "fifo").c_str(), 0600) == 0);
    make_socket(node.path() / "socket");
    const auto root = node.open();
    for (const auto* const path : {"/circle", "/one"}) {
        CHECK(has(root.text(path).error(), "Too many levels of symbolic links"));
        CHECK(has(root.names(path).error(), path));
        CHECK_FALSE(root.executable(path).has_value());
    }
    for (const auto* const path : {"/fifo", "/socket", "/folder"}) {
        CHECK(root.text(path).error() == fmt::format("{}: cannot be read: it is not a regular file", path));
        CHECK_FALSE(root.each_line(path, [](std::string_view) {}).has_value());
        CHECK(root.executable(path).value() == false);
    }
    CHECK(has(root.names("/fifo").error(), "Not a directory"));
    CHECK(has(root.names("/folder/file").error(), "Not a directory"));
}

TEST_CASE("doctor root: a magic link is not followed")
{
    // The own root is the only one that has a /proc here.
    const auto root = Root::open("/").value();
    CHECK(has(root.text("/proc/self/root/etc/hostname").error(), "Too many levels of symbolic links"));
    CHECK(has(root.text("/proc/self/exe").error(), "Too many levels of symbolic links"));
    CHECK(root.text("/proc/self/status").value().has_value());
}

TEST_CASE("doctor root: nothing is read without a limit")
{
    const DoctorRoot node;
    node.write("large", "");
    std::filesystem::resize_file(node.path() / "large", Root::largest_text);
    node.write("larger", "");
    std::filesystem::resize_file(node.path() / "larger", Root::largest_text + 1);
    node.write("endless", "");
    std::filesystem::resize_file(node.path() / "endless", std::uintmax_t{1} << 40U);
    const auto root = node.open();
    CHECK(root.text("/large").value().value().size() == Root::largest_text);
    CHECK(root.text("/larger").error() == "/larger: cannot be read: it is larger than 1 MiB");
    CHECK(root.text("/endless").error() == "/endless: cannot be read: it is larger than 1 MiB");
    CHECK(root.each_line("/endless", [](std::string_view line) { CHECK(line.empty()); }).error() ==
          "/endless: cannot be read: it is larger than 256 MiB");

    // It says that it is empty.
    CHECK(Root::open("/").value().text("/proc/kallsyms").error() ==
          "/proc/kallsyms: cannot be read: it is larger than 1 MiB");

    for (std::size_t index = 0; index < Root::most_names; ++index)
        node.write(fmt::format("many/{}", index), "");
    CHECK(root.names("/many").value().value().size() == Root::most_names);
    node.write("many/more", "");
    CHECK(root.names("/many").error() == "/many: cannot be read: it has more than 32768 entries");
}

TEST_CASE("doctor root: lines are whole, wherever a read ends, and long ones are cut")
{
    const DoctorRoot node;
    const std::string filler(65534, 'x');
    node.write("lines", "one\n\n" + filler + "\nlast");
    node.write("ended", "one\n");
    node.write("empty", "");
    node.write("split", std::string(65535, '\n') + "whole\n");
    const auto root = node.open();
    CHECK(lines_of(root, "/lines") ==
          std::vector<std::string>{"one", "", std::string(Root::longest_line, 'x'), "last"});
    CHECK(lines_of(root, "/ended") == std::vector<std::string>{"one"});
    CHECK(lines_of(root, "/empty").empty());
    CHECK(lines_of(root, "/split").back() == "whole");
    CHECK(lines_of(root, "/split").size() == 65536);
}

TEST_CASE("doctor root: executable is what somebody may execute")
{
    const DoctorRoot node;
    node.program("usr/sbin/tool");
    node.write("usr/sbin/text", "");
    node.link("sbin", "usr/sbin");
    const auto root = node.open();
    CHECK(root.executable("/sbin/tool").value() == true);
    CHECK(root.executable("/sbin/text").value() == false);
    CHECK(root.executable("/usr/sbin").value() == false);
}

TEST_CASE("doctor root: has to be a directory")
{
    const DoctorRoot node;
    CHECK(has(Root::open(node.outside("")).error(), "Not a directory"));
    CHECK(has(Root::open(node.path() / "absent").error(), "No such file or directory"));
}
